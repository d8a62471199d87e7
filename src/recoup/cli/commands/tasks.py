from __future__ import annotations

import click

from recoup.cli.opening import opened, stored
from recoup.cli.output import as_json_option, emit, listed, page_options
from recoup.core.account import Task
from recoup.core.changes import TaskClosed
from recoup.errors import InvalidValue, NotFound
from recoup.store import observe
from recoup.store.apply import apply
from recoup.store.queries import customers
from recoup.store.queries import tasks as queries
from recoup.store.writer import Writer


@click.group()
def tasks() -> None:
    """
    See to what only a person can bring on.

    Example: recoup tasks list
    """


@tasks.command("list")
@click.option("--customer", help="Only this customer's.")
@click.option("--all", "closed", is_flag=True, help="Closed ones too.")
@page_options
@as_json_option
def list_(customer: str | None, closed: bool, after: int, limit: int, as_json: bool) -> None:
    """
    List open tasks.

    Example: recoup tasks list --customer cus_123
    """
    with stored() as engine, engine.connect() as connection:
        owner = None if customer is None else customers.find(connection, customer)
        page = queries.listing(
            connection, customer_id=owner, closed=closed, after=after, limit=limit
        )
    if as_json:
        emit({"tasks": page.rows, "next": page.next})
        return
    listed(
        ("id", "customer", "kind", "what", "since", "closed"),
        [
            (one.id, one.customer or one.customer_id, one.kind, one.detail, one.opened_at,
             one.closed_at)
            for one in page.rows
        ],
        empty="There is nothing for a person to do.",
        more=None if page.next is None else f"More: --after {page.next}",
    )  # fmt: skip


@tasks.command()
@click.argument("ids", nargs=-1, required=True, type=int, metavar="ID...")
@as_json_option
def close(ids: tuple[int, ...], as_json: bool) -> None:
    """
    Close tasks that are done. One whose cause is still there is opened again by the next look.

    Example: recoup tasks close 7
    """
    with opened() as recoup, recoup.database.begin() as connection:
        rows = [queries.show(connection, id) for id in ids]
        observe.lock(connection, [row.customer_id for row in rows if row.customer_id is not None])
        writer = Writer(connection, now=recoup.clock.now(), actor="cli", cause="cli:tasks close")
        for row in rows:
            if row.closed_at is not None or row.customer_id is None:
                raise InvalidValue(f"task {row.id} is not an open task of a customer")
            seen = observe.observe(connection, [row.customer_id], now=recoup.clock.now())
            if not seen.accounts:
                raise NotFound(f"customer {row.customer_id} cannot be read")
            task = Task(row.key, row.kind, row.detail, row.id)
            apply(writer, seen.accounts[0], (TaskClosed(task),))
        writer.flush()
    if as_json:
        emit({"closed": ids})
    else:
        click.echo(f"Closed {len(rows)}.")
