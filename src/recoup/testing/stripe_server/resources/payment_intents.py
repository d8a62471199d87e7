"""
/v1/payment_intents, and how an invoice is paid or closed.

All of them belong to invoices. Left out: those that a host makes itself.
Source: docs.stripe.com/api/payment_intents, docs.stripe.com/api/invoices/pay.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stripe import params as sdk

from recoup.core import states
from recoup.core.billing.requests import (
    MarkPaidOutOfBand,
    MarkUncollectible,
    SendInvoice,
    VoidInvoice,
)
from recoup.processors.fake import billing, payments, shapes
from recoup.processors.fake.desk import invoices as desk
from recoup.processors.fake.desk import money
from recoup.processors.fake.desk.told import secret, to_pay
from recoup.processors.fake.model import Intent, Invoice
from recoup.processors.fake.shapes.wire import is_basil
from recoup.processors.fake.world import Session
from recoup.testing.stripe_server import lists
from recoup.testing.stripe_server.expanding import Show
from recoup.testing.stripe_server.resources import invoices
from recoup.testing.stripe_server.route import Call, Json, Refusal, Route

_UNEXPECTED: Final = "payment_intent_unexpected_state"
_NOT_OPEN: Final = "You can only pass in open invoices. This invoice isn't open."
_MAY_BE_CANCELED: Final = (
    "requires_payment_method, requires_capture, requires_confirmation, requires_action, processing"
)


def show(s: Session, id_: str, version: str) -> Json:
    """Return the payment intent, with the secret that its events do not have."""
    found = s.get(Intent, id_)
    action = to_pay(s, found)
    challenge = action is not None and action.kind == "authenticate"
    return shapes.intent(found, basil=is_basil(version)) | {
        "amount_capturable": 0,
        "cancellation_reason": None if found.canceled_at is None else "void_invoice",
        "capture_method": "automatic",
        "client_secret": secret(s, id_),
        "confirmation_method": "automatic",
        "next_action": {
            "redirect_to_url": {"return_url": None, "url": action.url},
            "type": "redirect_to_url",
        }
        if challenge and action is not None
        else None,
        "payment_method_types": ["card"],
        "setup_future_usage": None,
    }


# -- an invoice, paid or closed -----------------------------------------------------------------


def pay(call: Call) -> Json:
    """Pay an invoice; a draft is finalised first. What the bank was asked stays, also its no."""
    s, given = call.session, call.params
    found = s.get(Invoice, call.ids[0])
    if states.is_paid(found.status):
        raise Refusal("Invoice is already paid")
    if found.finalized_at is None:
        billing.finalize(s, found)
    if given.get("paid_out_of_band"):
        desk.paid_elsewhere(s, MarkPaidOutOfBand(found.id))
    elif states.is_owed(found.status) or found.amount:
        _collect(call, payments.payable(s, found.id))
    return invoices.show(s, found.id, call.version)


def _collect(call: Call, found: Invoice) -> None:
    s, given = call.session, call.params
    done = payments.attempt(
        s,
        found,
        payments.chosen(s, found, given.get("payment_method")),
        off_session=given.get("off_session", True),
        key=s.request["idempotency_key"],
        authenticated=False,
    )
    if states.was_declined(done.state):
        raise _declined(call, str(found.intent))
    if states.awaits_customer(done.state):
        raise Refusal(
            "Invoice payment requires additional user action to complete payment.",
            status=402,
            type="card_error",
            code="invoice_payment_intent_requires_action",
            kept=True,
        )


def _declined(call: Call, intent: str) -> Refusal:
    """Return the bank's no as Stripe answers it: an error, whose effects stay."""
    shown = show(call.session, intent, call.version)
    error = dict(shown["last_payment_error"])
    message, type_, code = (error.pop(name) for name in ("message", "type", "code"))
    return Refusal(
        message, status=402, type=type_, code=code, kept=True, **error, payment_intent=shown
    )


def void(call: Call) -> Json:
    s = call.session
    found = s.get(Invoice, call.ids[0])
    if states.is_paid(found.status):
        raise Refusal("Invoices with `paid` payments cannot be voided.")
    if not (states.is_owed(found.status) or states.is_written_off(found.status)):
        raise Refusal(_NOT_OPEN)
    desk.void(s, VoidInvoice(found.id))
    return invoices.show(s, found.id, call.version)


