from __future__ import annotations

import click

from recoup.cli.opening import opened
from recoup.cli.output import as_json_option, console, emit
from recoup.explain import explanation

#: Ledger entries that `--all` reads at most.
EVERYTHING = 100_000


@click.command()
@click.argument("customer")
@click.option("--all", "everything", is_flag=True, help="Tell the whole story.")
@as_json_option
def explain(customer: str, everything: bool, as_json: bool) -> None:
    """
    Tell why a customer is in this state: what is owed, what comes next, and how it came to this.

    CUSTOMER is our id, the processor's id, or owner_type:owner_id.

    Example: recoup explain cus_123
    """
    with opened() as recoup, recoup.database.connect() as connection:
        now = recoup.clock.now()
        more = {"decisions": 1_000, "entries": EVERYTHING} if everything else {}
        told = explanation(connection, customer, recoup.engine, now, **more)
    if as_json:
        emit(told)
        return
    from recoup.cli.page import page  # noqa: PLC0415  it is slow

    console().print(page(told, lines=None, decisions=None) if everything else page(told))
