from __future__ import annotations

from typing import Any

import click

from recoup.billing import Recoup
from recoup.cli.asking import asks, maybe, named, only, page, reads, secret_option
from recoup.cli.output import Listing, page_options
from recoup.cli.reading import MONEY
from recoup.core.billing.views import Intent, Payment, Refund
from recoup.core.money import Money

_COLUMNS = (
    "id", "processor_id", "customer_id", "invoice_id", "outcome", "amount", "refunded",
    "decline_code", "happened_at",
)  # fmt: skip
_REASONS = ("duplicate", "fraudulent", "requested_by_customer")


@click.group()
def payments() -> None:
    """
    Charge once, give back, and see what banks took back. PAYMENT is our id or its charge's.

    Example: recoup payments list --customer user:42
    """


@payments.command("list")
@click.option("--customer", help="Only this customer's.")
@click.option("--invoice", help="Only this invoice's.")
@page_options
@reads
def list_(
    recoup: Recoup, customer: str | None, invoice: str | None, after: int, limit: int
) -> Listing:
    """
    List payments.

    Example: recoup payments list --invoice in_123
    """
    found = recoup.payments.list(
        customer=maybe(recoup, customer), invoice=invoice, after=after, limit=limit + 1
    )
    return page("payments", found, limit, _COLUMNS)


@payments.command()
@click.argument("payment")
@secret_option
@reads
def show(recoup: Recoup, payment: str) -> Payment:
    """
    Show one payment as it stands, with what its customer must do. Exit code 1 without money.

    Example: recoup payments show 7
    """
    return recoup.payments.get(payment)


@payments.command()
@click.argument("customer")
@click.argument("amount", type=MONEY)
@click.option("--description", required=True, help="What it is for.")
@click.option("--method", help="What to pay with; by default the customer's default.")
@click.option("--off-session", is_flag=True, help="The customer is not there to authenticate.")
@secret_option
@asks
def charge(recoup: Recoup, customer: str, amount: Money, **told: Any) -> Payment:
    """
    Bill AMOUNT once and collect it at once. Exit code 1 when that brought no money.

    Example: recoup payments charge user:42 "12.50 EUR" --description "Set-up"
    """
    return recoup.payments.charge(named(recoup, customer), amount, **told)


@payments.command()
@click.argument("customer")
@click.argument("amount", type=MONEY)
@click.option("--description", required=True, help="What it is for.")
@secret_option
@asks
def intent(recoup: Recoup, customer: str, amount: Money, **told: Any) -> Intent:
    """
    Bill AMOUNT once, to be paid by the customer in the browser.

    Example: recoup payments intent user:42 "12.50 EUR" --description "Set-up" --show-secret
    """
    return recoup.payments.intent(named(recoup, customer), amount, **told)


@payments.command()
@click.argument("payment")
@click.argument("amount", type=MONEY, required=False)
@click.option("--reason", type=click.Choice(_REASONS), help="Why.")
@asks
def refund(recoup: Recoup, payment: str, amount: Money | None, **told: Any) -> Refund:
    """
    Give back AMOUNT of a payment, or all that is left of it.

    Example: recoup payments refund 7 "5.00 EUR" --reason requested_by_customer
    """
    return recoup.payments.refund(payment, amount, **told)


@payments.command()
@click.argument("payment")
@reads
def refunds(recoup: Recoup, payment: str) -> Listing:
    """
    List what was given back of a payment; refunds that failed too.

    Example: recoup payments refunds 7
    """
    columns = ("id", "processor_id", "amount", "status", "happened_at")
    return only("refunds", recoup.payments.refunds(payment), columns)


@payments.command()
@click.argument("customer")
@reads
def disputes(recoup: Recoup, customer: str) -> Listing:
    """
    List what a customer's banks took back, or may; decided ones too.

    Example: recoup payments disputes user:42
    """
    columns = ("id", "processor_id", "payment_id", "amount", "open", "lost", "happened_at")
    return only("disputes", recoup.payments.disputes(named(recoup, customer)), columns)


@payments.command()
@click.option("--customer", help="Only this customer's.")
@page_options
@reads
def late(recoup: Recoup, customer: str | None, after: int, limit: int) -> Listing:
    """
    List money that came when nothing was owed any more, and what becomes of it.

    Example: recoup payments late --customer user:42
    """
    found = recoup.payments.late(maybe(recoup, customer), after=after, limit=limit + 1)
    columns = ("id", "payment_id", "customer_id", "amount", "decision", "state", "why", "found_at")
    return page("late_payments", found, limit, columns)
