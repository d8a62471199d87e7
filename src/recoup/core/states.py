"""
The predicates that read statuses. No other module compares one: it asks from here.

The statuses themselves and the tables of their moves are `recoup.core.statuses`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeVar

from recoup.core.statuses import (
    ATTEMPT_MOVES as ATTEMPT_MOVES,
)
from recoup.core.statuses import (
    ATTEMPT_RANK as ATTEMPT_RANK,
)
from recoup.core.statuses import (
    COMMAND_MOVES as COMMAND_MOVES,
)
from recoup.core.statuses import (
    GATE_MOVES as GATE_MOVES,
)
from recoup.core.statuses import (
    INVOICE_MOVES as INVOICE_MOVES,
)
from recoup.core.statuses import (
    INVOICE_RANK as INVOICE_RANK,
)
from recoup.core.statuses import (
    LATE_MOVES as LATE_MOVES,
)
from recoup.core.statuses import (
    MACHINES as MACHINES,
)
from recoup.core.statuses import (
    NOTICE_MOVES as NOTICE_MOVES,
)
from recoup.core.statuses import (
    SUBSCRIPTION_MOVES as SUBSCRIPTION_MOVES,
)
from recoup.core.statuses import (
    SUBSCRIPTION_RANK as SUBSCRIPTION_RANK,
)
from recoup.core.statuses import (
    AttemptState as AttemptState,
)
from recoup.core.statuses import (
    CaseEnd as CaseEnd,
)
from recoup.core.statuses import (
    CommandState as CommandState,
)
from recoup.core.statuses import (
    GateStatus as GateStatus,
)
from recoup.core.statuses import (
    HoldKind as HoldKind,
)
from recoup.core.statuses import (
    InvoiceStatus as InvoiceStatus,
)
from recoup.core.statuses import (
    LateState as LateState,
)
from recoup.core.statuses import (
    MailState as MailState,
)
from recoup.core.statuses import (
    NoticeState as NoticeState,
)
from recoup.core.statuses import (
    SubscriptionStatus as SubscriptionStatus,
)
from recoup.core.statuses import (
    Trigger as Trigger,
)
from recoup.errors import IllegalTransition

_Status = TypeVar("_Status", bound=StrEnum)


def checked(
    moves: Mapping[_Status, frozenset[_Status]], before: _Status, after: _Status
) -> _Status:
    """
    Return `after`, if `moves` allows it from `before`. Staying is always allowed.

    Raises:
        IllegalTransition: the table does not list the move. The caller has a bug.
    """
    if before != after and after not in moves[before]:
        raise IllegalTransition(f"{type(before).__name__}: {before} -> {after}")
    return after


def is_live(status: SubscriptionStatus) -> bool:
    """Whether the subscription may still be billed: it has started and not ended."""
    return SUBSCRIPTION_MOVES[status] != frozenset() and status != SubscriptionStatus.INCOMPLETE


def has_ended(status: SubscriptionStatus, *, ended: bool = False) -> bool:
    """Whether the subscription is over for good; `ended`: its row has an end."""
    return ended or not SUBSCRIPTION_MOVES[status]


def is_past_due(status: SubscriptionStatus, *, ended: bool = False) -> bool:
    """Whether its newest invoice should have been paid by now, and it has not ended."""
    return not ended and status in {SubscriptionStatus.PAST_DUE, SubscriptionStatus.UNPAID}


def is_given_up(status: SubscriptionStatus) -> bool:
    """Whether the processor collects no more of it: its invoices stay drafts until one is paid."""
    return status == SubscriptionStatus.UNPAID


def is_paused(status: SubscriptionStatus, *, ended: bool, paused: bool) -> bool:
    """Whether it rests: by its status, or because collecting is `paused`. An end wins."""
    resting = paused or status == SubscriptionStatus.PAUSED
    return resting and not has_ended(status, ended=ended)


def is_active(status: SubscriptionStatus, *, ended: bool, paused: bool) -> bool:
    """
    Whether it runs as it should. Trialing counts, and so does one whose end is scheduled.

    A pause wins over it; who is past due, incomplete or at an end is not active.
    """
    running = status in {SubscriptionStatus.ACTIVE, SubscriptionStatus.TRIALING}
    return running and not ended and not is_paused(status, ended=ended, paused=paused)


def entitles(status: SubscriptionStatus, *, ended: bool, paused: bool) -> bool:
    """Whether it opens what it sells: it runs, or it owes; what debt closes the ladder says."""
    owes = status == SubscriptionStatus.PAST_DUE and not (ended or paused)
    return owes or is_active(status, ended=ended, paused=paused)


def is_trialing(status: SubscriptionStatus) -> bool:
    """Whether it is tried out for nothing."""
    return status == SubscriptionStatus.TRIALING


def gave_up_first_payment(status: SubscriptionStatus) -> bool:
    """Whether the processor ended it because its first payment did not come in time."""
    return status == SubscriptionStatus.INCOMPLETE_EXPIRED


def is_incomplete(status: SubscriptionStatus) -> bool:
    """Whether its first payment is still awaited."""
    return status == SubscriptionStatus.INCOMPLETE


def is_owed(status: InvoiceStatus) -> bool:
    """Whether money is still expected for the invoice."""
    return status == InvoiceStatus.OPEN


def is_draft(status: InvoiceStatus) -> bool:
    """Whether the invoice may still change, and nobody owes it yet."""
    return status == InvoiceStatus.DRAFT


def is_paid(status: InvoiceStatus) -> bool:
    """Whether money was received. Resolved without money is not paid."""
    return status == InvoiceStatus.PAID


def is_resolved(status: InvoiceStatus) -> bool:
    """Whether the matter was closed without money."""
    return status in {InvoiceStatus.VOID, InvoiceStatus.UNCOLLECTIBLE}


def is_void(status: InvoiceStatus) -> bool:
    """Whether it was taken back, so that no money can come for it."""
    return status == InvoiceStatus.VOID


def is_written_off(status: InvoiceStatus) -> bool:
    """Whether someone gave the money up."""
    return status == InvoiceStatus.UNCOLLECTIBLE


#: States in which money may be moving; one such attempt per obligation, and no climbing then.
IN_FLIGHT: Final = frozenset(
    {
        AttemptState.INTENDED,
        AttemptState.REQUESTED,
        AttemptState.PROCESSING,
        AttemptState.UNKNOWN,
    }
)

#: What the partial unique index on attempts counts: in flight, or waiting for the customer.
OPEN: Final = IN_FLIGHT | {AttemptState.ACTION_REQUIRED}


#: Attempts that brought money.
RECEIVED: Final = frozenset({AttemptState.SUCCEEDED})

#: Attempts that a bank refused.
REFUSED: Final = frozenset({AttemptState.DECLINED})


def in_flight(state: AttemptState) -> bool:
    """Whether the attempt may still move money without anybody doing anything."""
    return state in IN_FLIGHT


def is_open(state: AttemptState) -> bool:
    """Whether the attempt occupies its obligation: in flight, or waiting for the customer."""
    return state in OPEN


def is_intended(state: AttemptState) -> bool:
    """Whether the attempt is decided and the processor has not been asked."""
    return state == AttemptState.INTENDED


def is_requested(state: AttemptState) -> bool:
    """Whether the processor is being asked, or was when the asking stopped."""
    return state == AttemptState.REQUESTED


def is_in_doubt(state: AttemptState) -> bool:
    """Whether the processor is still to be asked, or asked what became of it."""
    return state in {AttemptState.INTENDED, AttemptState.REQUESTED, AttemptState.UNKNOWN}


def was_declined(state: AttemptState) -> bool:
    """Whether a bank refused. Neither an outage nor a missing authentication is a refusal."""
    return state == AttemptState.DECLINED


def was_called_off(state: AttemptState) -> bool:
    """Whether the attempt ended without a bank's answer, so that no money can move any more."""
    return state == AttemptState.CANCELED


