from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from recoup.core.billing.catalogue import Catalogue, Plan
from recoup.core.billing.views import Start
from recoup.core.money import Money
from recoup.errors import (
    DuplicatePlan,
    InvalidMetadata,
    InvalidPeriod,
    InvalidValue,
    NotFound,
    NotPossible,
    Rejected,
    UnknownOption,
    Unreachable,
)
from recoup.processors.fake import Asks, Declines, FakeProcessor, Fault
from recoup.testing.scene import Scene

TEN = Money(1000, "EUR")
SECOND = timedelta(seconds=1)


@pytest.fixture
def scene(database_url, home):
    with Scene.open(database_url, home) as scene:
        yield scene
        assert scene.violations() == ()


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
def ada(scene):
    return somebody(scene)


@pytest.fixture
def running(scene, subscriptions, ada, price):
    return subscriptions.start(ada, price).subscription


def told_of(scene, subscription) -> list[str]:
    """Return the types of what the ledger tells of a subscription, in order."""
    sql = "SELECT type FROM ledger_entries WHERE subject = :subject ORDER BY seq"
    rows = scene.rows(sql, subject=f"subscription:{subscription.id}")
    return [row["type"] for row in rows]


class TestStarting:
    def test_gives_an_active_subscription_once_the_first_payment_is_in(
        self, scene, subscriptions, ada, price
    ):
        started = subscriptions.start(ada, price, quantity=3, metadata={"team": "blue"})

        new = started.subscription
        assert (started.outcome, new.active, new.plan) == (Start.ACTIVE, True, None)
        assert [(item.price, item.quantity) for item in new.items] == [(price, 3)]
        assert new.metadata == {"team": "blue"}
        invoice = scene.recoup.invoices.get(started.invoice_id)
        assert (invoice.outcome, invoice.paid) == ("paid", Money(3000, "EUR"))

    def test_takes_several_prices(self, scene, subscriptions, ada, price):
        seat = scene.fake.create_price(Money(200, "EUR"))

        new = subscriptions.start(ada, {price: 1, seat: 4}).subscription

        assert {item.price: item.quantity for item in new.items} == {price: 1, seat: 4}

    @pytest.mark.parametrize("said", ["days", "end"])
    def test_may_begin_with_a_trial(self, scene, subscriptions, ada, price, said):
        end = scene.now + timedelta(days=14)
        trial = {"trial_days": 14} if said == "days" else {"trial_end": end}

        started = subscriptions.start(ada, price, **trial)

        assert (started.outcome, started.subscription.trial_end) == (Start.TRIALING, end)
        scene.live(days=15)
        assert subscriptions.get(started.subscription.id).active
        assert subscriptions.get(started.subscription.id).status == "active"

    def test_may_be_anchored(self, scene, subscriptions, ada, price):
        first = scene.now + timedelta(days=10)

        new = subscriptions.start(ada, price, anchor=first).subscription

        assert (new.anchor, new.period_end) == (first, first)

    def test_may_send_its_invoices(self, subscriptions, ada, price):
        started = subscriptions.start(ada, price, collection="send_invoice", days_until_due=30)

        assert started.outcome == Start.ACTIVE

    def test_waits_for_a_customer_who_must_authenticate(self, scene, subscriptions, price):
        started = subscriptions.start(somebody(scene, Asks()), price)

        assert started.outcome == Start.REQUIRES_ACTION
        assert started.action.kind == "authenticate"
        assert started.action.client_secret
        assert started.action.client_secret not in repr(started)

    def test_is_incomplete_when_the_first_payment_is_declined(self, scene, subscriptions, price):
        unlucky = somebody(scene, Declines())

        started = subscriptions.start(unlucky, price)

        assert (started.outcome, started.action) == (Start.INCOMPLETE, None)
        scene.live(days=2)
        assert subscriptions.get(started.subscription.id).ended
        assert scene.rows("SELECT standing FROM standings")[0]["standing"] == "current"

    @pytest.mark.parametrize(
        ("options", "says"),
        [
            ({"trial_days": 7, "anchor": datetime(2030, 1, 1)}, "anchor"),  # noqa: DTZ001
            ({"trial_days": 0}, "trial_days"),
            ({"trial_days": 731}, "730"),
            ({"quantity": 0}, "quantity"),
            ({"coupon": "A", "promotion_code": "B"}, "can not be said together"),
            ({"collection": "send_invoice"}, "days_until_due"),
            ({"days_until_due": 3}, "days_until_due"),
            ({"metadata": {"": "x"}}, "metadata"),
            ({"gate": "payment"}, "gate: expected PaymentGate or None, got text"),
            ({"trail_days": 7}, "did you mean 'trial_days'"),
        ],
    )
    def test_refuses_what_makes_no_sense(self, subscriptions, ada, price, options, says):
        with pytest.raises((InvalidValue, InvalidPeriod, InvalidMetadata, UnknownOption)) as no:
            subscriptions.start(ada, price, **options)
        assert says in str(no.value)

    def test_refuses_a_trial_with_an_end_of_its_own_and_an_anchor(
        self, scene, subscriptions, ada, price
    ):
        later = scene.now + timedelta(days=3)
        for options in (
            {"trial_days": 3, "trial_end": later},
            {"trial_end": later, "anchor": later},
        ):
            with pytest.raises(InvalidValue, match="can not be said together"):
                subscriptions.start(ada, price, **options)

    def test_refuses_an_anchor_that_is_past(self, scene, subscriptions, ada, price):
        with pytest.raises(InvalidValue, match="anchor"):
            subscriptions.start(ada, price, anchor=scene.now)

    def test_needs_a_customer(self, scene, subscriptions, ada, price):
        with pytest.raises(NotFound):
            subscriptions.start(99, price)
        scene.recoup.customers.delete(ada, reason="test")
        with pytest.raises(NotPossible, match="deleted"):
            subscriptions.start(ada, price)

    def test_passes_on_what_the_processor_refuses(self, scene, subscriptions, ada):
        with pytest.raises(Rejected, match="price_nowhere"):
            subscriptions.start(ada, "price_nowhere")
        assert scene.rows("SELECT state FROM commands") == [{"state": "refused"}]

    def test_pays_with_the_customers_own_method_only(self, scene, subscriptions, ada, price):
        stranger = scene.recoup.methods.list(somebody(scene))[0]

        with pytest.raises(NotPossible, match="not customer"):
            subscriptions.start(ada, price, default_method=stranger.processor_id)
        mine = scene.recoup.methods.list(ada)[0]
        started = subscriptions.start(ada, price, default_method=mine.id)
        assert started.subscription.default_method == mine.processor_id


