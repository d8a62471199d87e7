from __future__ import annotations

import click

from recoup.cli.opening import stored
from recoup.cli.output import as_json_option, emit, fields, listed, money, page_options
from recoup.store.queries import customers as queries


@click.group()
def customers() -> None:
    """
    Look at customers.

    Example: recoup customers list --standing soft
    """


@customers.command("list")
@click.option("--standing", help="Only those who stand here: current, a rung's name, bad_debt.")
@click.option("--troubled", is_flag=True, help="Only those who could not be decided on.")
@page_options
@as_json_option
def list_(standing: str | None, troubled: bool, after: int, limit: int, as_json: bool) -> None:
    """
    List customers with their standing and what they owe.

    Example: recoup customers list --troubled
    """
    with stored() as engine, engine.connect() as connection:
        page = queries.listing(
            connection, standing=standing, troubled=troubled, after=after, limit=limit
        )
    if as_json:
        emit({"customers": page.rows, "next": page.next})
        return
    listed(
        ("id", "customer", "standing", "owed", "looked at again", "trouble"),
        [
            (one.id, one.name, one.standing, money(one.owed), one.next_wake_at,
             one.run_error or "")
            for one in page.rows
        ],
        empty="No customer is like that." if standing or troubled else "There are no customers.",
        more=None if page.next is None else f"More: --after {page.next}",
    )  # fmt: skip


@customers.command()
@click.argument("customer")
@as_json_option
def show(customer: str, as_json: bool) -> None:
    """
    Show one customer: by our id, the processor's id, or owner_type:owner_id.

    Example: recoup customers show user:42
    """
    with stored() as engine, engine.connect() as connection:
        one = queries.show(connection, queries.find(connection, customer))
    if as_json:
        emit(one)
        return
    fields(
        [
            ("customer", one.id),
            (one.processor, one.processor_id),
            ("owner", one.owner),
            ("standing", one.standing),
            ("owed", money(one.owed)),
            ("looked at again", one.next_wake_at or "when there is news"),
            ("country", one.country),
            ("currency", one.currency),
            ("segment", one.segment),
            ("known since", one.created_at),
            ("deleted", "at the processor" if one.deleted else None),
            ("trouble", one.run_error),
        ]
    )
    click.echo(f"Why: recoup explain {one.id}")