def mark_uncollectible(call: Call) -> Json:
    s = call.session
    found = s.get(Invoice, call.ids[0])
    if states.is_written_off(found.status):
        raise Refusal("This invoice has already been marked uncollectible.")
    if not states.is_owed(found.status):
        raise Refusal(_NOT_OPEN)
    desk.give_up(s, MarkUncollectible(found.id))
    return invoices.show(s, found.id, call.version)


def send(call: Call) -> Json:
    s = call.session
    found = s.get(Invoice, call.ids[0])
    if not (found.finalized_at is None or states.is_owed(found.status)):
        raise Refusal(
            "This invoice cannot be sent right now. Please contact us via"
            " https://support.stripe.com/contact with details, so we can help."
        )
    desk.send(s, SendInvoice(found.id))
    return invoices.show(s, found.id, call.version)


# -- payment intents ----------------------------------------------------------------------------


def retrieve(call: Call) -> Json:
    return show(call.session, call.ids[0], call.version)


def listed(call: Call) -> Json:
    s, given = call.session, call.params
    found = [
        one
        for one in lists.all_of(s, Intent)
        if one.customer == given.get("customer", one.customer)
        and lists.created(given, one.created)
    ]
    return lists.page(
        call, found, lambda one: show(s, one.id, call.version), url="/v1/payment_intents"
    )


def confirm(call: Call) -> Json:
    """Confirm as a server does; the customer is there unless `off_session`."""
    s, given = call.session, call.params
    found = s.get(Intent, call.ids[0])
    if found.received or found.canceled_at is not None:
        raise Refusal(
            f"You cannot confirm this PaymentIntent because it has a status of {found.status}.",
            code=_UNEXPECTED,
        )
    invoice = s.get(Invoice, found.invoice)
    usual = billing.method_for(s, invoice)
    method = given.get("payment_method") or found.method or getattr(usual, "id", None)
    if method is None:
        raise Refusal(
            "You cannot confirm this PaymentIntent because it's missing a payment method.",
            code=_UNEXPECTED,
        )
    if given.get("off_session"):
        payable = payments.payable(s, invoice.id)
        chosen = payments.chosen(s, payable, method)
        payments.attempt(
            s, payable, chosen, off_session=True, key=s.request["idempotency_key"],
            authenticated=False,
        )  # fmt: skip
    else:
        money.confirm(s, found, method)
    if states.was_declined(found.tries[-1].state):
        raise _declined(call, found.id)
    return show(s, found.id, call.version)


def cancel(call: Call) -> Json:
    """Refuse it: a payment of an invoice is canceled by voiding the invoice."""
    found = call.session.get(Intent, call.ids[0])
    if found.received or found.canceled_at is not None:
        raise Refusal(
            f"You cannot cancel this PaymentIntent because it has a status of {found.status}."
            " Only a PaymentIntent with one of the following statuses may be canceled:"
            f" {_MAY_BE_CANCELED}.",
            code=_UNEXPECTED,
        )
    raise Refusal(
        f"You cannot cancel this PaymentIntent because it was created by the invoice"
        f" {found.invoice}. Void the invoice instead.",
        code=_UNEXPECTED,
    )


_INVOICE: Final = "POST /v1/invoices/:id"
_ONE: Final = "/v1/payment_intents/:id"

ROUTES: Final[Mapping[str, Route]] = {
    f"{_INVOICE}/pay": Route(
        pay,
        sdk.InvoicePayParams,
        frozenset({"off_session", "paid_out_of_band", "payment_method"}),
    ),
    f"{_INVOICE}/void": Route(void, sdk.InvoiceVoidInvoiceParams),
    f"{_INVOICE}/mark_uncollectible": Route(
        mark_uncollectible, sdk.InvoiceMarkUncollectibleParams
    ),
    f"{_INVOICE}/send": Route(send, sdk.InvoiceSendInvoiceParams),
    "GET /v1/payment_intents": Route(
        listed, sdk.PaymentIntentListParams, lists.LISTED | {"created", "customer"}
    ),
    f"GET {_ONE}": Route(retrieve, sdk.PaymentIntentRetrieveParams),
    f"POST {_ONE}/confirm": Route(
        confirm,
        sdk.PaymentIntentConfirmParams,
        frozenset({"off_session", "payment_method", "return_url"}),
    ),
    f"POST {_ONE}/cancel": Route(
        cancel, sdk.PaymentIntentCancelParams, frozenset({"cancellation_reason"})
    ),
}
SHOWS: Final[Mapping[str, Show]] = {"pi": show}
