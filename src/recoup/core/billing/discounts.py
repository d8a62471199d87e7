"""Who may redeem what, and what a discount may be. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from decimal import Decimal, InvalidOperation
from itertools import chain
from typing import Final

from recoup.core.billing.views import Coupon, PromotionCode
from recoup.errors import InvalidValue

_HUNDRED: Final = Decimal(100)
_CENT: Final = Decimal("0.01")


def percent(given: Decimal | int | str) -> str:
    """
    Return a percentage as text, without zeros that say nothing: "12.5".

    Raises:
        InvalidValue: not over 0 and up to 100, more than two decimals, or a float.
    """
    if isinstance(given, bool) or not isinstance(given, Decimal | int | str):
        raise InvalidValue(
            "percent_off: expected a Decimal, a whole number or text, never a float, "
            f"got {given!r}"
        )
    try:
        value = Decimal(given)
        exact = value.is_finite() and value == value.quantize(_CENT)
    except InvalidOperation:
        exact = False
    if not exact or not 0 < value <= _HUNDRED:
        raise InvalidValue(
            f"percent_off: expected over 0, up to 100, with at most two decimals, got {given!r}"
        )
    return f"{value:.2f}".rstrip("0").rstrip(".")


def refusal(
    coupon: Coupon,
    code: PromotionCode | None,
    *,
    customer_id: int,
    currency: str | None,
    prices: Collection[str],
    first: bool,
    now: datetime,
) -> str | None:
    """
    Return why `coupon`, redeemed by `code` or by itself, is refused; None when it is not.

    Args:
        currency: The customer's; None before its first subscription.
        prices: What the discount is to be on.
        first: Whether the customer has never paid for anything.
        now: UTC. What ends at an instant is over at that instant.

    Whether the order is worth a code's minimum only the processor can tell: it knows the prices.
    """
    reasons: Iterator[str] = _of_coupon(coupon, currency, prices, now)
    if code is not None:
        reasons = chain(_of_code(code, customer_id, currency, first=first, now=now), reasons)
    return next(reasons, None)


def _of_coupon(
    coupon: Coupon, currency: str | None, prices: Collection[str], now: datetime
) -> Iterator[str]:
    label = f"the coupon {coupon.processor_id}"
    if coupon.deleted:
        yield f"{label} is deleted"
    if coupon.redeem_by is not None and coupon.redeem_by <= now:
        yield f"{label} has expired ({coupon.redeem_by:%Y-%m-%d %H:%M} UTC)"
    if coupon.max_redemptions is not None and coupon.redemptions >= coupon.max_redemptions:
        yield f"{label} is used up ({coupon.max_redemptions} times)"
    if coupon.amount_off is not None and currency not in {None, coupon.amount_off.currency}:
        yield f"{label} is in {coupon.amount_off.currency}, and the customer pays in {currency}"
    if coupon.prices and not set(coupon.prices) & set(prices):
        yield f"{label} is not for {', '.join(sorted(prices))}"


def _of_code(
    code: PromotionCode, customer_id: int, currency: str | None, *, first: bool, now: datetime
) -> Iterator[str]:
    label = f"the promotion code {code.code}"
    if not code.active:
        yield f"{label} is inactive"
    if code.customer_id not in {None, customer_id}:
        yield f"{label} is for another customer"
    if code.expires_at is not None and code.expires_at <= now:
        yield f"{label} has expired ({code.expires_at:%Y-%m-%d %H:%M} UTC)"
    if code.max_redemptions is not None and code.redemptions >= code.max_redemptions:
        yield f"{label} is used up ({code.max_redemptions} times)"
    if code.first_time and not first:
        yield f"{label} is for a first purchase, and the customer has paid before"
    if code.minimum is not None and currency not in {None, code.minimum.currency}:
        yield f"{label} needs {code.minimum} at least, and the customer pays in {currency}"
