"""
The events a host can be told of. Each is made of one ledger entry, by what that entry changed.

To add one: a line here, a row in the table of docs/events.md, and a test in
tests/flow/events that makes it happen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from recoup.core import states
from recoup.core.billing.outcomes import status_shown
from recoup.core.billing.views import Outcome
from recoup.core.ledger import Changes
from recoup.core.states import AttemptState, GateStatus, InvoiceStatus, SubscriptionStatus

Scalar = str | int | bool | None

#: Whether an entry, by its type and its changes, makes the event.
When = Callable[[str, Changes], bool]


@dataclass(frozen=True, slots=True)
class Event:
    """
    Something that happened, told at least once.

    `id` is the same however often it is told. `data` is what changed, as it is since: ids, words,
    amounts in minor units, instants as text; no names and no addresses. What it says may have
    changed again by now: ask Recoup for how things stand.
    """

    id: int
    type: str  #: "invoice.paid"; docs/events.md has them all
    customer_id: int
    subject: str  #: what it is about: "invoice:7"
    occurred_at: datetime  #: UTC; when it happened, not when we heard of it
    data: Mapping[str, Scalar]

    @property
    def subject_id(self) -> int:
        """Our id of what it is about: 7 of "invoice:7"."""
        return int(self.subject.rpartition(":")[2])


@dataclass(frozen=True, slots=True)
class Public:
    """A type of event: of which kind of subject, what it means, and when it is made."""

    kind: str
    meaning: str
    when: When


def _word(*types: str) -> When:
    return lambda word, _: word in types


def _gained(field: str) -> When:
    def when(_: str, changes: Changes) -> bool:
        before, after = changes.get(field, (None, None))
        return before is None and after is not None

    return when


def _turned(field: str) -> When:
    return lambda _, changes: changes.get(field, (None, None))[1] is True


def _became(field: str, read: Callable[[str], Any], is_: Callable[[Any], bool]) -> When:
    """Whether `field` is now what it was not."""

    def when(_: str, changes: Changes) -> bool:
        before, after = changes.get(field, (None, None))
        return after is not None and is_(read(after)) and not (before and is_(read(before)))

    return when


def _left(field: str, read: Callable[[str], Any], is_: Callable[[Any], bool]) -> When:
    """Whether `field` was what it is not any more."""

    def when(_: str, changes: Changes) -> bool:
        before, after = changes.get(field, (None, None))
        return bool(before and is_(read(before)) and after and not is_(read(after)))

    return when


def _either(*conditions: When) -> When:
    return lambda word, changes: any(one(word, changes) for one in conditions)


def _paid(type: str, changes: Changes) -> bool:
    """Whether money was received; a matter closed in another way is resolved and not paid."""
    became = _became("status", InvoiceStatus, states.is_paid)(type, changes)
    return became and changes.get("resolved_as", (None, None))[1] is None


def _resolved(type: str, changes: Changes) -> bool:
    """Whether it is closed without money, or was in another way than was told before."""
    closed = _became("status", InvoiceStatus, states.is_closed)(type, changes)
    before, after = changes.get("resolved_as", (None, None))
    return after is not None and after != before and not closed


def _received(type: str, changes: Changes) -> bool:
    came = _became("state", AttemptState, states.succeeded)(type, changes)
    return came and not _gained("unowed_at")(type, changes)


def _replanned(_: str, changes: Changes) -> bool:
    pairs = (changes.get(field, (None, None)) for field in ("plan", "quantity"))
    return any(before is not None for before, _ in pairs)


def _status(is_: Callable[[SubscriptionStatus], bool]) -> When:
    return _became("status", SubscriptionStatus, is_)


def _resting(status: SubscriptionStatus) -> bool:
    return states.is_paused(status, ended=False, paused=False)


def _unpaused(type: str, changes: Changes) -> bool:
    before, after = changes.get("pause_behavior", (None, None))
    rested = _left("status", SubscriptionStatus, _resting)(type, changes)
    went = "status" in changes and states.has_ended(SubscriptionStatus(changes["status"][1]))
    return (rested or (before is not None and after is None)) and not went


def _refund_failed(_: str, changes: Changes) -> bool:
    return changes.get("status", (None, None))[1] in states.NOTHING_GIVEN_BACK


EVENTS: Final[Mapping[str, Public]] = {
    "customer.created": Public(
        "customer", "The processor has a customer it did not have.", _gained("processor_id")
    ),
    "customer.deleted": Public(
        "customer", "The processor has the customer no more.", _turned("deleted")
    ),
    "customer.erased": Public(
        "customer", "Everything personal of the customer was erased.", _gained("erased_at")
    ),
    "method.attached": Public(
        "method", "The customer has a new payment method.", _gained("processor_id")
    ),
    "method.detached": Public(
        "method", "A payment method can not be used any more.", _turned("detached")
    ),
    "subscription.started": Public(
        "subscription",
        "It gives access for the first time: at once, or when its gate let it through.",
        _gained("activated_at"),
    ),
    "subscription.changed": Public(
        "subscription", "Its plan or its quantity is another.", _replanned
    ),
    "upgrade.withdrawn": Public(
        "subscription",
        "A change of plan was not paid, so it was withdrawn; what was bought before stays.",
        _word("upgrade.withdrawn"),
    ),
    "subscription.past_due": Public(
        "subscription", "Its newest invoice should have been paid.", _status(states.is_past_due)
    ),
    "subscription.paused": Public(
        "subscription", "It rests.", _either(_gained("pause_behavior"), _status(_resting))
    ),
    "subscription.unpaused": Public("subscription", "It rests no more.", _unpaused),
    "subscription.end_requested": Public(
        "subscription",
        "Its end was asked for, now or for later, by a person or by the ladder.",
        _gained("end_requested_at"),
    ),
    "subscription.resumed": Public(
        "subscription", "An end that was scheduled was undone.", _word("subscription.resumed")
    ),
    "subscription.canceled": Public("subscription", "It is over.", _status(states.has_ended)),
    "gate.satisfied": Public(
        "gate",
        "The payment that a start or a change of plan waited for has come.",
        _became("status", GateStatus, states.is_satisfied),
    ),
    "gate.died": Public(
        "gate",
        "That payment failed or did not come in time; `reason` says which.",
        _became("status", GateStatus, states.is_dead),
    ),
    "invoice.paid": Public("invoice", "Money was received for all of it.", _paid),
    "invoice.failed": Public(
        "invoice", "A payment for it failed for the first time.", _gained("first_failed_at")
    ),
    "invoice.resolved": Public(
        "invoice", "The matter was closed without money; `resolved_as` says how.", _resolved
    ),
    "payment.succeeded": Public("attempt", "Money was received.", _received),
    "payment.failed": Public(
        "attempt",
        "A bank refused a payment.",
        _became("state", AttemptState, states.was_declined),
    ),
    "payment.action_required": Public(
        "attempt",
        "The customer must confirm a payment (3-D Secure).",
        _became("state", AttemptState, states.awaits_customer),
    ),
    "payment.late": Public(
        "attempt",
        "Money came when nothing was owed any more; it goes back, or buys it after all.",
        _gained("unowed_at"),
    ),
    "refund.created": Public(
        "refund", "Money is being given back, all of a payment or a part.", _gained("attempt_id")
    ),
    "refund.failed": Public("refund", "It could not be given back.", _refund_failed),
    "dispute.opened": Public("dispute", "A payment is disputed.", _word("dispute.opened")),
    "dispute.closed": Public(
        "dispute", "The dispute is over; `lost` says how.", _word("dispute.closed")
    ),
    "case.opened": Public("case", "The recovery of a debt began.", _word("case.opened")),
    "case.ended": Public(
        "case",
        "It ended; `ending` says how.",
        _gained("ending"),
    ),
    "dunning.started": Public(
        "case", "A campaign of notices begins, with its case.", _word("case.opened")
    ),
    "dunning.ended": Public(
        "case", "The campaign is over, with its case; `ending` says how.", _word("case.ended")
    ),
    "dunning.notice": Public(
        "telling",
        "A notice is to reach its customer by the host's own means; `step` says which.",
        _word("notice.told"),
    ),
    "access.restricted": Public(
        "restriction", "A debt restricts what was bought.", _word("restriction.imposed")
    ),
    "access.restored": Public(
        "restriction",
        "A restriction was lifted, for good or for a stricter one.",
        _word("restriction.lifted"),
    ),
}

#: The kinds of subject that events are about.
KINDS: Final = frozenset(public.kind for public in EVENTS.values())

_OF: Final = {
    kind: tuple((name, public.when) for name, public in EVENTS.items() if public.kind == kind)
    for kind in KINDS
}


def named(kind: str, type: str, changes: Changes) -> Iterator[str]:
    """Yield the events that an entry of the ledger makes, about a subject of this kind."""
    for name, when in _OF.get(kind, ()):
        if when(type, changes):
            yield name


def told(changes: Changes) -> dict[str, Any]:
    """
    Return what an event tells of an entry's changes: what is so now, scalars only.

    The status of an invoice is as it is shown: paid only where money was received.
    """
    made: dict[str, Any] = {
        name: after
        for name, (_, after) in changes.items()
        if after is None or isinstance(after, str | int | datetime)
    }
    if made.get("resolved_as") is not None and made.get("status") is not None:
        made["status"] = str(status_shown(InvoiceStatus(made["status"]), Outcome.RESOLVED))
    return made
