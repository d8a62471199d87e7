"""
Facts: what a processor told us, in our words, before anything is decided.

One event gives a few facts. Of several facts about one object the greatest `Seen` holds, whole,
so any order and any number of deliveries end in the same row. All instants are UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from recoup.core.account import Signal
from recoup.core.money import Money
from recoup.core.states import (
    SUBSCRIPTION_RANK,
    AttemptState,
    InvoiceStatus,
    SubscriptionStatus,
)

#: Billing reasons whose payments nobody is there for. Source: Stripe, `invoice.billing_reason`.
OFF_SESSION_REASONS: Final = frozenset(
    {
        "subscription_cycle",
        "subscription_threshold",
        "automatic_pending_invoice_item_invoice",
        "manual",
    }
)


#: What we write into the metadata of an invoice whose customer is there to pay it, and what its
#: reason is then: the processor itself does not tell such invoices from others.
ON_SESSION_MARK: Final = "recoup_on_session"
ON_SESSION: Final = "on_session"


#: What the ids of looks at the processor's objects have in them, and no others; what happened in
#: a look's own second, before it, sorts before it. Those of answers to our requests end in
#: `ANSWER`.
LOOK: Final = "fetched_"
ANSWER: Final = "_answer"
#: A look may show what was true so long before it: the processor's own copies lag behind.
LAG: Final = timedelta(seconds=60)


def tried_off_session(reason: str, collection_method: str) -> bool:
    """
    Whether the processor tries to collect such an invoice without the customer being there.

    An invoice that is sent is only ever paid by the customer, present.
    """
    return collection_method == "charge_automatically" and reason in OFF_SESSION_REASONS


@dataclass(frozen=True, slots=True, order=True)
class Seen:
    """
    How new a fact is. Greater wins.

    `rank` goes first where a status only ever moves forward (an invoice, a charge, anything
    deleted), and is 0 otherwise; then the second it happened; then how far the status has come,
    because a second is all the processor's clock tells apart; then the event's id, so that even
    a tie ends the same way everywhere. What a subscription's `tie` is, `left` says.
    """

    rank: int
    at: datetime
    tie: int
    event: str

    @property
    def looked(self) -> bool:
        """Whether somebody looked at the processor's object: then nothing happened at `at`."""
        return LOOK in self.event

    def may_lag(self, known: Seen) -> bool:
        """Whether this is a look so soon after `known` that it may show what was before that."""
        return (
            self.looked
            and not self.event.endswith(ANSWER)
            and self.rank == known.rank
            and timedelta(0) <= self.at - known.at < LAG
        )


def left(before: str | None, now: SubscriptionStatus) -> int:
    """
    Return, as the `tie` of a report that shows `now`, that the status `before` was left for it.

    0 where nothing was left, or a status that we do not know. The ties of several reports about
    one second are put together with `|`.
    """
    rank = SUBSCRIPTION_RANK.get(before or "")  # type: ignore[call-overload]  # it is a StrEnum
    return 0 if rank is None or before == now else 1 << rank


def ends_its_second(status: SubscriptionStatus, tie: int) -> tuple[bool, int]:
    """
    Return how well `status` fits as what a second ended with in which those of `tie` were left.

    Greater fits better. A subscription goes to and fro, so no order of statuses tells what came
    last in a second; but what was left in it did not. Only of those that were left and came back
    nothing is known but how far they go: a debt that began and was paid within a second is paid.
    """
    rank = SUBSCRIPTION_RANK[status]
    was_left = bool(tie >> rank & 1)
    return not was_left, rank if was_left else min(rank, 1)  # nothing comes before incomplete


@dataclass(frozen=True, slots=True)
class CustomerFact:
    processor_id: str
    seen: Seen
    email: str | None
    name: str | None
    locale: str | None
    country: str | None
    currency: str | None
    default_method: str | None
    metadata: Mapping[str, str]
    deleted: bool = False
    #: The processor's object without its sensitive parts: no address, phone, shipping or tax.
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)
    idempotency_key: str | None = None  #: ours, when one of our requests made the customer


@dataclass(frozen=True, slots=True)
class MethodFact:
    processor_id: str
    customer: str | None  #: None once detached
    seen: Seen
    kind: str
    fingerprint: str | None
    brand: str | None
    last4: str | None
    country: str | None
    exp_year: int | None
    exp_month: int | None
    changed_at: datetime
    detached: bool = False