class TestASecondPlan:
    def test_is_not_sold_twice(self, subscriptions, ada, price, running):
        with pytest.raises(DuplicatePlan, match=running.processor_id):
            subscriptions.start(ada, price, quantity=2)

        assert len(subscriptions.list(ada)) == 1

    def test_is_sold_twice_on_purpose(self, subscriptions, ada, price, running):
        subscriptions.start(ada, price, allow_duplicate=True)

        assert len(subscriptions.list(ada)) == 2

    def test_may_be_another_one(self, scene, subscriptions, ada, running):
        other = scene.fake.create_price(Money(500, "EUR"))

        assert subscriptions.start(ada, other).outcome == Start.ACTIVE

    def test_may_be_had_again_once_the_first_has_ended(self, subscriptions, ada, price, running):
        subscriptions.cancel(running.id)

        assert subscriptions.start(ada, price).outcome == Start.ACTIVE

    def test_waits_while_the_first_is_incomplete(self, scene, subscriptions, price):
        unlucky = somebody(scene, Declines())
        subscriptions.start(unlucky, price)

        with pytest.raises(DuplicatePlan):
            subscriptions.start(unlucky, price, quantity=2)

    def test_waits_while_a_start_is_under_way(self, scene, subscriptions, ada, price):
        scene.fake.add_fault(Fault("outage", times=None, until=scene.now + timedelta(hours=1)))
        with pytest.raises(Unreachable, match="pursued"):
            subscriptions.start(ada, price, key="first")

        with pytest.raises(DuplicatePlan, match="'first'"):
            subscriptions.start(ada, price, key="second")
        scene.live(hours=3)
        assert len(subscriptions.list(ada)) == 1


class TestPlans:
    @pytest.fixture
    def monthly_and_yearly(self, home):
        home.mkdir(parents=True)
        with FakeProcessor(home / "books.sqlite3") as fake:
            return fake.create_price(TEN), fake.create_price(Money(10_000, "EUR"), interval="year")

    @pytest.fixture
    def scene(self, database_url, home, monthly_and_yearly):
        plans = Catalogue({"team": Plan("team", frozenset(monthly_and_yearly))})
        with Scene.open(database_url, home, plans=plans) as scene:
            yield scene
            assert scene.violations() == ()

    def test_are_known_by_their_prices(self, subscriptions, ada, monthly_and_yearly):
        new = subscriptions.start(ada, monthly_and_yearly[1]).subscription

        assert (new.plan, subscriptions.get(new.id).plan) == ("team", "team")

    def test_are_the_same_at_another_price(self, subscriptions, ada, monthly_and_yearly):
        monthly, yearly = monthly_and_yearly
        subscriptions.start(ada, monthly)

        with pytest.raises(DuplicatePlan, match="the plan team"):
            subscriptions.start(ada, yearly)


