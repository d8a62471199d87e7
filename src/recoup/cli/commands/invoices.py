from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from recoup.billing import Recoup
from recoup.cli.asking import asks, maybe, named, page, reads, secret_option
from recoup.cli.output import Listing, page_options
from recoup.cli.reading import LINE, metadata_option
from recoup.core.billing.requests import LineWanted
from recoup.core.billing.views import Invoice, Payment

_COLUMNS = (
    "id", "number", "customer_id", "subscription_id", "outcome", "resolved_as", "due", "remaining",
    "due_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Written:
    """A document in a file."""

    kind: str
    number: str
    locale: str
    file: str
    bytes: int
    sha256: str
    facturx: bool
    without_facturx: str | None


@click.group()
def invoices() -> None:
    """
    Bill once, close without money, and try once more. INVOICE is our id or the processor's.

    Example: recoup invoices list --customer user:42
    """


@invoices.command("list")
@click.option("--customer", help="Only this customer's.")
@click.option("--subscription", help="Only this subscription's.")
@click.option("--hidden", is_flag=True, help="Those too that wait for a first payment.")
@page_options
@reads
def list_(
    recoup: Recoup,
    customer: str | None,
    subscription: str | None,
    after: int,
    limit: int,
    **told: Any,
) -> Listing:
    """
    List invoices.

    Example: recoup invoices list --customer user:42
    """
    found = recoup.invoices.list(
        customer=maybe(recoup, customer),
        subscription=None if subscription is None else recoup.subscriptions.get(subscription).id,
        after=after,
        limit=limit + 1,
        **told,
    )
    return page("invoices", found, limit, _COLUMNS)


@invoices.command()
@click.argument("invoice")
@reads
def show(recoup: Recoup, invoice: str) -> Invoice:
    """
    Show one invoice as it is seen now.

    Example: recoup invoices show in_123
    """
    return recoup.invoices.get(invoice)


@invoices.command()
@click.argument("invoice")
@click.option(
    "--kind",
    type=click.Choice(["invoice", "receipt", "credit_note"]),
    default="invoice",
    show_default=True,
    help="A receipt says how the matter was closed, a credit note what was given back.",
)
@click.option("--refund", type=int, help="Our id of the refund; by default the newest.")
@click.option("--locale", metavar="TAG", help="In another language, such as de: it says the same.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Where it goes; by default a file of its own name, here.",
)
@click.option("--facturx", is_flag=True, help="Refuse one that does not carry itself as data.")
@reads
def pdf(recoup: Recoup, invoice: str, out: Path | None, **told: Any) -> Written:
    """
    Write a document as PDF. The first time it is made it is issued, and stays as it is.

    Example: recoup invoices pdf in_123 --kind receipt --out receipt.pdf
    """
    made = recoup.documents.pdf(invoice, **told)
    place = out or Path(made.filename)
    try:
        place.write_bytes(made.content)
    except OSError as error:
        raise click.ClickException(f"{place}: {error.strerror}") from error
    return Written(
        made.kind, made.number, made.locale, str(place), len(made.content), made.digest,
        made.facturx, made.without_facturx,
    )  # fmt: skip


@invoices.command()
@click.argument("customer")
@click.option(
    "--line",
    "lines",
    type=LINE,
    multiple=True,
    required=True,
    help='"TEXT=AMOUNT CURRENCY[ xQUANTITY][ tax AMOUNT]", once for each line; AMOUNT is of the '
    "whole line and may be negative.",
)
@click.option("--description", help="What the invoice is for.")
@click.option("--draft", is_flag=True, help="Leave it a draft, which nobody owes.")
@click.option(
    "--send-invoice",
    "days_until_due",
    type=click.IntRange(0),
    metavar="DAYS",
    help="Send it, due in so many days, instead of charging.",
)
@metadata_option
@asks
def create(
    recoup: Recoup,
    customer: str,
    lines: tuple[LineWanted, ...],
    draft: bool,
    days_until_due: int | None,
    **told: Any,
) -> Invoice:
    """
    Bill these lines once.

    Example: recoup invoices create user:42 --line "Set-up=120.00 EUR" --line "Seats=30.00 EUR x3"
    """
    return recoup.invoices.create(
        named(recoup, customer),
        lines,
        finalize=not draft,
        collection="charge_automatically" if days_until_due is None else "send_invoice",
        days_until_due=days_until_due,
        **told,
    )


@invoices.command()
@click.argument("invoice")
@asks
def finalize(recoup: Recoup, invoice: str, key: str | None) -> Invoice:
    """
    Number a draft and let it be owed.

    Example: recoup invoices finalize in_123
    """
    return recoup.invoices.finalize(invoice, key=key)


@invoices.command()
@click.argument("invoice")
@asks
def send(recoup: Recoup, invoice: str, key: str | None) -> Invoice:
    """
    Have the processor mail an invoice to its customer.

    Example: recoup invoices send in_123
    """
    return recoup.invoices.send(invoice, key=key)


def _closing(command: Callable[..., Invoice]) -> Callable[..., None]:
    """Give a verb that closes an invoice what all of them take."""
    reason = click.option("--reason", required=True, help="Why; kept with it.")
    return click.argument("invoice")(reason(asks(command)))


@invoices.command()
@_closing
def void(recoup: Recoup, invoice: str, **told: Any) -> Invoice:
    """
    Take back an invoice that was a mistake.

    Example: recoup invoices void in_123 --reason "billed twice"
    """
    return recoup.invoices.void(invoice, **told)


@invoices.command()
@_closing
def uncollectible(recoup: Recoup, invoice: str, **told: Any) -> Invoice:
    """
    Give the money of an invoice up.

    Example: recoup invoices uncollectible in_123 --reason bankrupt
    """
    return recoup.invoices.mark_uncollectible(invoice, **told)


@invoices.command()
@_closing
def forgive(recoup: Recoup, invoice: str, **told: Any) -> Invoice:
    """
    Let the customer off.

    Example: recoup invoices forgive in_123 --reason "our mistake"
    """
    return recoup.invoices.forgive(invoice, **told)


@invoices.command()
@_closing
def paid_out_of_band(recoup: Recoup, invoice: str, **told: Any) -> Invoice:
    """
    Say that the money came by another way.

    Example: recoup invoices paid-out-of-band in_123 --reason "bank transfer"
    """
    return recoup.invoices.mark_paid_out_of_band(invoice, **told)


@invoices.command()
@click.argument("invoice")
@click.option("--method", help="What to pay with; by default the customer's default.")
@click.option("--off-session", is_flag=True, help="The customer is not there to authenticate.")
@click.option(
    "--origin",
    type=click.Choice(["operator", "customer"]),
    default="operator",
    show_default=True,
    help="Who wants it.",
)
@secret_option
@asks
def pay(recoup: Recoup, invoice: str, **told: Any) -> Payment:
    """
    Try to collect what remains, once, now. Exit code 1 when that brought no money.

    Example: recoup invoices pay in_123 --off-session
    """
    return recoup.invoices.pay(invoice, **told)
