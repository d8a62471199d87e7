"""What is done to a subscription between its beginning and its end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup.core.money import Money
from recoup.errors import InvalidMetadata, InvalidValue, NotFound, NotPossible
from recoup.processors.fake import Declines
from recoup.testing.scene import Scene

TEN = Money(1000, "EUR")


@pytest.fixture
def scene(database_url, home):
    with Scene.open(database_url, home) as scene:
        yield scene
        assert scene.violations() == ()


@pytest.fixture
def ada(scene):
    who = scene.fake.create_customer(email="ada@example.com", country="DE")
    scene.fake.attach_method(who, country="DE")
    scene.pace.settle()
    return scene.recoup.customers.get(who).id


@pytest.fixture
def subscriptions(scene):
    return scene.recoup.subscriptions


@pytest.fixture
def running(scene, subscriptions, ada):
    return subscriptions.start(ada, scene.fake.create_price(TEN)).subscription


def paid(scene) -> Money:
    """Return what was received by now."""
    rows = scene.rows("SELECT sum(amount_paid)::bigint AS paid FROM invoices")
    return Money(rows[0]["paid"], "EUR")


class TestPausing:
    def test_stops_collecting_until_it_is_unpaused(self, scene, subscriptions, running):
        paused = subscriptions.pause(running.id)

        assert (paused.paused, paused.is_paused, paused.active) == ("void", True, False)
        scene.live(days=40)
        assert paid(scene) == TEN
        assert subscriptions.unpause(running.id).active
        scene.live(days=31)
        assert paid(scene) == Money(2000, "EUR")

    def test_ends_by_itself_at_an_instant(self, scene, subscriptions, running):
        until = scene.now + timedelta(days=5)

        assert subscriptions.pause(running.id, until=until).resumes_at == until
        scene.live(days=6)
        assert subscriptions.get(running.id).active

    def test_needs_an_instant_that_is_to_come(self, scene, subscriptions, running):
        with pytest.raises(InvalidValue, match="until"):
            subscriptions.pause(running.id, until=scene.now)

    def test_changes_nothing_the_second_time(self, scene, subscriptions, running):
        paused = subscriptions.pause(running.id)
        so_far = len(scene.fake.events())

        assert subscriptions.pause(running.id) == paused
        assert len(scene.fake.events()) == so_far

    def test_needs_one_that_has_not_ended(self, subscriptions, running):
        subscriptions.cancel(running.id)

        for verb in (subscriptions.pause, subscriptions.unpause, subscriptions.remove_discount):
            with pytest.raises(NotPossible, match="has ended"):
                verb(running.id)

    def test_needs_one_that_has_begun(self, scene, subscriptions, ada):
        method = scene.recoup.methods.list(ada)[0]
        scene.fake.update_method(method.processor_id, payer=Declines())
        waiting = subscriptions.start(ada, scene.fake.create_price(TEN)).subscription

        with pytest.raises(NotPossible, match="awaited"):
            subscriptions.pause(waiting.id)


class TestATrial:
    @pytest.fixture
    def trying(self, scene, subscriptions, ada):
        price = scene.fake.create_price(TEN)
        return subscriptions.start(ada, price, trial_days=7).subscription

    def test_may_last_longer(self, scene, subscriptions, trying):
        until = scene.now + timedelta(days=20)

        assert subscriptions.extend_trial(trying.id, until).trial_end == until
        scene.live(days=19)
        assert subscriptions.get(trying.id).status == "trialing"
        scene.live(days=2)
        assert subscriptions.get(trying.id).status == "active"

    def test_is_not_shortened(self, scene, subscriptions, trying):
        with pytest.raises(InvalidValue, match="later already"):
            subscriptions.extend_trial(trying.id, scene.now + timedelta(days=6))

    def test_stays_when_it_lasts_that_long_already(self, scene, subscriptions, trying):
        assert subscriptions.extend_trial(trying.id, trying.trial_end) == trying

    def test_does_not_end_in_the_past(self, scene, subscriptions, trying):
        scene.live(days=8)

        with pytest.raises(InvalidValue, match="730 days"):
            subscriptions.extend_trial(trying.id, scene.now)


class TestUpdating:
    def test_merges_metadata(self, scene, subscriptions, running):
        subscriptions.update(running.id, metadata={"a": "1", "b": "2"})

        assert subscriptions.update(running.id, metadata={"a": "", "c": "3"}).metadata == {
            "b": "2",
            "c": "3",
        }

    def test_keeps_metadata_within_its_limits_after_the_merge(self, subscriptions, running):
        subscriptions.update(running.id, metadata={f"k{n}": "v" for n in range(50)})

        with pytest.raises(InvalidMetadata, match="at most 50"):
            subscriptions.update(running.id, metadata={"one more": "v"})

    def test_pays_with_another_method(self, scene, subscriptions, running, ada):
        owner = scene.recoup.customers.get(ada).processor_id
        other = scene.fake.attach_method(owner, country="DE", default=False)
        scene.pace.settle()

        assert subscriptions.update(running.id, default_method=other).default_method == other

    def test_refuses_a_method_that_is_detached(self, scene, subscriptions, running, ada):
        owner = scene.recoup.customers.get(ada).processor_id
        other = scene.fake.attach_method(owner, country="DE", default=False)
        scene.pace.settle()
        scene.fake.detach_method(other)
        scene.pace.settle()

        with pytest.raises(NotPossible, match="detached"):
            subscriptions.update(running.id, default_method=other)

    def test_needs_something_to_update(self, subscriptions, running):
        with pytest.raises(InvalidValue, match="metadata or default_method"):
            subscriptions.update(running.id)


class TestLooking:
    def test_finds_by_our_id_and_by_the_processors(self, subscriptions, running):
        assert subscriptions.get(running.processor_id) == running
        assert subscriptions.get(str(running.id)) == running

    def test_knows_what_there_is_not(self, subscriptions):
        with pytest.raises(NotFound, match="sub_nowhere"):
            subscriptions.get("sub_nowhere")

    def test_lists_the_customers_own(self, scene, subscriptions, running, ada):
        other = scene.subscriber(email="eve@example.com")

        assert [s.id for s in subscriptions.list(ada)] == [running.id]
        assert len(subscriptions.list()) == 2
        assert subscriptions.list(other.customer)[0].processor_id == other.subscription


class TestAHostsTransaction:
    def test_records_now_and_acts_after_the_commit(self, scene, subscriptions, running, ada):
        dear = scene.fake.create_price(Money(3000, "EUR"))
        shown = subscriptions.preview_change(running.id, prices=dear)
        scene.recoup.coupons.create("SPRING", percent_off=10, max_redemptions=1)
        so_far = len(scene.fake.events())

        with scene.recoup.database.begin() as host:
            bound = scene.recoup.using(host).subscriptions
            changing = bound.change_plan(running.id, preview=shown.id)
            starting = bound.start(ada, scene.fake.create_price(TEN), coupon="SPRING")
            assert len(scene.fake.events()) == so_far

        assert scene.recoup.wait(changing.key).items[0].price == dear
        assert scene.recoup.wait(starting.key).subscription.coupon == "SPRING"

    def test_takes_everything_back(self, scene, subscriptions, running, ada):
        scene.recoup.coupons.create("SPRING", percent_off=10, max_redemptions=1)

        with scene.recoup.database.connect() as host:
            bound = scene.recoup.using(host).subscriptions
            bound.cancel(running.id, when="period_end")
            bound.apply_discount(running.id, coupon="SPRING")
            host.rollback()

        assert subscriptions.get(running.id) == running
        assert scene.recoup.coupons.get("SPRING").redemptions == 0

    def test_needs_a_preview_that_was_made_before(self, scene, subscriptions, running):
        dear = scene.fake.create_price(Money(3000, "EUR"))
        with scene.recoup.database.connect() as host:
            bound = scene.recoup.using(host).subscriptions

            with pytest.raises(NotPossible, match="make it before"):
                bound.change_plan(running.id, prices=dear)


class TestDunning:
    def test_ends_what_was_to_end_much_later(self, scene):
        who = scene.subscriber(Declines())
        subscriptions = scene.recoup.subscriptions
        failed = scene.until_failed(who)
        subscriptions.cancel(who.subscription, when=failed + timedelta(days=300))

        scene.live(days=40)

        over = subscriptions.get(who.subscription)
        assert (over.ended, over.end_reason) == (True, "dunning_exhausted")

    def test_keeps_its_reason_when_the_customer_leaves_too(self, scene):
        who = scene.subscriber(Declines())
        subscriptions = scene.recoup.subscriptions
        scene.until_failed(who)
        while not subscriptions.get(who.subscription).end_requested_at:
            scene.live(hours=12)

        with_reason = subscriptions.cancel(who.subscription)

        assert with_reason.end_reason == "dunning_exhausted"
