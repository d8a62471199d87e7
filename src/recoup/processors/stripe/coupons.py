"""Coupons and the codes that promise them."""

from __future__ import annotations

from recoup.core.facts import CouponFact, PromotionCodeFact
from recoup.core.money import Money
from recoup.errors import InvalidMoney
from recoup.processors.stripe.amounts import money
from recoup.processors.stripe.event import Event
from recoup.processors.stripe.shapes import Shape


def coupon(event: Event) -> tuple[CouponFact]:
    """
    Return the coupon as the event shows it. Once deleted, nothing newer counts.

    Stripe limits a coupon to products, not to prices, so the prices are not said.
    """
    told = event.object
    deleted = event.type == "coupon.deleted" or told.flag("deleted")
    off = told.opt_integer("amount_off", low=1, high=2**63 - 1)
    return (
        CouponFact(
            processor_id=told.ref("id"),
            seen=event.seen(rank=int(deleted)),
            name=told.opt_text("name"),
            percent_off=told.opt_percent("percent_off"),
            amount_off=None if off is None else told.amount("amount_off"),
            duration=told.text("duration"),
            months=told.opt_integer("duration_in_months", low=1),
            max_redemptions=told.opt_integer("max_redemptions", low=1),
            redeem_by=told.opt_instant("redeem_by"),
            prices=None,
            deleted=deleted,
        ),
    )


def promotion_code(event: Event) -> tuple[PromotionCodeFact]:
    """
    Return the promotion code as the event shows it.

    Its coupon was an object once, and is part of `promotion` since 2025-09-30.
    """
    told = event.object
    source = told.opt_child("promotion") or told
    limits = told.opt_child("restrictions")
    active = told.flag("active")
    return (
        PromotionCodeFact(
            processor_id=told.ref("id"),
            coupon=source.ref("coupon"),
            seen=event.seen(),
            code=told.text("code"),
            active=active,
            customer=told.opt_ref("customer"),
            max_redemptions=told.opt_integer("max_redemptions", low=1),
            expires_at=told.opt_instant("expires_at"),
            first_time=limits.flag("first_time_transaction") if limits else False,
            minimum=_minimum(limits) if limits else None,
        ),
    )


def _minimum(limits: Shape) -> Money | None:
    if not limits.opt_integer("minimum_amount", high=2**63 - 1):
        return None
    amount = limits.integer("minimum_amount", high=2**63 - 1)
    try:
        return money(amount, limits.text("minimum_amount_currency"))
    except InvalidMoney as error:
        raise limits.wrong("minimum_amount", f"is no amount: {error}") from error
