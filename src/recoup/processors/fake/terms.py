"""
What is agreed: prices, items, lines of invoices, coupons. Kept inside the things of `model`.

Instants are whole seconds since 1970 UTC; amounts are ISO 4217 minor units, upper-case currencies.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime
from typing import Final, Literal

from msgspec import Struct, field

from recoup.core.billing.requests import Duration, PauseBehavior
from recoup.core.money import exponent

Interval = Literal["day", "week", "month", "year"]


#: What prices are of that no product was named for.
ANY_PRODUCT: Final = "prod_fake"


class Product(Struct, omit_defaults=True, gc=False):
    id: str
    created: int
    name: str
    active: bool = True
    metadata: dict[str, str] = field(default_factory=dict)


class Price(Struct, omit_defaults=True, gc=False):
    id: str
    created: int
    amount: int
    currency: str
    interval: Interval = "month"
    interval_count: int = 1
    product: str = ANY_PRODUCT
    active: bool = True
    nickname: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def rhythm(self) -> tuple[str, int]:
        """How often it is billed."""
        return self.interval, self.interval_count

    def end_after(self, anchor: int, start: int) -> int:
        """
        Return the first end of a period after `start` that is aligned with `anchor`.

        Months and years are counted from the anchor and not from the period before, so
        January 31 is followed by February 28 and then by March 31.
        Source: docs.stripe.com/billing/subscriptions/billing-cycle.
        """
        if self.interval in {"day", "week"}:
            days = self.interval_count * (7 if self.interval == "week" else 1)
            span = days * 86_400
            return anchor + ((start - anchor) // span + 1) * span
        step = self.interval_count * (12 if self.interval == "year" else 1)
        first, since = instant(anchor), instant(start)
        passed = (since.year - first.year) * 12 + since.month - first.month
        turn = passed // step
        while _months_after(first, turn * step) <= since:
            turn += 1
        return int(_months_after(first, turn * step).timestamp())


class Item(Struct, omit_defaults=True, gc=False):
    """
    One price of a subscription, and what a whole period of it was billed for.

    `rate` is net of discounts and 0 while nothing was billed for it: in a trial, or after a
    change without proration. A credit is a part of it, so nobody gets back what was not asked.
    """

    id: str
    price: str
    quantity: int = 1
    rate: int = 0


class Wanted(Struct, omit_defaults=True, gc=False):
    """An item as it is to be; without an id it is new."""

    price: str
    quantity: int = 1
    item: str | None = None


class Line(Struct, omit_defaults=True, gc=False):
    """
    One line of an invoice. `amount` is of the whole line, before its discount and tax.

    `discount` is what a coupon takes off this line, 0 or more. A proration is never discounted:
    its amount is a part of what was discounted already.
    """

    description: str
    amount: int
    start: int
    end: int
    quantity: int = 1
    price: str | None = None
    item: str | None = None
    proration: bool = False
    discount: int = 0
    tax: int = 0


class Offer(Struct, omit_defaults=True, gc=False):
    """
    A change that waits for its invoice to be paid: Stripe's pending update.

    It keeps what the subscription is to be then; its new period, if it begins one, began when it
    was asked for.
    """

    invoice: str
    expires_at: int
    items: list[Item]
    anchor: int
    period_start: int
    period_end: int
    span: int
    changed_at: int
    restarts: bool = False
    spends: str | None = None  #: the discount that its invoice uses up
    told: bool = False  #: whether anybody knows that it waits


class Phase(Struct, omit_defaults=True, gc=False):
    """What a subscription is from `start` to `end` by its schedule."""

    start: int
    end: int
    items: tuple[Wanted, ...]


class Schedule(Struct, omit_defaults=True, gc=False):
    """
    Stripe's subscription schedule, as its API makes one. The fake's own desk needs none: what it
    has for the next period is `next_items`, here the second phase.
    """

    id: str
    created: int
    phases: tuple[Phase, ...]
    metadata: dict[str, str] = field(default_factory=dict)
    released_at: int | None = None
    completed_at: int | None = None


class Pause(Struct, omit_defaults=True, gc=False):
    behavior: PauseBehavior
    resumes_at: int | None = None


class Coupon(Struct, omit_defaults=True, gc=False):
    """
    A coupon; `id` is the fake's own, because its `code` is whatever the host chose.

    One that is limited to `products` has all of their `prices`.
    """

    id: str
    created: int
    code: str
    name: str | None = None
    percent_off: str | None = None
    amount_off: int | None = None
    currency: str | None = None
    duration: Duration = "once"
    months: int | None = None
    max_redemptions: int | None = None
    redeem_by: int | None = None
    prices: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    redeemed: int = 0
    deleted: bool = False
    metadata: dict[str, str] = field(default_factory=dict)


class PromotionCode(Struct, omit_defaults=True, gc=False):
    id: str
    created: int
    coupon: str  #: the coupon's `code`
    code: str
    active: bool = True
    customer: str | None = None
    expires_at: int | None = None
    max_redemptions: int | None = None
    first_time: bool = False
    minimum: int | None = None
    currency: str | None = None
    redeemed: int = 0
    metadata: dict[str, str] = field(default_factory=dict)


class Discount(Struct, omit_defaults=True, gc=False):
    """
    A coupon that was redeemed for a subscription.

    `end` is when it lowers no further invoice; None: it lowers all. One that lowers a single
    invoice is `spent` by it, and is shown until the next renewal.
    """

    id: str
    coupon: str  #: the coupon's `code`
    start: int
    promotion_code: str | None = None
    end: int | None = None
    spent: bool = False


def instant(second: int) -> datetime:
    """Return the UTC instant of a second since 1970."""
    return datetime.fromtimestamp(second, UTC)


def smallest(currency: str) -> int:
    """
    Return the smallest charge in ISO minor units: Stripe takes no thousandths and no hundredths
    of an ariary.

    Source: docs.stripe.com/currencies.
    """
    if currency == "MGA":
        return 100
    return 10 if exponent(currency) == 3 else 1


def months_after(second: int, months: int) -> int:
    """Return the same day and time of day `months` later, or the last day of a shorter month."""
    return int(_months_after(instant(second), months).timestamp())


def _months_after(first: datetime, months: int) -> datetime:
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    day = min(first.day, monthrange(year, month + 1)[1])
    return first.replace(year=year, month=month + 1, day=day)
