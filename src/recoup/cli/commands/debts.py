from __future__ import annotations

from typing import Any

import click

from recoup.billing import Recoup
from recoup.cli.asking import asks, maybe, named, page, reads, secret_option
from recoup.cli.output import Listing, page_options
from recoup.cli.reading import MONEY
from recoup.core.dunning.acts import Acted
from recoup.core.dunning.views import BadDebt, DebtPayment

_COLUMNS = (
    "id", "customer_id", "invoice_id", "amount", "remaining", "entered_at", "age_days",
    "decline_class", "exited_as", "exited_at",
)  # fmt: skip


@click.group()
def debts() -> None:
    """
    Look at bad debt, collect it, give it up.

    Example: recoup debts list --customer user:42
    """


@debts.command("list")
@click.option("--customer", help="Only this customer's.")
@click.option("--all", "over", is_flag=True, help="What has left it too.")
@page_options
@reads
def list_(recoup: Recoup, customer: str | None, over: bool, after: int, limit: int) -> Listing:
    """
    List what is bad debt.

    Example: recoup debts list --all
    """
    found = recoup.dunning.bad_debts(
        maybe(recoup, customer), over=over, after=after, limit=limit + 1
    )
    told = "There are no such debts." if customer or over or after else "There is no bad debt."
    return page("debts", found, limit, _COLUMNS, empty=told)


@debts.command()
@click.argument("debt", type=int)
@reads
def show(recoup: Recoup, debt: int) -> BadDebt:
    """
    Show one: why it is bad debt, and how it left.

    Example: recoup debts show 7
    """
    return recoup.dunning.bad_debt(debt)


@debts.command()
@click.argument("customer")
@click.argument("invoice", nargs=-1, required=True)
@click.option("--method", help="What to pay with; by default the customer's default.")
@click.option(
    "--expected",
    "expected_amount",
    type=MONEY,
    help="What the customer was told. Another amount is refused.",
)
@click.option("--off-session", is_flag=True, help="The customer is not there to authenticate.")
@click.option("--reason", help="Why; kept with it.")
@click.option("--dry-run", is_flag=True, help="Only say what would be charged, and what follows.")
@secret_option
@asks
def pay(recoup: Recoup, customer: str, invoice: tuple[str, ...], **told: Any) -> DebtPayment:
    """
    Charge what is owed of these invoices. Exit code 1 when not all of it came, or would.

    Example: recoup debts pay user:42 in_123 in_124 --expected "98.00 EUR" --dry-run
    """
    return recoup.dunning.pay_bad_debt(named(recoup, customer), invoice, **told)


def _deciding(command: Any) -> Any:
    """Give a verb that gives money up what all of them take."""
    rehearse = click.option("--dry-run", is_flag=True, help="Only say what would follow.")
    return click.option("--reason", required=True, help="Why; kept with it.")(rehearse(command))


@debts.command()
@click.argument("customer")
@click.option("--case", type=int, help="Only what is owed in this case.")
@_deciding
@asks
def write_off(recoup: Recoup, customer: str, **told: Any) -> Acted:
    """
    Give up everything in default that a customer owes.

    Example: recoup debts write-off user:42 --reason bankrupt --dry-run
    """
    return recoup.dunning.write_off(named(recoup, customer), **told)


@debts.command()
@click.argument("invoice")
@_deciding
@asks
def mark_uncollectible(recoup: Recoup, invoice: str, **told: Any) -> Acted:
    """
    Give up the money of one invoice.

    Example: recoup debts mark-uncollectible in_123 --reason bankrupt
    """
    return recoup.dunning.mark_uncollectible(invoice, **told)


@debts.command()
@click.argument("invoice")
@_deciding
@asks
def forgive(recoup: Recoup, invoice: str, **told: Any) -> Acted:
    """
    Let the customer off one invoice.

    Example: recoup debts forgive in_123 --reason "our mistake"
    """
    return recoup.dunning.forgive(invoice, **told)
