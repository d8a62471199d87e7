"""
Every status and every legal move, as data.

The database holds the same tables (`moves`) and refuses what they do not list; a test proves that
the two agree. Nothing but `recoup.core.states`, which holds the predicates, compares a status.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


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
    CLOSED = "closed"  #: ours alone: of a gate that died; never numbered, hidden from customers


class GateStatus(StrEnum):
    """How the payment that something waits for stands."""

    PENDING = "pending"
    SATISFIED = "satisfied"
    FAILED = "failed"
    EXPIRED = "expired"
    NOT_APPLICABLE = "not_applicable"


class LateState(StrEnum):
    """How far the way back of late money has come."""

    FOUND = "found"
    ASKED = "asked"  #: its refund, or what it pays for after all, is being asked for
    REFUNDED = "refunded"
    REACTIVATED = "reactivated"
    STUCK = "stuck"  #: it could not be given back: a person must


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


class HoldKind(StrEnum):
    """What a person decided about a customer's dunning, until an instant."""

    HOLD = "hold"  #: nothing is sent, tried or taken away
    PROMISE = "promise"  #: the same, because the customer said when they will pay
    GRACE = "grace"  #: nothing is sent or taken away; tries go on
    EXEMPT = "exempt"  #: the same, and what was taken away is given back meanwhile


class Trigger(StrEnum):
    """Why somebody was decided on again: a hint, recorded with the run. It decides nothing."""

    PAYMENT_FAILED = "payment_failed"
    MARKED_UNCOLLECTIBLE = "marked_uncollectible"
    BAD_DEBT_PAID = "bad_debt_paid"
    DRIFT_DETECTED = "drift_detected"
    OPERATOR_RECOMPUTE = "operator_recompute"
    CLOCK = "clock"  #: an instant came at which something could change
    EVENT = "event"  #: any other news of the processor
    ATTEMPT = "attempt"  #: what became of a try of ours
    NOTICE = "notice"  #: what became of a mail
    COMMAND = "command"  #: somebody asked for something
    GATE = "gate_expired"  #: the window of a first payment has closed
    ACCESS = "access"  #: the host has undone what was lifted, or follows no more
    FULL_SWEEP = "full_sweep"
    IMPORT = "import"
    RECOVER = "recover"


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
            InvoiceStatus.CLOSED,
        }
    ),
    InvoiceStatus.OPEN: frozenset(
        {
            InvoiceStatus.UNCOLLECTIBLE,
            InvoiceStatus.VOID,
            InvoiceStatus.PAID,
            InvoiceStatus.CLOSED,
        }
    ),
    InvoiceStatus.UNCOLLECTIBLE: frozenset(
        {InvoiceStatus.VOID, InvoiceStatus.PAID, InvoiceStatus.CLOSED}
    ),
    InvoiceStatus.VOID: frozenset(),
    InvoiceStatus.PAID: frozenset(),
    InvoiceStatus.CLOSED: frozenset(),
}

GATE_MOVES: Final[Mapping[GateStatus, frozenset[GateStatus]]] = {
    GateStatus.PENDING: frozenset(GateStatus) - {GateStatus.PENDING},
    GateStatus.SATISFIED: frozenset(),
    GateStatus.FAILED: frozenset(),
    GateStatus.EXPIRED: frozenset(),
    GateStatus.NOT_APPLICABLE: frozenset(),
}

LATE_MOVES: Final[Mapping[LateState, frozenset[LateState]]] = {
    LateState.FOUND: frozenset({LateState.ASKED, LateState.REFUNDED}),
    LateState.ASKED: frozenset({LateState.REFUNDED, LateState.REACTIVATED, LateState.STUCK}),
    LateState.STUCK: frozenset({LateState.ASKED, LateState.REFUNDED}),
    LateState.REFUNDED: frozenset({LateState.STUCK}),  # a refund can fail days later
    LateState.REACTIVATED: frozenset(),
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
    "gates": GATE_MOVES,  # type: ignore[dict-item]
    "late_payments": LATE_MOVES,  # type: ignore[dict-item]
}

#: How far a mirrored status has come: of two reports about one second the further one holds,
#: where nothing better is known (`recoup.core.facts.ends_its_second`).
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
            InvoiceStatus.CLOSED,
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
