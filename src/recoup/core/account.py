"""
The account: everything about one customer that a decision reads, at one instant.

What is and what should be are the same type. `decide` returns an `Account`; `diff` compares two.
All instants are UTC. Ids are the database's; a thing that does not exist yet has id None and is
known by its natural key (a case by its scope, a notice by scope, anchor and step).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from recoup.core import states
from recoup.core.money import Money
from recoup.core.periods import Period
from recoup.core.states import (
    AttemptState,
    CaseEnd,
    GateStatus,
    InvoiceStatus,
    LateState,
    NoticeState,
    SubscriptionStatus,
)

CustomerId = int

#: Why a notice was skipped when there is nowhere to send it.
NO_ADDRESS: Final = "no address to write to"

#: Standings that are no rung of a ladder.
CURRENT: Final = "current"
BAD_DEBT: Final = "bad_debt"


@dataclass(frozen=True, slots=True)
class Method:
    """A way to pay, and the instrument behind it."""

    processor_id: str
    kind: str  #: "card", "us_bank_account", "sepa_debit", "bacs_debit"
    instrument: str  #: fingerprint: the same card under two methods has one
    brand: str | None  #: "visa", "mastercard", "amex" …, in lower case
    country: str | None  #: of issue, ISO 3166 alpha-2
    expires: tuple[int, int] | None  #: year and month, last month included
    is_default: bool
    changed_at: datetime  #: attached, or its details replaced

    def expired(self, now: datetime) -> bool:
        """Whether its last month is over."""
        return self.expires is not None and (now.year, now.month) > self.expires


@dataclass(frozen=True, slots=True)
class Subscription:
    """A mirrored subscription."""

    id: int
    processor_id: str
    status: SubscriptionStatus
    plan: str | None  #: the first item's price id
    ended_at: datetime | None
    end_reason: str | None  #: requested, payment_failed, dunning_exhausted, processor, fraud …
    end_requested_at: datetime | None  #: when we asked the processor to end it
    #: What the processor calls it, where that is something else: a gate waits, or has died.
    processor_status: SubscriptionStatus | None = None
    activated_at: datetime | None = None  #: when it first gave access


@dataclass(frozen=True, slots=True)
class Invoice:
    """A mirrored invoice that is owed, or belongs to a case that is not closed."""

    id: int
    processor_id: str
    subscription_id: int | None
    status: InvoiceStatus
    due: Money  #: what was billed
    remaining: Money  #: the obligation: what is owed now
    reason: str  #: the processor's billing reason, "subscription_cycle", "manual" …
    created_at: datetime
    first_failed_at: datetime | None  #: first off-session failure, when it happened
    closed_at: datetime | None  #: paid, void or uncollectible since
    disputed: bool
    case_id: int | None  #: the case that took it up last
    processor_next_try_at: datetime | None
    processor_gave_up: bool

    @property
    def scope(self) -> str:
        """What the debt bought; a case, its notices and restrictions concern only that."""
        if self.subscription_id is None:
            return f"invoice:{self.id}"
        return f"subscription:{self.subscription_id}"

    @property
    def owed(self) -> bool:
        """Whether there is an obligation."""
        return states.is_owed(self.status) and bool(self.remaining)

    @property
    def in_default(self) -> bool:
        """Owed, and an off-session payment for it has failed."""
        return self.first_failed_at is not None and self.owed


@dataclass(frozen=True, slots=True)
class Signal:
    """What came back with a refusal, as received. Nothing is None where nothing was said."""

    decline_code: str | None = None
    advice_code: str | None = None
    network_decline_code: str | None = None
    network_advice_code: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to collect one obligation."""

    id: int | None
    invoice_id: int
    ordinal: int | None  #: 1, 2, … for ours; None for one the processor made by itself
    origin: str  #: renewal, retry, new_method, customer, operator, processor, bad_debt
    state: AttemptState
    amount: Money
    method: str | None  #: processor id of the method
    instrument: str | None
    brand: str | None
    off_session: bool
    at: datetime  #: when it happened; for ours, when it was decided
    signal: Signal = Signal()

    @property
    def key(self) -> tuple[int, int | None, int | None]:
        """What it is known by before it has an id: the invoice and, for ours, the ordinal."""
        return self.invoice_id, self.ordinal, None if self.ordinal else self.id

    @property
    def by_customer(self) -> bool:
        """Whether the cardholder started it; networks count those apart."""
        return not self.off_session


