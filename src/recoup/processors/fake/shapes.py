"""
The shapes of Stripe's objects, for versions before and from 2025-03-31.basil.

Before: an invoice names its subscription, payment intent and charge; charges and intents name
the invoice; a subscription has its period. From basil on: `parent`, `payments`, and periods on
items. Fields that Recoup has no use for are left out; none has another meaning than Stripe's.
Source: data/stripe_fixtures.json, and Stripe's changelog for 2025-03-31.basil.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from recoup.core import states
from recoup.core.money import Money
from recoup.processors.fake.model import (
    Charge,
    Customer,
    Instrument,
    Intent,
    Invoice,
    Method,
    Price,
    Refund,
    Subscription,
)
from recoup.processors.fake.payers import Refusal
from recoup.processors.stripe.amounts import stripe_amount

Json = dict[str, Any]

_MESSAGES: Final = {
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
}
#: Decline codes that are the error's code as well; every other one is a `card_declined`.
_OWN_CODE: Final = frozenset({"expired_card", "incorrect_cvc", "processing_error"})


@lru_cache(maxsize=4_096)
def amount(minor: int, currency: str) -> int:
    """Return ISO minor units in Stripe's."""
    return stripe_amount(Money(minor, currency))


def customer(c: Customer) -> Json:
    if c.deleted:
        return {"id": c.id, "object": "customer", "deleted": True}
    return {
        "id": c.id,
        "object": "customer",
        "address": c.country and {"country": c.country, "line1": None, "city": None},
        "created": c.created,
        "currency": c.currency and c.currency.lower(),
        "default_source": None,
        "delinquent": c.delinquent,
        "email": c.email,
        "invoice_settings": {"default_payment_method": c.default_method, "footer": None},
        "livemode": False,
        "metadata": c.metadata,
        "name": c.name,
        "preferred_locales": [c.locale] if c.locale else [],
    }


def method(m: Method, instrument: Instrument) -> Json:
    return {
        "id": m.id,
        "object": "payment_method",
        "billing_details": {"email": None, "name": None, "phone": None},
        "created": m.created,
        "customer": m.customer,
        "livemode": False,
        "metadata": {},
        "type": m.kind,
        m.kind: _details(m, instrument.id),
    }


def _details(m: Method, fingerprint: str) -> Json:
    if m.kind == "card":
        year, month = m.expires or (None, None)
        return {
            "brand": m.brand,
            "country": m.country,
            "exp_month": month,
            "exp_year": year,
            "fingerprint": fingerprint,
            "funding": "credit",
            "last4": m.last4,
        }
    return {"country": m.country, "fingerprint": fingerprint, "last4": m.last4}


def price(p: Price) -> Json:
    wire = amount(p.amount, p.currency)
    return {
        "id": p.id,
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": p.created,
        "currency": p.currency.lower(),
        "livemode": False,
        "metadata": {},
        "product": p.product,
        "recurring": {
            "interval": p.interval,
            "interval_count": p.interval_count,
            "usage_type": "licensed",
        },
        "type": "recurring",
        "unit_amount": wire,
        "unit_amount_decimal": str(wire),
    }


def subscription(s: Subscription, p: Price, *, basil: bool) -> Json:
    period = {"current_period_end": s.period_end, "current_period_start": s.period_start}
    item = {
        "id": s.id.replace("sub_", "si_", 1),
        "object": "subscription_item",
        "created": s.created,
        "metadata": {},
        "price": price(p),
        "quantity": s.quantity,
        "subscription": s.id,
    }
    shape = {
        "id": s.id,
        "object": "subscription",
        "billing_cycle_anchor": s.anchor,
        "cancel_at": s.period_end if s.cancel_at_period_end else None,
        "cancel_at_period_end": s.cancel_at_period_end,
        "canceled_at": s.canceled_at,
        "cancellation_details": {
            "comment": s.end_comment,
            "feedback": None,
            "reason": s.end_reason,
        },
        "collection_method": s.collection,
        "created": s.created,
        "currency": p.currency.lower(),
        "customer": s.customer,
        "days_until_due": s.days_until_due,
        "default_payment_method": s.default_method,
        "ended_at": s.ended_at,
        "items": {
            "object": "list",
            "data": [item | period if basil else item],
            "has_more": False,
        },
        "latest_invoice": s.latest_invoice,
        "livemode": False,
        "metadata": s.metadata,
        "pause_collection": None,
        "start_date": s.created,
        "status": s.status,
        "trial_end": s.trial_end,
        "trial_start": s.trial_start,
    }
    return shape if basil else shape | period


