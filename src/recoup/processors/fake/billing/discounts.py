"""
Coupons and promotion codes: who may redeem them, and what is left of one over time.

A use is counted when it is redeemed and never given back, not even when the subscription's first
payment is never made: Stripe does not either.
"""

from __future__ import annotations

from collections.abc import Sequence

from recoup.core import states
from recoup.errors import Rejected
from recoup.processors.fake.model import Customer, Invoice, Price, Subscription
from recoup.processors.fake.terms import (
    Coupon,
    Discount,
    Item,
    Line,
    PromotionCode,
    Wanted,
    months_after,
)
from recoup.processors.fake.world import Session


def coupon_called(s: Session, code: str) -> Coupon:
    """
    Return the coupon that the host called `code`, deleted or not.

    Raises:
        Rejected: there is none.
    """
    try:
        return s.get(Coupon, key_of(code))
    except Rejected:
        raise Rejected(f"No such coupon: {code!r}") from None


def promotion_code_called(s: Session, id_: str) -> PromotionCode:
    """
    Return the promotion code with this id.

    Raises:
        Rejected: there is none.
    """
    try:
        return s.get(PromotionCode, id_)
    except Rejected:
        raise Rejected(f"No such promotion code: {id_!r}") from None


def key_of(code: str) -> str:
    """Return the fake's own id of the coupon called `code`."""
    return f"coupon_{code}"


def redeem(
    s: Session,
    owner: Customer,
    wanted: Sequence[Wanted | Item],
    *,
    coupon: str | None,
    promotion_code: str | None,
) -> Discount | None:
    """
    Count one use and return what the subscription gets, or None when nothing is redeemed.

    Raises:
        Rejected: unknown, over, used up, or not for this customer, price or currency.
    """
    if coupon is not None and promotion_code is not None:
        raise Rejected("You may only specify one of these parameters: coupon, promotion_code")
    code = None
    if promotion_code is not None:
        code = _usable_code(s, owner, promotion_code, wanted)
        coupon = code.coupon
    if coupon is None:
        return None
    found = usable_coupon(s, coupon)
    _fits(s, found, wanted)
    found.redeemed += 1
    s.save(found)
    if code is not None:
        code.redeemed += 1
        s.save(code)
    return Discount(
        id=f"di_fake_{s.count('di'):06d}",
        coupon=found.code,
        promotion_code=promotion_code,
        start=s.now,
        end=months_after(s.now, found.months) if found.months else None,
    )


def usable(coupon: Coupon, now: int) -> bool:
    """Whether anybody can redeem the coupon."""
    return _refusal(coupon, now) is None


def usable_coupon(s: Session, code: str) -> Coupon:
    """
    Return the coupon called `code`, if anybody can redeem it.

    Raises:
        Rejected: unknown, deleted, over, or used up.
    """
    found = coupon_called(s, code)
    refusal = _refusal(found, s.now)
    if refusal is not None:
        raise Rejected(refusal)
    return found


def _refusal(coupon: Coupon, now: int) -> str | None:
    if coupon.deleted:
        return f"No such coupon: {coupon.code!r}"
    if coupon.redeem_by is not None and coupon.redeem_by <= now:
        return f"Coupon {coupon.code} is expired and cannot be applied."
    if coupon.max_redemptions is not None and coupon.redeemed >= coupon.max_redemptions:
        return f"Coupon {coupon.code} is used up and cannot be applied."
    return None


def _usable_code(
    s: Session, owner: Customer, id_: str, wanted: Sequence[Wanted | Item]
) -> PromotionCode:
    code = promotion_code_called(s, id_)
    words = f"Promotion code {code.code} cannot be redeemed"
    if not code.active:
        raise Rejected(f"{words} because it is inactive.")
    if code.expires_at is not None and code.expires_at <= s.now:
        raise Rejected(f"{words} because it is expired.")
    if code.max_redemptions is not None and code.redeemed >= code.max_redemptions:
        raise Rejected(f"{words} because it is used up.")
    if code.customer not in {None, owner.id}:
        raise Rejected(f"{words} because it belongs to a different customer.")
    if code.first_time and _has_bought(s, owner):
        raise Rejected(f"{words} because the customer has prior transactions.")
    if code.minimum is not None:
        amount, currency = _worth(s, wanted)
        if currency != code.currency or amount < code.minimum:
            raise Rejected(f"{words} because the minimum amount is not met.")
    return code


def _has_bought(s: Session, owner: Customer) -> bool:
    """Whether an invoice of the customer was paid, if only in a trial, or it is subscribed."""
    subscriptions = s.owned(Subscription, owner.id)
    holders = [owner.id, *(one.id for one in subscriptions)]
    invoices = [invoice for holder in holders for invoice in s.owned(Invoice, holder)]
    return any(states.is_live(one.status) for one in subscriptions) or any(
        states.is_paid(one.status) for one in invoices
    )


def _worth(s: Session, wanted: Sequence[Wanted | Item]) -> tuple[int, str]:
    prices = [s.get(Price, one.price) for one in wanted]
    total = sum(p.amount * one.quantity for p, one in zip(prices, wanted, strict=True))
    return total, prices[0].currency


def _fits(s: Session, coupon: Coupon, wanted: Sequence[Wanted | Item]) -> None:
    if coupon.prices and not any(one.price in coupon.prices for one in wanted):
        raise Rejected(f"Coupon {coupon.code} does not apply to any of the prices")
    currency = s.get(Price, wanted[0].price).currency
    if coupon.currency not in {None, currency}:
        raise Rejected(
            f"The coupon {coupon.code} is in {coupon.currency}, the subscription in {currency}"
        )


def active(s: Session, sub: Subscription) -> Coupon | None:
    """Return the coupon that lowers an invoice of `sub` made now, if any."""
    given = sub.discount
    if given is None or given.spent or (given.end is not None and given.end <= s.now):
        return None
    return coupon_called(s, given.coupon)


def spend(sub: Subscription, coupon: Coupon | None, lines: Sequence[Line]) -> None:
    """Note that an invoice was lowered, which uses up what is for one invoice only."""
    once = coupon is not None and coupon.duration == "once"
    if once and sub.discount is not None and any(line.discount for line in lines):
        sub.discount.spent = True


def drop_if_over(s: Session, sub: Subscription) -> None:
    """Take from the subscription what lowers no further invoice."""
    if sub.discount is not None and active(s, sub) is None:
        sub.discount = None