@dataclass(frozen=True, slots=True)
class Case:
    """One episode of debt of one scope. Its id is negative until it is stored."""

    id: int
    scope: str
    anchor: datetime  #: when the oldest unpaid obligation in it first failed
    opened_at: datetime  #: its first anchor
    policy: str  #: "key/version", kept for as long as the case runs
    rung: str | None  #: the ladder's rung it stands on; None before the first
    rung_since: datetime | None
    end: CaseEnd | None = None
    ended_at: datetime | None = None
    settled_at: datetime | None = None  #: when an exhausted case stopped being bad debt

    @property
    def open(self) -> bool:
        return self.end is None

    @property
    def unsettled(self) -> bool:
        """Exhausted, and its money not accounted for: bad debt."""
        return self.end == CaseEnd.EXHAUSTED and self.settled_at is None


@dataclass(frozen=True, slots=True)
class Notice:
    """One step of a case's campaign. Unique by scope, anchor and step while the case runs."""

    id: int | None
    scope: str
    anchor: datetime
    step: str
    mail: str
    due_at: datetime  #: the anchor and the step's offset, without time on hold
    placed_at: datetime  #: when it was found to be due; later than that after an outage
    state: NoticeState
    reason: str | None = None
    delivered_at: datetime | None = None  #: accepted by the recipient's side, as far as known
    bounced_at: datetime | None = None

    @property
    def key(self) -> tuple[str, datetime, str]:
        return self.scope, self.anchor, self.step

    @property
    def undelivered(self) -> bool:
        """Whether nobody could be told: it bounced, or there is no address."""
        return self.bounced_at is not None or self.reason == NO_ADDRESS


@dataclass(frozen=True, slots=True)
class Gate:
    """
    A payment that a start or a change waits for, and what is known of it.

    Read while it is pending, and after its death until its payment is withdrawn.
    """

    id: int
    purpose: str  #: start or change
    status: GateStatus
    tries: int | None  #: so many declines end it
    expires_at: datetime | None  #: None: what it is for has not begun
    ended_at: datetime | None
    reason: str | None
    withdrawal: str | None  #: waiting, asked, or what the processor answered
    subscription_id: int | None
    called: SubscriptionStatus | None  #: what the processor calls the subscription
    invoice_id: int | None
    invoice: str | None  #: the processor's id
    invoice_status: InvoiceStatus | None
    due: Money | None
    paid_at: datetime | None  #: when the first of its money was known to be in, in full
    attempts: tuple[AttemptState, ...] = ()  #: tries at the invoice, oldest first
    others: bool = False  #: invoices of later periods wait with it

    @property
    def of_a_start(self) -> bool:
        return self.purpose == "start"

    @property
    def nothing_due(self) -> bool:
        """Whether there is nothing to wait for: a trial, 100 % off, a price of nothing."""
        if self.invoice_status is None or self.due is None:
            return self.called is not None and states.is_trialing(self.called)
        return self.due.minor <= 0 and not states.is_draft(self.invoice_status)

    @property
    def received(self) -> bool:
        """Whether any money for its invoice is in."""
        return any(map(states.succeeded, self.attempts))

    @property
    def given_up(self) -> bool:
        """Whether its invoice was closed without money."""
        return self.invoice_status is not None and states.is_resolved(self.invoice_status)

    @property
    def settled(self) -> bool:
        """Whether no money can come for it any more: it was, or it never began to be billed."""
        if self.invoice_status is None:
            return not self.of_a_start and self.expires_at is None
        return states.is_paid(self.invoice_status) or states.is_void(self.invoice_status)


@dataclass(frozen=True, slots=True)
class Late:
    """
    Money that came when nothing was owed for it any more. Its id is None until it is stored.

    Read while it is underway or stuck.
    """

    id: int | None
    attempt_id: int
    invoice_id: int
    charge: str  #: the processor's id of the payment
    amount: Money  #: what is left of it to give back
    decision: str  #: refund or reactivate
    state: LateState
    why: str
    gate_id: int | None = None
    replaced: bool = False  #: another live subscription sells the same
    reactivates_until: datetime | None = None  #: it may still buy what it was for, until then
    prices: tuple[str, ...] = ()  #: of what it was for

    @property
    def key(self) -> int:
        return self.attempt_id


