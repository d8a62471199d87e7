"""Coupons, promotion codes, and giving them to subscriptions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, Final

from recoup.core.billing.requests import (
    ApplyDiscount,
    CreateCoupon,
    CreatePromotionCode,
    DeleteCoupon,
    RemoveDiscount,
    UpdatePromotionCode,
)
from recoup.core.money import Money
from recoup.errors import Rejected
from recoup.processors.fake import customers, events
from recoup.processors.fake.billing import discounts, subscriptions
from recoup.processors.fake.desk import metadata
from recoup.processors.fake.desk.subscribing import second
from recoup.processors.fake.desk.told import Told
from recoup.processors.fake.model import Customer, Price, Subscription, smallest
from recoup.processors.fake.terms import Coupon, PromotionCode
from recoup.processors.fake.world import Session

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,200}")
_CODE: Final = re.compile(r"[A-Za-z0-9-]{1,200}")
_PERCENT: Final = re.compile(r"[0-9]{1,3}(\.[0-9]{1,2})?")
_LONGEST_NAME: Final = 40
_DURATIONS: Final = frozenset({"once", "repeating", "forever"})


def create(
    s: Session,
    asked: CreateCoupon,
    *,
    products: tuple[str, ...] = (),
    texts: Mapping[str, str] | None = None,
) -> Told:
    """
    Create a coupon under the id that the host chose. An id is never used again, not even after
    the coupon was deleted; there Stripe is kinder.

    One for `products` is for the prices they have now; `texts` is its metadata.
    """
    _check(s, asked)
    made = Coupon(
        id=discounts.key_of(asked.coupon),
        created=s.now,
        code=asked.coupon,
        name=asked.name or None,
        percent_off=asked.percent_off,
        amount_off=asked.amount_off.minor if asked.amount_off else None,
        currency=asked.amount_off.currency if asked.amount_off else None,
        duration=asked.duration,
        months=asked.months,
        max_redemptions=asked.max_redemptions,
        redeem_by=second(asked.redeem_by),
        prices=tuple(s.get(Price, id_).id for id_ in asked.prices),
        products=products,
        metadata=metadata.merged({}, texts),
    )
    events.coupon(s, "coupon.created", s.save(made), valid=True)
    return Told(made.code)


def _check(s: Session, asked: CreateCoupon) -> None:
    if not _ID.fullmatch(asked.coupon):
        raise Rejected(f"Invalid coupon id: {asked.coupon!r}")
    if s.has(discounts.key_of(asked.coupon)):
        raise Rejected(f"Coupon already exists: {asked.coupon!r}")
    if (asked.percent_off is None) == (asked.amount_off is None):
        raise Rejected("You must pass exactly one of percent_off and amount_off")
    if asked.percent_off is not None and not _is_percent(asked.percent_off):
        raise Rejected(f"Invalid percent_off: {asked.percent_off!r}")
    if asked.amount_off is not None:
        _check_amount(asked.amount_off)
    if asked.duration not in _DURATIONS:
        raise Rejected(f"Invalid duration: {asked.duration!r}")
    if (asked.duration == "repeating") != (asked.months is not None) or (
        asked.months is not None and asked.months < 1
    ):
        raise Rejected("duration_in_months must be given, and positive, if it is repeating")
    if asked.name is not None and len(asked.name) > _LONGEST_NAME:
        raise Rejected(f"Invalid name: at most {_LONGEST_NAME} characters")
    _check_limits(s, asked.max_redemptions, second(asked.redeem_by), "redeem_by")


def _is_percent(text: str) -> bool:
    return bool(_PERCENT.fullmatch(text)) and 0 < Fraction(text) <= 100


def _check_amount(amount: Money) -> None:
    if amount.minor <= 0 or amount.minor % smallest(amount.currency):
        raise Rejected(f"Invalid amount: {amount}")


def _check_limits(s: Session, most: int | None, until: int | None, name: str) -> None:
    if most is not None and most < 1:
        raise Rejected("max_redemptions must be at least 1")
    if until is not None and until <= s.now:
        raise Rejected(f"{name} must be an instant in the future")


def delete(s: Session, asked: DeleteCoupon) -> Told:
    """Let nobody redeem the coupon any more; what it lowers already, it goes on lowering."""
    found = discounts.coupon_called(s, asked.coupon)
    if found.deleted:
        raise Rejected(f"No such coupon: {asked.coupon!r}")
    found.deleted = True
    events.coupon(s, "coupon.deleted", s.save(found), valid=False)
    return Told(found.code)


def create_code(
    s: Session, asked: CreatePromotionCode, *, texts: Mapping[str, str] | None = None
) -> Told:
    """
    Create a promotion code. No two active ones of the same customers are spelled alike; `texts`
    is its metadata.

    Raises:
        Rejected: its coupon can not be redeemed, it would outlive or outnumber its coupon, or
            Stripe would not take an argument.
    """
    coupon = discounts.usable_coupon(s, asked.coupon)
    if not _CODE.fullmatch(asked.code):
        raise Rejected(f"Invalid code: {asked.code!r}; only letters, digits and dashes")
    if asked.customer is not None:
        customers.living(s, asked.customer)
    if asked.minimum is not None:
        _check_amount(asked.minimum)
    until = second(asked.expires_at)
    _check_limits(s, asked.max_redemptions, until, "expires_at")
    _check_within(coupon, asked.max_redemptions, until)
    _check_free(s, asked.code, asked.customer)
    made = PromotionCode(
        id=s.new_id(PromotionCode),
        created=s.now,
        coupon=coupon.code,
        code=asked.code,
        customer=asked.customer,
        expires_at=until,
        max_redemptions=asked.max_redemptions,
        first_time=asked.first_time,
        minimum=asked.minimum.minor if asked.minimum else None,
        currency=asked.minimum.currency if asked.minimum else None,
        metadata=metadata.merged({}, texts),
    )
    s.save(made, owner=_spelling(made.code))
    events.promotion_code(s, "promotion_code.created", made, valid=True)
    return Told(made.id)


def _check_within(coupon: Coupon, most: int | None, until: int | None) -> None:
    if coupon.redeem_by is not None and (until or 0) > coupon.redeem_by:
        raise Rejected("expires_at must not be after the coupon's redeem_by")
    if coupon.max_redemptions is not None and (most or 0) > coupon.max_redemptions:
        raise Rejected("max_redemptions must not be more than the coupon's")


def _check_free(s: Session, code: str, customer: str | None) -> None:
    for other in s.owned(PromotionCode, _spelling(code)):
        for_both = customer is None or other.customer in {None, customer}
        if other.active and for_both:
            raise Rejected(f"An active promotion code with `code: {code}` already exists.")


def _spelling(code: str) -> str:
    return f"code:{code.upper()}"


def update_code(s: Session, asked: UpdatePromotionCode) -> Told:
    """
    Switch a code off, or on again.

    Raises:
        Rejected: unknown, or it can not be redeemed any more and so not be switched on.
    """
    found = discounts.promotion_code_called(s, asked.promotion_code)
    if asked.active == found.active:
        return Told(found.id)
    coupon = discounts.coupon_called(s, found.coupon)
    if asked.active:
        discounts.usable_coupon(s, found.coupon)
        if found.expires_at is not None and found.expires_at <= s.now:
            raise Rejected(f"Promotion code {found.code} is expired")
        _check_free(s, found.code, found.customer)
    found.active = asked.active
    valid = discounts.usable(coupon, s.now)
    previous = {"active": not asked.active}
    events.promotion_code(
        s, "promotion_code.updated", s.save(found), valid=valid, previous=previous
    )
    return Told(found.id)


def apply(s: Session, asked: ApplyDiscount) -> Told:
    """
    Raises:
        Rejected: it has ended, neither or both are named, or they can not be redeemed.
    """
    sub = s.get(Subscription, asked.subscription)
    subscriptions.refuse_ended(sub)
    if asked.coupon is None and asked.promotion_code is None:
        raise Rejected("You must pass one of coupon and promotion_code")
    owner = s.get(Customer, sub.customer)
    before = sub.discount
    sub.discount = discounts.redeem(
        s, owner, sub.items, coupon=asked.coupon, promotion_code=asked.promotion_code
    )
    _tell(s, sub, None if before is None else before.id)
    return Told(sub.id, sub.status)


def remove(s: Session, asked: RemoveDiscount) -> Told:
    """
    Raises:
        Rejected: it has ended, or has no discount.
    """
    sub = s.get(Subscription, asked.subscription)
    subscriptions.refuse_ended(sub)
    if sub.discount is None:
        raise Rejected(f"No active discount for subscription: {sub.id}")
    before, sub.discount = sub.discount, None
    _tell(s, sub, before.id)
    return Told(sub.id, sub.status)


def _tell(s: Session, sub: Subscription, before: str | None) -> None:
    previous = {"discounts": [before] if before else []} if s.basil else {"discount": before}
    events.subscription(s, "customer.subscription.updated", s.save(sub), previous)


ANSWERS: Final[Mapping[type, Callable[[Session, Any], Told]]] = {
    CreateCoupon: create,
    DeleteCoupon: delete,
    CreatePromotionCode: create_code,
    UpdatePromotionCode: update_code,
    ApplyDiscount: apply,
    RemoveDiscount: remove,
}
