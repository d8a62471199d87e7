"""Changes of plan that wait for their payment: now, and with the end of the period."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup import PaymentGate
from recoup.core.billing.views import Outcome
from recoup.core.money import Money
from recoup.errors import (
    Busy,
    DuplicatePlan,
    InvalidValue,
    NotPossible,
    OfferPending,
    PreviewExpired,
    Rejected,
    Unreachable,
)
from recoup.processors.fake import NO_FUNDS, Asks, Declines, Fault

TEN, THIRTY = Money(1000, "EUR"), Money(3000, "EUR")
GATE = PaymentGate()
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def subscriptions(scene):
    return scene.recoup.subscriptions


@pytest.fixture
def basic(scene):
    return scene.fake.create_price(TEN)


@pytest.fixture
def pro(scene, basic):
    return scene.fake.create_price(THIRTY)


@pytest.fixture
def running(scene, subscriptions, card, basic):
    """Ada's plan for ten euros a month, begun and paid on 1 January."""
    ada = scene.recoup.customers.list()[0].id
    return subscriptions.start(ada, basic).subscription


def prices(subscription) -> list[str]:
    return [item.price for item in subscription.items]


def bills(scene) -> list[tuple[str, str | None, int]]:
    """Return how every invoice stands, hidden ones too: what is seen, how closed, and what due."""
    found = scene.recoup.invoices.list(hidden=True)
    return [(one.outcome.value, one.resolved_as, one.due.minor) for one in found]


def paid(scene) -> int:
    """Return what was taken and not given back, in minor units."""
    return sum(one.amount.minor - one.refunded.minor for one in scene.recoup.payments.list()
               if one.outcome == "succeeded")  # fmt: skip


class TestAnOffer:
    def test_is_the_new_plan_when_its_payment_is_in(
        self, scene, subscriptions, running, basic, pro
    ):
        now = subscriptions.change_plan(running.id, prices=pro, gate=GATE)

        assert (prices(now), now.gate.purpose, now.gate.status) == ([pro], "change", "satisfied")
        assert paid(scene) == 1000 + 2000
        assert all(shown[0] == "paid" for shown in bills(scene))

    def test_leaves_the_old_plan_while_it_waits(
        self, scene, subscriptions, card, running, basic, pro
    ):
        scene.fake.update_method(card, payer=Declines(NO_FUNDS))

        now = subscriptions.change_plan(running.id, prices=pro, gate=GATE)

        assert (prices(now), now.active, now.next_items) == ([basic], True, ())
        assert (now.gate.status, now.gate.expires_at) == ("pending", scene.now + 23 * HOUR)
        hidden = scene.recoup.invoices.get(now.gate.invoice_id)
        assert (hidden.number, hidden.due) == (None, Money(2000, "EUR"))
        assert hidden not in scene.recoup.invoices.list(customer=now.customer_id)

    def test_is_carried_out_when_it_is_paid_later(
        self, scene, subscriptions, ada, card, running, pro
    ):
        scene.fake.update_method(card, payer=Declines(NO_FUNDS))
        offered = subscriptions.change_plan(running.id, prices=pro, gate=GATE)
        other = scene.fake.attach_method(ada, country="DE")
        scene.pace.settle()

        scene.recoup.invoices.pay(offered.gate.invoice_id, method=other)
        scene.pace.settle()

        now = subscriptions.get(running.id)
        assert (prices(now), now.gate.status) == ([pro], "satisfied")
        assert scene.recoup.invoices.get(offered.gate.invoice_id).number is not None

    def test_expires_and_leaves_the_old_plan_as_it_was(
        self, scene, subscriptions, card, running, basic, pro
    ):
        scene.fake.update_method(card, payer=Declines(NO_FUNDS))
        subscriptions.change_plan(
            running.id, prices=pro, gate=PaymentGate(timeout=timedelta(hours=3))
        )

        scene.live(hours=5)

        now = subscriptions.get(running.id)
        assert (prices(now), now.active, now.end_requested_at) == ([basic], True, None)
        assert (now.gate.status, now.gate.reason) == ("expired", "timeout")
        assert now.gate.withdrawal == "canceled"
        assert paid(scene) == 1000

    def test_waits_for_a_customer_who_must_authenticate(
        self, scene, subscriptions, card, running, basic, pro
    ):
        scene.fake.update_method(card, payer=Asks())

        now = subscriptions.change_plan(running.id, prices=pro, gate=GATE)

        assert (prices(now), now.gate.status) == ([basic], "pending")
        (payment,) = scene.recoup.payments.list(invoice=now.gate.invoice_id)
        assert scene.recoup.payments.get(payment.id).action.kind == "authenticate"

    def test_waits_for_nothing_where_nothing_is_due(
        self, scene, subscriptions, running, basic, pro
    ):
        subscriptions.change_plan(running.id, prices=pro)

        now = subscriptions.change_plan(running.id, prices=basic, gate=GATE)

        assert (prices(now), now.gate.status) == ([basic], "not_applicable")

    def test_is_none_where_nothing_changes(self, subscriptions, running, basic):
        assert subscriptions.change_plan(running.id, prices=basic, gate=GATE).gate is None

    def test_bills_what_a_preview_showed(self, scene, subscriptions, card, running, pro):
        scene.live(days=10)
        shown = subscriptions.preview_change(running.id, prices=pro)
        scene.fake.update_method(card, payer=Declines(NO_FUNDS))

        now = subscriptions.change_plan(running.id, preview=shown.id, gate=GATE)

        assert scene.recoup.invoices.get(now.gate.invoice_id).due == shown.due_now
        assert scene.rows("SELECT FROM tasks") == []
        assert subscriptions.change_plan(running.id, preview=shown.id, gate=GATE) == now

    def test_that_is_refused_has_failed(self, scene, subscriptions, ada, running, basic, pro):
        debit = scene.fake.attach_method(ada, kind="sepa_debit", brand=None, country="DE")
        subscriptions.update(running.id, default_method=debit)

        with pytest.raises(Rejected, match="not for sepa_debit"):
            subscriptions.change_plan(running.id, prices=pro, gate=GATE)

        now = subscriptions.get(running.id)
        assert (prices(now), now.gate.status, now.gate.reason) == ([basic], "failed", "refused")

    @pytest.mark.parametrize("kind", ["outage", "lost_reply", "busy"])
    def test_is_one_however_the_asking_fails(self, scene, subscriptions, running, pro, kind):
        shown = subscriptions.preview_change(running.id, prices=pro)
        scene.fake.add_fault(Fault(kind))
        with pytest.raises((Unreachable, Busy)):
            subscriptions.change_plan(running.id, preview=shown.id, gate=GATE)

        scene.live(hours=2)

        now = subscriptions.get(running.id)
        assert (prices(now), now.gate.status, paid(scene)) == ([pro], "satisfied", 3000)

    @pytest.mark.parametrize("proration", ["create", "none"])
    @pytest.mark.parametrize("when", ["now", "period_end"])
    def test_is_paid_before_it_is_made(self, subscriptions, running, pro, proration, when):
        with pytest.raises(InvalidValue, match="proration: .* not '" + proration):
            subscriptions.change_plan(
                running.id, prices=pro, proration=proration, when=when, gate=GATE
            )


