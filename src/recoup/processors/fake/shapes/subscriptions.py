"""Prices and subscriptions."""

from __future__ import annotations

from collections.abc import Sequence

from recoup.processors.fake.model import Price, Subscription
from recoup.processors.fake.shapes.coupons import discount
from recoup.processors.fake.shapes.wire import Json, amount, is_basil
from recoup.processors.fake.terms import Coupon, Item, Offer


def price(p: Price) -> Json:
    wire = amount(p.amount, p.currency)
    return {
        "id": p.id,
        "object": "price",
        "active": p.active,
        "billing_scheme": "per_unit",
        "created": p.created,
        "currency": p.currency.lower(),
        "livemode": False,
        "metadata": p.metadata,
        "nickname": p.nickname,
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


def subscription(
    s: Subscription, prices: Sequence[Price], coupon: Coupon | None, *, version: str
) -> Json:
    """Return the subscription; `prices` are its items', `coupon` is its discount's."""
    basil = is_basil(version)
    period = {"current_period_end": s.period_end, "current_period_start": s.period_start}
    given = s.discount
    told = None if given is None or coupon is None else discount(given, coupon, s, version)
    shape = {
        "id": s.id,
        "object": "subscription",
        "billing_cycle_anchor": s.anchor,
        "cancel_at": s.ends_at,
        "cancel_at_period_end": s.cancel_at_period_end,
        "canceled_at": s.canceled_at,
        "cancellation_details": {
            "comment": s.end_comment,
            "feedback": s.feedback,
            "reason": s.end_reason,
        },
        "collection_method": s.collection,
        "created": s.created,
        "currency": s.currency.lower(),
        "customer": s.customer,
        "days_until_due": s.days_until_due,
        "default_payment_method": s.default_method,
        "ended_at": s.ended_at,
        "items": {
            "object": "list",
            "data": [
                _item(s, item, one) | (period if basil else {})
                for item, one in zip(s.items, prices, strict=True)
            ],
            "has_more": False,
            "url": f"/v1/subscription_items?subscription={s.id}",
        },
        "latest_invoice": s.latest_invoice,
        "livemode": False,
        "metadata": s.metadata,
        "pause_collection": s.pause
        and {"behavior": s.pause.behavior, "resumes_at": s.pause.resumes_at},
        "pending_update": None if s.offer is None or not s.offer.told else _offer(s, s.offer),
        "schedule": s.schedule or (s.next_items and s.id.replace("sub_", "sub_sched_", 1)),
        "start_date": s.started or s.created,
        "status": s.status,
        "trial_end": s.trial_end,
        "trial_start": s.trial_start,
    }
    if basil:
        return shape | {"discounts": [] if told is None else [told]}
    return shape | period | {"discount": told}


def _offer(s: Subscription, waiting: Offer) -> Json:
    """Return the change that waits: Stripe names of its items what they are to be."""
    return {
        "billing_cycle_anchor": waiting.anchor if waiting.restarts else None,
        "expires_at": waiting.expires_at,
        "subscription_items": [
            {
                "id": item.id,
                "object": "subscription_item",
                "price": {"id": item.price, "object": "price"},
                "quantity": item.quantity,
                "subscription": s.id,
            }
            for item in waiting.items
        ],
        "trial_end": None,
        "trial_from_plan": None,
    }


def _item(s: Subscription, item: Item, one: Price) -> Json:
    return {
        "id": item.id,
        "object": "subscription_item",
        "created": s.created,
        "metadata": {},
        "price": price(one),
        "quantity": item.quantity,
        "subscription": s.id,
    }
