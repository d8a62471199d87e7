"""The part of the story that happens at gates, and with money that comes too late."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from recoup import PaymentGate
from recoup.core.money import Money
from recoup.processors.fake import NO_FUNDS, Declines, Pays, Slow

if TYPE_CHECKING:
    from everything import Stage

TEN = Money(1000, "EUR")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SHORT = PaymentGate(timeout=2 * HOUR)
AGAIN = PaymentGate(timeout=2 * HOUR, late="reactivate")


def tell(stage: Stage) -> None:
    """Live through all of it, on the stage of the whole story."""
    bills = _unpaid(stage)
    _comes_late(stage, *bills)
    _later_period(stage)
    _paid_and_offered(stage)
    _scheduled(stage)


def _unpaid(stage: Stage) -> list[str]:
    """Two starts that nobody pays; return their invoices."""
    found = []
    for name, gate in (("gina", SHORT), ("hugo", AGAIN)):
        who, _ = stage._payer(name, Declines(NO_FUNDS))
        with stage._step():
            begun = stage.recoup.subscriptions.start(who, stage.cheap, gate=gate)
        found.append(stage.recoup.invoices.get(begun.invoice_id).processor_id)
    stage._live(0.3)
    return found


def _comes_late(stage: Stage, refunded: str, reactivated: str) -> None:
    with stage._step():
        charge = stage.fake.pay_anyway(refunded)
    with stage._step():
        (back,) = stage.recoup.payments.refunds(charge)
        stage.fake.send_back(back.processor_id)
    with stage._step():
        stage.fake.pay_anyway(reactivated)


def _later_period(stage: Stage) -> None:
    """The second week is paid while the debit for the first is under way, and that fails."""
    weekly = stage.fake.create_price(TEN, interval="week")
    debit = Slow(takes=9 * DAY, fails=NO_FUNDS, then=Pays())
    who, _ = stage._payer("ida", debit, kind="sepa_debit")
    with stage._step():
        stage.recoup.subscriptions.start(who, weekly, gate=PaymentGate(timeout=12 * DAY))
    stage._live(10)


def _paid_and_offered(stage: Stage) -> None:
    subscriptions = stage.recoup.subscriptions
    who, card = stage._payer("jane")
    with stage._step():
        held = subscriptions.start(who, stage.cheap, gate=SHORT).subscription.id
    with stage._step():
        subscriptions.change_plan(held, prices=stage.dear, gate=SHORT, when="period_end")
    with stage._step():
        subscriptions.withdraw_offer(held)
    with stage._step():
        stage.fake.update_method(card, payer=Declines(NO_FUNDS))
        subscriptions.change_plan(held, prices=stage.dear, gate=SHORT)
    with stage._step():
        subscriptions.withdraw_offer(held)


def _scheduled(stage: Stage) -> None:
    subscriptions = stage.recoup.subscriptions
    who, _ = stage._payer("kurt")
    with stage._step():
        day = stage.scene.now + DAY
        first = subscriptions.schedule(who, stage.cheap, day, gate=SHORT)
        second = subscriptions.schedule(who, stage.dear, day, gate=SHORT)
    with stage._step():
        subscriptions.remove_gate(first.id)
    with stage._step():
        subscriptions.call_off(second.id)
    stage._live(1.2)