class TestWhileAnOfferIsPending:
    @pytest.fixture
    def offered(self, scene, subscriptions, card, running, pro):
        scene.fake.update_method(card, payer=Declines(NO_FUNDS))
        return subscriptions.change_plan(running.id, prices=pro, gate=GATE)

    @pytest.mark.parametrize(
        "verb",
        [
            pytest.param(lambda s, it: s.cancel(it), id="cancel"),
            pytest.param(lambda s, it: s.change_plan(it, prices="price_x"), id="change"),
            pytest.param(lambda s, it: s.set_quantity(it, 4), id="quantity"),
            pytest.param(
                lambda s, it: s.change_plan(it, prices="price_x", gate=GATE), id="another offer"
            ),
        ],
    )
    def test_nothing_else_may_change(self, subscriptions, offered, verb):
        with pytest.raises(OfferPending, match="awaits its payment until 2026-01-01 23:00 UTC"):
            verb(subscriptions, offered.id)

    def test_it_may_be_withdrawn(self, scene, subscriptions, offered, basic):
        now = subscriptions.withdraw_offer(offered.id)

        assert (prices(now), now.gate.status, now.gate.reason) == ([basic], "failed", "requested")
        assert now.gate.withdrawal == "canceled"
        scene.pace.settle()
        assert [shown for shown in bills(scene) if shown[0] != "paid"] == [
            ("resolved", "voided", 2000)
        ]
        assert subscriptions.cancel(offered.id).ended

    def test_it_may_not_be_withdrawn_twice(self, subscriptions, offered):
        first = subscriptions.withdraw_offer(offered.id)

        assert subscriptions.withdraw_offer(offered.id) == first

    def test_a_payment_that_came_first_decides(self, scene, subscriptions, ada, offered, pro):
        other = scene.fake.attach_method(ada, country="DE")
        bill = scene.recoup.invoices.get(offered.gate.invoice_id)
        scene.fake.customer_pays(bill.processor_id, other)

        now = subscriptions.withdraw_offer(offered.id)

        assert now.gate.withdrawal is None
        scene.pace.settle()
        now = subscriptions.get(offered.id)
        assert (prices(now), now.gate.status, paid(scene)) == ([pro], "satisfied", 3000)

    def test_withdrawing_where_nothing_is_offered_changes_nothing(
        self, scene, subscriptions, running
    ):
        assert subscriptions.withdraw_offer(running.id) == subscriptions.get(running.id)


