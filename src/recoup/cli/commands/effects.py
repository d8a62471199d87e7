from __future__ import annotations

import click

from recoup.cli.opening import opened, stored
from recoup.cli.output import as_json_option, emit, listed
from recoup.errors import NotFound, NotPossible
from recoup.jobs import listing, queue
from recoup.store.queries import customers

STATES = ("scheduled", "running", "done", "canceled", "parked")


@click.group()
def effects() -> None:
    """
    Look at work to be done in the world outside, and retry what was parked.

    Example: recoup effects list --state parked
    """


@effects.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only in this state.")
@click.option("--kind", help="Only of this kind: collect, send_mail, end_subscription.")
@click.option("--customer", help="Only this customer's.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--before", type=int, help="Only older ones than this id.")
@as_json_option
def list_(
    state: str | None,
    kind: str | None,
    customer: str | None,
    limit: int,
    before: int | None,
    as_json: bool,
) -> None:
    """
    List effects, newest first.

    Example: recoup effects list --kind collect
    """
    with stored() as engine, engine.connect() as connection:
        owner = None if customer is None else customers.find(connection, customer)
        rows = listing.listing(
            connection, state=state, kind=kind, customer_id=owner, before_id=before, limit=limit
        )
        counts = listing.counts(connection)
    if as_json:
        totals: dict[str, dict[str, int]] = {}
        for (name, of), count in counts.items():
            totals.setdefault(name, {})[of] = count
        emit({"effects": rows, "counts": totals})
        return
    listed(
        ("id", "kind", "customer", "state", "due", "attempt", "why"),
        [
            (one.id, one.kind, one.customer_id, one.state, one.due_at, one.attempt, one.reason)
            for one in rows
        ],
        empty=f"There are no {'such ' if state or kind or customer or before else ''}effects.",
        more=f"More: --before {rows[-1].id}" if len(rows) == limit else None,
    )


@effects.command()
@click.argument("ids", nargs=-1, type=int, metavar="ID...")
@click.option("--all", "everything", is_flag=True, help="All that are parked.")
@as_json_option
@click.pass_context
def retry(ctx: click.Context, ids: tuple[int, ...], everything: bool, as_json: bool) -> None:
    """
    Make parked effects due again, with all their attempts.

    Example: recoup effects retry 12 13
    """
    if bool(ids) == everything:
        raise click.UsageError("name the ids, or say --all")
    with opened() as recoup, recoup.database.begin() as connection:
        if everything:
            parked = listing.listing(connection, state="parked", limit=1_000_000)
            ids = tuple(one.id for one in parked)
        done = queue.retry(connection, ids, now=recoup.clock.now())
    if as_json:
        emit({"asked": len(ids), "due_again": done})
    else:
        click.echo(f"{done} are due again." if done else "None of them is parked.")
    ctx.exit(0 if done == len(ids) else 1)


@effects.command()
@click.argument("ids", nargs=-1, required=True, type=int, metavar="ID...")
@click.option("--reason", required=True, help="Why it need not be done; kept with it.")
@as_json_option
@click.pass_context
def cancel(ctx: click.Context, ids: tuple[int, ...], reason: str, as_json: bool) -> None:
    """
    Give up effects that are scheduled or parked. What is running is left to its worker.

    Example: recoup effects cancel 12 --reason "settled by hand"
    """
    with opened() as recoup, recoup.database.begin() as connection:
        now = recoup.clock.now()
        keys = []
        for id in ids:
            found = listing.find(connection, id)
            if found is None:
                raise NotFound(f"there is no effect {id}")
            if found.kind == "ask":
                raise NotPossible(
                    f"effect {id} carries a command out: give that up, with "
                    "`recoup commands cancel KEY`"
                )
            if found.ended_at is None:
                keys.append(found.key)
        queue.retry(connection, ids, now=now)  # only what is scheduled can be canceled
        done = queue.cancel(connection, reason=reason, now=now, keys=keys)
    if as_json:
        emit({"asked": len(ids), "canceled": done})
    else:
        click.echo(f"{done} canceled." if done else "None of them was waiting.")
    ctx.exit(0 if done == len(ids) else 1)
