"""
/v1/invoices. What an invoice's payments are is there from 2025-03-31.basil on, when asked for.

Texts of refusals as recorded from Stripe where they were public, otherwise as the fake says them.
Source: docs.stripe.com/api/invoices, docs.stripe.com/invoicing/overview.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stripe import params as sdk

from recoup.core.billing.requests import FinalizeInvoice
from recoup.core.money import Money
from recoup.core.states import InvoiceStatus
from recoup.errors import InvalidMoney
from recoup.processors.fake import billing, customers, events, shapes
from recoup.processors.fake.desk import invoices as desk
from recoup.processors.fake.desk import metadata
from recoup.processors.fake.model import Customer, Intent, Invoice
from recoup.processors.fake.shapes.wire import is_basil
from recoup.processors.fake.world import Session
from recoup.testing.stripe_server import lists
from recoup.testing.stripe_server.expanding import Part, Show
from recoup.testing.stripe_server.resources import invoice_items, invoice_payments
from recoup.testing.stripe_server.route import Call, Json, Refusal, Route

HOUR: Final = 3_600
_SENT: Final = "send_invoice"
#: What Stripe has besides, and the fake no use for.
_EMPTY: Final[Json] = {
    "amount_overpaid": 0,
    "default_source": None,
    "footer": None,
    "post_payment_credit_notes_amount": 0,
    "pre_payment_credit_notes_amount": 0,
    "statement_descriptor": None,
    "test_clock": None,
}


# -- how it is shown ----------------------------------------------------------------------------


def show(s: Session, id_: str, version: str) -> Json:
    """Return the invoice. Its payments are not part of it unless they are asked for."""
    found, basil = s.get(Invoice, id_), is_basil(version)
    intent = None if found.intent is None else s.get(Intent, found.intent)
    shape = shapes.invoice(found, intent, basil=basil) | _EMPTY
    shape["lines"]["url"] = f"/v1/invoices/{id_}/lines"
    shape["effective_at"] = found.finalized_at
    is_waiting = found.finalized_at is None and found.auto_advance
    shape["automatically_finalizes_at"] = found.created + HOUR if is_waiting else None
    shape.pop("payments", None)
    return shape


def _shown(call: Call, invoice: Invoice) -> Json:
    return show(call.session, invoice.id, call.version)


# -- drafts -------------------------------------------------------------------------------------


def create(call: Call) -> Json:
    s, given = call.session, call.params
    if "customer" not in given:
        raise Refusal("Must provide customer.", code="parameter_missing", param="customer")
    owner = customers.living(s, given["customer"])
    currency = _currency(given.get("currency") or owner.currency or "usd")
    collection = given.get("collection_method", billing.AUTOMATIC)
    days = given.get("days_until_due")
    _refuse_collection(owner, collection, days)
    made = Invoice(
        id=s.new_id(Invoice),
        created=s.now,
        customer=owner.id,
        subscription=None,
        status=InvoiceStatus.DRAFT,
        currency=currency,
        amount=0,
        reason="manual",
        period_start=s.now,
        period_end=s.now,
        collection=collection,
        days_until_due=days,
        description=given.get("description"),
        metadata=metadata.merged({}, given.get("metadata") or {}),
        auto_advance=False,
    )
    _advance(s, made, on=given.get("auto_advance", False))
    events.invoice(s, "invoice.created", s.save(made, owner=owner.id))
    return _shown(call, made)


def _currency(given: str) -> str:
    try:
        return Money(0, given.upper()).currency
    except InvalidMoney:
        raise Refusal(f"Invalid currency: {given}", param="currency") from None


def _refuse_collection(owner: Customer, collection: str, days: int | None) -> None:
    sent = collection == _SENT
    if sent and days is None:
        raise Refusal(
            "If invoice collection method is 'send_invoice', you must specify 'due_date' or"
            " 'days_until_due'."
        )
    if not sent and days is not None:
        raise Refusal(
            "You can only specify 'due_date' or 'days_until_due' if invoice collection method is"
            " 'send_invoice'."
        )
    if days is not None and days < 0:
        raise Refusal(f"Invalid days_until_due: {days}", param="days_until_due")
    if sent and owner.email is None:
        raise Refusal(
            "Missing email. In order to create invoices that are sent to the customer, the"
            " customer must have a valid email."
        )


def _advance(s: Session, invoice: Invoice, *, on: bool) -> None:
    """Let Stripe go on with a draft by itself an hour after it was made, or not any more."""
    invoice.auto_advance = on
    waits = invoice.finalized_at is None and on and invoice.collection == billing.AUTOMATIC
    invoice.next_try = invoice.created + HOUR if waits else None
    if on and invoice.subscription is None:
        s.schedule(max(s.now, invoice.created + HOUR), "collect", invoice.id)


def update(call: Call) -> Json:
    s, given = call.session, call.params
    found = s.get(Invoice, call.ids[0])
    if found.finalized_at is not None:
        for name in given.keys() - {"metadata", "auto_advance", "expand"}:
            raise Refusal("Finalized invoices can't be updated in this way", param=name)
    previous: Json = {}
    if "metadata" in given:
        previous["metadata"] = found.metadata
        texts = given["metadata"]
        found.metadata = metadata.merged(found.metadata, texts) if texts else {}
    if "description" in given:
        previous["description"] = found.description
        found.description = given["description"] or None
    if "days_until_due" in given:
        _refuse_collection(
            s.get(Customer, found.customer), found.collection, given["days_until_due"]
        )
        found.days_until_due = given["days_until_due"]
    if given.get("auto_advance", found.auto_advance) != found.auto_advance:
        previous["auto_advance"] = found.auto_advance
        previous["next_payment_attempt"] = found.next_try
        _advance(s, found, on=given["auto_advance"])
    s.save(found)
    if previous:
        events.invoice(s, "invoice.updated", found, previous)
    return _shown(call, found)


def delete(call: Call) -> Json:
    s = call.session
    found = s.get(Invoice, call.ids[0])
    if found.finalized_at is not None:
        raise Refusal("You can only delete draft invoices.")
    if found.subscription is not None:
        raise Refusal("You can't delete invoices created by subscriptions.")
    events.invoice(s, "invoice.deleted", found)
    s.forget(found.id)
    return {"id": found.id, "object": "invoice", "deleted": True}


def add_lines(call: Call) -> Json:
    s = call.session
    found = s.get(Invoice, call.ids[0])
    lines = [
        invoice_items.line(s, found, wanted, f"lines[{place}]")
        for place, wanted in enumerate(call.params["lines"])
    ]
    invoice_items.put(s, found, (*found.lines, *lines))
    if "invoice_metadata" in call.params:
        found.metadata = metadata.merged(found.metadata, call.params["invoice_metadata"] or {})
        s.save(found)
    return _shown(call, found)


# -- looking ------------------------------------------------------------------------------------


def retrieve(call: Call) -> Json:
    return show(call.session, call.ids[0], call.version)


def listed(call: Call) -> Json:
    s, given = call.session, call.params
    of = given.get("subscription")
    things = lists.all_of(s, Invoice) if of is None else s.owned(Invoice, of)
    same = {"customer": "customer", "status": "status", "collection_method": "collection"}
    found = [
        one
        for one in things
        if lists.created(given, one.created)
        and all(getattr(one, field) == given.get(name, getattr(one, field))
                for name, field in same.items())
    ]  # fmt: skip
    return lists.page(call, found, lambda one: _shown(call, one), url="/v1/invoices")


def lines(call: Call) -> Json:
    found = call.session.get(Invoice, call.ids[0])
    return lists.page(
        call,
        shapes.invoices.lines(found, basil=call.basil)[::-1],
        lambda one: one,
        url=f"/v1/invoices/{found.id}/lines",
        id_of=lambda one: str(one["id"]),
    )


# -- what becomes of it -------------------------------------------------------------------------


def finalize(call: Call) -> Json:
    s = call.session
    found = s.get(Invoice, call.ids[0])
    if found.finalized_at is not None:
        raise Refusal(
            "This invoice is already finalized, you can't re-finalize a non-draft invoice."
        )
    if "auto_advance" in call.params:
        _advance(s, found, on=call.params["auto_advance"])
    desk.finalize(s, FinalizeInvoice(found.id))
    return _shown(call, found)


_LIST_PLAYED: Final = lists.LISTED | {
    "collection_method",
    "created",
    "customer",
    "status",
    "subscription",
}
_ONE: Final = "/v1/invoices/:id"

ROUTES: Final[Mapping[str, Route]] = {
    "POST /v1/invoices": Route(
        create,
        sdk.InvoiceCreateParams,
        frozenset(
            "auto_advance collection_method currency customer days_until_due description metadata"
            " pending_invoice_items_behavior".split()
        ),
    ),
    "GET /v1/invoices": Route(listed, sdk.InvoiceListParams, _LIST_PLAYED),
    f"GET {_ONE}": Route(retrieve, sdk.InvoiceRetrieveParams),
    f"POST {_ONE}": Route(
        update,
        sdk.InvoiceUpdateParams,
        frozenset({"auto_advance", "days_until_due", "description", "metadata"}),
        frozenset({"description"}),
    ),
    f"DELETE {_ONE}": Route(delete, sdk.InvoiceDeleteParams),
    f"GET {_ONE}/lines": Route(lines, sdk.InvoiceLineItemListParams, lists.LISTED),
    f"POST {_ONE}/add_lines": Route(
        add_lines, sdk.InvoiceAddLinesParams, invoice_items.LINES | {"invoice_metadata"}
    ),
    f"POST {_ONE}/finalize": Route(
        finalize, sdk.InvoiceFinalizeInvoiceParams, frozenset({"auto_advance"})
    ),
}
SHOWS: Final[Mapping[str, Show]] = {"in": show}
PARTS: Final[Mapping[str, Part]] = {
    "invoice.payments": invoice_payments.of_invoice,
    "invoice.confirmation_secret": invoice_payments.confirmation,
}
