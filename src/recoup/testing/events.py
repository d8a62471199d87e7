"""
Stripe's objects and events, as Stripe sends them, in the shapes of old and new API versions.

For tests: `event("invoice.paid", invoice("in_1", …), id="evt_1", at=…)`. Amounts are in Stripe's
units, instants in seconds since 1970, both as on the wire. What an argument does not name has the
value that Stripe gives a plain case; `**fields` replaces anything.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

Json = dict[str, Any]

VERSIONS: Final = (
    "2022-11-15",
    "2024-06-20",
    "2025-03-31.basil",
    "2025-09-30.clover",
    "2026-10-28.endive",
)
OLDEST: Final = VERSIONS[0]
NEWEST: Final = VERSIONS[-1]
#: 2026-01-01T00:00:00Z
NEW_YEAR: Final = 1767225600

_encode: Final = msgspec.json.Encoder().encode


def is_new(version: str) -> bool:
    """Whether payments have moved to `payments`, and periods to items: 2025-03-31 and later."""
    return version >= "2025-03-31"


def event(
    type: str,
    object: Json,
    *,
    id: str,
    at: int = NEW_YEAR,
    version: str = NEWEST,
    key: str | None = None,
    previous: Json | None = None,
) -> Json:
    """Return an event; `key` is the idempotency key of the request behind it."""
    data: Json = {"object": object}
    if previous is not None:
        data["previous_attributes"] = previous
    return {
        "id": id,
        "object": "event",
        "api_version": version,
        "created": at,
        "data": data,
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None if key is None else "req_1", "idempotency_key": key},
        "type": type,
    }


def line(told: Json) -> bytes:
    """Return an event as a line of JSON."""
    return _encode(told)


def customer(id: str, **fields: Any) -> Json:
    return {
        "id": id,
        "object": "customer",
        "address": {"city": "Berlin", "country": "DE", "line1": None},
        "created": NEW_YEAR,
        "currency": "eur",
        "default_source": None,
        "email": f"{id}@example.com",
        "invoice_settings": {"default_payment_method": f"pm_{id}"},
        "livemode": False,
        "metadata": {},
        "name": "Ada",
        "preferred_locales": ["de"],
    } | fields


def payment_method(id: str, customer: str | None, **fields: Any) -> Json:
    return {
        "id": id,
        "object": "payment_method",
        "billing_details": {"email": None},
        "card": {
            "brand": "visa",
            "country": "DE",
            "exp_month": 8,
            "exp_year": 2030,
            "fingerprint": f"fp_{id}",
            "last4": "4242",
        },
        "created": NEW_YEAR,
        "customer": customer,
        "livemode": False,
        "metadata": {},
        "type": "card",
    } | fields


def subscription(
    id: str,
    customer: str,
    *,
    version: str = NEWEST,
    status: str = "active",
    start: int = NEW_YEAR,
    end: int = NEW_YEAR + 31 * 86400,
    **fields: Any,
) -> Json:
    period = {"current_period_start": start, "current_period_end": end}
    item: Json = {
        "id": f"si_{id}",
        "object": "subscription_item",
        "price": {"id": "price_basic", "object": "price", "currency": "eur"},
        "quantity": 1,
    }
    made: Json = {
        "id": id,
        "object": "subscription",
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "created": start,
        "currency": "eur",
        "customer": customer,
        "default_payment_method": None,
        "ended_at": None,
        "items": {"object": "list", "data": [item | period if is_new(version) else item]},
        "livemode": False,
        "metadata": {},
        "start_date": start,
        "status": status,
        "trial_end": None,
    }
    return made | ({} if is_new(version) else period) | fields


def invoice(
    id: str,
    customer: str,
    *,
    subscription: str | None = None,
    payment_intent: str | None = None,
    version: str = NEWEST,
    status: str = "open",
    amount: int = 1000,
    at: int = NEW_YEAR,
    out_of_band: bool = False,
    **fields: Any,
) -> Json:
    """Return an invoice; one that is paid is paid whole, at `at`."""
    paid = amount if status == "paid" else 0
    made: Json = {
        "id": id,
        "object": "invoice",
        "amount_due": amount,
        "amount_paid": paid,
        "amount_remaining": amount - paid,
        "attempt_count": 0,
        "billing_reason": "subscription_cycle",
        "collection_method": "charge_automatically",
        "created": NEW_YEAR,
        "currency": "eur",
        "customer": customer,
        "due_date": None,
        "livemode": False,
        "metadata": {},
        "next_payment_attempt": None,
        "number": None if status == "draft" else f"R-{id}",
        "status": status,
        "status_transitions": {
            "finalized_at": None if status == "draft" else NEW_YEAR,
            "marked_uncollectible_at": at if status == "uncollectible" else None,
            "paid_at": at if status == "paid" else None,
            "voided_at": at if status == "void" else None,
        },
    }
    if not is_new(version):
        return made | _old_links(subscription, payment_intent, status, out_of_band) | fields
    return made | _new_links(id, subscription, payment_intent, out_of_band) | fields


def _old_links(
    subscription: str | None, payment_intent: str | None, status: str, out_of_band: bool
) -> Json:
    return {
        "charge": None,
        "paid": status == "paid",
        "paid_out_of_band": out_of_band,
        "payment_intent": payment_intent,
        "subscription": subscription,
    }


def _new_links(
    id: str, subscription: str | None, payment_intent: str | None, out_of_band: bool
) -> Json:
    details: Json = {"metadata": {}, "subscription": subscription}
    parent = {
        "quote_details": None,
        "subscription_details": details,
        "type": "subscription_details",
    }
    payments = [invoice_payment(f"inpay_{id}", id, payment_intent)] if payment_intent else []
    if out_of_band:
        elsewhere = {"payment_record": f"pr_{id}", "type": "payment_record"}
        payments.append(invoice_payment(f"inpay_{id}_2", id, None) | {"payment": elsewhere})
    return {
        "parent": parent if subscription else None,
        "payments": {"object": "list", "data": payments, "has_more": False},
    }


def invoice_payment(id: str, invoice: str, payment_intent: str | None, **fields: Any) -> Json:
    return {
        "id": id,
        "object": "invoice_payment",
        "amount_paid": None,
        "amount_requested": 1000,
        "created": NEW_YEAR,
        "currency": "eur",
        "invoice": invoice,
        "is_default": True,
        "livemode": False,
        "payment": {"payment_intent": payment_intent, "type": "payment_intent"},
        "status": "open",
    } | fields


def payment_intent(
    id: str,
    customer: str,
    *,
    invoice: str | None = None,
    version: str = NEWEST,
    **fields: Any,
) -> Json:
    made: Json = {
        "id": id,
        "object": "payment_intent",
        "amount": 1000,
        "created": NEW_YEAR,
        "currency": "eur",
        "customer": customer,
        "latest_charge": None,
        "livemode": False,
        "metadata": {},
        "payment_method": f"pm_{customer}",
        "status": "requires_payment_method",
    }
    return made | ({} if is_new(version) else {"invoice": invoice}) | fields


def charge(
    id: str,
    customer: str,
    *,
    invoice: str | None = None,
    payment_intent: str | None = None,
    version: str = NEWEST,
    status: str = "succeeded",
    at: int = NEW_YEAR,
    code: str = "insufficient_funds",
    **fields: Any,
) -> Json:
    """Return a charge made at `at`; a failed one was declined with `code`."""
    failed = status == "failed"
    made: Json = {
        "id": id,
        "object": "charge",
        "amount": 1000,
        "amount_refunded": 0,
        "captured": status == "succeeded",
        "created": at,
        "currency": "eur",
        "customer": customer,
        "disputed": False,
        "failure_code": "card_declined" if failed else None,
        "failure_message": "Your card was declined." if failed else None,
        "livemode": False,
        "metadata": {},
        "outcome": {
            "advice_code": "try_again_later" if failed else None,
            "network_advice_code": "02" if failed else None,
            "network_decline_code": "51" if failed else None,
            "network_status": "declined_by_network" if failed else "approved_by_network",
            "reason": code if failed else None,
            "type": "issuer_declined" if failed else "authorized",
        },
        "paid": status == "succeeded",
        "payment_intent": payment_intent,
        "payment_method": f"pm_{customer}",
        "payment_method_details": {
            "card": {"brand": "visa", "country": "DE", "fingerprint": f"fp_pm_{customer}"},
            "type": "card",
        },
        "refunded": False,
        "status": status,
    }
    return made | ({} if is_new(version) else {"invoice": invoice}) | fields


def refund(id: str, charge: str, *, status: str = "succeeded", **fields: Any) -> Json:
    return {
        "id": id,
        "object": "refund",
        "amount": 400,
        "charge": charge,
        "created": NEW_YEAR,
        "currency": "eur",
        "metadata": {},
        "status": status,
    } | fields


def coupon(id: str, **fields: Any) -> Json:
    """Return a coupon of ten percent, once."""
    return {
        "id": id,
        "object": "coupon",
        "amount_off": None,
        "created": NEW_YEAR,
        "currency": None,
        "duration": "once",
        "duration_in_months": None,
        "livemode": False,
        "max_redemptions": None,
        "metadata": {},
        "name": "Ten off",
        "percent_off": 10,
        "redeem_by": None,
        "times_redeemed": 0,
        "valid": True,
    } | fields


def promotion_code(
    id: str, coupon: Json, code: str, *, version: str = NEWEST, **fields: Any
) -> Json:
    """Return a code that anybody may use; `promotion` holds its coupon since 2025-09-30."""
    moved = version >= "2025-09-30"
    source = {"promotion": {"coupon": coupon["id"], "type": "coupon"}}
    return {
        "id": id,
        "object": "promotion_code",
        "active": True,
        "code": code,
        "created": NEW_YEAR,
        "customer": None,
        "expires_at": None,
        "livemode": False,
        "max_redemptions": None,
        "metadata": {},
        "restrictions": {
            "first_time_transaction": False,
            "minimum_amount": None,
            "minimum_amount_currency": None,
        },
        "times_redeemed": 0,
        **(source if moved else {"coupon": coupon}),
    } | fields


def dispute(id: str, charge: str, *, status: str = "needs_response", **fields: Any) -> Json:
    return {
        "id": id,
        "object": "dispute",
        "amount": 1000,
        "charge": charge,
        "created": NEW_YEAR,
        "currency": "eur",
        "livemode": False,
        "metadata": {},
        "reason": "general",
        "status": status,
    } | fields
