"""Payment intents, setup intents, charges, refunds and disputes."""

from __future__ import annotations

from typing import Final

from recoup.core import states
from recoup.processors.fake.model import Charge, Dispute, Intent, Method, Refund, SetupIntent
from recoup.processors.fake.payers import Refusal
from recoup.processors.fake.shapes.people import details
from recoup.processors.fake.shapes.wire import Json, amount

_MESSAGES: Final = {
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
}
#: Decline codes that are the error's code as well; every other one is a `card_declined`.
_OWN_CODE: Final = frozenset({"expired_card", "incorrect_cvc", "processing_error"})
#: Codes of a challenge that was not passed. No bank was asked, so there is no decline code.
_CHALLENGE: Final = frozenset(
    {"payment_intent_authentication_failure", "setup_intent_authentication_failure"}
)


def intent(pi: Intent, *, basil: bool) -> Json:
    wire = amount(pi.amount, pi.currency)
    shape = {
        "id": pi.id,
        "object": "payment_intent",
        "amount": wire,
        "amount_received": amount(pi.received, pi.currency),
        "canceled_at": pi.canceled_at,
        "created": pi.created,
        "currency": pi.currency.lower(),
        "customer": pi.customer,
        "last_payment_error": None if pi.refusal is None else _error(pi, pi.refusal),
        "latest_charge": pi.latest_charge,
        "livemode": False,
        "metadata": {},
        "payment_method": pi.method,
        "status": pi.status,
    }
    return shape if basil else shape | {"invoice": pi.invoice}


def _error(pi: Intent, refusal: Refusal) -> Json:
    challenge = refusal.code in _CHALLENGE
    return {
        "advice_code": refusal.advice_code,
        "charge": None if challenge else pi.latest_charge,
        "code": _failure_code(refusal),
        "decline_code": None if challenge else refusal.code,
        "message": _message(refusal),
        "network_advice_code": refusal.network_advice_code,
        "network_decline_code": refusal.network_decline_code,
        "payment_method": pi.method and {"id": pi.method, "object": "payment_method"},
        "type": "card_error",
    }


def card_error(refusal: Refusal) -> Json:
    """Return what an error says of a bank that refuses a card."""
    told = {
        "advice_code": refusal.advice_code,
        "code": _failure_code(refusal),
        "decline_code": refusal.code,
        "message": _message(refusal),
        "network_advice_code": refusal.network_advice_code,
        "network_decline_code": refusal.network_decline_code,
        "type": "card_error",
    }
    return {name: said for name, said in told.items() if said is not None}


def _failure_code(refusal: Refusal) -> str:
    return refusal.code if refusal.code in _OWN_CODE | _CHALLENGE else "card_declined"


def _message(refusal: Refusal) -> str:
    return _MESSAGES.get(refusal.code, "Your card was declined.")


def charge(c: Charge, m: Method, *, basil: bool) -> Json:
    succeeded, refusal = states.succeeded(c.state), c.refusal
    wire, refunded = amount(c.amount, c.currency), amount(c.refunded, c.currency)
    shape = {
        "id": c.id,
        "object": "charge",
        "amount": wire,
        "amount_captured": wire if succeeded else 0,
        "amount_refunded": refunded,
        "captured": succeeded,
        "created": c.created,
        "currency": c.currency.lower(),
        "customer": c.customer,
        "disputed": c.disputed,
        "failure_code": refusal and _failure(refusal, m.kind),
        "failure_message": refusal and _message(refusal),
        "livemode": False,
        "metadata": {},
        "outcome": _outcome(refusal),
        "paid": succeeded,
        "payment_intent": c.intent,
        "payment_method": c.method,
        "payment_method_details": {m.kind: details(m, c.instrument), "type": m.kind},
        "refunded": succeeded and c.refunded == c.amount,
        "status": _charge_status(c),
    }
    return shape if basil else shape | {"invoice": c.invoice}


def _charge_status(c: Charge) -> str:
    if states.in_flight(c.state):
        return "pending"
    return "succeeded" if states.succeeded(c.state) else "failed"


def _failure(refusal: Refusal, kind: str) -> str:
    # A bank debit names its reason itself; only cards have the word card_declined.
    return _failure_code(refusal) if kind == "card" else refusal.code


def _outcome(refusal: Refusal | None) -> Json:
    refused = refusal is not None
    return {
        "advice_code": refusal and refusal.advice_code,
        "network_advice_code": refusal and refusal.network_advice_code,
        "network_decline_code": refusal and refusal.network_decline_code,
        "network_status": "declined_by_network" if refused else "approved_by_network",
        "reason": refusal and refusal.code,
        "seller_message": None if refused else "Payment complete.",
        "type": "issuer_declined" if refused else "authorized",
    }


def refund(r: Refund) -> Json:
    return {
        "id": r.id,
        "object": "refund",
        "amount": amount(r.amount, r.currency),
        "charge": r.charge,
        "created": r.created,
        "currency": r.currency.lower(),
        "failure_reason": "unknown" if r.failed else None,
        "metadata": r.metadata,
        "payment_intent": r.intent,
        "reason": r.reason,
        "status": "failed" if r.failed else "succeeded",
    }


def dispute(d: Dispute) -> Json:
    closed = "lost" if d.lost else "won"
    return {
        "id": d.id,
        "object": "dispute",
        "amount": amount(d.amount, d.currency),
        "charge": d.charge,
        "created": d.created,
        "currency": d.currency.lower(),
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": d.intent,
        "reason": "fraudulent",
        "status": "needs_response" if d.open else closed,
    }


def setup(i: SetupIntent) -> Json:
    return {
        "id": i.id,
        "object": "setup_intent",
        "created": i.created,
        "customer": i.customer,
        "last_setup_error": None if i.refusal is None else _setup_error(i.refusal),
        "livemode": False,
        "metadata": i.metadata,
        "payment_method": i.method,
        "status": setup_status(i),
        "usage": "off_session" if i.off_session else "on_session",
    }


def setup_status(i: SetupIntent) -> str:
    """Return Stripe's word for where a setup intent stands."""
    if states.succeeded(i.state):
        return "succeeded"
    return "requires_action" if states.awaits_customer(i.state) else "requires_payment_method"


def _setup_error(refusal: Refusal) -> Json:
    challenge = refusal.code in _CHALLENGE
    return {
        "code": _failure_code(refusal),
        "decline_code": None if challenge else refusal.code,
        "message": _message(refusal),
        "type": "invalid_request_error" if challenge else "card_error",
    }
