"""What is read again when a mail goes out: all that it may tell, or that speaks against it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from recoup.core import states
from recoup.core.account import DebtExit, Signal
from recoup.core.consequences import as_mild, consequence
from recoup.core.money import Money
from recoup.core.occasions.base import Scalar
from recoup.core.states import (
    AttemptState,
    CaseEnd,
    GateStatus,
    InvoiceStatus,
    LateState,
    SubscriptionStatus,
)


@dataclass(frozen=True, slots=True)
class Way:
    """A way to pay, as its owner recognises it."""

    kind: str  #: "card", "sepa_debit" …
    brand: str | None
    last4: str | None
    expires: tuple[int, int] | None  #: year and month
    used: bool = False  #: what is live is paid with it, or would be next


@dataclass(frozen=True, slots=True)
class Bought:
    """A subscription."""

    id: int
    status: SubscriptionStatus
    price: str | None
    began_at: datetime | None
    ended_at: datetime | None
    end_reason: str | None
    ends_at: datetime | None  #: when its end is due, if one is
    trial_ends_at: datetime | None
    collection_paused: bool
    resumes_at: datetime | None
    renews_at: datetime | None  #: when its period ends
    coupon: str | None  #: the processor's id of it
    told_ends: tuple[str, ...] = ()  #: days of an end that its customer was told of before
    way: Way | None = None  #: what it is paid with next

    @property
    def over(self) -> bool:
        return states.has_ended(self.status, ended=self.ended_at is not None)

    @property
    def paused(self) -> bool:
        over = self.ended_at is not None
        return states.is_paused(self.status, ended=over, paused=self.collection_paused)


@dataclass(frozen=True, slots=True)
class Bill:
    """An invoice."""

    id: int
    subscription_id: int | None
    case_id: int | None
    number: str | None
    status: InvoiceStatus
    due: Money
    paid: Money
    left: Money
    prices: tuple[str, ...]  #: what its lines sold, where that is known
    due_at: datetime | None
    issued_at: datetime | None
    closed_at: datetime | None
    resolved_as: str | None
    next_try_at: datetime | None
    by_itself: bool  #: the processor collects it, and nobody has to pay
    hidden: bool  #: it waits for a gate, or died with one
    withdrawn: bool  #: an upgrade's bill that is being taken back

    @property
    def owed(self) -> bool:
        return states.is_owed(self.status) and self.left.minor > 0

    @property
    def tried_once(self) -> bool:
        """Whether it was made to be paid at once by somebody who was there, and was not."""
        alone = self.subscription_id is None and states.is_void(self.status)
        return alone and self.resolved_as == "superseded"

    @property
    def came_in(self) -> bool:
        """Whether money closed it, here or elsewhere."""
        return states.is_paid(self.status) and self.resolved_as in {None, "paid_out_of_band"}


@dataclass(frozen=True, slots=True)
class Payment:
    """A try to pay an invoice."""

    id: int
    invoice_id: int
    state: AttemptState
    amount: Money
    at: datetime
    way: Way
    signal: Signal
    unowed_at: datetime | None  #: it came when nothing was owed any more


@dataclass(frozen=True, slots=True)
class Awaited:
    """A gate."""

    id: int
    status: GateStatus
    invoice_id: int | None
    reason: str | None
    late: str  #: what becomes of money that comes late: refund or reactivate
    expires_at: datetime | None
    late_state: LateState | None


@dataclass(frozen=True, slots=True)
class Dunned:
    """A case."""

    id: int
    scope: str
    policy: str
    opened_at: datetime
    end: CaseEnd | None
    ended_at: datetime | None
    told: bool  #: its customer knows of the debt: by a notice, a refusal's mail, or a restriction


@dataclass(frozen=True, slots=True)
class Closed:
    """A restriction, in force or lifted."""

    case_id: int
    scope: str
    consequence: str
    since: datetime
    lifted_at: datetime | None

    @property
    def felt(self) -> bool:
        return consequence(self.consequence).takes_away

    def eases(self, other: Closed) -> bool:
        """Return whether it came in place of the other, and takes no more away."""
        swapped = self.scope == other.scope and self.since == other.lifted_at
        return swapped and as_mild(self.consequence, other.consequence)


@dataclass(frozen=True, slots=True)
class Owed:
    """Bad debt."""

    id: int
    invoice_id: int
    case_id: int
    exit: DebtExit | None
    exited_at: datetime | None


@dataclass(frozen=True, slots=True)
class GivenBack:
    """A refund."""

    payment_id: int
    amount: Money
    status: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Discount:
    """A coupon."""

    name: str | None
    percent_off: str | None
    amount_off: Money | None
    months: int | None
    forever: bool


@dataclass(frozen=True, slots=True)
class Story:
    """One mail, and the rows that it is about. What it is not about is None or empty."""

    mail: str
    args: Mapping[str, Scalar]
    queued_at: datetime
    found: bool = True  #: what the mail names is still there
    bought: Bought | None = None
    bill: Bill | None = None
    bills: tuple[Bill, ...] = ()  #: of its case, oldest first
    payments: tuple[Payment, ...] = ()  #: for these invoices, oldest first
    payment: Payment | None = None  #: the one that it is about
    gate: Awaited | None = None
    case: Dunned | None = None
    closed: tuple[Closed, ...] = ()  #: restrictions of its case, or of its subscription
    debt: Owed | None = None
    refund: GivenBack | None = None
    coupon: Discount | None = None
    way: Way | None = None  #: the method that it is about

    @property
    def received(self) -> Payment | None:
        """Return the newest money for its invoice."""
        return self._newest(states.succeeded)

    @property
    def refused(self) -> Payment | None:
        """Return the newest refusal."""
        return self._newest(states.was_declined)

    def _newest(self, is_: Callable[[AttemptState], bool]) -> Payment | None:
        bill = None if self.bill is None else self.bill.id
        mine = [p for p in self.payments if is_(p.state) and bill in {None, p.invoice_id}]
        return max(mine, key=lambda p: (p.at, p.id), default=None)

    @property
    def last_paid(self) -> Bill | None:
        """
        Return the invoice of its case whose payment ended the case; None: no payment did, or its
        customer never knew that there was a debt.
        """
        case = self.case
        if case is None or case.end is None or case.ended_at is None:
            return None
        if not (case.told and states.was_recovered(case.end)):
            return None
        for bill in reversed(self.bills):
            at = None if bill.closed_at is None else max(bill.closed_at, case.opened_at)
            if bill.came_in and at == case.ended_at:
                return bill
        # A payment is heard of before its invoice is: that alone ends a case.
        came = {
            payment.invoice_id
            for payment in self.payments
            if states.succeeded(payment.state) and max(payment.at, case.opened_at) == case.ended_at
        }
        return next((bill for bill in reversed(self.bills) if bill.id in came), None)
