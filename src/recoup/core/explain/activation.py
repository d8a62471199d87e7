"""What waits for its first payment, and money that came too late, in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from recoup.core import states
from recoup.core.account import Account, Gate, Late
from recoup.core.activation import WAITING
from recoup.core.explain.views import LateView, WaitingView
from recoup.core.explain.words import about, span


def waiting_of(account: Account, *, now: datetime) -> Iterator[WaitingView]:
    """Yield what waits for a payment, or for one to be withdrawn, as of `now`."""
    for gate in account.gates:
        what = "a start to come"
        if gate.subscription_id is not None:
            what = about(account, f"subscription:{gate.subscription_id}")
        yield WaitingView(
            id=gate.id,
            about=what,
            purpose=gate.purpose,
            amount=gate.due,
            expires_at=gate.expires_at,
            words=_words(gate, what, now),
        )


def _words(gate: Gate, what: str, now: datetime) -> str:
    if states.is_dead(gate.status):
        return f"{what} did not get its payment ({gate.reason}): {_withdrawal(gate)}."
    if gate.expires_at is None:
        return f"{what}: its payment is asked for when it begins."
    closed = "gives nothing" if gate.of_a_start else "stays on its old plan"
    left = gate.expires_at - now
    until = f"for {span(left)} more" if left.total_seconds() > 0 else "no longer: its time is up"
    return f"{what} {closed} before its payment has come, which is awaited {until}. {_tries(gate)}"


def _withdrawal(gate: Gate) -> str:
    if gate.withdrawal == WAITING and gate.invoice is None:
        return "its invoice is not known yet, and is withdrawn as soon as it is"
    return "what was begun is being withdrawn"


def _tries(gate: Gate) -> str:
    if gate.invoice_status is None:
        return "Its invoice is not known yet."
    if states.is_draft(gate.invoice_status):
        return "Its invoice is being prepared."
    if not gate.attempts:
        return "Nobody has tried to pay it."
    newest, count = gate.attempts[-1], sum(map(states.was_declined, gate.attempts))
    if states.awaits_customer(newest):
        return "The customer has to authenticate it."
    if states.in_flight(newest):
        return "It is under way, and takes its time."
    most = f" of {gate.tries}" if gate.tries is not None else ""
    return f"{count}{most} tries were declined; the customer may try again."


def late_of(account: Account) -> Iterator[LateView]:
    """Yield the money that came too late and is not dealt with."""
    for late in account.late:
        yield LateView(late.charge, late.amount, late.why, _becomes(late))


def _becomes(late: Late) -> str:
    if states.is_stuck(late.state):
        return "it could not be given back: a person must see to it"
    if states.is_found(late.state):
        return "the next recompute sees to it"
    again = late.decision == "reactivate"
    return "what it was for is begun again" if again else "it is on its way back"
