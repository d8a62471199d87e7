"""
/v1/invoiceitems, and the lines that a host puts on a draft.

An item is known by its line. Left out: items that wait for a later invoice, and prices.
Source: docs.stripe.com/api/invoiceitems.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stripe import params as sdk

from recoup.processors.fake import events, shapes
from recoup.processors.fake.model import Invoice, Line, smallest
from recoup.processors.fake.world import Session
from recoup.processors.stripe.amounts import money
from recoup.testing.stripe_server import lists
from recoup.testing.stripe_server.expanding import Show
from recoup.testing.stripe_server.route import Call, Json, Refusal, Route

#: What is played of `add_lines`.
LINES: Final = frozenset(
    {
        "lines.amount",
        "lines.description",
        "lines.quantity",
        "lines.tax_amounts.amount",
        "lines.tax_amounts.taxable_amount",
        "lines.tax_amounts.tax_rate_data.display_name",
        "lines.tax_amounts.tax_rate_data.inclusive",
        "lines.tax_amounts.tax_rate_data.percentage",
    }
)


def line(s: Session, invoice: Invoice, wanted: Mapping[str, Any], param: str) -> Line:
    """
    Return the line that `wanted` describes; `param` is where it was in the request.

    Raises:
        Refusal: no amount, a quantity beside it, finer than Stripe takes the currency, or
            taxes that are part of it.
    """
    if "amount" in wanted and "quantity" in wanted:
        raise Refusal(
            "You may only specify one of these parameters: amount, quantity.",
            param=f"{param}[amount]",
        )
    if "amount" not in wanted:
        name = f"{param}[amount]"
        raise Refusal(f"Missing required param: {name}.", code="parameter_missing", param=name)
    taxes = wanted.get("tax_amounts") or []
    if any(tax["tax_rate_data"]["inclusive"] for tax in taxes):
        raise Refusal(
            "The server for tests does not play inclusive taxes",
            code="not_played",
            param=f"{param}[tax_amounts][0][tax_rate_data][inclusive]",
        )
    return Line(
        description=wanted.get("description", ""),
        amount=_minor(wanted["amount"], invoice.currency, f"{param}[amount]"),
        start=s.now,
        end=s.now,
        tax=sum(
            _minor(tax["amount"], invoice.currency, f"{param}[tax_amounts][{place}][amount]")
            for place, tax in enumerate(taxes)
        ),
    )


def _minor(amount: int, currency: str, param: str) -> int:
    minor = money(amount, currency).minor
    if minor % smallest(currency):
        raise Refusal(f"Invalid amount: {amount} {currency.lower()}", param=param)
    return minor


def put(s: Session, invoice: Invoice, lines: tuple[Line, ...]) -> None:
    """
    Let a draft have these lines.

    Raises:
        Refusal: it is no draft any more.
    """
    if invoice.finalized_at is not None:
        raise Refusal(
            "Invalid invoice: This invoice is no longer editable", code="invoice_not_editable"
        )
    previous = {"amount_due": shapes.amount(invoice.amount, invoice.currency)}
    invoice.lines = lines
    invoice.amount = max(invoice.total, 0)
    events.invoice(s, "invoice.updated", s.save(invoice), previous)


# -- items, each by its line --------------------------------------------------------------------


def show(s: Session, id_: str, version: str) -> Json:
    del version
    invoice, place = _place(s, id_)
    return _shape(invoice, place)


def _id(invoice: Invoice, place: int) -> str:
    return f"{invoice.id.replace('in_', 'ii_', 1)}_{place}"


def _place(s: Session, id_: str) -> tuple[Invoice, int]:
    of, _, place = id_.rpartition("_")
    name = of.replace("ii_", "in_", 1)
    if not (id_.startswith("ii_") and place.isdigit() and s.has(name)):
        raise _no_such(id_)
    invoice = s.get(Invoice, name)
    if int(place) >= len(invoice.lines) or invoice.lines[int(place)].item is not None:
        raise _no_such(id_)
    return invoice, int(place)


def _no_such(id_: str) -> Refusal:
    return Refusal(
        f"No such Invoice Item: '{id_}'", status=404, code="resource_missing", param="id"
    )


def _shape(invoice: Invoice, place: int) -> Json:
    held = invoice.lines[place]
    return {
        "id": _id(invoice, place),
        "object": "invoiceitem",
        "amount": shapes.amount(held.amount, invoice.currency),
        "currency": invoice.currency.lower(),
        "customer": invoice.customer,
        "date": held.start,
        "description": held.description,
        "discountable": not held.proration,
        "discounts": [],
        "invoice": invoice.id,
        "livemode": False,
        "metadata": {},
        "period": {"end": held.end, "start": held.start},
        "proration": held.proration,
        "quantity": held.quantity,
    }


def create(call: Call) -> Json:
    s, given = call.session, call.params
    if "invoice" not in given:
        raise Refusal(
            "The server for tests does not play items without an invoice",
            code="not_played",
            param="invoice",
        )
    found = s.get(Invoice, given["invoice"])
    if given.get("customer", found.customer) != found.customer:
        raise Refusal("The invoice belongs to another customer", param="customer")
    if given.get("currency", found.currency.lower()).upper() != found.currency:
        raise Refusal(
            f"The currency of an item is that of its invoice: {found.currency.lower()}",
            param="currency",
        )
    made = line(s, found, given, "")
    put(s, found, (*found.lines, made))
    return _shape(found, len(found.lines) - 1)


def retrieve(call: Call) -> Json:
    return show(call.session, call.ids[0], call.version)


def listed(call: Call) -> Json:
    s, given = call.session, call.params
    of = given.get("invoice")
    invoices = lists.all_of(s, Invoice) if of is None else [s.get(Invoice, of)]
    found = [
        _shape(invoice, place)
        for invoice in invoices
        for place, held in enumerate(invoice.lines)
        if held.item is None
        and invoice.customer == given.get("customer", invoice.customer)
        and lists.created(given, held.start)
        and not given.get("pending", False)
    ]
    return lists.page(
        call, found, lambda one: one, url="/v1/invoiceitems", id_of=lambda one: str(one["id"])
    )


def delete(call: Call) -> Json:
    s = call.session
    invoice, place = _place(s, call.ids[0])
    put(s, invoice, invoice.lines[:place] + invoice.lines[place + 1 :])
    return {"id": call.ids[0], "object": "invoiceitem", "deleted": True}


ROUTES: Final[Mapping[str, Route]] = {
    "POST /v1/invoiceitems": Route(
        create,
        sdk.InvoiceItemCreateParams,
        frozenset({"amount", "currency", "customer", "description", "invoice", "quantity"}),
    ),
    "GET /v1/invoiceitems": Route(
        listed,
        sdk.InvoiceItemListParams,
        lists.LISTED | {"created", "customer", "invoice", "pending"},
    ),
    "GET /v1/invoiceitems/:id": Route(retrieve, sdk.InvoiceItemRetrieveParams),
    "DELETE /v1/invoiceitems/:id": Route(delete, sdk.InvoiceItemDeleteParams),
}
SHOWS: Final[Mapping[str, Show]] = {"ii": show}
