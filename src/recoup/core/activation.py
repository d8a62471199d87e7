"""
Payment-gated activation: nothing is open, and nothing is owed, before the first payment has come.

What a gate is, and what becomes of it. A gate that dies takes back what it was asked for; money
that comes after that goes back, or buys it after all. Source: docs/activation.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from recoup.core import states
from recoup.core.account import Account, Gate, Late, Subscription
from recoup.core.states import GateStatus, LateState
from recoup.errors import InvalidValue

#: What we write into the metadata of a gated subscription: its gate's id. So the first news of
#: it, whoever brings it, finds the gate closed.
GATE_MARK: Final = "recoup_gate"
#: How long a processor waits for a first payment. Source: docs.stripe.com, "How subscriptions
#: work", incomplete subscriptions expire after 23 hours.
USUAL: Final = timedelta(hours=23)
LONGEST: Final = timedelta(days=60)
MOST_TRIES: Final = 50
#: When a gated change at the period's end is asked for: so long before it, so that it is paid, or
#: is not, before the old plan renews.
AHEAD: Final = timedelta(hours=1)

WhenLate = Literal["refund", "reactivate"]


@dataclass(frozen=True, slots=True)
class PaymentGate:
    """
    Nothing is open, and nothing is owed, before the first payment has come.

    Args:
        timeout: How long it may take, from when the subscription begins; whole seconds, up to 60
            days. Longer than 23 hours helps slow methods only: processors give up the others.
        tries: So many declined payments end it; None: as many as fit into the window.
        late: What becomes of money that comes after that: given back, or `reactivate`: it buys
            the subscription after all, if nothing has replaced it and not more than one period
            has gone by.

    Raises:
        InvalidValue: a value that makes no sense.
    """

    timeout: timedelta = USUAL
    tries: int | None = None
    late: WhenLate = "refund"

    def __post_init__(self) -> None:
        if not isinstance(self.timeout, timedelta):
            raise InvalidValue(f"timeout: expected a timedelta, got {self.timeout!r}")
        if not timedelta(0) < self.timeout <= LONGEST or self.timeout % timedelta(seconds=1):
            raise InvalidValue(
                "timeout: expected whole seconds, above zero and up to 60 days, "
                f"got {self.timeout}"
            )
        counted = isinstance(self.tries, int) and not isinstance(self.tries, bool)
        if self.tries is not None and not (counted and 0 < self.tries <= MOST_TRIES):
            raise InvalidValue(f"tries: expected 1 to {MOST_TRIES} or None, got {self.tries!r}")
        if self.late not in ("refund", "reactivate"):
            raise InvalidValue(f"late: expected 'refund' or 'reactivate', got {self.late!r}")


#: Why a gate died: what `subscriptions.end_reason` says then.
TIMEOUT: Final = "timeout"
PAYMENT_FAILED: Final = "payment_failed"
PROCESSOR: Final = "processor"
#: How far the withdrawal of a dead gate's payment has come: it has no name yet, or is asked for.
WAITING: Final = "waiting"
ASKED: Final = "asked"
#: ... and what was answered when no money comes any more.
_TAKEN_BACK: Final = frozenset({"canceled", "refused"})


def resolved(account: Account, *, now: datetime) -> Account:
    """Return the account with every gate that is decided let through or dead, and late money."""
    if not (account.gates or account.late):
        return account
    gates = tuple(_withdrawn(_decided(gate, account, now)) for gate in account.gates)
    subscriptions = {each.id: each for each in account.subscriptions}
    for before, after in zip(account.gates, gates, strict=True):
        mine = subscriptions.get(after.subscription_id or 0)
        if mine is not None and after.of_a_start and _matters(before, after, mine):
            subscriptions[mine.id] = _moved(mine, after)
    return account.but(
        gates=gates,
        subscriptions=tuple(subscriptions.values()),
        late=tuple(_each_dealt_with(account.late, now)),
    )


def _matters(before: Gate, after: Gate, mine: Subscription) -> bool:
    """Whether the gate has moved, or was dead already when its subscription came to be."""
    stillborn = states.is_dead(after.status) and mine.end_requested_at is None
    over = after.called is not None and states.has_ended(after.called)
    return before.status != after.status or (stillborn and not over)


def _decided(gate: Gate, account: Account, now: datetime) -> Gate:
    """Return the gate with its end, if anything that is known brings it."""
    if not states.is_pending(gate.status):
        return gate
    mine = next((s for s in account.subscriptions if s.id == gate.subscription_id), None)
    if mine is None:
        return _dead(gate, PROCESSOR, now) if account.deleted else gate
    over = gate.called is not None and states.has_ended(gate.called)
    paid = gate.paid_at is not None and not (over and _before(mine.ended_at, gate.paid_at))
    if paid and gate.expires_at is not None:
        return replace(gate, status=GateStatus.SATISFIED, ended_at=now)
    deleted = account.deleted
    why = _cause_of_death(gate, mine, now, over=over or deleted, deleted=deleted)
    if why is not None:
        asks = _asks_first(gate) and not (over or deleted)
        asked = replace(gate, withdrawal=gate.withdrawal or ASKED)
        return asked if asks else _dead(gate, why, now)
    if gate.nothing_due and gate.expires_at is not None:
        return replace(gate, status=GateStatus.NOT_APPLICABLE, ended_at=now)
    return gate


def _cause_of_death(
    gate: Gate, mine: Subscription, now: datetime, *, over: bool, deleted: bool
) -> str | None:
    """
    Return why the gate dies, if it does.

    That a processor's patience ended is a timeout; that somebody ended it there before is not,
    though the processor calls it the same.
    """
    if over:
        gave_up = gate.called is not None and states.gave_up_first_payment(gate.called)
        why = mine.end_reason or PROCESSOR
        return TIMEOUT if gave_up and why == PROCESSOR and not deleted else why
    if gate.of_a_start and mine.end_requested_at is not None:
        return mine.end_reason or PROCESSOR
    if gate.expires_at is None:
        return None
    due = not gate.nothing_due and gate.expires_at <= now
    if due and gate.withdrawal is not None:
        return TIMEOUT  # its invoice was given up because we asked for that
    if _given_up(gate) or _tried_out(gate):
        return PAYMENT_FAILED
    return TIMEOUT if due else None


def _given_up(gate: Gate) -> bool:
    """
    Whether its invoice was closed without money, so that none can come.

    That of a start is voided when the processor ends the subscription, and that is what counts:
    the two are told in any order. One that it goes on with, after a debit that failed late, is
    not ended by it.
    """
    status = gate.invoice_status
    if gate.of_a_start and status is not None and states.is_void(status):
        return gate.called is not None and states.is_live(gate.called)
    return gate.given_up


def _asks_first(gate: Gate) -> bool:
    """
    Whether a change is dead only once its payment is withdrawn.

    The processor makes it in the instant in which it is paid, whether we have heard of that or
    not. Money that is in, or that nobody can stop any more, decides by itself.
    """
    if gate.of_a_start or gate.invoice is None or gate.settled:
        return False
    return gate.withdrawal not in _TAKEN_BACK


def _before(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and one < other


def _dead(gate: Gate, reason: str, now: datetime) -> Gate:
    status = GateStatus.EXPIRED if reason == TIMEOUT else GateStatus.FAILED
    withdrawal = gate.withdrawal or WAITING
    return replace(gate, status=status, ended_at=now, reason=reason, withdrawal=withdrawal)


def _tried_out(gate: Gate) -> bool:
    """
    Whether the last try that it may have was declined.

    Only while that is the newest: the failure of a try that was abandoned for another says
    nothing.
    """
    if gate.tries is None or not gate.attempts or not states.was_declined(gate.attempts[-1]):
        return False
    return sum(map(states.was_declined, gate.attempts)) >= gate.tries


def _withdrawn(gate: Gate) -> Gate:
    """
    Return a dead gate with the withdrawal of its payment asked for, once that has a name.

    Where no money can come there is nothing to withdraw. What has no invoice yet waits for it.
    """
    if gate.withdrawal != WAITING:
        return gate
    if gate.settled:
        return replace(gate, withdrawal=None)
    return gate if gate.invoice is None else replace(gate, withdrawal=ASKED)


def _moved(mine: Subscription, gate: Gate) -> Subscription:
    """Return the subscription as its gate lets it be; what dies is to be ended there too."""
    called = mine.processor_status or mine.status
    status = states.gated(called, gate.status)
    moved = replace(mine, status=status, processor_status=None if status == called else called)
    if not states.is_dead(gate.status):
        lives = states.is_live(status)
        began = mine.activated_at or (gate.ended_at if lives else None)
        return replace(moved, activated_at=began)
    died = replace(moved, ended_at=mine.ended_at or gate.ended_at, end_reason=gate.reason)
    if states.has_ended(called):
        return died
    return replace(died, end_requested_at=mine.end_requested_at or gate.ended_at)


def _each_dealt_with(late: Sequence[Late], now: datetime) -> Iterator[Late]:
    """Yield late money, each on its way. What one of them buys after all no other buys again."""
    bought = {price for one in late if _buys(one) for price in one.prices}
    for one in late:
        after = _dealt_with(one, now, again=bought.isdisjoint(one.prices))
        if _buys(after):
            bought.update(after.prices)
        yield after


def _buys(late: Late) -> bool:
    underway = states.is_underway(late.state) and not states.is_found(late.state)
    return underway and late.decision == "reactivate"


def _dealt_with(late: Late, now: datetime, *, again: bool) -> Late:
    """
    Return late money on its way: back, or, if that may be bought `again`, to what it was for.

    What others have given back in full meanwhile needs nothing more of us.
    """
    if not late.amount:
        return replace(late, state=LateState.REFUNDED) if _may_end(late) else late
    if not states.is_found(late.state):
        return late
    lives = late.reactivates_until is not None and now <= late.reactivates_until
    buys = again and late.decision == "reactivate" and lives and not late.replaced
    return replace(late, state=LateState.ASKED, decision="reactivate" if buys else "refund")


def _may_end(late: Late) -> bool:
    return states.is_found(late.state) or states.is_stuck(late.state)
