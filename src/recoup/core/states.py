"""
Every status, every legal move, and the predicates that read them.

No other module compares a status: it asks a predicate from here. The database holds the same
tables (`moves`) and refuses what they do not list; a test proves that the two agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeVar

from recoup.errors import IllegalTransition


class SubscriptionStatus(StrEnum):
    INCOMPLETE = "incomplete"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    UNPAID = "unpaid"
    PAUSED = "paused"
    CANCELED = "canceled"
    INCOMPLETE_EXPIRED = "incomplete_expired"


class InvoiceStatus(StrEnum):
    DRAFT = "draft"
    OPEN = "open"
    UNCOLLECTIBLE = "uncollectible"
    VOID = "void"
    PAID = "paid"


class AttemptState(StrEnum):
    INTENDED = "intended"
    REQUESTED = "requested"
    PROCESSING = "processing"
    UNKNOWN = "unknown"
    ACTION_REQUIRED = "action_required"
    DECLINED = "declined"
    CANCELED = "canceled"
    SUCCEEDED = "succeeded"


class NoticeState(StrEnum):
    SCHEDULED = "scheduled"
    SENT = "sent"
    SKIPPED = "skipped"
    CANCELED = "canceled"


class MailState(StrEnum):
    QUEUED = "queued"
    SENT = "sent"
    SKIPPED = "skipped"
    BOUNCED = "bounced"


class CommandState(StrEnum):
    """How far a command has come."""

    RECORDED = "recorded"  #: committed; nobody has been asked
    ASKED = "asked"  #: the processor is being asked, or was when the asking stopped
    UNKNOWN = "unknown"  #: no answer came; it is asked again with the same key, or looked up
    DONE = "done"
    REFUSED = "refused"  #: the answer was no, or it was called off before anybody was asked


class CaseEnd(StrEnum):
    """How a case ended. An open case has none; an ended one keeps the one it got."""

    RECOVERED = "recovered"
    EXHAUSTED = "exhausted"
    WRITTEN_OFF = "written_off"
    VOLUNTARY = "voluntary"
    SUPERSEDED = "superseded"


_ALIVE: Final = frozenset(
    {
        SubscriptionStatus.TRIALING,
        SubscriptionStatus.ACTIVE,
        SubscriptionStatus.PAST_DUE,
        SubscriptionStatus.UNPAID,
        SubscriptionStatus.PAUSED,
        SubscriptionStatus.CANCELED,
    }
)

SUBSCRIPTION_MOVES: Final[Mapping[SubscriptionStatus, frozenset[SubscriptionStatus]]] = {
    SubscriptionStatus.INCOMPLETE: _ALIVE | {SubscriptionStatus.INCOMPLETE_EXPIRED},
    SubscriptionStatus.TRIALING: _ALIVE - {SubscriptionStatus.TRIALING},
    SubscriptionStatus.ACTIVE: _ALIVE - {SubscriptionStatus.ACTIVE},
    SubscriptionStatus.PAST_DUE: _ALIVE - {SubscriptionStatus.PAST_DUE},
    SubscriptionStatus.UNPAID: _ALIVE - {SubscriptionStatus.UNPAID},
    SubscriptionStatus.PAUSED: _ALIVE - {SubscriptionStatus.PAUSED},
    SubscriptionStatus.CANCELED: frozenset(),
    SubscriptionStatus.INCOMPLETE_EXPIRED: frozenset(),
}

#: A mirror may miss the steps between, so a draft may be seen paid; nothing leaves paid or void.
INVOICE_MOVES: Final[Mapping[InvoiceStatus, frozenset[InvoiceStatus]]] = {
    InvoiceStatus.DRAFT: frozenset(
        {
            InvoiceStatus.OPEN,
            InvoiceStatus.UNCOLLECTIBLE,
            InvoiceStatus.VOID,
            InvoiceStatus.PAID,
        }
    ),
    InvoiceStatus.OPEN: frozenset(
        {InvoiceStatus.UNCOLLECTIBLE, InvoiceStatus.VOID, InvoiceStatus.PAID}
    ),
    InvoiceStatus.UNCOLLECTIBLE: frozenset({InvoiceStatus.VOID, InvoiceStatus.PAID}),
    InvoiceStatus.VOID: frozenset(),
    InvoiceStatus.PAID: frozenset(),
}

_SETTLED_BY_BANK: Final = frozenset(
    {
        AttemptState.SUCCEEDED,
        AttemptState.DECLINED,
        AttemptState.ACTION_REQUIRED,
        AttemptState.PROCESSING,
    }
)

ATTEMPT_MOVES: Final[Mapping[AttemptState, frozenset[AttemptState]]] = {
    AttemptState.INTENDED: frozenset({AttemptState.REQUESTED, AttemptState.CANCELED}),
    AttemptState.REQUESTED: _SETTLED_BY_BANK | {AttemptState.UNKNOWN, AttemptState.CANCELED},
    AttemptState.UNKNOWN: _SETTLED_BY_BANK | {AttemptState.CANCELED},
    AttemptState.PROCESSING: frozenset(
        {AttemptState.SUCCEEDED, AttemptState.DECLINED, AttemptState.CANCELED}
    ),
    AttemptState.ACTION_REQUIRED: frozenset(
        {
            AttemptState.SUCCEEDED,
            AttemptState.DECLINED,
            AttemptState.PROCESSING,
            AttemptState.CANCELED,
        }
    ),
    AttemptState.DECLINED: frozenset(),
    AttemptState.CANCELED: frozenset(),
    AttemptState.SUCCEEDED: frozenset(),
}

NOTICE_MOVES: Final[Mapping[NoticeState, frozenset[NoticeState]]] = {
    NoticeState.SCHEDULED: frozenset(
        {NoticeState.SENT, NoticeState.SKIPPED, NoticeState.CANCELED}
    ),
    NoticeState.SENT: frozenset(),
    NoticeState.SKIPPED: frozenset(),
    NoticeState.CANCELED: frozenset(),
}

COMMAND_MOVES: Final[Mapping[CommandState, frozenset[CommandState]]] = {
    CommandState.RECORDED: frozenset(
        {CommandState.ASKED, CommandState.DONE, CommandState.REFUSED}
    ),
    CommandState.ASKED: frozenset({CommandState.DONE, CommandState.REFUSED, CommandState.UNKNOWN}),
    CommandState.UNKNOWN: frozenset({CommandState.DONE, CommandState.REFUSED}),
    CommandState.DONE: frozenset(),
    CommandState.REFUSED: frozenset(),
}

#: Machine name (the table it guards) -> its moves; what the database's `moves` table must hold.
MACHINES: Final[Mapping[str, Mapping[StrEnum, frozenset[StrEnum]]]] = {
    "subscriptions": SUBSCRIPTION_MOVES,  # type: ignore[dict-item]
    "invoices": INVOICE_MOVES,  # type: ignore[dict-item]
    "attempts": ATTEMPT_MOVES,  # type: ignore[dict-item]
    "notices": NOTICE_MOVES,  # type: ignore[dict-item]
    "commands": COMMAND_MOVES,  # type: ignore[dict-item]
}

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


#: How far a mirrored status has come: of two reports about one second the further one holds.
SUBSCRIPTION_RANK: Final[Mapping[SubscriptionStatus, int]] = {
    SubscriptionStatus.INCOMPLETE: 0,
    SubscriptionStatus.TRIALING: 1,
    SubscriptionStatus.PAST_DUE: 2,
    SubscriptionStatus.UNPAID: 3,
    SubscriptionStatus.ACTIVE: 4,
    SubscriptionStatus.PAUSED: 5,
    SubscriptionStatus.INCOMPLETE_EXPIRED: 6,
    SubscriptionStatus.CANCELED: 7,
}
INVOICE_RANK: Final[Mapping[InvoiceStatus, int]] = {
    status: rank
    for rank, status in enumerate(
        (
            InvoiceStatus.DRAFT,
            InvoiceStatus.OPEN,
            InvoiceStatus.UNCOLLECTIBLE,
            InvoiceStatus.VOID,
            InvoiceStatus.PAID,
        )
    )
}
ATTEMPT_RANK: Final[Mapping[AttemptState, int]] = {
    state: rank
    for rank, state in enumerate(
        (
            AttemptState.INTENDED,
            AttemptState.REQUESTED,
            AttemptState.UNKNOWN,
            AttemptState.ACTION_REQUIRED,
            AttemptState.PROCESSING,
            AttemptState.DECLINED,
            AttemptState.CANCELED,
            AttemptState.SUCCEEDED,
        )
    )
}


def is_live(status: SubscriptionStatus) -> bool:
    """Whether the subscription may still be billed: it has started and not ended."""
    return SUBSCRIPTION_MOVES[status] != frozenset() and status != SubscriptionStatus.INCOMPLETE


def has_ended(status: SubscriptionStatus, *, ended: bool = False) -> bool:
    """Whether the subscription is over for good; `ended`: its row has an end."""
    return ended or not SUBSCRIPTION_MOVES[status]


def is_past_due(status: SubscriptionStatus, *, ended: bool = False) -> bool:
    """Whether its newest invoice should have been paid by now, and it has not ended."""
    return not ended and status in {SubscriptionStatus.PAST_DUE, SubscriptionStatus.UNPAID}


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


def is_queued(state: MailState) -> bool:
    """Whether the mail is still to be sent."""
    return state == MailState.QUEUED


def is_over(state: CommandState) -> bool:
    """Whether the command has its result, good or bad."""
    return not COMMAND_MOVES[state]


def is_done(state: CommandState) -> bool:
    """Whether the command did what it was for."""
    return state == CommandState.DONE


def was_asked(state: CommandState) -> bool:
    """Whether the processor may have heard of the command, and its answer is not known."""
    return state in {CommandState.ASKED, CommandState.UNKNOWN}
