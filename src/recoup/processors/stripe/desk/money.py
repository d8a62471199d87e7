"""Payments that a customer confirms, payments that are withdrawn, and money given back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from recoup.core import states
from recoup.core.billing.answers import NextAction
from recoup.core.billing.requests import CreateRefund, PreparePayment, WithdrawPayment
from recoup.errors import Rejected
from recoup.processors.stripe.calls.client import Call, Client, Reply
from recoup.processors.stripe.calls.errors import Denied
from recoup.processors.stripe.calls.looking import as_it_is, look, made_with, since
from recoup.processors.stripe.desk.invoices import WHOLE, changed, status, told, wire
from recoup.processors.stripe.desk.told import Told, Way
from recoup.processors.stripe.shapes import OURS

if TYPE_CHECKING:
    import stripe
    from stripe.params import RefundCreateParams, RefundListParams

Json = Mapping[str, Any]

_PAYMENTS: Final = ["payments.data.payment.payment_intent"]


# -- payments -----------------------------------------------------------------------------------


class NotOpen(Rejected):
    """Nothing is owed for the invoice (any more)."""


def prepare(client: Client, asked: PreparePayment, key: str) -> Told:
    """
    Say what the customer must do to pay the invoice; nothing is changed.

    Raises:
        Rejected: it is not open.
    """
    del key
    reply = client.do(
        lambda sdk, options: sdk.v1.invoices.retrieve(
            asked.invoice, {"expand": [*_PAYMENTS, "confirmation_secret"]}, options
        )
    )
    invoice = reply.body
    intent = _awaited(invoice)
    if not states.is_owed(status(invoice)) or intent is None:
        raise NotOpen(f"Invoice {asked.invoice} is not open", request_id=reply.request_id)
    action = next_action(intent, invoice)
    return Told(intent["id"], (), reply.at, intent["status"], action, reply.request_id)


def prepared(client: Client, asked: PreparePayment, key: str, at: datetime) -> Told | None:
    """Nothing was changed, so what it came to is what it would come to now."""
    del at
    try:
        return prepare(client, asked, key)
    except Denied as error:
        if error.missing:
            return None
        raise
    except NotOpen:
        return None


def next_action(intent: Json, invoice: Json) -> NextAction | None:
    """
    Return what the customer must do to pay `invoice`; None when it is done, or on its way.

    Where the bank's challenge has no page of its own, it is met on the invoice's.
    """
    confirmation = invoice.get("confirmation_secret") or {}
    secret = confirmation.get("client_secret") or intent.get("client_secret")
    page = invoice.get("hosted_invoice_url")
    match intent["status"]:
        case "requires_action":
            wanted = (intent.get("next_action") or {}).get("redirect_to_url") or {}
            return NextAction("authenticate", wanted.get("url") or page, secret)
        case "requires_payment_method" | "requires_confirmation":
            return NextAction("confirm", page, secret)
    return None


def _awaited(invoice: Json) -> Json | None:
    """Return the payment intent that is to pay the rest: of those still open, the default one."""
    open_ones = [one for one in _payments(invoice) if one["status"] == "open"]
    first = sorted(open_ones, key=lambda one: not one["is_default"])
    return first[0]["payment"]["payment_intent"] if first else None


def _payments(invoice: Json) -> Iterator[Json]:
    for one in invoice["payments"]["data"]:
        if one["payment"]["type"] == "payment_intent":
            yield one


def withdraw(client: Client, asked: WithdrawPayment, key: str) -> Told:
    """
    Void the invoice, which cancels its payment: Stripe refuses to cancel that by itself.

    Where it can not be voided, look why. A draft is only kept from going on by itself.

    Raises:
        Rejected: there is no such invoice, or Stripe says no for a reason of its own.
    """
    try:
        voided = client.do(
            lambda sdk, options: sdk.v1.invoices.void_invoice(
                asked.invoice, {"expand": WHOLE}, options
            ),
            key=key,
        )
        return changed(client, voided, "canceled")
    except Denied:
        reply = client.do(_with_intents(asked.invoice))
        found = _stands(reply)
        if found is not None:
            return found
        if not states.is_draft(status(reply.body)):
            raise
    shelved = client.do(
        lambda sdk, options: sdk.v1.invoices.update(
            asked.invoice, {"auto_advance": False, "expand": WHOLE}, options
        ),
        key=f"{key}:shelve",
    )
    return changed(client, shelved, "canceled")


def withdrawn(client: Client, asked: WithdrawPayment, key: str, at: datetime) -> Told | None:
    """Where nothing can come any more it was withdrawn, whoever did it."""
    del key, at
    found = look(client, _with_intents(asked.invoice))
    return None if found is None else _stands(found)


def _with_intents(invoice: str) -> Call:
    return lambda sdk, options: sdk.v1.invoices.retrieve(
        invoice, {"expand": [*WHOLE, *_PAYMENTS]}, options
    )


def _stands(reply: Reply) -> Told | None:
    """Return how the withdrawal of an invoice's payment stands; None: it may still be paid."""
    invoice = reply.body
    here = Told(invoice["id"], (invoice,), reply.at, None, None, reply.request_id)
    for payment in _payments(invoice):
        match payment["payment"]["payment_intent"]["status"]:
            case "succeeded":
                return replace(here, status="too_late")
            case "processing":
                return replace(here, status="unsupported")
    stands = status(invoice)
    if states.is_paid(stands) or states.is_void(stands):
        return told(reply, "canceled")
    if states.is_draft(stands) and not invoice["auto_advance"]:
        return told(reply, "canceled")
    return None


