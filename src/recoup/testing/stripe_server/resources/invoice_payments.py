"""
/v1/invoice_payments: what ties payments to invoices, from 2025-03-31.basil on.

Source: docs.stripe.com/api/invoice-payment, and the changelog of that version.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stripe import params as sdk

from recoup.processors.fake import shapes
from recoup.processors.fake.desk.told import secret
from recoup.processors.fake.model import Charge, Intent, Invoice
from recoup.processors.fake.shapes.wire import is_basil
from recoup.processors.fake.world import Session
from recoup.testing.stripe_server import lists
from recoup.testing.stripe_server.expanding import Show
from recoup.testing.stripe_server.route import Call, Json, Refusal, Route


def payments(s: Session, invoice: Invoice) -> list[Json]:
    """Return what was to pay the invoice, oldest first: late money has a payment of its own."""
    first = None if invoice.intent is None else s.get(Intent, invoice.intent)
    found: list[Json] = shapes.invoice(invoice, first, basil=True)["payments"]["data"]
    others = {charge.intent for charge in s.owned(Charge, invoice.id)} - {invoice.intent}
    for id_ in sorted(others):
        more = shapes.invoice_payment(invoice, s.get(Intent, id_)) | {"is_default": False}
        found.append(more)
    for one in found:
        one["payment"].setdefault("payment_intent", None)  # so that it can be expanded
    return found


def of_invoice(s: Session, invoice: Json, version: str) -> Json:
    """Return an invoice's payments, as a list in it."""
    _refuse_old(version, "payments")
    id_ = str(invoice["id"])
    return {
        "object": "list",
        "data": payments(s, s.get(Invoice, id_))[::-1],
        "has_more": False,
        "url": f"/v1/invoice_payments?invoice={id_}",
    }


def confirmation(s: Session, invoice: Json, version: str) -> Json | None:
    """Return what a browser confirms an invoice's payment with; None before it has one."""
    _refuse_old(version, "confirmation_secret")
    intent = s.get(Invoice, str(invoice["id"])).intent
    if intent is None:
        return None
    return {"client_secret": secret(s, intent), "type": "payment_intent"}


def _refuse_old(version: str, name: str) -> None:
    if not is_basil(version):
        raise Refusal(
            f"This property cannot be expanded ({name}). You may want to use a newer version.",
            param="expand",
        )


def _all(s: Session) -> list[Json]:
    return [one for invoice in lists.all_of(s, Invoice) for one in payments(s, invoice)]


def show(s: Session, id_: str, version: str) -> Json:
    del version
    for one in _all(s):
        if one["id"] == id_:
            return one
    raise Refusal(
        f"No such invoice_payment: '{id_}'", status=404, code="resource_missing", param="id"
    )


def retrieve(call: Call) -> Json:
    return show(call.session, call.ids[0], call.version)


def listed(call: Call) -> Json:
    s, given = call.session, call.params
    of, by = given.get("invoice"), given.get("payment") or {}
    found = _all(s) if of is None else payments(s, s.get(Invoice, of))
    kept = [
        one
        for one in found
        if one["status"] == given.get("status", one["status"])
        and lists.created(given, one["created"])
        and all(one["payment"].get(name) == value for name, value in by.items())
    ]
    return lists.page(
        call,
        kept,
        lambda one: one,
        url="/v1/invoice_payments",
        id_of=lambda one: str(one["id"]),
    )


ROUTES: Final[Mapping[str, Route]] = {
    "GET /v1/invoice_payments": Route(
        listed,
        sdk.InvoicePaymentListParams,
        lists.LISTED | {"created", "invoice", "payment", "status"},
    ),
    "GET /v1/invoice_payments/:id": Route(retrieve, sdk.InvoicePaymentRetrieveParams),
}
SHOWS: Final[Mapping[str, Show]] = {"inpay": show}
