"""
What the fake keeps about each thing. Instants are whole seconds since 1970 UTC, as Stripe's are.

Amounts are ISO 4217 minor units and currencies upper-case; `shapes` turns them into Stripe's.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Literal

from msgspec import Struct, field

from recoup.core.money import exponent
from recoup.core.states import AttemptState, InvoiceStatus, SubscriptionStatus
from recoup.errors import Rejected
from recoup.processors.fake.payers import Habit, Payer, Pays, Refusal

Collection = Literal["charge_automatically", "send_invoice"]
Interval = Literal["day", "week", "month", "year"]


class Customer(Struct, omit_defaults=True, gc=False):
    id: str
    created: int
    email: str | None = None
    name: str | None = None
    country: str | None = None
    currency: str | None = None
    locale: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    default_method: str | None = None
    delinquent: bool = False
    deleted: bool = False
    habits: tuple[Habit, ...] = ()


class Instrument(Struct, omit_defaults=True, gc=False):
    """The card or account behind one or more methods; its id is the fingerprint."""

    id: str
    payer: Payer = Pays()


class Method(Struct, omit_defaults=True, gc=False):
    id: str
    created: int
    customer: str | None
    instrument: str
    kind: str
    brand: str | None
    last4: str
    country: str | None
    expires: tuple[int, int] | None

    def expired(self, now: int) -> bool:
        """Whether its last month is over at `now`."""
        if self.expires is None:
            return False
        today = instant(now)
        return (today.year, today.month) > self.expires


class Price(Struct, omit_defaults=True, gc=False):
    id: str
    created: int
    amount: int
    currency: str
    interval: Interval = "month"
    interval_count: int = 1
    product: str = "prod_fake"

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


class Subscription(Struct, omit_defaults=True, gc=False):
    id: str
    created: int
    customer: str
    price: str
    quantity: int
    status: SubscriptionStatus
    anchor: int
    period_start: int
    period_end: int
    collection: Collection = "charge_automatically"
    days_until_due: int | None = None
    trial_start: int | None = None
    trial_end: int | None = None
    cancel_at_period_end: bool = False
    canceled_at: int | None = None
    ended_at: int | None = None
    end_reason: str | None = None
    end_comment: str | None = None
    latest_invoice: str | None = None
    default_method: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)


class Invoice(Struct, omit_defaults=True, gc=False):
    id: str
    created: int
    customer: str
    subscription: str | None
    price: str | None
    quantity: int
    status: InvoiceStatus
    currency: str
    amount: int
    reason: str
    period_start: int
    period_end: int
    collection: Collection = "charge_automatically"
    paid: int = 0
    auto_advance: bool = True
    attempt_count: int = 0
    attempted: bool = False
    number: str | None = None
    due_date: int | None = None
    next_try: int | None = None
    finalized_at: int | None = None
    paid_at: int | None = None
    voided_at: int | None = None
    uncollectible_at: int | None = None
    out_of_band: bool = False
    intent: str | None = None
    failed_once: bool = False

    @property
    def remaining(self) -> int:
        return 0 if self.out_of_band else self.amount - self.paid


class Try(Struct, omit_defaults=True, gc=False):
    """One confirmation of a payment intent. It has no charge while the customer is awaited."""

    at: int
    method: str
    state: AttemptState
    key: str | None = None
    charge: str | None = None
    event: str = ""


class Intent(Struct, omit_defaults=True, gc=False):
    id: str
    created: int
    customer: str
    invoice: str
    amount: int
    currency: str
    status: str = "requires_payment_method"
    method: str | None = None
    latest_charge: str | None = None
    received: int = 0
    refusal: Refusal | None = None
    canceled_at: int | None = None
    tries: list[Try] = field(default_factory=list)


class Charge(Struct, omit_defaults=True, gc=False):
    id: str
    created: int
    customer: str
    invoice: str
    intent: str
    method: str
    instrument: str
    amount: int
    currency: str
    state: AttemptState
    changed_at: int
    refunded: int = 0
    refusal: Refusal | None = None
    returns: Refusal | None = None  #: the late return that awaits it while it is pending
    off_session: bool = True
    disputed: bool = False


class Refund(Struct, omit_defaults=True, gc=False):
    id: str
    created: int
    charge: str
    intent: str
    amount: int
    currency: str


Thing = Customer | Instrument | Method | Price | Subscription | Invoice | Intent | Charge | Refund

#: Type -> prefix of its ids. An instrument's id is its fingerprint.
PREFIXES: dict[type, str] = {
    Customer: "cus",
    Instrument: "fp",
    Method: "pm",
    Price: "price",
    Subscription: "sub",
    Invoice: "in",
    Intent: "pi",
    Charge: "ch",
    Refund: "re",
}


def instant(second: int) -> datetime:
    """Return the UTC instant of a second since 1970."""
    return datetime.fromtimestamp(second, UTC)


def seconds(span: timedelta) -> int:
    """
    Return `span` in whole seconds.

    Raises:
        Rejected: it is not positive, or has a fraction; Stripe's clock has no fractions.
    """
    whole = span // timedelta(seconds=1)
    if whole <= 0 or span != timedelta(seconds=whole):
        raise Rejected(f"a span is a positive number of whole seconds, got {span}")
    return whole


def smallest(currency: str) -> int:
    """
    Return the smallest charge in ISO minor units: Stripe takes no thousandths and no hundredths
    of an ariary.

    Source: docs.stripe.com/currencies.
    """
    if currency == "MGA":
        return 100
    return 10 if exponent(currency) == 3 else 1


def _months_after(first: datetime, months: int) -> datetime:
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    day = min(first.day, monthrange(year, month + 1)[1])
    return first.replace(year=year, month=month + 1, day=day)
