"""
An invariant: a sentence about the stored rows that is true at any time, and how to find where not.

To add one: a line in its module's tuple, a line in docs/invariants.md, a seeded fault in the
tests that it finds. A tuple of a new module goes into `INVARIANTS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection

from recoup.core import states
from recoup.core.billing.outcomes import DECIDED
from recoup.core.collection.rules import Rules
from recoup.core.policy import Policy
from recoup.core.states import (
    AttemptState,
    CaseEnd,
    CommandState,
    GateStatus,
    InvoiceStatus,
    NoticeState,
    SubscriptionStatus,
)
from recoup.store import batch

#: More than these of one invariant are not listed.
MOST: Final = 1_000

#: How long what is on its way may take before it counts as forgotten.
CALM: Final = timedelta(minutes=10)

#: Where and what: ("case 7", "ended twice").
Finding = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that one invariant forbids."""

    invariant: str
    subject: str
    detail: str


@dataclass(frozen=True, slots=True)
class Look:
    """What an invariant may look at: the rows as of one instant, our clock, and the rules."""

    connection: Connection
    now: datetime
    policies: Mapping[str, Policy]
    rules: Rules

    def find(self, sql: str, **more: Any) -> list[Any]:
        """Return the first rows of a query that may name any of `WORDS`, `now` and `more`."""
        return self.fetch(f"{sql} LIMIT {MOST}", **more)

    def fetch(self, sql: str, **more: Any) -> list[Any]:
        """Return all rows of such a query."""
        given = {**WORDS, "now": self.now, "calm": CALM, **more}
        with batch.driver(self.connection).cursor(binary=True) as cursor:
            return cursor.execute(sql.encode(), given).fetchall()


@dataclass(frozen=True, slots=True)
class Invariant:
    """`sentence` says what always holds; `find` returns where it does not."""

    name: str
    sentence: str
    find: Callable[[Look], Iterable[Finding]]


def by_sql(name: str, sentence: str, sql: str) -> Invariant:
    """Return an invariant whose violations `sql` selects, as subject and detail."""
    return Invariant(name, sentence, lambda look: look.find(sql))


def busy(customer_id: str) -> str:
    """
    Return SQL for: a recompute of this customer is due, or failed and shown as such, or nothing is
    to be decided about it yet.
    """
    return (
        f"(EXISTS (SELECT FROM standings busy WHERE busy.customer_id = {customer_id}"
        " AND (busy.run_state <> 'ok' OR busy.next_wake_at <= %(now)s))"
        f" OR EXISTS (SELECT FROM travellers met WHERE met.customer_id = {customer_id}))"
    )


def _which(kind: type[StrEnum], holds: Callable[[Any], bool] = bool) -> list[str]:
    return [str(status) for status in kind if holds(status)]


#: What queries call the states: the answers of the predicates, never a literal.
WORDS: Final[Mapping[str, Any]] = {
    "attempt_states": _which(AttemptState),
    "invoice_statuses": _which(InvoiceStatus),
    "subscription_statuses": _which(SubscriptionStatus),
    "notice_states": _which(NoticeState),
    "open": _which(AttemptState, states.is_open),
    "in_flight": _which(AttemptState, states.in_flight),
    "intended": _which(AttemptState, states.is_intended),
    "succeeded": _which(AttemptState, states.succeeded),
    "declined": _which(AttemptState, states.was_declined),
    "owed": _which(InvoiceStatus, states.is_owed),
    "paid": _which(InvoiceStatus, states.is_paid),
    "resolved": _which(InvoiceStatus, states.is_resolved),
    "decided": sorted(DECIDED),
    "command_over": _which(CommandState, states.is_over),
    "command_done": _which(CommandState, states.is_done),
    "closed": _which(InvoiceStatus, states.is_closed),
    "gate_pending": _which(GateStatus, states.is_pending),
    "gate_dead": _which(GateStatus, states.is_dead),
    "incomplete": _which(SubscriptionStatus, states.is_incomplete),
    "over": _which(SubscriptionStatus, states.has_ended),
    "sent": _which(NoticeState, states.was_sent),
    "scheduled": _which(NoticeState, states.is_scheduled),
    "exhausted": str(CaseEnd.EXHAUSTED),
    "no_refund": sorted(states.NOTHING_GIVEN_BACK),
}
