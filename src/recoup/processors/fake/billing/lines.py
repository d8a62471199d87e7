"""What a period costs, item by item; what coupons take off; and parts of periods. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from msgspec.structs import replace

from recoup.core.money import Money
from recoup.processors.fake.model import Line, Price, instant, smallest
from recoup.processors.fake.terms import Coupon, Item


def part(amount: int, of: int, whole: int, currency: str) -> int:
    """
    Return `of / whole` of `amount`, half a unit up (away from 0), as Stripe rounds.

    The unit is the smallest that Stripe takes of the currency. A credit is rounded as its charge
    is, so the two of one span always cancel out.
    """
    unit = smallest(currency)
    exact = 2 * abs(amount) * of + whole * unit
    size = exact // (2 * whole * unit) * unit
    return -size if amount < 0 else size


def stretch(price: Price, amount: int, start: int, end: int) -> int:
    """
    Return what `price` costs from `start` to `end`, at `amount` for each of its periods.

    The periods are imagined to begin at `start`; of the last one only its part is asked.
    Source: docs.stripe.com/billing/subscriptions/backdating.
    """
    total, at = 0, start
    while (until := price.end_after(start, at)) <= end:
        total, at = total + amount, until
    return total + part(amount, end - at, until - at, price.currency)


def full(items: Sequence[Item], prices: Sequence[Price], start: int, end: int) -> tuple[Line, ...]:
    """Return a line an item, for a whole period of it."""
    return tuple(
        Line(
            description=f"{item.quantity} × {item.price}",
            amount=price.amount * item.quantity,
            start=start,
            end=end,
            quantity=item.quantity,
            price=item.price,
            item=item.id,
        )
        for item, price in zip(items, prices, strict=True)
    )


def prorated(
    old: Item | None, to: Item | None, currency: str, *, at: int, end: int, whole: int
) -> list[Line]:
    """
    Return the lines that turn `old` into `to` for the rest of a period, from `at` to `end`.

    One gives back the unused part of what was billed for `old`, one charges the same part of
    `to.rate`. None: there is no such item. What comes to nothing is left out.
    """
    sides = (("Unused", old, -1), ("Remaining", to, 1))
    lines = [
        Line(
            description=f"{word} time on {item.quantity} × {item.price} "
            f"after {instant(at):%d %b %Y}",
            amount=part(sign * item.rate, end - at, whole, currency),
            start=at,
            end=end,
            quantity=item.quantity,
            price=item.price,
            item=item.id,
            proration=True,
        )
        for word, item, sign in sides
        if item is not None
    ]
    return [line for line in lines if line.amount]


def discounted(lines: Iterable[Line], coupon: Coupon | None, currency: str) -> tuple[Line, ...]:
    """
    Return the lines with what `coupon` takes off them, never more than they cost.

    Not for prorations: those are parts of what was discounted when it was billed.
    """
    found = tuple(lines)
    if coupon is None:
        return found
    covered = [line for line in found if _covers(coupon, line)]
    unit = smallest(currency)
    base = sum(line.amount for line in covered)
    if not base:
        return found
    if coupon.percent_off is None:
        off = min(coupon.amount_off or 0, base)
    else:
        share = Fraction(coupon.percent_off) / 100
        off = part(base, share.numerator, share.denominator, currency)
    shares = Money(off // unit, currency).allocate([line.amount // unit for line in covered])
    by_line = {id(line): share.minor * unit for line, share in zip(covered, shares, strict=True)}
    return tuple(
        replace(line, discount=by_line[id(line)]) if id(line) in by_line else line
        for line in found
    )


def _covers(coupon: Coupon, line: Line) -> bool:
    return line.amount > 0 and (not coupon.prices or line.price in coupon.prices)
