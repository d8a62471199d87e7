from __future__ import annotations

import sys
from datetime import datetime, timedelta

import click

from recoup.cli.asking import actor_option, refusals
from recoup.cli.opening import opened, stored
from recoup.cli.output import (
    as_json_option,
    emit,
    iso_instant,
    listed,
    parts,
    printable,
    tell,
)
from recoup.commands.replays import MOST
from recoup.store.queries import inbox
from recoup.webhooks.receive import prune as prune_events
from recoup.webhooks.summary import Summary


@click.group()
def webhooks() -> None:
    """
    Look at what arrived and what became of it, and replay it.

    Example: recoup webhooks list --state parked
    """


@webhooks.command("list")
@click.option("--state", type=click.Choice(inbox.STATES), help="Only in this state.")
@click.option("--type", "kind", help="Only of this type, invoice.paid.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--before", type=int, help="Only older ones than this id.")
@as_json_option
def list_(
    state: str | None, kind: str | None, limit: int, before: int | None, as_json: bool
) -> None:
    """
    List events, newest first.

    Example: recoup webhooks list --type invoice.payment_failed
    """
    with stored() as engine, engine.connect() as connection:
        page = inbox.listing(connection, state=state, type=kind, before=before, limit=limit)
        counts = inbox.counts(connection)
    if as_json:
        emit({"events": page.rows, "next": page.next, "counts": counts})
        return
    listed(
        ("id", "event", "type", "state", "why", "received"),
        [
            (one.id, one.key, one.type, one.state,
             one.reason if one.waiting_for is None else f"waits for {one.waiting_for}",
             one.received_at)
            for one in page.rows
        ],
        empty="No such event has arrived.",
        more=None if page.next is None else f"More: --before {page.next}",
    )  # fmt: skip
    if counts:
        click.echo("All: " + ", ".join(f"{count} {name}" for name, count in counts.items()))


@webhooks.command()
@click.argument("id", type=int)
@click.option("--raw", is_flag=True, help="Print the bytes that are kept, nothing else.")
@as_json_option
def show(id: int, raw: bool, as_json: bool) -> None:
    """
    Show one event, what became of it, and its body. Headers are not kept.

    What a terminal would obey is made visible; only --raw into a file or a pipe is exact.

    Example: recoup webhooks show 12 --raw > event.json
    """
    with stored() as engine, engine.connect() as connection:
        event = inbox.show(connection, id)
        body = inbox.raw(connection, id)
    if raw and not sys.stdout.isatty():
        click.echo(body, nl=False)
    elif raw:
        click.echo(printable(_text(body)))
    else:
        tell({**parts(event), "body": _text(body)}, as_json=as_json)


def _text(body: bytes) -> str:
    """Return bytes as text; those that are none by their codes."""
    return body.decode(errors="backslashreplace")


@webhooks.command()
@click.argument("ids", nargs=-1, type=int, metavar="ID...")
@click.option("--state", type=click.Choice(inbox.STATES), help="All in this state.")
@click.option("--type", "kind", help="All of this type.")
@click.option("--since", type=iso_instant, help="Of those, what was received at or after this.")
@click.option("--reason", default="asked for by hand", show_default=True, help="Why; it is kept.")
@click.option("--dry-run", is_flag=True, help="Say what would be absorbed again; do nothing.")
@click.option("--key", help="The same call with the same key replays once. For 1,000 at most.")
@actor_option
@as_json_option
@click.pass_context
def replay(
    ctx: click.Context,
    ids: tuple[int, ...],
    state: str | None,
    kind: str | None,
    since: datetime | None,
    reason: str,
    dry_run: bool,
    key: str | None,
    actor: str,
    as_json: bool,
) -> None:
    """
    Absorb events again, one, many, or by state, type and age. What was applied changes nothing.

    Exit code 1 when something was parked, or an id is not there.

    Example: recoup webhooks replay --state parked
    """
    if bool(ids) == bool(state or kind or since):
        raise click.UsageError("name the ids, or say --state, --type or --since")
    with refusals(as_json=as_json), opened() as recoup:
        with recoup.database.connect() as connection:
            if ids:
                found = [row.id for row in inbox.named(connection, ids)]
            else:
                found = [*inbox.ids(connection, state=state, type=kind, since=since)]
        missing = len(set(ids)) - len(found) if ids else 0
        if key is not None and len(found) > MOST:
            raise click.UsageError(f"--key is for {MOST:,} events at most, not {len(found):,}")
        acted = [
            recoup.acting_as(actor).dunning.replay(
                found[start : start + MOST], reason=reason, dry_run=dry_run, key=key
            )
            for start in range(0, len(found), MOST)
        ]
        summary = Summary() if dry_run else recoup.absorb_stored()
    parked = sum(summary.parked.values())
    told = [words for one in acted for words in one.changes]
    if as_json:
        count = 0 if dry_run else len(found)
        emit({"replayed": count, "summary": summary, "dry_run": dry_run, "changes": told})
    else:
        _say(len(found), summary, told if dry_run else None)
    if missing and found:
        click.echo(f"{missing} of the ids are not there.", err=True)
    ctx.exit(1 if parked or missing else 0)


def _say(count: int, summary: Summary, rehearsed: list[str] | None) -> None:
    if not count:
        click.echo("There is no such event.")
    elif rehearsed is not None:
        for words in rehearsed:
            click.echo(printable(words))
    else:
        click.echo(
            f"Replayed {count}: applied {summary.applied}, "
            f"ignored {sum(summary.ignored.values())}, waiting {summary.waiting}, "
            f"failed {summary.failed}, parked {sum(summary.parked.values())}."
        )


@webhooks.command()
@click.option("--before", type=iso_instant, help="Ended before this instant.")
@click.option("--days", type=click.IntRange(0), help="Ended more than so many days ago [90].")
@as_json_option
def prune(before: datetime | None, days: int | None, as_json: bool) -> None:
    """
    Remove events that were applied or ignored long ago. What is parked stays.

    Example: recoup webhooks prune --days 90
    """
    if before is not None and days is not None:
        raise click.UsageError("say --before or --days, not both")
    with opened() as recoup:
        until = before or recoup.clock.now() - timedelta(days=90 if days is None else days)
        removed = prune_events(recoup.database, until)
    if as_json:
        emit({"removed": removed, "before": until})
    else:
        click.echo(f"Removed {removed}." if removed else "There was nothing to remove.")