def invoice(i: Invoice, pi: Intent | None, *, basil: bool) -> Json:
    """Return the invoice; `pi` is its payment intent, once it has one."""
    total, paid = amount(i.amount, i.currency), amount(i.paid, i.currency)
    shape = {
        "id": i.id,
        "object": "invoice",
        "amount_due": total,
        "amount_paid": paid,
        "amount_remaining": amount(i.remaining, i.currency),
        "attempt_count": i.attempt_count,
        "attempted": i.attempted,
        "auto_advance": i.auto_advance,
        "billing_reason": i.reason,
        "collection_method": i.collection,
        "created": i.created,
        "currency": i.currency.lower(),
        "customer": i.customer,
        "default_payment_method": None,
        "due_date": i.due_date,
        "hosted_invoice_url": i.number and f"https://invoice.example.com/{i.id}",
        "lines": {"object": "list", "data": [_line(i, total, basil=basil)], "has_more": False},
        "livemode": False,
        "metadata": {},
        "next_payment_attempt": i.next_try,
        "number": i.number,
        "period_end": i.period_end,
        "period_start": i.period_start,
        "status": i.status,
        "status_transitions": {
            "finalized_at": i.finalized_at,
            "marked_uncollectible_at": i.uncollectible_at,
            "paid_at": i.paid_at,
            "voided_at": i.voided_at,
        },
        "subtotal": total,
        "total": total,
    }
    return shape | (_basil_links(i, pi) if basil else _old_links(i, pi))


def _old_links(i: Invoice, pi: Intent | None) -> Json:
    return {
        "charge": pi and pi.latest_charge,
        "paid": states.is_paid(i.status),
        "paid_out_of_band": i.out_of_band,
        "payment_intent": pi and pi.id,
        "subscription": i.subscription,
    }


def _basil_links(i: Invoice, pi: Intent | None) -> Json:
    parent = None
    if i.subscription is not None:
        details = {"metadata": {}, "subscription": i.subscription}
        parent = {
            "quote_details": None,
            "subscription_details": details,
            "type": "subscription_details",
        }
    payments = [] if pi is None else [invoice_payment(i, pi)]
    if i.out_of_band:
        payments.append(_payment_elsewhere(i))
    return {
        "parent": parent,
        "payments": {"object": "list", "data": payments, "has_more": False},
    }


def _line(i: Invoice, total: int, *, basil: bool) -> Json:
    line: Json = {
        "id": i.id.replace("in_", "il_", 1),
        "object": "line_item",
        "amount": total,
        "currency": i.currency.lower(),
        "period": {"end": i.period_end, "start": i.period_start},
        "quantity": i.quantity,
    }
    if basil:
        line["pricing"] = {"price_details": {"price": i.price}, "type": "price_details"}
    else:
        line["subscription"] = i.subscription
    return line


def invoice_payment(i: Invoice, pi: Intent) -> Json:
    """Return what ties a payment intent to an invoice, from basil on."""
    by_intent = pi.received > 0
    canceled = pi.canceled_at is not None
    return {
        "id": pi.id.replace("pi_", "inpay_", 1),
        "object": "invoice_payment",
        "amount_paid": amount(pi.received, pi.currency) if by_intent else None,
        "amount_requested": amount(pi.amount, pi.currency),
        "created": pi.created,
        "currency": pi.currency.lower(),
        "invoice": i.id,
        "is_default": True,
        "livemode": False,
        "payment": {"payment_intent": pi.id, "type": "payment_intent"},
        "status": "paid" if by_intent else "canceled" if canceled else "open",
        "status_transitions": {
            "canceled_at": pi.canceled_at,
            "paid_at": i.paid_at if by_intent else None,
        },
    }


def _payment_elsewhere(i: Invoice) -> Json:
    total = amount(i.amount, i.currency)
    return {
        "id": i.id.replace("in_", "inpay_elsewhere_", 1),
        "object": "invoice_payment",
        "amount_paid": total,
        "amount_requested": total,
        "created": i.paid_at,
        "currency": i.currency.lower(),
        "invoice": i.id,
        "is_default": False,
        "livemode": False,
        "payment": {"payment_record": f"pr_{i.id}", "type": "payment_record"},
        "status": "paid",
        "status_transitions": {"canceled_at": None, "paid_at": i.paid_at},
    }


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
    return {
        "advice_code": refusal.advice_code,
        "charge": pi.latest_charge,
        "code": _failure_code(refusal),
        "decline_code": refusal.code,
        "message": _message(refusal),
        "network_advice_code": refusal.network_advice_code,
        "network_decline_code": refusal.network_decline_code,
        "payment_method": pi.method and {"id": pi.method, "object": "payment_method"},
        "type": "card_error",
    }


def _failure_code(refusal: Refusal) -> str:
    return refusal.code if refusal.code in _OWN_CODE else "card_declined"


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
        "payment_method_details": {m.kind: _details(m, c.instrument), "type": m.kind},
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
        "metadata": {},
        "payment_intent": r.intent,
        "reason": None,
        "status": "succeeded",
    }