# -- money given back ---------------------------------------------------------------------------


def refund(client: Client, asked: CreateRefund, key: str) -> Told:
    """
    Give back a part of a charge, or all of it.

    The charge is looked at first: Stripe takes an amount without a currency, and would give back
    another sum than was meant.

    Raises:
        Rejected: less is left of the charge, it is of another currency, or Stripe gives nothing
            of it back.
    """
    charge = client.do(
        lambda sdk, options: sdk.v1.charges.retrieve(asked.charge, None, options)
    ).body
    if charge["currency"].upper() != asked.amount.currency:
        raise Rejected(f"Refund of {asked.amount} of a charge in {charge['currency'].upper()}")
    params: RefundCreateParams = {
        "amount": wire(asked.amount),
        "charge": asked.charge,
        "expand": ["charge"],
        "metadata": {name: text for name, text in asked.metadata.items() if text} | {OURS: key},
    }
    if asked.reason is not None:
        params["reason"] = asked.reason
    made = client.do(lambda sdk, options: sdk.v1.refunds.create(params, options), key=key)
    return _given(as_it_is(client, made, _with_charge(made.body["id"])))


def refunded(client: Client, asked: CreateRefund, key: str, at: datetime) -> Told | None:
    def page(sdk: stripe.StripeClient, after: str | None) -> stripe.ListObject[stripe.Refund]:
        params: RefundListParams = {
            "charge": asked.charge,
            "created": {"gte": since(at)},
            "limit": 100,
        }
        if after is not None:
            params["starting_after"] = after
        return sdk.v1.refunds.list(params)

    try:
        found = made_with(client.all(page), key)
    except Denied as error:
        if error.missing:
            return None  # there is no such charge
        raise
    return None if found is None else _given(client.do(_with_charge(found.body["id"])))


def _with_charge(refund: str) -> Call:
    return lambda sdk, options: sdk.v1.refunds.retrieve(refund, {"expand": ["charge"]}, options)


def _given(reply: Reply) -> Told:
    made = reply.body
    shown = (made["charge"], made)
    return Told(made["id"], shown, reply.at, made["status"], None, reply.request_id)


WAYS: Final[Mapping[type, Way]] = {
    PreparePayment: Way(prepare, prepared),
    WithdrawPayment: Way(withdraw, withdrawn),
    CreateRefund: Way(refund, refunded),
}