def succeeded(state: AttemptState) -> bool:
    """Whether money moved."""
    return state == AttemptState.SUCCEEDED


def awaits_customer(state: AttemptState) -> bool:
    """Whether only the customer can bring the attempt on (3-D Secure)."""
    return state == AttemptState.ACTION_REQUIRED


#: Statuses of a refund that gave nothing back, in the processors' words.
NOTHING_GIVEN_BACK: Final = frozenset({"failed", "canceled"})


def is_scheduled(state: NoticeState) -> bool:
    """Whether the notice is still to be sent."""
    return state == NoticeState.SCHEDULED


def was_sent(state: NoticeState) -> bool:
    """Whether the notice left the house."""
    return state == NoticeState.SENT


def stops_tries(kind: HoldKind) -> bool:
    """Whether nothing is tried by itself while the hold lasts."""
    return kind in {HoldKind.HOLD, HoldKind.PROMISE}


def gives_back(kind: HoldKind) -> bool:
    """Whether what was taken away is given back while the hold lasts."""
    return kind == HoldKind.EXEMPT


def was_recovered(end: CaseEnd) -> bool:
    """Whether the case ended because its money came."""
    return end == CaseEnd.RECOVERED


def was_lost(end: CaseEnd) -> bool:
    """Whether what was bought ended with the case."""
    return end in {CaseEnd.EXHAUSTED, CaseEnd.VOLUNTARY}


