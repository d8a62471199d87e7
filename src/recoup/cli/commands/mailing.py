"""What is done about mails' way out: `recoup mail send-test`, `suppressed` and `unsuppress`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from email.message import EmailMessage
from secrets import token_hex
from typing import Any

import click

from recoup import wiring
from recoup.billing import Recoup
from recoup.cli.asking import asks_without_key, named, reads
from recoup.cli.output import Listing, as_json_option, emit, page_options, printable
from recoup.config import Config
from recoup.errors import MailError, MailUnreachable, Undeliverable
from recoup.jobs.clocks import SystemClock
from recoup.mail.emails import EMAILS
from recoup.mail.language.locales import SHIPPED
from recoup.mail.message import compose
from recoup.mail.senders import chosen, sender_for
from recoup.mail.senders.base import Sender, session

_COLUMNS = ("id", "customer", "cause", "since", "mail")


@dataclass(frozen=True, slots=True)
class Try:
    """What a server said of one sample."""

    type: str
    taken: bool
    message_id: str
    answer: str  #: its words, or what went wrong


@click.command("send-test")
@click.option("--to", "to", required=True, metavar="ADDRESS", help="Whose mailbox to try it on.")
@click.option(
    "--type", "types", type=click.Choice(list(EMAILS)), multiple=True,
    help="Of this type; may be repeated [receipt].",
)  # fmt: skip
@click.option("--all", "every", is_flag=True, help="One of every type.")
@click.option("--locale", type=click.Choice(SHIPPED), help="In this language.")
@as_json_option
@click.pass_context
def send_test(
    ctx: click.Context,
    to: str,
    types: tuple[str, ...],
    every: bool,
    locale: str | None,
    as_json: bool,
) -> None:
    """
    Send samples by the sender of your settings, and say what the server answered.

    They look as your settings say, and hold nobody's data. Exit code 1 when one is not taken.

    Example: recoup mail send-test --to ann@example.com --type receipt --locale de
    """
    config = Config.load()
    wanted = tuple(EMAILS) if every else types or ("receipt",)
    messages = [_sample(config, type, to, locale) for type in wanted]
    with session(sender_for(config)) as sender:
        tries = [
            _tried(sender, type, message) for type, message in zip(wanted, messages, strict=True)
        ]
    if as_json:
        emit({"sender": chosen(config), "tries": tries})
    else:
        click.echo("\n".join(map(printable, _told(chosen(config), tries))))
    ctx.exit(0 if all(one.taken for one in tries) else 1)


@click.command()
@page_options
@reads
def suppressed(recoup: Recoup, after: int, limit: int) -> Listing:
    """
    List customers to whose present address nothing is sent: it bounced, or they complained.

    Example: recoup mail suppressed
    """
    page = recoup.mail.suppressed(after=after, limit=limit)
    return Listing(
        "suppressed", page.rows, _COLUMNS, paged=True, next=page.next,
        empty="Mails go to every address.",
    )  # fmt: skip


@click.command()
@click.argument("customer")
@click.option("--reason", required=True, help="Why mails will arrive now.")
@asks_without_key
def unsuppress(recoup: Recoup, customer: str, reason: str) -> dict[str, Any]:
    """
    Send to a customer's present address again. What was not sent meanwhile stays unsent.

    Example: recoup mail unsuppress cus_123 --reason "the mailbox was full"
    """
    id = named(recoup, customer)
    was = recoup.mail.unsuppress(id, reason=reason, by=recoup.office.actor)
    return {"customer": id, "was_suppressed": was}


def _sample(config: Config, type: str, to: str, locale: str | None) -> EmailMessage:
    """Return a message that no server has seen before, so that none leaves it out as a repeat."""
    brand = wiring.brand(config)
    facts = replace(EMAILS[type].sample().facts, to=to, brand=brand, locale=locale)
    key = f"send-test:{type}:{token_hex(8)}"
    return compose(EMAILS[type].about(facts), facts, key=key, case=None, date=SystemClock().now())


def _tried(sender: Sender, type: str, message: EmailMessage) -> Try:
    id = str(message["Message-ID"])
    try:
        sender.send(message)
    except MailError as error:
        return Try(type, False, id, f"{_meaning(error)}: {error}")
    return Try(type, True, id, getattr(sender, "answer", ""))


def _meaning(error: MailError) -> str:
    if isinstance(error, Undeliverable):
        return "refused for good"
    if isinstance(error, MailUnreachable) and error.accepted_maybe:
        return "handed over, and nobody knows"
    return "not taken"


def _told(name: str, tries: list[Try]) -> Iterator[str]:
    for one in tries:
        said = f": {one.answer}" if one.answer else ""
        yield f"{one.type}: {'taken by ' + name if one.taken else name}{said}"
