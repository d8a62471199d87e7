"""What an operator may decide about a customer's debt: verbs of `recoup cases`, and the stop."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import click

from recoup.billing import Recoup
from recoup.cli.asking import asks, named, only, page, reads
from recoup.cli.output import Listing, page_options
from recoup.cli.reading import INSTANT, MONEY
from recoup.core.dunning.acts import Acted
from recoup.core.money import Money
from recoup.store.operators.charging import Pause

#: A policy and its version, "default/2"; "@processor" where the processor tries again.
_VERSION: Final = re.compile(r"[^\s/]+/\d{1,10}", re.ASCII)
_COLUMNS: Final = ("id", "customer_id", "kind", "until", "actor", "reason")


@dataclass(frozen=True, slots=True)
class Charging:
    """Charging that goes on."""

    paused: bool = False


def decides(command: Callable[..., Any]) -> Callable[..., None]:
    """Give a verb what all of them take: `--reason`, `--dry-run`, and what `asks` gives."""
    made: Callable[..., None] = asks(command)
    for decorate in (
        click.option("--dry-run", is_flag=True, help="Say what would change; write nothing."),
        click.option("--reason", required=True, help="Why; it is kept."),
    ):
        made = decorate(made)
    return made


def _until(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--until", type=INSTANT, required=True, help="At most 365 days from now.", metavar="ISO"
    )(command)


@click.command()
@click.argument("customer")
@_until
@decides
def hold(recoup: Recoup, customer: str, **told: Any) -> Acted:
    """
    Let everything stand still for a customer: no notice, no try, no climb.

    Example: recoup cases hold user:42 --until 2026-04-01T00:00:00Z --reason "asked for time"
    """
    return recoup.dunning.hold(named(recoup, customer), **told)


@click.command()
@click.argument("customer")
@_until
@decides
def promise(recoup: Recoup, customer: str, **told: Any) -> Acted:
    """
    Wait for a payment that was promised; then what is due is tried.

    Example: recoup cases promise user:42 --until 2026-04-01T00:00:00Z --reason "pays on payday"
    """
    return recoup.dunning.promise(named(recoup, customer), **told)


@click.command()
@click.argument("customer")
@click.option("--until", type=INSTANT, help="At most 365 days from now.", metavar="ISO")
@click.option("--days", type=click.IntRange(1, 365), help="Instead of --until.")
@decides
def grace(
    recoup: Recoup, customer: str, until: datetime | None, days: int | None, **told: Any
) -> Acted:
    """
    Give more time: no notice and no climb, while tries go on.

    Example: recoup cases grace user:42 --days 7 --reason "new bank"
    """
    if (until is None) == (days is None):
        raise click.UsageError("name one of --until and --days")
    return recoup.dunning.extend_grace(named(recoup, customer), until=until, days=days, **told)


@click.command()
@click.argument("customer")
@_until
@decides
def exempt(recoup: Recoup, customer: str, **told: Any) -> Acted:
    """
    Take nothing away from a customer, and give back what was taken, until an instant.

    Example: recoup cases exempt user:42 --until 2026-04-01T00:00:00Z --reason "key account"
    """
    return recoup.dunning.exempt(named(recoup, customer), **told)


@click.command()
@click.argument("customer")
@click.option("--hold", type=int, help="Only this one; see recoup cases holds.")
@decides
def release(recoup: Recoup, customer: str, **told: Any) -> Acted:
    """
    End a customer's holds now. Dunning goes on where it stood.

    Example: recoup cases release user:42 --reason "they will not pay"
    """
    return recoup.dunning.release(named(recoup, customer), **told)


@click.command()
@click.option("--customer", help="Only this customer's.")
@click.option("--over", is_flag=True, help="Those that are over too.")
@page_options
@reads
def holds(recoup: Recoup, customer: str | None, over: bool, after: int, limit: int) -> Listing:
    """
    List what people decided and is in force: holds, promises, grace, exemptions.

    Example: recoup cases holds --customer user:42 --over
    """
    found = recoup.dunning.holds(
        customer=None if customer is None else named(recoup, customer),
        over=over,
        after=after,
        limit=limit + 1,
    )
    told = "There are no such holds." if customer or after else "No hold is in force."
    return page("holds", found, limit, _COLUMNS, empty=told)


@click.command()
@click.argument("invoice")
@click.option("--method", help="What to pay with; by default the customer's default.")
@decides
def retry(recoup: Recoup, invoice: str, **told: Any) -> Acted:
    """
    Try to collect an invoice now, off-session, once. Exit code 1 when that brought no money.

    Example: recoup cases retry in_123 --reason "the bank says it is mended"
    """
    return recoup.dunning.retry(invoice, **told)


@click.command()
@click.argument("case", type=int, required=False)
@click.option("--to", "policy", required=True, help="The policy and version, default/2.")
@click.option("--all", "every", is_flag=True, help="Every open case that follows --from.")
@click.option("--from", "before", help="With --all: the version that they follow.")
@decides
def set_policy(
    recoup: Recoup,
    case: int | None,
    policy: str,
    every: bool,
    before: str | None,
    key: str | None,
    **told: Any,
) -> Acted | Listing:
    """
    Have a running case follow another policy or version, or with --all every one of a version.

    Exit code 1 when one of them was refused.

    Example: recoup cases set-policy --all --from default/1 --to default/2 --reason new --dry-run
    """
    if every != (case is None) or every != (before is not None):
        raise click.UsageError("name one CASE, or --all with --from")
    if every and key is not None:
        raise click.UsageError("--key is for one CASE: each of many has one of its own")
    for option, name in (("--to", policy), ("--from", before)):
        if name is not None and not _VERSION.fullmatch(name):
            raise click.UsageError(f"{option}: expected KEY/VERSION, as default/2, got {name!r}")
    if case is not None:
        return recoup.dunning.change_policy(case, policy, key=key, **told)
    moved = recoup.dunning.change_policies(str(before), policy, **told)
    columns = ("customer_id", "dry_run", "changes", "failed")
    return only("cases moved", moved, columns, empty=f"No running case follows {before}.")


@click.command()
@click.argument("payment")
@click.argument("amount", type=MONEY, required=False)
@decides
def refund(recoup: Recoup, payment: str, amount: Money | None, **told: Any) -> Acted:
    """
    Give back AMOUNT of a payment, or all that is left of it, with a reason that is kept.

    Example: recoup cases refund 7 "5.00 EUR" --reason "charged while on hold" --dry-run
    """
    return recoup.dunning.refund(payment, amount, **told)


@click.command()
@reads
def charging(recoup: Recoup) -> Pause | Charging:
    """
    Show whether charging is paused, and who did it, when and why.

    Example: recoup cases charging
    """
    return recoup.dunning.charging_paused() or Charging()


#: What `recoup cases` has besides looking.
COMMANDS: Final = (
    hold, promise, grace, exempt, release, holds, retry, set_policy, refund, charging,
)  # fmt: skip


@click.command()
@decides
def pause_charging(recoup: Recoup, **told: Any) -> Acted:
    """
    Stop every off-session try of ours, of everybody, from the next call on.

    What the processor collects by itself goes on, and so may customers. Nobody climbs meanwhile
    whose tries are ours.

    Example: recoup pause-charging --reason "wrong prices went out"
    """
    return recoup.dunning.pause_charging(**told)


@click.command()
@decides
def resume_charging(recoup: Recoup, **told: Any) -> Acted:
    """
    Let charging go on; every debtor is looked at again.

    Example: recoup resume-charging --reason "prices are right again"
    """
    return recoup.dunning.resume_charging(**told)
