"""
What follows when money is not wanted any more: it is stopped, given back, or buys after all.

Nobody outside asks for these: the loop records them when a gate dies and when late money is
found. What they come to is written where it is looked for, with the gate and with the late money.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from recoup.commands import starting
from recoup.commands.base import Kind, Work
from recoup.commands.filing import asking
from recoup.commands.kinds import Refusal
from recoup.core import states
from recoup.core.billing.answers import Answer
from recoup.core.billing.requests import CreateRefund
from recoup.core.billing.views import Refund, Started
from recoup.core.states import LateState
from recoup.jobs import queue
from recoup.store import views
from recoup.store.records import activation as gates
from recoup.store.records import commands

_NOT_WITHDRAWN: Final = "refused"


def _withdrawn(work: Work, answer: Answer) -> str:
    """Write what became of the payment: stopped, in already, or not to be stopped."""
    said = str(answer.status)
    gates.answered(work.writer, int(work.args["gate_id"]), said)
    return said


def _not_withdrawn(work: Work, _error: Refusal) -> None:
    gates.answered(work.writer, int(work.args["gate_id"]), _NOT_WITHDRAWN)


def _returned(work: Work, answer: Answer) -> Refund:
    """The money is on its way back, unless the bank has said no already."""
    refund = views.read_refund(work.writer.connection, answer.object)
    failed = refund.status in states.NOTHING_GIVEN_BACK
    state = LateState.STUCK if failed else LateState.REFUNDED
    gates.deal_with(work.writer, int(work.args["late_id"]), state)
    return refund


def _stuck(work: Work, _error: Refusal) -> None:
    gates.deal_with(work.writer, int(work.args["late_id"]), LateState.STUCK)


def _reactivated(work: Work, answer: Answer) -> Started:
    """What the money was for begins again, with a period that it has paid for."""
    begun = starting.started(work, answer)
    late, new = int(work.args["late_id"]), begun.subscription.id
    gates.deal_with(work.writer, late, LateState.REACTIVATED, subscription_id=new)
    return begun


def _not_reactivated(work: Work, _error: Refusal) -> None:
    """What could not begin again is given back instead."""
    late = int(work.args["late_id"])
    attempt = gates.give_back_instead(work.writer, late)
    payment = views.read_payment(work.writer.connection, attempt)
    command = commands.record(
        work.writer,
        kind=RETURN.name,
        key=f"late:{attempt}:refund",
        customer_id=work.customer_id,
        subject=f"payment:{attempt}",
        request=CreateRefund(str(payment.processor_id), payment.refundable),
        args={"late_id": late},
        amount=payment.refundable,
    )
    work.writer.flush()
    if command is not None:
        effect = asking(command, work.customer_id, work.writer.now)
        queue.enqueue(work.writer.connection, [effect], now=work.writer.now)


WITHDRAW: Final = Kind("payments.withdraw", str, _withdrawn, _not_withdrawn)
RETURN: Final = Kind("payments.return", Refund, _returned, _stuck)
REACTIVATE: Final = Kind("subscriptions.reactivate", Started, _reactivated, _not_reactivated)

KINDS: Final[Sequence[Kind[Any]]] = (WITHDRAW, RETURN, REACTIVATE)
