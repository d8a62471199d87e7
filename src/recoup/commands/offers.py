"""
Changes of plan that wait for their payment. The old plan stays as it is until the money is in.

An offer begins when the change is asked for: its invoice is made and tried, and the processor
keeps the change back. Paid, the change is made; failed or too late, the offer is withdrawn. One
at the period's end is asked for a little before it, so that it is paid, or is not, before the old
plan renews, and begins a new period when it is. Source: docs/activation.md, "Changing the plan".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from recoup.commands.base import Kind, Plan, Recording, Work
from recoup.commands.calling_off import give_up
from recoup.commands.following import later
from recoup.commands.kinds import Refusal
from recoup.commands.lifecycle import begun
from recoup.commands.options import verb
from recoup.commands.starting import GATE, REQUESTED, Starting, tell_of_refusal, why
from recoup.core import states
from recoup.core.activation import AHEAD, PaymentGate
from recoup.core.billing import items as lists
from recoup.core.billing.answers import Answer
from recoup.core.billing.catalogue import Catalogue
from recoup.core.billing.requests import (
    ChangeSubscription,
    ItemChange,
    Proration,
    WithdrawPayment,
)
from recoup.core.billing.views import Gate, Subscription
from recoup.core.states import GateStatus
from recoup.errors import InProgress, InvalidValue, NotPossible, OfferPending
from recoup.jobs.base import Scalar
from recoup.store import views
from recoup.store.records import activation as gates
from recoup.store.records import commands
from recoup.store.records import subscriptions as rows
from recoup.store.records.commands import DUE
from recoup.store.views.reading import Ref

#: The only way to bill a change that is paid before it is made.
AT_ONCE: Final[Proration] = "invoice_now"
#: Among a command's kept values: the end of the period that an offer is for.
_UNTIL: Final = "until"


def _withdrawn(work: Work, answer: Answer) -> Subscription:
    """
    End the offer, if no money will come for it.

    Money that has come, or is under way and can not be stopped, decides by itself.
    """
    gate = gates.read(work.writer.connection, work.args[GATE])
    if states.was_stopped(answer.status):
        gates.fail(work.writer, gate.id, REQUESTED, withdrawal="canceled")
    return views.read_subscription(
        work.writer.connection, gate.subscription_id or 0, plans=work.plans
    )


def seen_again(work: Work, result: Subscription, decide: Callable[[], object]) -> Subscription:
    """Look again at a subscription with an offer, once the loop has decided on it."""
    if GATE not in work.args:
        return result
    decide()
    return views.read_subscription(work.writer.connection, result.id, plans=work.plans)


WITHDRAW: Final = Kind(
    "subscriptions.withdraw_offer", Subscription, _withdrawn, settled=seen_again
)

KINDS: Final[Sequence[Kind[Any]]] = (WITHDRAW,)


class Offers(Starting):
    """Changes of plan that are offered."""

    __slots__ = ()

    @verb
    def withdraw_offer(self, subscription: Ref, *, key: str | None = None) -> Subscription:
        """
        Take back a change of plan that awaits its payment, or is to come. Where none is, nothing
        happens.

        A payment that is in already, or that nobody can stop any more, is not taken back: then
        the gate that is returned is not `failed`, and the payment decides.

        Raises:
            InProgress: the offer is being made at this moment.
        """

        def plan(recording: Recording, now: Subscription) -> Plan | None:
            gate = _offer(now)
            if gate is None:
                return None
            if self._taken_back(recording, now):
                plans = self.office.plans
                return Plan(
                    result=views.read_subscription(recording.connection, now.id, plans=plans)
                )
            if gate.invoice_id is None:
                raise InProgress(f"the offer of subscription {now.id} is being made")
            bill = views.read_invoice(recording.connection, gate.invoice_id, now=recording.now)
            return Plan(WithdrawPayment(bill.processor_id), args={GATE: gate.id})

        return self._about(WITHDRAW, subscription, {}, plan, key)

    def _taken_back(self, recording: Recording, now: Subscription) -> bool:
        """Call an offer off that is still to come; return whether there was one."""
        gate = _offer(now)
        if gate is None:
            return False
        made = gates.read(recording.connection, gate.id)
        kept = commands.by_id(recording.connection, made.command_id)
        if kept is None or not kept.to_come:
            return False
        give_up(self.office, recording, kept)
        return True


def refuse_offered(now: Subscription) -> None:
    """
    Raises:
        OfferPending: a change of it is offered, or is to be.
    """
    gate = _offer(now)
    if gate is None:
        return
    last = gate.expires_at
    when = "is to come" if last is None else f"awaits its payment until {last:%Y-%m-%d %H:%M} UTC"
    raise OfferPending(
        f"subscription {now.id}: a change of plan {when}; withdraw_offer takes it back"
    )


def refuse_ungated(now: Subscription, gate: PaymentGate | None, proration: Proration) -> None:
    """
    Raises:
        InvalidValue: no such change can wait for its payment.
        NotPossible: another change is to come.
    """
    if gate is None:
        return
    if proration != AT_ONCE:
        raise InvalidValue(
            f"proration: a change with a gate is paid before it is made, so it is {AT_ONCE!r}, "
            f"not {proration!r}"
        )
    if now.next_items:
        raise NotPossible(
            f"subscription {now.id} changes with its period already: resume it first"
        )


def offer(recording: Recording, now: Subscription, gate: PaymentGate) -> int:
    """Write the gate of a change that is asked for now; return its id."""
    return gates.make(
        recording.writer,
        customer_id=now.customer_id,
        purpose="change",
        command_id=recording.command_id,
        gate=gate,
        subscription_id=now.id,
    )


def offer_later(
    recording: Recording,
    kind: Kind[Subscription],
    now: Subscription,
    changes: tuple[ItemChange, ...],
    gate: PaymentGate,
    plans: Catalogue,
) -> Plan:
    """Record a change that is to be offered just before the period is over."""
    if now.period_end is None:
        raise NotPossible(f"subscription {now.id} has no period that could end")
    to_be = lists.after(now.items, changes)
    due = max(now.period_end - AHEAD, recording.now)
    own = recording.of(commands.reserve(recording.writer))
    args: dict[str, Scalar] = {
        GATE: offer(own, now, gate),
        _UNTIL: now.period_end.isoformat(),
        "subscription_id": now.id,
    }
    request = ChangeSubscription(
        now.processor_id, changes, proration=AT_ONCE, gated=True, restart=True
    )
    later(
        own,
        kind,
        Plan(request, args=args),
        [item.price for item in to_be],
        cause=recording.command_id,
        due=due,
        subject=f"subscription:{now.id}",
    )
    coming = [{"id": i.id, "price": i.price, "quantity": i.quantity} for i in to_be]
    kept = {"next_items": coming}
    rows.change(recording.writer, now.id, kept, type="subscription.change_scheduled")
    return Plan(result=views.read_subscription(recording.connection, now.id, plans=plans))


def offered(work: Work, now: Subscription, invoice: str | None) -> None:
    """Let the gate of a change that was asked wait for `invoice`, or for nothing."""
    gate, connection = work.args[GATE], work.writer.connection
    bill = None
    if invoice is not None:
        bill = views.read_invoice(connection, invoice, now=work.writer.now)
    if bill is None or bill.due.minor <= 0:
        gates.not_applicable(work.writer, gate)
    else:
        until = work.args.get(_UNTIL)
        last = None if until is None else datetime.fromisoformat(until)
        gates.evaluate(work.writer, gate, bill.id, until=last)
    _nothing_to_come(work, now.id, "subscription.change_offered")


def outdated(work: Work, request: ChangeSubscription) -> None:
    """
    Raises:
        NotPossible: what the change was to follow is not as it was when it was scheduled.
    """
    if _UNTIL not in work.args:
        return
    now = views.read_subscription(work.writer.connection, request.subscription, plans=work.plans)
    begun(now)
    until = datetime.fromisoformat(work.args[_UNTIL])
    if now.period_end != until or until <= work.writer.now:
        raise NotPossible(
            f"subscription {now.id}: the period that was to end {until:%Y-%m-%d %H:%M} UTC is over"
        )
    if now.cancel_at is not None and now.cancel_at <= until:
        raise NotPossible(f"subscription {now.id} ends with its period")


def undone(work: Work, error: Refusal) -> None:
    """End the gate of a change that was refused or called off; the plan stays as it is."""
    if GATE not in work.args:
        return
    gates.fail(work.writer, work.args[GATE], why(error))
    if _UNTIL in work.args:
        _nothing_to_come(work, int(work.args["subscription_id"]), "subscription.change_dropped")
    tell_of_refusal(work, "change", error)


def _nothing_to_come(work: Work, id: int, type: str) -> None:
    if DUE in work.args:
        rows.change(work.writer, id, {"next_items": []}, type=type)


def _offer(now: Subscription) -> Gate | None:
    """Return the gate of a change that is offered, or is to be."""
    gate = now.gate
    if gate is None or gate.purpose != "change" or not states.is_pending(GateStatus(gate.status)):
        return None
    return gate