class TestCancelling:
    def test_ends_it_now(self, scene, subscriptions, running):
        over = subscriptions.cancel(running.id, feedback="too_expensive", comment="bye")

        assert over.ended
        assert (over.end_reason, over.feedback) == ("requested", "too_expensive")
        assert told_of(scene, running)[-2:] == [
            "subscription.end_requested",
            "subscription.canceled",
        ]

    def test_lets_the_period_end_first(self, scene, subscriptions, running):
        leaving = subscriptions.cancel(running.id, when="period_end")

        assert leaving.active
        assert (leaving.cancel_at, leaving.end_requested_at) == (running.period_end, scene.now)
        scene.live(days=32)
        over = subscriptions.get(running.id)
        assert (over.ended, over.ended_at, over.end_reason) == (
            True,
            running.period_end,
            "requested",
        )

    def test_may_name_the_instant(self, scene, subscriptions, running):
        at = scene.now + timedelta(days=3)

        assert subscriptions.cancel(running.id, when=at).cancel_at == at
        scene.live(days=4)
        assert subscriptions.get(running.id).ended_at == at

    def test_needs_an_instant_that_is_to_come(self, scene, subscriptions, running):
        with pytest.raises(InvalidValue, match="when"):
            subscriptions.cancel(running.id, when=scene.now)
        assert subscriptions.cancel(running.id, when=scene.now + SECOND).cancel_at

    def test_leaves_what_has_ended_as_it_is(self, scene, subscriptions, running):
        over = subscriptions.cancel(running.id, reason="fraud")
        scene.live(days=1)

        assert subscriptions.cancel(running.id) == over

    @pytest.mark.parametrize(
        "reason",
        ["requested", "payment_failed", "timeout", "dunning_exhausted", "processor", "fraud"],
    )
    def test_always_has_a_reason(self, scene, subscriptions, running, reason):
        subscriptions.cancel(running.id, reason=reason)
        scene.pace.settle()

        assert subscriptions.get(running.id).end_reason == reason

    def test_knows_no_other_reasons(self, subscriptions, running):
        with pytest.raises(UnknownOption, match="reason"):
            subscriptions.cancel(running.id, reason="boredom")

    def test_ends_an_incomplete_one(self, scene, subscriptions, price):
        started = subscriptions.start(somebody(scene, Declines()), price)

        assert subscriptions.cancel(started.subscription.id).ended

    @pytest.mark.parametrize("scheduled", [True, False])
    def test_leaves_things_as_they_were_when_it_is_refused(
        self, scene, subscriptions, running, scheduled
    ):
        if scheduled:
            subscriptions.cancel(running.id, when="period_end")
        before = subscriptions.get(running.id)
        scene.live(hours=1)
        scene.fake.add_fault(Fault("outage", times=None, until=scene.now + timedelta(hours=4)))
        soon = scene.now + timedelta(hours=2)
        with pytest.raises(Unreachable):
            subscriptions.cancel(running.id, when=soon, reason="fraud", key="k")
        assert subscriptions.get(running.id).end_reason == "fraud"

        scene.live(hours=6)  # when the processor is back the instant is past

        with pytest.raises(Rejected):
            subscriptions.cancel(running.id, when=soon, reason="fraud", key="k")
        after = subscriptions.get(running.id)
        assert (after.end_requested_at, after.end_reason, after.cancel_at) == (
            before.end_requested_at,
            before.end_reason,
            before.cancel_at,
        )


class TestResuming:
    def test_undoes_an_end_that_is_scheduled(self, scene, subscriptions, running):
        subscriptions.cancel(running.id, when="period_end")

        staying = subscriptions.resume(running.id)

        assert (staying.cancel_at, staying.end_requested_at, staying.end_reason) == (
            None,
            None,
            None,
        )
        scene.live(days=40)
        assert subscriptions.get(running.id).active

    def test_changes_nothing_where_nothing_is_scheduled(self, subscriptions, running):
        assert subscriptions.resume(running.id) == running

    def test_does_not_raise_the_dead(self, subscriptions, running):
        subscriptions.cancel(running.id)

        with pytest.raises(NotPossible, match="has ended"):
            subscriptions.resume(running.id)
