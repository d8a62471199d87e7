"""What a first payment decides: gates, and money that came when nothing waited for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from recoup.core import states
from recoup.core.money import Money
from recoup.core.states import (
    AttemptState,
    GateStatus,
    InvoiceStatus,
    LateState,
    SubscriptionStatus,
)


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
