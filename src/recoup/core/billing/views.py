"""
What callers get back: the state of one thing as our rows have it. Values, not live objects.

`id` is ours, `processor_id` the processor's; every verb takes either. All instants are UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from recoup.core.billing.answers import NextAction, PreviewLine
from recoup.core.money import Money


@dataclass(frozen=True, slots=True)
class Customer:
    id: int
    owner_type: str | None
    owner_id: str | None
    processor: str
    processor_id: str | None  #: None until the processor has answered
    version: int  #: give it back with an update to be told when somebody was faster
    email: str | None = field(repr=False)
    name: str | None = field(repr=False)
    locale: str | None
    time_zone: str | None
    country: str | None
    currency: str | None
    default_method: str | None
    metadata: Mapping[str, str]
    data: Mapping[str, Any] = field(repr=False)
    deleted: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    id: int
    processor_id: str
    customer_id: int
    kind: str
    instrument: str  #: fingerprint
    brand: str | None
    last4: str | None
    exp_year: int | None
    exp_month: int | None
    default: bool
    backup: int | None  #: place in the order of backups, 1 first; None: not to be used as one
    consented_at: datetime | None  #: when the customer allowed that
    detached: bool


@dataclass(frozen=True, slots=True)
class Item:
    id: str
    price: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Gate:
    """The payment that a start or a change waits for."""

    id: int
    purpose: str  #: "start", or "change" of plan
    status: str  #: pending, satisfied, failed, expired, not_applicable
    timeout_s: int
    tries: int | None
    late: str
    evaluated_at: datetime | None  #: since when it waits; None: what it is for is still to begin
    expires_at: datetime | None
    ended_at: datetime | None
    reason: str | None  #: why it failed: timeout, payment_failed, requested, processor …
    withdrawal: str | None  #: what became of taking the payment back, once it failed
    invoice_id: int | None


@dataclass(frozen=True, slots=True)
class Subscription:
    id: int
    processor_id: str
    customer_id: int
    status: str
    items: tuple[Item, ...]
    plan: str | None  #: the plan of the configuration that its first price belongs to
    currency: str
    period_start: datetime | None
    period_end: datetime | None
    anchor: datetime | None
    trial_end: datetime | None
    cancel_at: datetime | None
    canceled_at: datetime | None
    ended_at: datetime | None
    end_reason: str | None
    end_requested_at: datetime | None
    feedback: str | None
    paused: str | None  #: behaviour while collection is paused; None: it is not
    resumes_at: datetime | None
    next_items: tuple[Item, ...]  #: what it becomes with the next period; empty: no change
    coupon: str | None
    promotion_code: str | None
    default_method: str | None
    metadata: Mapping[str, str]
    active: bool  #: trialing and canceling included; the words of DOMAIN's predicates
    is_paused: bool
    past_due: bool
    ended: bool
    activated_at: datetime | None = None  #: when it first gave access
    gate: Gate | None = None  #: the newest one: of its start, or of a change that is offered


class Start(StrEnum):
    """What came of starting a subscription."""

    ACTIVE = "active"
    TRIALING = "trialing"
    REQUIRES_ACTION = "requires_action"  #: the customer must do `action`, within the window
    INCOMPLETE = "incomplete"  #: the first payment was declined; another method may be tried
    PROCESSING = "processing"  #: the first payment is under way and takes its time


@dataclass(frozen=True, slots=True)
class Started:
    outcome: Start
    subscription: Subscription
    invoice_id: int | None
    action: NextAction | None = None


@dataclass(frozen=True, slots=True)
class Scheduled:
    """
    A subscription that is to begin on a day to come, or a change that is.

    Nothing is asked of the processor before `at`. `recoup.result(key)` tells then what came of it.
    """

    id: int
    key: str
    customer_id: int
    subscription_id: int | None  #: None: it is a start
    at: datetime
    prices: tuple[str, ...]
    gate: Gate | None
    state: str  #: scheduled, called_off, begun, refused


@dataclass(frozen=True, slots=True)
class LatePayment:
    """Money that came when nothing was owed any more, and what becomes of it."""

    id: int
    payment_id: int
    invoice_id: int
    customer_id: int
    amount: Money
    decision: str  #: refund, or reactivate
    state: str  #: found, asked, refunded, reactivated, stuck
    why: str
    subscription_id: int | None  #: what it bought after all
    found_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Preview:
    """
    What a change of plan will bill, pinned: `change_plan(preview=id)` bills exactly this.

    It holds until `expires_at`, or until the subscription changes.
    """

    id: str
    subscription_id: int
    prorate_at: datetime
    due_now: Money
    credit: Money
    lines: tuple[PreviewLine, ...]
    next_at: datetime | None
    next_due: Money
    expires_at: datetime


class Outcome(StrEnum):
    """What people see of an invoice. Nothing resolved is ever shown as paid."""

    DRAFT = "draft"
    OPEN = "open"
    OVERDUE = "overdue"
    PAID = "paid"  #: money was received
    RESOLVED = "resolved"  #: closed without money; `resolved_as` says how


@dataclass(frozen=True, slots=True)
class Invoice:
    id: int
    processor_id: str
    customer_id: int
    subscription_id: int | None
    number: str | None
    status: str  #: draft, open, uncollectible, void, closed; paid only if money was received
    outcome: Outcome
    resolved_as: str | None  #: written_off, voided, credited, forgiven, nothing_due …
    due: Money
    paid: Money
    remaining: Money
    refunded: Money
    description: str | None
    reason: str
    created_at: datetime
    due_at: datetime | None
    finalized_at: datetime | None
    closed_at: datetime | None
    paid_by: int | None  #: the payment that paid it
    disputed: bool


class Pay(StrEnum):
    """What came of a payment. Only `succeeded` means money."""

    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    UNKNOWN = "unknown"  #: nobody knows yet; it is looked up, and never charged twice
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class Payment:
    """One attempt at one invoice."""

    id: int
    processor_id: str | None
    invoice_id: int
    customer_id: int
    outcome: Pay
    origin: str
    amount: Money
    refunded: Money
    refundable: Money
    method: str | None
    happened_at: datetime
    decline_code: str | None  #: for operators; never show it to a customer as it is
    disputed: bool
    action: NextAction | None = None


@dataclass(frozen=True, slots=True)
class Refund:
    id: int
    processor_id: str
    payment_id: int
    customer_id: int
    amount: Money
    status: str
    happened_at: datetime


@dataclass(frozen=True, slots=True)
class Intent:
    """An invoice that the customer pays in the browser, and what that needs; None: it is done."""

    invoice: Invoice
    action: NextAction | None


@dataclass(frozen=True, slots=True)
class Dispute:
    """
    Money of a payment that the cardholder's bank has taken back, until it is decided.

    Neither open nor lost: it was won, and the money came back.
    """

    id: int
    processor_id: str
    payment_id: int
    invoice_id: int
    customer_id: int
    amount: Money
    open: bool
    lost: bool
    happened_at: datetime


@dataclass(frozen=True, slots=True)
class Setup:
    """What came of setting up a method: its status in the processor's words."""

    processor_id: str
    customer_id: int
    status: str
    method: str | None
    action: NextAction | None = None


@dataclass(frozen=True, slots=True)
class Coupon:
    id: int
    processor_id: str
    name: str | None
    percent_off: str | None
    amount_off: Money | None
    duration: str
    months: int | None
    max_redemptions: int | None
    redemptions: int
    redeem_by: datetime | None
    prices: tuple[str, ...]
    deleted: bool


@dataclass(frozen=True, slots=True)
class PromotionCode:
    id: int
    processor_id: str
    coupon_id: int
    code: str
    active: bool
    customer_id: int | None
    max_redemptions: int | None
    redemptions: int
    expires_at: datetime | None
    first_time: bool
    minimum: Money | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """
    A command that was recorded in the host's transaction and is carried out after its commit.

    `recoup.result(recorded.key)` gives its result later.
    """

    key: str
    kind: str
