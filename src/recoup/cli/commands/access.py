from __future__ import annotations

from typing import Any

import click

from recoup.billing import Recoup
from recoup.cli.asking import asks_without_key, reads
from recoup.cli.output import Listing, page_options, parts

_COLUMNS = (
    "id", "customer", "standing", "version", "applied_version", "behind_since", "lifting_since",
    "tries", "due_at", "reason",
)  # fmt: skip


@click.group()
def access() -> None:
    """
    See how systems of yours follow what customers may use, and tell them again.

    Example: recoup access list --lifting
    """


@access.command("list")
@click.option("--lifting", is_flag=True, help="Only who waits for something to be undone.")
@click.option("--behind", is_flag=True, help="Only of whom they have not confirmed the newest.")
@page_options
@reads
def list_(recoup: Recoup, lifting: bool, behind: bool, after: int, limit: int) -> Listing:
    """
    List customers of whose access your systems were told.

    Example: recoup access list --lifting
    """
    page = recoup.access.list(lifting=lifting, behind=behind, after=after, limit=limit)
    some = lifting or behind or after
    told = "Nobody is like that." if some else "No system of yours was told of anybody yet."
    return Listing("access", page.rows, _COLUMNS, paged=True, next=page.next, empty=told)


@access.command()
@click.argument("customer")
@click.option("--ask", is_flag=True, help="Ask your systems what they hold, and compare.")
@reads
def show(recoup: Recoup, customer: str, ask: bool) -> dict[str, Any]:
    """
    Show what your systems are told of a customer, and how far they are.

    Example: recoup access show cus_123 --ask
    """
    state = recoup.access.state(customer)
    told: dict[str, Any] = {**parts(state), "restored": state.restored}
    if state.version:
        told["host"] = recoup.access.get(customer)
    if ask:
        told["differences"] = dict(recoup.access.differences(customer))
    return told


@access.command()
@click.argument("customers", nargs=-1, metavar="CUSTOMER...")
@click.option("--lifting", is_flag=True, help="Everybody who waits for something to be undone.")
@click.option("--behind", is_flag=True, help="Everybody of whom the newest is not confirmed.")
@asks_without_key
def retry(
    recoup: Recoup, customers: tuple[str, ...], lifting: bool, behind: bool
) -> dict[str, int]:
    """
    Have your systems told of customers now, again if they have confirmed already.

    Example: recoup access retry cus_123
    """
    if not customers and not lifting and not behind:
        raise click.UsageError("name a CUSTOMER, or --lifting or --behind")
    told = recoup.access.retry(*customers) if customers else 0
    after: int | None = 0
    while after is not None and (lifting or behind):
        page = recoup.access.list(lifting=lifting, behind=behind, after=after, limit=1_000)
        told += recoup.access.retry(*(row.id for row in page.rows))
        after = page.next
    return {"told": told}


@access.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@asks_without_key
def stop(recoup: Recoup, yes: bool) -> dict[str, int]:
    """
    Have no system of yours follow any more: they ask instead. What waits to be undone is done.

    A process that has RECOUP_ACCESS_URL or a function brings it back when it starts.

    Example: recoup access stop --yes
    """
    if not yes:
        click.confirm("Have no system of yours follow any more?", abort=True, err=True)
    return {"concerned": recoup.access.stop()}