def is_queued(state: MailState) -> bool:
    """Whether the mail is still to be sent."""
    return state == MailState.QUEUED


def is_over(state: CommandState) -> bool:
    """Whether the command has its result, good or bad."""
    return not COMMAND_MOVES[state]


def is_done(state: CommandState) -> bool:
    """Whether the command did what it was for."""
    return state == CommandState.DONE


def was_refused(state: CommandState) -> bool:
    """Whether the answer was no, or it was called off before anybody was asked."""
    return state == CommandState.REFUSED


def was_asked(state: CommandState) -> bool:
    """Whether the processor may have heard of the command, and its answer is not known."""
    return state in {CommandState.ASKED, CommandState.UNKNOWN}


# -- gates ------------------------------------------------------------------------------------


def is_pending(status: GateStatus) -> bool:
    """Whether the payment is still awaited."""
    return status == GateStatus.PENDING


def is_satisfied(status: GateStatus) -> bool:
    """Whether the payment came."""
    return status == GateStatus.SATISFIED


def let_through(status: GateStatus) -> bool:
    """Whether nothing is waited for any more and what was asked for holds."""
    return status in {GateStatus.SATISFIED, GateStatus.NOT_APPLICABLE}


def is_dead(status: GateStatus) -> bool:
    """Whether the payment did not come, and what was asked for will not be."""
    return status in {GateStatus.FAILED, GateStatus.EXPIRED}


def gated(status: SubscriptionStatus, gate: GateStatus | None) -> SubscriptionStatus:
    """
    Return what a subscription is, from what its processor calls it and from its gate.

    While the gate is pending it is incomplete, whatever the processor calls it, unless it is over
    there. When the gate is dead it is canceled. When the money is known to be in it is active,
    also before the processor has said so.
    """
    if gate is None or gate == GateStatus.NOT_APPLICABLE:
        return status
    if is_dead(gate) or has_ended(status):
        return SubscriptionStatus.CANCELED
    if is_pending(gate):
        return SubscriptionStatus.INCOMPLETE
    return SubscriptionStatus.ACTIVE if is_incomplete(status) else status


def closed_by(gate: GateStatus | None, status: InvoiceStatus) -> InvoiceStatus:
    """Return what an invoice of a gated purchase is: a dead gate closes what nobody has paid."""
    dead = gate is not None and is_dead(gate)
    return InvoiceStatus.CLOSED if dead and INVOICE_MOVES[status] else status


def is_closed(status: InvoiceStatus) -> bool:
    """Whether it belongs to a gate that died, so that nobody owes it or gets to see it."""
    return status == InvoiceStatus.CLOSED


def is_found(state: LateState) -> bool:
    """Whether late money was found, and nothing was asked of anybody yet."""
    return state == LateState.FOUND


def is_underway(state: LateState) -> bool:
    """Whether late money is still to be dealt with by us."""
    return state in {LateState.FOUND, LateState.ASKED}


def is_stuck(state: LateState) -> bool:
    """Whether late money could not be given back, so that a person must."""
    return state == LateState.STUCK


def was_given_back(state: LateState) -> bool:
    """Whether late money went back, as far as anybody knows."""
    return state == LateState.REFUNDED


def bought_after_all(state: LateState) -> bool:
    """Whether late money bought what it was for after all."""
    return state == LateState.REACTIVATED


def was_stopped(withdrawal: str | None) -> bool:
    """Whether a payment was taken back before any money came; in the answer's word."""
    return withdrawal == "canceled"


def has_begun(scheduled: str) -> bool:
    """Whether the day of something scheduled has come, and its processor was asked."""
    return scheduled == "begun"


def was_taken_back(scheduled: str) -> bool:
    """Whether something scheduled was called off before its day."""
    return scheduled == "called_off"
