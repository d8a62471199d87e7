"""
What the fake keeps about each thing. Instants are whole seconds since 1970 UTC, as Stripe's are.

Amounts are ISO 4217 minor units and currencies upper-case; `shapes` turns them into Stripe's.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from msgspec import Struct, field

from recoup.core.states import AttemptState, InvoiceStatus, SubscriptionStatus
from recoup.errors import Rejected
from recoup.processors.fake.payers import Habit, Payer, Pays, Refunds, Refusal
from recoup.processors.fake.terms import (
    Coupon,
    Discount,
    Interval,
    Item,
    Line,
    Offer,
    Pause,
    Price,
    Product,
    PromotionCode,
    Schedule,
    Wanted,
    instant,
    smallest,
)

__all__ = [
    "Charge",
    "Collection",
    "Coupon",
    "Customer",
    "Dispute",
    "Instrument",
    "Intent",
    "Interval",
    "Invoice",
    "Line",
    "Method",
    "Price",
    "Product",
    "PromotionCode",
    "Refund",
    "SetupIntent",
    "Subscription",
    "Thing",
    "Try",
    "instant",
    "seconds",
    "smallest",
]

Collection = Literal["charge_automatically", "send_invoice"]


class Customer(Struct, omit_defaults=True, gc=False):
    id: str
    created: int
    email: str | None = None
    name: str | None = None
    country: str | None = None
    currency: str | None = None
    credit: int = 0  #: to its good, of its currency; lowers the next invoices
    locale: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    default_method: str | None = None
    delinquent: bool = False
    deleted: bool = False
    habits: tuple[Habit, ...] = ()
    address: dict[str, str] | None = None
    shipping: dict[str, str] | None = None
    phone: str | None = None


class Instrument(Struct, omit_defaults=True, gc=False):
    """The card or account behind one or more methods; its id is the fingerprint."""

    id: str
    payer: Payer = Pays()
    refunds: Refunds = Refunds()


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
    spent: bool = False  #: detached, or used while it was nobody's: it is attached never again
    refused: Refusal | None = None  #: what its bank says when it is to be attached

    def expired(self, now: int) -> bool:
        """Whether its last month is over at `now`."""
        if self.expires is None:
            return False
        today = instant(now)
        return (today.year, today.month) > self.expires


class Subscription(Struct, omit_defaults=True, gc=False):
    id: str
    created: int
    customer: str
    items: list[Item]
    currency: str
    status: SubscriptionStatus
    anchor: int
    period_start: int
    period_end: int
    span: int = 0  #: seconds that a whole period has, if this one is shorter
    changed_at: int = 0  #: the instant its items were last prorated for
    next_items: tuple[Wanted, ...] | None = None  #: what it becomes with the next period
    schedule: str | None = None  #: the one that was made by the API and manages it now
    schedules: list[Schedule] = field(default_factory=list)  #: all that did
    pending: tuple[Line, ...] = ()  #: lines that wait for the next invoice
    offer: Offer | None = None  #: a change that waits to be paid
    discount: Discount | None = None
    pause: Pause | None = None
    collection: Collection = "charge_automatically"
    days_until_due: int | None = None
    started: int = 0  #: when it began, if that is before it was created
    trial_start: int | None = None
    trial_end: int | None = None
    cancel_at_period_end: bool = False
    cancel_at: int | None = None
    canceled_at: int | None = None
    ended_at: int | None = None
    end_reason: str | None = None
    end_comment: str | None = None
    feedback: str | None = None
    latest_invoice: str | None = None
    default_method: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def whole(self) -> int:
        """How many seconds the whole current period has, or would have."""
        return self.span or self.period_end - self.period_start

    @property
    def ends_at(self) -> int | None:
        """When it is to end; None: it is not."""
        return self.period_end if self.cancel_at_period_end else self.cancel_at


class Invoice(Struct, omit_defaults=True, gc=False):
    id: str
    created: int
    customer: str
    subscription: str | None
    status: InvoiceStatus
    currency: str
    amount: int  #: due; what credit covers, and a total below 0, are not in it
    reason: str
    period_start: int
    period_end: int
    lines: tuple[Line, ...] = ()
    collection: Collection = "charge_automatically"
    days_until_due: int | None = None
    description: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    discount: str | None = None  #: id of what lowers it
    credit_before: int = 0  #: the customer's credit when it was finalised
    credit_used: int = 0  #: of it, covered by this; below 0: given by this
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
    offered: bool = False  #: asked by a change that waited for it, and was not carried out

    @property
    def sums(self) -> tuple[int, int, int]:
        """Subtotal, discount and tax of all lines."""
        if len(self.lines) == 1:
            (line,) = self.lines
            return line.amount, line.discount, line.tax
        return (
            sum(line.amount for line in self.lines),
            sum(line.discount for line in self.lines),
            sum(line.tax for line in self.lines),
        )

    @property
    def total(self) -> int:
        """What it asks for; below 0 it gives. Not all of it is due: see `amount`."""
        subtotal, discount, tax = self.sums
        return subtotal - discount + tax

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
    disputed: bool = False  #: ever, however it ended


class Refund(Struct, omit_defaults=True, gc=False):
    id: str
    created: int
    charge: str
    intent: str
    amount: int
    currency: str
    reason: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    failed: bool = False  #: the bank sent it back


class Dispute(Struct, omit_defaults=True, gc=False):
    """What a bank took back for its cardholder; it keeps it once `lost`."""

    id: str
    created: int
    charge: str
    intent: str
    amount: int
    currency: str
    open: bool = True
    lost: bool = False


class SetupIntent(Struct, omit_defaults=True, gc=False):
    """How keeping a method for later goes; its states are those of a try to pay."""

    id: str
    created: int
    customer: str
    off_session: bool
    state: AttemptState = AttemptState.INTENDED
    method: str | None = None
    refusal: Refusal | None = None
    metadata: dict[str, str] = field(default_factory=dict)


Thing = (
    Customer
    | Instrument
    | Method
    | SetupIntent
    | Product
    | Price
    | Coupon
    | PromotionCode
    | Subscription
    | Invoice
    | Intent
    | Charge
    | Refund
    | Dispute
)

#: Type -> prefix of its ids. An instrument's id is its fingerprint.
PREFIXES: dict[type, str] = {
    Customer: "cus",
    Instrument: "fp",
    Method: "pm",
    Product: "prod",
    Price: "price",
    Coupon: "coupon",
    PromotionCode: "promo",
    Subscription: "sub",
    Invoice: "in",
    Intent: "pi",
    Charge: "ch",
    Refund: "re",
    Dispute: "dp",
    SetupIntent: "seti",
}


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
