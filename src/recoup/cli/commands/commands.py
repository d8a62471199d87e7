from __future__ import annotations

from typing import Any

import click

from recoup.billing import Recoup
from recoup.cli.asking import login, reads, refusals, secret_option
from recoup.cli.opening import opened, stored
from recoup.cli.output import as_json_option, emit, listed
from recoup.core.states import CommandState
from recoup.store.queries import commands as queries
from recoup.store.queries import customers

STATES = [state.value for state in CommandState]


@click.group()
def commands() -> None:
    """
    What was asked, by whom, and what became of it. KEY is the command's idempotency key.

    Example: recoup commands list --state refused
    """


@commands.command("list")
@click.option("--customer", help="Only about this customer.")
@click.option("--state", type=click.Choice(STATES), help="Only in this state.")
@click.option("--kind", help="Only of this kind, payments.refund.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--before", type=int, help="Only older ones than this id.")
@as_json_option
def list_(
    customer: str | None,
    state: str | None,
    kind: str | None,
    limit: int,
    before: int | None,
    as_json: bool,
) -> None:
    """
    List commands, newest first.

    Example: recoup commands list --kind payments.refund
    """
    with stored() as engine, engine.connect() as connection:
        owner = None if customer is None else customers.find(connection, customer)
        page = queries.listing(
            connection, customer_id=owner, state=state, kind=kind, before=before, limit=limit
        )
    if as_json:
        emit({"commands": page.rows, "next": page.next})
        return
    listed(
        ("id", "kind", "about", "state", "recorded", "by", "key"),
        [
            (one.id, one.kind, one.subject, one.state, one.recorded_at, one.actor, one.key)
            for one in page.rows
        ],
        empty=f"There are no {'such ' if customer or state or kind or before else ''}commands.",
        more=None if page.next is None else f"More: --before {page.next}",
    )


@commands.command()
@click.argument("key")
@reads
def show(recoup: Recoup, key: str) -> queries.CommandRow:
    """
    Show one command: what was asked, its state, what it waits for, what it was refused with.

    Example: recoup commands show order-1001
    """
    with recoup.database.connect() as connection:
        return queries.show(connection, key)


@commands.command()
@click.argument("key")
@click.option("--reason", required=True, help="Why it is given up; kept with it.")
@as_json_option
def cancel(key: str, reason: str, as_json: bool) -> None:
    """
    Give up a command that has no answer. It is refused, and what came after it goes on.

    What it did at the processor, if anything, stays as it is, and is heard of as news.

    Example: recoup commands cancel order-1001 --reason "settled by hand"
    """
    with refusals(as_json=as_json), opened() as recoup:
        recoup.acting_as(login()).call_off(key, reason=reason)
    if as_json:
        emit({"canceled": key})
    else:
        click.echo(f"{key} is given up.")


@commands.command()
@click.argument("key")
@secret_option
@reads
def result(recoup: Recoup, key: str) -> Any:
    """
    Show the result of a command, or fail as it did. Exit code 1 while it is not over.

    Example: recoup commands result order-1001
    """
    return recoup.result(key)


@commands.command()
@click.argument("key")
@click.option("--timeout", type=click.FloatRange(0), help="Seconds to wait  [default: 30]")
@secret_option
@reads
def wait(recoup: Recoup, key: str, timeout: float | None) -> Any:
    """
    Carry a command out here, unless a worker does, and show its result.

    Example: recoup commands wait order-1001 --timeout 60
    """
    return recoup.wait(key, timeout=timeout)
