"""Starting with a gate: what the caller gets back, and what can be done while it waits."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup import PaymentGate
from recoup.core.billing.catalogue import Catalogue, Plan
from recoup.core.billing.views import Outcome, Start
from recoup.core.money import Money
from recoup.errors import (
    Busy,
    CouponRefused,
    DuplicatePlan,
    InvalidMetadata,
    InvalidValue,
    NotPossible,
    Rejected,
    UnknownOption,
    Unreachable,
)
from recoup.processors.fake import NO_FUNDS, Asks, Declines, Fault, Slow
from recoup.testing.scene import Scene

TEN = Money(1000, "EUR")
GATE = PaymentGate()
WINDOW = timedelta(hours=23)


@pytest.fixture
def price(scene):
    return scene.fake.create_price(TEN)


@pytest.fixture
def subscriptions(scene):
    return scene.recoup.subscriptions


def somebody(scene, payer=None) -> int:
    """Return our id of a customer with a card that answers as `payer`."""
    who = scene.fake.create_customer(email="ada@example.com", country="DE")
    scene.fake.attach_method(who, payer, country="DE")
    scene.pace.settle()
    return scene.recoup.customers.get(who).id


def told_of(scene, subject) -> list[str]:
    """Return the types of what the ledger tells of something, in order."""
    sql = "SELECT type FROM ledger_entries WHERE subject = :subject ORDER BY seq"
    return [row["type"] for row in scene.rows(sql, subject=subject)]


class TestAGatedStart:
    def test_is_active_in_the_same_answer_when_the_payment_is_in(
        self, scene, subscriptions, price
    ):
        started = subscriptions.start(somebody(scene), price, gate=GATE)

        new, gate = started.subscription, started.subscription.gate
        assert (started.outcome, new.status, new.activated_at) == (
            Start.ACTIVE, "active", scene.now,
        )  # fmt: skip
        assert (gate.purpose, gate.status, gate.ended_at) == ("start", "satisfied", scene.now)
        assert gate.invoice_id == started.invoice_id
        assert told_of(scene, f"subscription:{new.id}").count("subscription.started") == 1
        assert scene.recoup.invoices.get(started.invoice_id).number is not None

    def test_waits_for_a_window_when_the_card_is_declined(self, scene, subscriptions, price):
        started = subscriptions.start(somebody(scene, Declines(NO_FUNDS)), price, gate=GATE)

        new, gate = started.subscription, started.subscription.gate
        assert (started.outcome, new.status, new.active) == (Start.INCOMPLETE, "incomplete", False)
        assert (new.activated_at, gate.status) == (None, "pending")
        assert (gate.evaluated_at, gate.expires_at) == (scene.now, scene.now + WINDOW)

    def test_hides_its_invoice_meanwhile(self, scene, subscriptions, price):
        ada = somebody(scene, Declines(NO_FUNDS))
        started = subscriptions.start(ada, price, gate=GATE)

        invoices = scene.recoup.invoices
        assert invoices.list(customer=ada) == ()
        (hidden,) = invoices.list(customer=ada, hidden=True)
        assert hidden == invoices.get(started.invoice_id)
        assert (hidden.number, hidden.outcome, hidden.remaining) == (None, Outcome.OPEN, TEN)

    def test_shows_its_invoice_once_another_card_has_paid(self, scene, subscriptions, price):
        ada = somebody(scene, Declines(NO_FUNDS))
        started = subscriptions.start(ada, price, gate=GATE)
        known_as = scene.recoup.customers.get(ada).processor_id
        other = scene.fake.attach_method(known_as, country="DE")
        scene.pace.settle()

        paid = scene.recoup.invoices.pay(started.invoice_id, method=other)
        scene.pace.settle()

        assert paid.outcome == "succeeded"
        now = subscriptions.get(started.subscription.id)
        assert (now.active, now.gate.status, now.activated_at) == (True, "satisfied", scene.now)
        (shown,) = scene.recoup.invoices.list(customer=ada)
        assert (shown.outcome, shown.number is None) == (Outcome.PAID, False)

    def test_says_what_the_customer_must_do(self, scene, subscriptions, price):
        started = subscriptions.start(somebody(scene, Asks()), price, gate=GATE)

        assert started.outcome == Start.REQUIRES_ACTION
        assert started.action.kind == "authenticate"

    def test_is_processing_while_a_slow_payment_is_under_way(self, scene, subscriptions, price):
        slow = somebody(scene, Slow(takes=timedelta(days=5)))

        started = subscriptions.start(slow, price, gate=PaymentGate(timeout=timedelta(days=10)))

        assert (started.outcome, started.subscription.status) == (Start.PROCESSING, "incomplete")
        assert not started.subscription.active
        scene.live(days=6)
        assert subscriptions.get(started.subscription.id).active

    def test_is_not_applicable_to_a_trial(self, scene, subscriptions, price):
        started = subscriptions.start(somebody(scene), price, gate=GATE, trial_days=14)

        assert started.outcome == Start.TRIALING
        assert started.subscription.gate.status == "not_applicable"
        assert started.subscription.activated_at == scene.now

    def test_is_not_applicable_where_a_coupon_leaves_nothing_to_pay(
        self, scene, subscriptions, price
    ):
        scene.recoup.coupons.create("GIFT", percent_off=100)

        started = subscriptions.start(
            somebody(scene, Declines(NO_FUNDS)), price, gate=GATE, coupon="GIFT"
        )

        assert started.outcome == Start.ACTIVE
        assert started.subscription.gate.status == "not_applicable"

    def test_answers_the_same_under_the_same_key(self, scene, subscriptions, price):
        ada = somebody(scene, Declines(NO_FUNDS))

        first = subscriptions.start(ada, price, gate=GATE, key="order 7")

        assert subscriptions.start(ada, price, gate=GATE, key="order 7") == first
        assert len(scene.rows("SELECT id FROM gates")) == 1

    def test_keeps_its_mark_to_itself(self, scene, subscriptions, price):
        started = subscriptions.start(somebody(scene), price, gate=GATE, metadata={"team": "a"})

        assert started.subscription.metadata == {"team": "a"}
        with pytest.raises(InvalidMetadata, match="Recoup's own"):
            subscriptions.update(started.subscription.id, metadata={"recoup_gate": "9"})

    def test_that_is_refused_has_failed_and_used_nothing(self, scene, subscriptions, price):
        ada = somebody(scene)
        scene.recoup.coupons.create("HALF", percent_off=50, max_redemptions=1)

        with pytest.raises(Rejected):
            subscriptions.start(ada, "price_unknown", gate=GATE, coupon="HALF")

        (gate,) = scene.rows("SELECT status, reason, subscription_id FROM gates")
        assert gate == {"status": "failed", "reason": "refused", "subscription_id": None}
        assert scene.recoup.coupons.get("HALF").redemptions == 0
        assert subscriptions.start(ada, price, gate=GATE, coupon="HALF").outcome == Start.ACTIVE

    @pytest.mark.parametrize("kind", ["outage", "lost_reply", "busy"])
    def test_is_one_however_the_asking_fails(self, scene, subscriptions, price, kind):
        ada = somebody(scene)
        scene.fake.add_fault(Fault(kind))
        with pytest.raises((Unreachable, Busy)):
            subscriptions.start(ada, price, gate=GATE, key="order 7")

        scene.live(hours=2)

        assert scene.recoup.result("order 7").outcome == Start.ACTIVE
        assert [row["status"] for row in scene.rows("SELECT status FROM gates")] == ["satisfied"]

    @pytest.mark.parametrize("gate", ["payment", True, timedelta(hours=3)])
    def test_takes_a_gate_and_nothing_else(self, scene, subscriptions, price, gate):
        with pytest.raises(UnknownOption, match="gate: expected PaymentGate or None"):
            subscriptions.start(somebody(scene), price, gate=gate)


class TestABackdatedStart:
    def test_has_no_gate_to_wait_at(self, scene, subscriptions, price):
        since = scene.now - timedelta(days=10)

        started = subscriptions.start(somebody(scene), price, gate=GATE, backdate=since)

        gate = started.subscription.gate
        assert (gate.status, gate.evaluated_at) == ("not_applicable", None)
        assert started.outcome == Start.ACTIVE

    def test_is_refused_for_a_day_to_come(self, scene, subscriptions, price):
        with pytest.raises(InvalidValue, match="backdate: expected an instant gone by"):
            subscriptions.start(somebody(scene), price, backdate=scene.now + WINDOW)


class TestWhatWaitsAtItsGate:
    @pytest.fixture
    def waiting(self, scene, subscriptions, price):
        ada = somebody(scene, Declines(NO_FUNDS))
        return subscriptions.start(ada, price, gate=GATE).subscription

    @pytest.mark.parametrize(
        "verb",
        [
            pytest.param(lambda s, it: s.pause(it), id="pause"),
            pytest.param(lambda s, it: s.unpause(it), id="unpause"),
            pytest.param(lambda s, it: s.change_plan(it, prices="price_x"), id="change_plan"),
            pytest.param(lambda s, it: s.apply_discount(it, coupon="HALF"), id="apply_discount"),
            pytest.param(lambda s, it: s.remove_discount(it), id="remove_discount"),
        ],
    )
    def test_can_not_be_changed_and_says_until_when_it_waits(
        self, scene, subscriptions, waiting, verb
    ):
        scene.recoup.coupons.create("HALF", percent_off=50)

        with pytest.raises(NotPossible, match="awaited until 2026-01-01 23:00 UTC"):
            verb(subscriptions, waiting.id)

        assert scene.recoup.coupons.get("HALF").redemptions == 0

    def test_can_be_told_to_pay_with_another_card(self, scene, subscriptions, waiting):
        known_as = scene.recoup.customers.get(waiting.customer_id).processor_id
        other = scene.fake.attach_method(known_as, country="DE")
        scene.pace.settle()

        assert subscriptions.update(waiting.id, default_method=other).default_method == other

    @pytest.mark.parametrize("when", ["now", "period_end", "a day"])
    def test_is_cancelled_at_once_whenever_it_was_to_be(self, scene, subscriptions, waiting, when):
        at = scene.now + timedelta(days=3) if when == "a day" else when

        ended = subscriptions.cancel(waiting.id, when=at)

        assert (ended.status, ended.ended_at, ended.end_reason) == (
            "canceled", scene.now, "requested",
        )  # fmt: skip
        assert (ended.gate.status, ended.gate.reason) == ("failed", "requested")
        assert told_of(scene, f"subscription:{ended.id}").count("subscription.canceled") == 1
        invoice = scene.recoup.invoices.get(ended.gate.invoice_id)
        assert (invoice.outcome, invoice.resolved_as) == (Outcome.RESOLVED, "closed")

    def test_is_cancelled_at_the_processor_too(self, scene, subscriptions, waiting):
        subscriptions.cancel(waiting.id)

        scene.pace.settle()

        (row,) = scene.rows("SELECT processor_status, status FROM subscriptions")
        assert row["status"] == "canceled"
        assert row["processor_status"] in {None, "incomplete_expired"}
        assert subscriptions.get(waiting.id).gate.withdrawal == "canceled"

    def test_gives_its_coupon_back_when_it_is_cancelled(self, scene, subscriptions, price):
        scene.recoup.coupons.create("HALF", percent_off=50, max_redemptions=1)
        ada = somebody(scene, Declines(NO_FUNDS))
        waiting = subscriptions.start(ada, price, gate=GATE, coupon="HALF").subscription

        with pytest.raises(CouponRefused):
            subscriptions.start(somebody(scene), price, coupon="HALF")
        subscriptions.cancel(waiting.id)

        assert scene.recoup.coupons.get("HALF").redemptions == 0

    def test_is_the_plan_that_its_customer_has(self, database_url, home):
        plans = Catalogue({"pro": Plan("pro", frozenset({"price_fake_000001"}))})
        with Scene.open(database_url, home, plans=plans) as scene:
            price = scene.fake.create_price(TEN)
            ada = somebody(scene, Declines(NO_FUNDS))
            subscriptions = scene.recoup.subscriptions
            waiting = subscriptions.start(ada, price, gate=GATE).subscription

            with pytest.raises(DuplicatePlan):
                subscriptions.start(ada, price)
            subscriptions.cancel(waiting.id)

            again = subscriptions.start(ada, price, gate=GATE)
            assert again.outcome == Start.INCOMPLETE
            scene.pace.settle()
            assert scene.violations() == ()
