from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import click

from recoup.billing import Recoup
from recoup.cli.asking import maybe, reads
from recoup.cli.output import Listing
from recoup.cli.reading import INSTANT, SPAN
from recoup.effects.endpoints import OVERLAP, Secret
from recoup.store.events.deliveries import Stand
from recoup.store.events.endpoints import Endpoint, Try

_COLUMNS = ("id", "url", "types", "enabled", "failing_since", "description")
_DELIVERY = ("id", "event_id", "type", "customer_id", "stand", "tries", "due_at", "reason")
_TRY = ("id", "event_id", "type", "tried_at", "replay", "status", "ms", "error", "answer")


@click.group()
def endpoints() -> None:
    """
    Tell systems of your own of events, by signed HTTP posts. ENDPOINT is an id.

    Example: recoup endpoints list
    """


def _number(command: Any) -> Any:
    return click.argument("endpoint", type=int)(command)


def _described(command: Any) -> Any:
    types = click.option(
        "--type", "types", multiple=True, help="What it is told of, once for each; * is all."
    )
    return types(click.option("--description", help="For people.")(command))


@endpoints.command()
@click.argument("url")
@_described
@reads
def create(
    recoup: Recoup, url: str, types: tuple[str, ...], description: str | None
) -> dict[str, Any]:
    """
    Tell a system of events from now on, and print the secret of its posts: this once.

    Example: recoup endpoints create https://example.com/hooks --type invoice.paid
    """
    made = recoup.endpoints.create(url, types or ("*",), description=description or "")
    return _secret(made)


@endpoints.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--after", default=0, help="Only those behind this id.")
@reads
def list_(recoup: Recoup, after: int, limit: int) -> Listing:
    """
    List endpoints.

    Example: recoup endpoints list --json
    """
    rows = recoup.endpoints.list(after=after, limit=limit + 1)
    more = rows[limit - 1].id if len(rows) > limit else None
    return Listing("endpoints", rows[:limit], _COLUMNS, paged=True, next=more)


@endpoints.command()
@_number
@reads
def show(recoup: Recoup, endpoint: int) -> Endpoint:
    """
    Show one endpoint.

    Example: recoup endpoints show 1
    """
    return recoup.endpoints.get(endpoint)


@endpoints.command()
@_number
@click.option("--url", help="Where it is from now on.")
@_described
@reads
def update(
    recoup: Recoup,
    endpoint: int,
    url: str | None,
    types: tuple[str, ...],
    description: str | None,
) -> Endpoint:
    """
    Change where it is, or what it is told of.

    Example: recoup endpoints update 1 --type invoice.paid --type invoice.failed
    """
    return recoup.endpoints.update(endpoint, url=url, types=types or None, description=description)


@endpoints.command()
@_number
@click.option("--reason", required=True, help="Why; kept with it.")
@reads
def disable(recoup: Recoup, endpoint: int, reason: str) -> Endpoint:
    """
    Have what it is to be told wait, until it is enabled.

    Example: recoup endpoints disable 1 --reason "moves house"
    """
    return recoup.endpoints.disable(endpoint, reason=reason)


@endpoints.command()
@_number
@reads
def enable(recoup: Recoup, endpoint: int) -> Endpoint:
    """
    Tell it again, and what it missed while it was disabled.

    Example: recoup endpoints enable 1
    """
    return recoup.endpoints.enable(endpoint)


@endpoints.command("roll-secret")
@_number
@click.option(
    "--overlap", type=SPAN, default=OVERLAP, show_default="24h",
    help="For how long the old secret signs too; 0m when it was found out.",
)  # fmt: skip
@reads
def roll_secret(recoup: Recoup, endpoint: int, overlap: timedelta) -> dict[str, Any]:
    """
    Print a new secret, this once; for a day its posts are signed with the old one too.

    Example: recoup endpoints roll-secret 1
    """
    return _secret(recoup.endpoints.roll_secret(endpoint, overlap=overlap))


@endpoints.command()
@_number
@reads
def delete(recoup: Recoup, endpoint: int) -> dict[str, int]:
    """
    Tell it of nothing more; what waits for it is given up.

    Example: recoup endpoints delete 1
    """
    return {"deleted": endpoint, "given_up": recoup.endpoints.delete(endpoint)}


@endpoints.command()
@_number
@click.option("--tries", is_flag=True, help="Every post, and what was answered.")
@click.option("--stand", type=click.Choice([str(one) for one in Stand]), help="Only those.")
@click.option("--event", type=int, help="Only the tries of this event.")
@click.option("--customer", help="Only this customer's.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--before", type=int, help="Only older ones than this id.")
@reads
def deliveries(
    recoup: Recoup,
    endpoint: int,
    tries: bool,
    stand: str | None,
    event: int | None,
    customer: str | None,
    limit: int,
    before: int | None,
) -> Listing:
    """
    List what it was told and is to be told, newest first; with --tries every post.

    Example: recoup endpoints deliveries 1 --stand given_up
    """
    if tries or event is not None:
        if stand or customer:
            raise click.UsageError("--stand and --customer are not for --tries and --event")
        made = recoup.endpoints.tries(endpoint, event_id=event, before=before, limit=limit)
        return Listing("tries", made, _TRY)
    found = recoup.endpoints.deliveries(
        endpoint, stand=stand, customer_id=maybe(recoup, customer), before=before, limit=limit
    )
    return Listing("deliveries", found, _DELIVERY)


@endpoints.command()
@_number
@click.argument("events", nargs=-1, type=int, metavar="EVENT...")
@click.option("--type", help="Only of this type.")
@click.option("--since", type=INSTANT, help="Only what was recorded from then on.")
@click.option("--customer", help="Only this customer's.")
@click.option("--given-up", is_flag=True, help="Only what was tried for three days.")
@reads
def replay(
    recoup: Recoup,
    endpoint: int,
    events: tuple[int, ...],
    type: str | None,
    since: datetime | None,
    customer: str | None,
    given_up: bool,
) -> dict[str, int]:
    """
    Tell it again of events, by id or by what they are, with the ids they have.

    Example: recoup endpoints replay 1 --since 2026-03-01T00:00:00Z --type invoice.paid
    """
    told = recoup.endpoints.replay(
        endpoint,
        events or None,
        type=type,
        since=since,
        customer_id=maybe(recoup, customer),
        given_up=given_up,
    )
    return {"told_again": told}


@endpoints.command("send-test")
@_number
@reads
def send_test(recoup: Recoup, endpoint: int) -> Try:
    """
    Post an event of the type endpoint.test now. Exit code 1 when it is not taken.

    Example: recoup endpoints send-test 1
    """
    return recoup.endpoints.send_test(endpoint)


def _secret(made: Secret) -> dict[str, Any]:
    return {"endpoint": made.endpoint, "secret": made.secret}