class TestAnOfferAtThePeriodsEnd:
    @pytest.fixture
    def coming(self, subscriptions, running, pro):
        return subscriptions.change_plan(running.id, prices=pro, when="period_end", gate=GATE)

    def test_is_to_come_and_changes_nothing_yet(
        self, scene, subscriptions, running, coming, basic, pro
    ):
        assert (prices(coming), [item.price for item in coming.next_items]) == ([basic], [pro])
        assert (coming.gate.status, coming.gate.evaluated_at) == ("pending", None)
        (waiting,) = subscriptions.scheduled(running.customer_id)
        assert (waiting.subscription_id, waiting.at) == (running.id, running.period_end - HOUR)
        assert waiting.gate == coming.gate
        scene.live(days=20)
        assert paid(scene) == 1000

    def test_is_paid_just_before_and_begins_a_new_period(
        self, scene, subscriptions, running, coming, pro
    ):
        scene.live(days=31)

        now = subscriptions.get(running.id)
        assert (prices(now), now.next_items, now.gate.status) == ([pro], (), "satisfied")
        assert now.period_start == running.period_end - HOUR
        scene.live(days=5)
        assert len(scene.recoup.invoices.list()) == 2

    def test_that_is_not_paid_leaves_the_old_plan_to_renew(
        self, scene, subscriptions, card, running, coming, basic
    ):
        scene.live(days=30)
        scene.fake.update_method(card, payer=Declines(NO_FUNDS, times=1))

        scene.live(days=2)

        now = subscriptions.get(running.id)
        assert (prices(now), now.next_items, now.active) == ([basic], (), True)
        assert now.gate.status in {"expired", "failed"}
        assert now.period_start == running.period_end
        assert paid(scene) == 2000

    def test_is_called_off_by_resuming(self, scene, subscriptions, coming, basic):
        now = subscriptions.resume(coming.id)

        assert (now.next_items, now.gate.status, now.gate.reason) == ((), "failed", "requested")
        scene.live(days=40)
        assert prices(subscriptions.get(coming.id)) == [basic]

    def test_is_called_off_by_withdrawing(self, subscriptions, coming):
        now = subscriptions.withdraw_offer(coming.id)

        assert (now.next_items, now.gate.status) == ((), "failed")
        assert subscriptions.scheduled(now.customer_id) == ()

    def test_is_called_off_like_anything_scheduled(self, subscriptions, coming):
        (waiting,) = subscriptions.scheduled(coming.customer_id)

        assert subscriptions.call_off(waiting.id).state == "called_off"

        assert subscriptions.get(coming.id).next_items == ()

    def test_keeps_its_gate(self, subscriptions, coming):
        (waiting,) = subscriptions.scheduled(coming.customer_id)

        with pytest.raises(NotPossible, match="call it off"):
            subscriptions.remove_gate(waiting.id)

    def test_stands_in_the_way_of_another_change(self, subscriptions, coming, basic):
        with pytest.raises(OfferPending, match="is to come"):
            subscriptions.set_quantity(coming.id, 4)
        with pytest.raises(OfferPending, match="withdraw_offer"):
            subscriptions.cancel(coming.id)

    def test_takes_the_plan_from_now_on(self, subscriptions, coming, pro):
        with pytest.raises(DuplicatePlan):
            subscriptions.start(coming.customer_id, pro)

    def test_lets_other_things_happen_meanwhile(self, scene, subscriptions, coming):
        assert subscriptions.update(coming.id, metadata={"a": "b"}).metadata == {"a": "b"}
        assert subscriptions.pause(coming.id).paused == "void"
        assert subscriptions.unpause(coming.id).paused is None

    def test_is_a_task_when_the_subscription_has_ended_meanwhile(
        self, scene, subscriptions, running, coming
    ):
        scene.fake.cancel_subscription(running.processor_id, reason="fraud", key="k")
        scene.pace.settle()

        scene.live(days=31)

        now = subscriptions.get(running.id)
        assert (now.ended, now.gate.status, now.next_items) == (True, "failed", ())
        (task,) = scene.rows("SELECT kind, detail FROM tasks")
        assert task["kind"] == "change_refused"
        assert "has ended" in task["detail"]

    def test_can_not_follow_a_period_that_ends_it(self, subscriptions, running, pro):
        subscriptions.cancel(running.id, when="period_end")

        with pytest.raises(NotPossible, match="resume it first"):
            subscriptions.change_plan(running.id, prices=pro, when="period_end", gate=GATE)

    def test_can_not_follow_another_change(self, subscriptions, running, pro):
        subscriptions.change_plan(running.id, prices=pro, when="period_end")

        with pytest.raises(NotPossible, match="changes with its period already"):
            subscriptions.change_plan(running.id, prices=pro, when="period_end", gate=GATE)

    def test_can_not_be_what_a_preview_of_the_period_end_showed(self, subscriptions, running, pro):
        shown = subscriptions.preview_change(running.id, prices=pro, when="period_end")

        with pytest.raises((InvalidValue, PreviewExpired)):
            subscriptions.change_plan(running.id, preview=shown.id, gate=GATE)


class TestAnUngatedChange:
    def test_is_as_it_was(self, scene, subscriptions, running, pro):
        now = subscriptions.change_plan(running.id, prices=pro)

        assert (prices(now), now.gate) == ([pro], None)
        assert [shown[0] for shown in bills(scene)] == [Outcome.PAID] * 2
