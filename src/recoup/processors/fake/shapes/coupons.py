"""
Coupons, promotion codes, and discounts.

Stripe sends only a discount's id from basil on, unless it is asked for expanded; here it is
always expanded, as by somebody who asks. Stripe limits coupons to products: here to the one
product that all prices have, so an event does not tell which prices a coupon is for.
"""

from __future__ import annotations

from fractions import Fraction

from recoup.processors.fake.model import Subscription
from recoup.processors.fake.shapes.wire import Json, amount, is_basil, is_clover
from recoup.processors.fake.terms import ANY_PRODUCT, Coupon, Discount, PromotionCode


def coupon(c: Coupon, *, valid: bool) -> Json:
    return {
        "id": c.code,
        "object": "coupon",
        "amount_off": None
        if c.amount_off is None or c.currency is None
        else amount(c.amount_off, c.currency),
        "applies_to": {"products": list(c.products) or [ANY_PRODUCT]} if c.prices else None,
        "created": c.created,
        "currency": c.currency and c.currency.lower(),
        "duration": c.duration,
        "duration_in_months": c.months,
        "livemode": False,
        "max_redemptions": c.max_redemptions,
        "metadata": c.metadata,
        "name": c.name,
        "percent_off": None if c.percent_off is None else _percent(c.percent_off),
        "redeem_by": c.redeem_by,
        "times_redeemed": c.redeemed,
        "valid": valid,
    } | ({"deleted": True} if c.deleted else {})


def _percent(text: str) -> int | float:
    share = Fraction(text)
    return int(share) if share.denominator == 1 else float(text)


def promotion_code(p: PromotionCode, c: Coupon, *, valid: bool, version: str) -> Json:
    """Return the code; `c` is its coupon."""
    what = coupon(c, valid=valid)
    shape = {
        "id": p.id,
        "object": "promotion_code",
        "active": p.active,
        "code": p.code,
        "created": p.created,
        "customer": p.customer,
        "expires_at": p.expires_at,
        "livemode": False,
        "max_redemptions": p.max_redemptions,
        "metadata": p.metadata,
        "restrictions": {
            "first_time_transaction": p.first_time,
            "minimum_amount": None
            if p.minimum is None or p.currency is None
            else amount(p.minimum, p.currency),
            "minimum_amount_currency": p.currency and p.currency.lower(),
        },
        "times_redeemed": p.redeemed,
    }
    clover = {"promotion": {"coupon": what, "type": "coupon"}}
    return shape | (clover if is_clover(version) else {"coupon": what})


def discount(d: Discount, c: Coupon, s: Subscription, version: str) -> Json:
    """Return what a subscription was given; `c` is its coupon."""
    what = coupon(c, valid=not c.deleted)
    shape = {
        "id": d.id,
        "object": "discount",
        "customer": s.customer,
        "end": d.end,
        "promotion_code": d.promotion_code,
        "start": d.start,
        "subscription": s.id,
    }
    if not is_basil(version):
        shape["invoice"] = None
    clover = {"source": {"coupon": what, "type": "coupon"}}
    return shape | (clover if is_clover(version) else {"coupon": what})
