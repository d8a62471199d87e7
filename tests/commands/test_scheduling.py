"""Subscriptions that begin on a day to come."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup import PaymentGate
from recoup.core.billing.views import Start
from recoup.core.money import Money
from recoup.errors import (
    Busy,
    CouponRefused,
    DuplicatePlan,
    InvalidValue,
    KeyConflict,
    NotFound,
    NotPossible,
    Rejected,
)
from recoup.processors.fake import NO_FUNDS, Declines, Fault

TEN = Money(1000, "EUR")
GATE = PaymentGate()
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
WEEK = 7 * DAY


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


@pytest.fixture
def ada(scene, card) -> int:
    return scene.recoup.customers.list()[0].id


def tasks(scene) -> list[tuple[str, str]]:
    rows = scene.rows("SELECT kind, detail FROM tasks WHERE closed_at IS NULL")
    return [(row["kind"], row["detail"]) for row in rows]


class TestAScheduledStart:
    def test_asks_nobody_before_its_day(self, scene, subscriptions, ada, price):
        made = subscriptions.schedule(ada, price, scene.now + WEEK, gate=GATE)

        assert (made.state, made.at, made.prices) == ("scheduled", scene.now + WEEK, (price,))
        assert (made.subscription_id, made.gate.status) == (None, "pending")
        assert (made.gate.evaluated_at, made.gate.expires_at) == (None, None)
        scene.live(days=6.9)
        assert subscriptions.list(ada) == ()
        assert subscriptions.scheduled(ada) == (made,)

    def test_begins_on_its_day_and_its_window_with_it(self, scene, subscriptions, price):
        day = scene.now + WEEK
        bob = somebody(scene, Declines(NO_FUNDS))
        made = subscriptions.schedule(bob, price, day, gate=GATE)

        scene.live(days=7)

        (new,) = subscriptions.list(bob)
        assert (new.status, new.gate.id) == ("incomplete", made.gate.id)
        assert (new.gate.evaluated_at, new.gate.expires_at) == (day, day + timedelta(hours=23))
        assert subscriptions.scheduled(bob) == ()
        assert scene.recoup.result(made.key).outcome == Start.INCOMPLETE

    def test_is_active_on_its_day_when_the_payment_is_in(self, scene, subscriptions, ada, price):
        made = subscriptions.schedule(ada, price, scene.now + WEEK, gate=GATE)

        scene.live(days=7)

        started = scene.recoup.result(made.key)
        assert (started.outcome, started.subscription.gate.status) == (Start.ACTIVE, "satisfied")

    def test_needs_no_gate(self, scene, subscriptions, ada, price):
        made = subscriptions.schedule(ada, price, scene.now + WEEK)

        assert made.gate is None
        scene.live(days=7)
        assert scene.recoup.result(made.key).outcome == Start.ACTIVE

    def test_counts_its_trial_from_its_day(self, scene, subscriptions, ada, price):
        day = scene.now + WEEK
        made = subscriptions.schedule(ada, price, day, trial_days=14, gate=GATE)

        scene.live(days=7)

        started = scene.recoup.result(made.key)
        assert (started.outcome, started.subscription.trial_end) == (
            Start.TRIALING, day + 14 * DAY,
        )  # fmt: skip
        assert started.subscription.gate.status == "not_applicable"

    def test_takes_the_plan_from_now_on(self, scene, subscriptions, ada, price):
        made = subscriptions.schedule(ada, price, scene.now + WEEK)

        with pytest.raises(DuplicatePlan, match="is getting"):
            subscriptions.start(ada, price)
        with pytest.raises(DuplicatePlan, match="is getting"):
            subscriptions.schedule(ada, price, scene.now + 2 * WEEK)

        subscriptions.call_off(made.id)
        assert subscriptions.start(ada, price).outcome == Start.ACTIVE

    def test_keeps_nobody_waiting(self, scene, subscriptions, ada, price):
        made = subscriptions.schedule(ada, price, scene.now + WEEK)
        other = scene.fake.create_price(Money(200, "EUR"))

        assert subscriptions.start(ada, other).outcome == Start.ACTIVE

        assert scene.recoup.customers.update(ada, name="Ada L.").name == "Ada L."
        assert subscriptions.scheduled(ada) == (made,)

    def test_can_not_be_hurried(self, scene, subscriptions, ada, price):
        made = subscriptions.schedule(ada, price, scene.now + WEEK)

        with pytest.raises(Busy, match="its day is 2026-01-08 00:00 UTC"):
            scene.recoup.wait(made.key)

        assert subscriptions.list(ada) == ()

    def test_is_one_however_the_asking_fails(self, scene, subscriptions, ada, price):
        made = subscriptions.schedule(ada, price, scene.now + DAY, gate=GATE)
        scene.live(hours=23)
        scene.fake.add_fault(Fault("lost_reply"))

        scene.live(hours=6)

        assert scene.recoup.result(made.key).outcome == Start.ACTIVE
        assert len(subscriptions.list(ada)) == 1

    def test_that_is_refused_on_its_day_is_a_task(self, scene, subscriptions, ada):
        scene.recoup.coupons.create("HALF", percent_off=50, max_redemptions=1)
        made = subscriptions.schedule(
            ada, "price_unknown", scene.now + DAY, gate=GATE, coupon="HALF"
        )

        scene.live(days=2)

        with pytest.raises(Rejected, match="price_unknown"):
            scene.recoup.result(made.key)
        (gate,) = scene.rows("SELECT status, reason FROM gates")
        assert gate == {"status": "failed", "reason": "refused"}
        ((kind, detail),) = tasks(scene)
        assert kind == "start_refused"
        assert "price_unknown" in detail
        assert scene.recoup.coupons.get("HALF").redemptions == 0

    def test_answers_the_same_under_the_same_key(self, scene, subscriptions, ada, price):
        day = scene.now + WEEK

        first = subscriptions.schedule(ada, price, day, key="order 7")

        assert subscriptions.schedule(ada, price, day, key="order 7") == first
        with pytest.raises(KeyConflict):
            subscriptions.schedule(ada, price, day + DAY, key="order 7")

    def test_tells_under_its_key_how_it_stands_later(self, scene, subscriptions, ada, price):
        day = scene.now + WEEK
        subscriptions.schedule(ada, price, day, key="order 7")

        scene.live(days=7)

        assert subscriptions.schedule(ada, price, day, key="order 7").state == "begun"

    @pytest.mark.parametrize("after", [timedelta(0), -SECOND, 5 * 366 * DAY + SECOND])
    def test_is_refused_for_a_day_gone_by_or_out_of_reach(
        self, scene, subscriptions, ada, price, after
    ):
        with pytest.raises(InvalidValue, match="starts_at"):
            subscriptions.schedule(ada, price, scene.now + after)

    @pytest.mark.parametrize("after", [SECOND, 5 * 366 * DAY])
    def test_may_be_soon_or_far_away(self, scene, subscriptions, ada, price, after):
        made = subscriptions.schedule(ada, price, scene.now + after)

        assert made.at == scene.now + after

    def test_takes_its_coupon_now(self, scene, subscriptions, ada, price):
        scene.recoup.coupons.create("HALF", percent_off=50, max_redemptions=1)
        subscriptions.schedule(ada, price, scene.now + WEEK, coupon="HALF")

        with pytest.raises(CouponRefused):
            subscriptions.start(somebody(scene), price, coupon="HALF")

    def test_commits_with_the_host(self, scene, subscriptions, ada, price):
        with scene.recoup.database.connect() as connection:
            with connection.begin() as mine:
                scene.recoup.using(connection).subscriptions.schedule(ada, price, scene.now + DAY)
                mine.rollback()
            with connection.begin():
                scene.recoup.using(connection).subscriptions.schedule(ada, price, scene.now + DAY)

        assert len(subscriptions.scheduled(ada)) == 1


class TestCallingOff:
    def test_gives_back_what_it_used(self, scene, subscriptions, ada, price):
        scene.recoup.coupons.create("HALF", percent_off=50, max_redemptions=1)
        made = subscriptions.schedule(ada, price, scene.now + WEEK, gate=GATE, coupon="HALF")

        gone = subscriptions.call_off(made.id)

        assert (gone.state, gone.gate.status, gone.gate.reason) == (
            "called_off", "failed", "requested",
        )  # fmt: skip
        assert scene.recoup.coupons.get("HALF").redemptions == 0
        assert subscriptions.scheduled(ada) == ()
        scene.live(days=8)
        assert (subscriptions.list(ada), tasks(scene)) == ((), [])

    def test_goes_by_key_and_twice_is_once(self, scene, subscriptions, ada, price):
        made = subscriptions.schedule(ada, price, scene.now + WEEK)

        gone = subscriptions.call_off(made.key)

        assert subscriptions.call_off(made.key) == gone
        with pytest.raises(Rejected, match="called off: before its day"):
            scene.recoup.result(made.key)

    def test_is_refused_once_it_has_begun(self, scene, subscriptions, ada, price):
        made = subscriptions.schedule(ada, price, scene.now + DAY, gate=GATE)
        scene.live(days=1)

        with pytest.raises(NotPossible, match="has begun; its gate decides now"):
            subscriptions.call_off(made.id)

    def test_is_refused_once_it_was_refused(self, scene, subscriptions, ada):
        made = subscriptions.schedule(ada, "price_unknown", scene.now + DAY)
        scene.live(days=1)

        with pytest.raises(NotPossible, match="was refused"):
            subscriptions.call_off(made.id)

    def test_finds_nothing_that_is_not_scheduled(self, scene, subscriptions, ada, price):
        subscriptions.start(ada, price, key="order 7")

        for ref in ("order 7", 1, "nothing"):
            with pytest.raises(NotFound, match="nothing is scheduled"):
                subscriptions.call_off(ref)

    def test_goes_by_the_general_way_too(self, scene, subscriptions, ada, price):
        made = subscriptions.schedule(ada, price, scene.now + WEEK, gate=GATE)

        scene.recoup.call_off(made.key, reason="a mistake")

        (gate,) = scene.rows("SELECT status, reason FROM gates")
        assert (gate["status"], gate["reason"]) == ("failed", "requested")
        assert tasks(scene) == []


class TestRemovingTheGate:
    def test_lets_it_begin_without_one(self, scene, subscriptions, price):
        bob = somebody(scene, Declines(NO_FUNDS))
        made = subscriptions.schedule(bob, price, scene.now + DAY, gate=GATE)

        removed = subscriptions.remove_gate(made.id)

        assert (removed.state, removed.gate.status) == ("scheduled", "not_applicable")
        scene.live(days=1)
        (new,) = subscriptions.list(bob)
        assert (new.gate.id, new.gate.status) == (made.gate.id, "not_applicable")
        (invoice,) = scene.recoup.invoices.list(customer=bob)
        assert invoice.number is not None

    def test_twice_or_where_none_is_changes_nothing(self, scene, subscriptions, ada, price):
        made = subscriptions.schedule(ada, price, scene.now + DAY, gate=GATE)
        bare = subscriptions.schedule(ada, price, scene.now + 2 * DAY, allow_duplicate=True)

        assert subscriptions.remove_gate(made.id) == subscriptions.remove_gate(made.id)
        assert subscriptions.remove_gate(bare.id) == bare

    def test_is_refused_once_it_has_begun(self, scene, subscriptions, ada, price):
        made = subscriptions.schedule(ada, price, scene.now + DAY, gate=GATE)
        scene.live(days=1)

        with pytest.raises(NotPossible, match="its gate decides now"):
            subscriptions.remove_gate(made.id)
