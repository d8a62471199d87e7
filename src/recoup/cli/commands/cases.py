from __future__ import annotations

import click

from recoup.cli.commands import dunning, steps
from recoup.cli.opening import stored
from recoup.cli.output import as_json_option, emit, fields, listed, page_options
from recoup.store.queries import cases as queries
from recoup.store.queries import customers


@click.group()
def cases() -> None:
    """
    Look at cases: episodes of debt, running and over; decide about their customers.

    Example: recoup cases list
    """


@cases.command("list")
@click.option("--customer", help="Only this customer's.")
@click.option("--rung", help="Only those on this rung of the ladder.")
@click.option("--all", "ended", is_flag=True, help="Those that are over too.")
@page_options
@as_json_option
def list_(
    customer: str | None, rung: str | None, ended: bool, after: int, limit: int, as_json: bool
) -> None:
    """
    List open cases.

    Example: recoup cases list --rung suspended
    """
    with stored() as engine, engine.connect() as connection:
        owner = None if customer is None else customers.find(connection, customer)
        if rung is not None and rung not in (known := queries.rungs(connection)):
            raise click.BadParameter(
                f"there is no rung {rung!r}: known are {', '.join(sorted(known))}",
                param_hint="'--rung'",
            )
        page = queries.listing(
            connection, customer_id=owner, rung=rung, ended=ended, after=after, limit=limit
        )
    if as_json:
        emit({"cases": page.rows, "next": page.next})
        return
    listed(
        ("id", "customer", "about", "owed", "failed since", "rung", "ended"),
        [
            (one.id, one.customer or one.customer_id, one.scope, one.owed, one.anchor, one.rung,
             one.ending)
            for one in page.rows
        ],
        empty="There are no such cases." if ended or rung or customer else "No case is open.",
        more=None if page.next is None else f"More: --after {page.next}",
    )  # fmt: skip


@cases.command()
@click.argument("case", type=int)
@as_json_option
def show(case: int, as_json: bool) -> None:
    """
    Show one case, by its id.

    Example: recoup cases show 7
    """
    with stored() as engine, engine.connect() as connection:
        one = queries.show(connection, case)
    if as_json:
        emit(one)
        return
    fields(
        [
            ("case", one.id),
            ("customer", f"{one.customer_id} ({one.customer})"),
            ("about", one.scope),
            ("owed", one.owed),
            ("failed since", one.anchor),
            ("opened", one.opened_at),
            ("policy", one.policy),
            ("rung", one.rung),
            ("since", one.rung_since),
            ("ended", one.ending),
            ("when", one.ended_at),
            ("accounted for", one.settled_at),
            ("invoices", f"{one.invoices}, of which {one.closed} are closed"),
        ]
    )
    click.echo(f"Why: recoup explain {one.customer_id}")


for _command in (*dunning.COMMANDS, *steps.COMMANDS):
    cases.add_command(_command)