@dataclass(frozen=True, slots=True)
class Restriction:
    """A consequence that holds for one scope until it is lifted."""

    id: int | None
    scope: str
    consequence: str
    rung: str
    since: datetime

    @property
    def key(self) -> tuple[str, str]:
        return self.scope, self.consequence


@dataclass(frozen=True, slots=True)
class Hold:
    """A person's decision to pause dunning: no notice, no try, no climb while it lasts."""

    id: int
    reason: str
    during: Period


@dataclass(frozen=True, slots=True, order=True)
class Task:
    """Something only a person can bring on. Open while its cause lasts."""

    key: str
    kind: str
    detail: str
    id: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Account:
    """
    One customer's snapshot.

    `invoices` holds what is owed and what belongs to a case that is open or unsettled;
    `attempts` all attempts of those; `uses` every attempt of the last days, whoever's, on the
    instruments of this account, because networks count those together.
    """

    id: CustomerId
    processor: str
    currency: str | None
    country: str | None
    segment: str | None
    reachable: bool  #: there is an address to write to
    deleted: bool
    standing: str  #: current, a rung's name, or bad_debt
    next_wake_at: datetime | None
    subscriptions: tuple[Subscription, ...] = ()
    invoices: tuple[Invoice, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    methods: tuple[Method, ...] = ()
    cases: tuple[Case, ...] = ()
    notices: tuple[Notice, ...] = ()
    restrictions: tuple[Restriction, ...] = ()
    holds: tuple[Hold, ...] = ()
    tasks: tuple[Task, ...] = ()
    uses: tuple[Attempt, ...] = field(default=(), repr=False)
    gates: tuple[Gate, ...] = ()
    late: tuple[Late, ...] = ()

    def but(self, **values: Any) -> Account:
        """Return the account with these values, itself when it has them already."""
        for name, value in values.items():
            if getattr(self, name) != value:
                return replace(self, **values)
        return self

    @property
    def idle(self) -> bool:
        """Nothing owed, no case, nothing restricted: there is nothing to decide."""
        dunning = self.invoices or self.cases or self.restrictions or self.notices or self.tasks
        return not (dunning or self.gates or self.late)

    def obligations(self, scope: str) -> tuple[Invoice, ...]:
        """Return the unpaid obligations of `scope` that have failed, oldest failure first."""
        owed = (i for i in self.invoices if i.in_default and i.scope == scope)
        return tuple(sorted(owed, key=lambda i: (i.first_failed_at, i.id)))

    def tries(self, invoice_id: int) -> tuple[Attempt, ...]:
        """Return the attempts on one invoice, oldest first."""
        mine = (a for a in self.attempts if a.invoice_id == invoice_id)
        return tuple(sorted(mine, key=lambda a: (a.at, a.id or 0)))

    def open_cases(self) -> Iterator[Case]:
        return (case for case in self.cases if case.open)

    def invoices_of(self, case: Case) -> tuple[Invoice, ...]:
        """Return the invoices that `case` took up."""
        return tuple(invoice for invoice in self.invoices if invoice.case_id == case.id)

    def subscription_of(self, scope: str) -> Subscription | None:
        """Return the subscription a scope names, if it names one we know."""
        kind, _, number = scope.partition(":")
        if kind != "subscription":
            return None
        return next((s for s in self.subscriptions if s.id == int(number)), None)

    @property
    def paused(self) -> tuple[Period, ...]:
        """When dunning stood still, by a person's decision."""
        return tuple(hold.during for hold in self.holds)

    def held(self, now: datetime) -> Hold | None:
        """Return the hold in force at `now`, if any."""
        return next((hold for hold in self.holds if now in hold.during), None)

    @property
    def moving(self) -> bool:
        """Whether any attempt is in flight: nothing is raised or repaired meanwhile."""
        return any(states.in_flight(attempt.state) for attempt in self.attempts)