@dataclass(frozen=True, slots=True)
class ItemFact:
    processor_id: str
    price: str
    quantity: int


@dataclass(frozen=True, slots=True)
class DiscountFact:
    """What lowers a subscription's invoices; both None: nothing does."""

    coupon: str | None = None
    promotion_code: str | None = None


@dataclass(frozen=True, slots=True)
class SubscriptionFact:
    processor_id: str
    customer: str
    seen: Seen
    status: SubscriptionStatus
    plan: str | None
    prices: tuple[str, ...]
    quantity: int
    currency: str
    period_start: datetime | None
    period_end: datetime | None
    trial_end: datetime | None
    cancel_at: datetime | None
    canceled_at: datetime | None
    ended_at: datetime | None
    end_reason: str | None  #: requested, payment_failed, payment_disputed, processor
    collection_method: str
    default_method: str | None
    items: tuple[ItemFact, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    anchor: datetime | None = None
    feedback: str | None = None
    pause_behavior: str | None = None  #: None: collection is not paused
    resumes_at: datetime | None = None
    discount: DiscountFact | None = None  #: None: not said (only an id, or not at all)
    began: datetime | None = None  #: when it started, where somebody looked; events do not say


@dataclass(frozen=True, slots=True)
class InvoiceFact:
    processor_id: str
    customer: str
    subscription: str | None
    seen: Seen
    status: InvoiceStatus
    number: str | None
    due: Money
    paid: Money
    remaining: Money
    reason: str
    collection_method: str
    created_at: datetime
    due_at: datetime | None
    finalized_at: datetime | None
    closed_at: datetime | None
    next_try_at: datetime | None
    tries: int
    out_of_band: bool
    description: str | None = None
    tax: int = 0  #: minor units, part of `due`
    credited: int = 0  #: minor units given back by credit notes
    prices: tuple[str, ...] | None = None  #: what its lines sell; None: not said


@dataclass(frozen=True, slots=True)
class FailureFact:
    """
    An invoice's payment failed, at `at`; the earliest such instant is kept.

    The processor does not say whether the customer was there. `idempotency_key` is ours when our
    request failed: then our attempt says so, and what failed on-session is no failure here.
    """

    invoice: str
    at: datetime
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class PaymentFact:
    """One try, as the processor made or saw it. Known by its charge."""

    processor_id: str  #: the charge
    payment_intent: str | None
    invoice: str | None  #: None: whoever knows the payment intent's invoice tells us
    customer: str | None
    seen: Seen
    state: AttemptState
    amount: Money
    method: str | None
    kind: str
    instrument: str | None
    brand: str | None
    at: datetime
    signal: Signal
    idempotency_key: str | None  #: ours, when one of our requests caused it


@dataclass(frozen=True, slots=True)
class PaymentLink:
    """The payment intent belongs to the invoice."""

    payment_intent: str
    invoice: str


@dataclass(frozen=True, slots=True)
class RefundFact:
    processor_id: str
    charge: str
    seen: Seen
    amount: Money
    status: str
    at: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class DisputeFact:
    processor_id: str
    charge: str
    seen: Seen
    amount: Money
    open: bool
    lost: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class CouponFact:
    processor_id: str
    seen: Seen
    name: str | None
    percent_off: str | None  #: decimal text, "12.5"
    amount_off: Money | None
    duration: str
    months: int | None
    max_redemptions: int | None
    redeem_by: datetime | None
    prices: tuple[str, ...] | None  #: None: not said
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class PromotionCodeFact:
    processor_id: str
    coupon: str
    seen: Seen
    code: str
    active: bool
    customer: str | None
    max_redemptions: int | None
    expires_at: datetime | None
    first_time: bool
    minimum: Money | None


Fact = (
    CustomerFact
    | MethodFact
    | SubscriptionFact
    | InvoiceFact
    | FailureFact
    | PaymentFact
    | PaymentLink
    | RefundFact
    | DisputeFact
    | CouponFact
    | PromotionCodeFact
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one event says: facts, or the reason why it says nothing to us."""

    facts: tuple[Fact, ...] = ()
    ignored: str | None = None
