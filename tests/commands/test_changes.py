from __future__ import annotations

from datetime import timedelta

import pytest

from recoup.core.billing.requests import ItemChange
from recoup.core.money import Money
from recoup.errors import (
    DuplicatePlan,
    InProgress,
    InvalidValue,
    NotFound,
    NotPossible,
    PreviewExpired,
    Rejected,
    Unreachable,
)
from recoup.processors.fake import Declines, Fault, Pays
from recoup.testing.scene import Scene

HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


@pytest.fixture
def scene(database_url, home):
    with Scene.open(database_url, home) as scene:
        yield scene
        assert scene.violations() == ()


@pytest.fixture
def cheap(scene):
    return scene.fake.create_price(eur(1000))


@pytest.fixture
def dear(scene):
    return scene.fake.create_price(eur(3000))


@pytest.fixture
def subscriptions(scene):
    return scene.recoup.subscriptions


def somebody(scene) -> int:
    who = scene.fake.create_customer(email="ada@example.com", country="DE")
    scene.fake.attach_method(who, country="DE")
    scene.pace.settle()
    return scene.recoup.customers.get(who).id


@pytest.fixture
def running(scene, subscriptions, cheap):
    """A subscription to the cheap price, ten days into its month."""
    new = subscriptions.start(somebody(scene), cheap).subscription
    scene.live(days=10)
    return subscriptions.get(new.id)


def bought(subscription) -> dict[str, int]:
    return {item.price: item.quantity for item in subscription.items}


def billed(scene, subscription) -> list[int]:
    """Return what the invoices of changes came to."""
    rows = scene.rows(
        "SELECT amount_due FROM invoices WHERE subscription_id = :id "
        "AND reason = 'subscription_update' ORDER BY id",
        id=subscription.id,
    )
    return [row["amount_due"] for row in rows]


def tasks(scene) -> list[str]:
    return [row["kind"] for row in scene.rows("SELECT kind FROM tasks")]


class TestPreviewing:
    def test_shows_what_is_due_now_and_next(self, scene, subscriptions, running, dear):
        shown = subscriptions.preview_change(running.id, prices=dear)

        assert shown.subscription_id == running.id
        assert eur(0) < shown.due_now < eur(2000)
        assert (shown.next_at, shown.next_due) == (running.period_end, eur(3000))
        assert shown.expires_at == scene.now + HOUR

    def test_changes_nothing(self, scene, subscriptions, running, dear):
        so_far = len(scene.fake.events())

        subscriptions.preview_change(running.id, prices=dear)

        assert subscriptions.get(running.id) == running
        assert len(scene.fake.events()) == so_far

    def test_is_the_same_for_the_same_at_the_same_instant(self, subscriptions, running, dear):
        first = subscriptions.preview_change(running.id, prices=dear)

        assert subscriptions.preview_change(running.id, prices=dear) == first

    def test_bills_nothing_before_the_periods_end(self, subscriptions, running, dear):
        shown = subscriptions.preview_change(running.id, prices=dear, when="period_end")

        assert (shown.due_now, shown.next_due) == (eur(0), eur(3000))

    def test_needs_either_prices_or_items(self, subscriptions, running, dear):
        for options in ({}, {"prices": dear, "items": [ItemChange(price=dear)]}):
            with pytest.raises(InvalidValue, match="exactly one"):
                subscriptions.preview_change(running.id, **options)

    def test_passes_on_what_the_processor_refuses(self, subscriptions, running):
        with pytest.raises(Rejected, match="price_nowhere"):
            subscriptions.preview_change(running.id, prices="price_nowhere")

    def test_keeps_nothing_when_no_answer_came(self, scene, subscriptions, running, dear):
        scene.fake.add_fault(Fault("outage", call="quote"))

        with pytest.raises(Unreachable):
            subscriptions.preview_change(running.id, prices=dear)
        assert scene.rows("SELECT id FROM previews") == []


class TestAPreview:
    @pytest.fixture
    def shown(self, subscriptions, running, dear):
        return subscriptions.preview_change(running.id, prices=dear)

    def test_is_billed_as_shown_however_late(self, scene, subscriptions, running, shown, dear):
        scene.live(hours=0.9)

        after = subscriptions.change_plan(running.id, preview=shown.id)

        assert bought(after) == {dear: 1}
        assert billed(scene, running) == [shown.due_now.minor]
        assert tasks(scene) == []

    def test_holds_for_an_hour(self, scene, subscriptions, running, shown):
        scene.clock.set(shown.expires_at)
        scene.fake.advance(scene.now)

        with pytest.raises(PreviewExpired, match="held until"):
            subscriptions.change_plan(running.id, preview=shown.id)
        assert subscriptions.get(running.id) == running

    def test_holds_until_the_last_instant(self, scene, subscriptions, running, shown, dear):
        scene.clock.set(shown.expires_at - TICK)
        scene.fake.advance(scene.now)

        assert bought(subscriptions.change_plan(running.id, preview=shown.id)) == {dear: 1}

    def test_ends_when_the_subscription_changes(self, subscriptions, running, shown):
        subscriptions.update(running.id, metadata={"a": "b"})

        with pytest.raises(PreviewExpired, match="changed since"):
            subscriptions.change_plan(running.id, preview=shown.id)

    def test_is_used_once(self, subscriptions, running, shown):
        first = subscriptions.change_plan(running.id, preview=shown.id)

        assert subscriptions.change_plan(running.id, preview=shown.id) == first
        with pytest.raises(PreviewExpired, match="is used"):
            subscriptions.change_plan(running.id, preview=shown.id, key="another")

    def test_is_free_again_when_the_change_was_refused(
        self, scene, subscriptions, running, shown, dear
    ):
        method = scene.recoup.methods.list(running.customer_id)[0].processor_id
        scene.fake.update_method(method, payer=Declines())
        with pytest.raises(Rejected, match="declined"):
            subscriptions.change_plan(running.id, preview=shown.id)
        assert subscriptions.get(running.id).items == running.items
        scene.fake.update_method(method, payer=Pays())
        again = subscriptions.change_plan(running.id, preview=shown.id, key="new card")

        assert bought(again) == {dear: 1}

    def test_belongs_to_its_subscription(self, scene, subscriptions, shown, cheap):
        other = subscriptions.start(somebody(scene), cheap).subscription

        with pytest.raises(InvalidValue, match="was made for"):
            subscriptions.change_plan(other.id, preview=shown.id)

    def test_says_all_that_changes(self, subscriptions, running, shown, dear):
        with pytest.raises(InvalidValue, match="either it"):
            subscriptions.change_plan(running.id, preview=shown.id, prices=dear)

    def test_must_exist(self, subscriptions, running):
        with pytest.raises(NotFound, match="prv_nothing"):
            subscriptions.change_plan(running.id, preview="prv_nothing")


class TestChanging:
    def test_up_bills_the_difference_at_once(self, scene, subscriptions, running, dear):
        after = subscriptions.change_plan(running.id, prices=dear)

        assert (bought(after), after.period_end) == ({dear: 1}, running.period_end)
        assert len(billed(scene, running)) == 1

    def test_down_leaves_a_credit(self, scene, subscriptions, running):
        free = scene.fake.create_price(eur(100))

        shown = subscriptions.preview_change(running.id, prices=free)
        subscriptions.change_plan(running.id, preview=shown.id)

        assert shown.due_now == eur(0)
        assert shown.credit > eur(0)
        assert billed(scene, running) in ([], [0])
        assert tasks(scene) == []

    def test_of_the_quantity(self, subscriptions, running, cheap):
        assert bought(subscriptions.set_quantity(running.id, 4)) == {cheap: 4}

    def test_of_the_items(self, subscriptions, running, cheap, dear):
        more = subscriptions.set_items(running.id, [ItemChange(price=dear, quantity=2)])
        assert bought(more) == {cheap: 1, dear: 2}
        first = next(item.id for item in more.items if item.price == cheap)

        fewer = subscriptions.set_items(running.id, [ItemChange(first, removed=True)])

        assert bought(fewer) == {dear: 2}

    def test_of_the_quantity_says_of_which_item(self, subscriptions, running, cheap, dear):
        both = subscriptions.set_items(running.id, [ItemChange(price=dear)])

        with pytest.raises(InvalidValue, match="say which"):
            subscriptions.set_quantity(running.id, 2)
        after = subscriptions.set_quantity(running.id, 2, item=both.items[0].id)
        assert bought(after) == {cheap: 2, dear: 1}

    def test_of_the_interval_begins_a_new_period(self, scene, subscriptions, running):
        yearly = scene.fake.create_price(eur(9000), interval="year")

        after = subscriptions.change_plan(running.id, prices=yearly)

        assert after.period_start == scene.now
        assert after.period_end.year == scene.now.year + 1
        assert tasks(scene) == []

    def test_without_an_invoice_waits_for_the_next(self, scene, subscriptions, running, dear):
        subscriptions.change_plan(running.id, prices=dear, proration="create")

        assert billed(scene, running) == []
        assert tasks(scene) == []

    def test_to_what_it_is_already_does_nothing(self, scene, subscriptions, running, cheap):
        so_far = len(scene.fake.events())

        assert subscriptions.change_plan(running.id, prices=cheap) == running
        assert subscriptions.set_quantity(running.id, 1) == running
        assert len(scene.fake.events()) == so_far
        assert scene.rows("SELECT id FROM previews") == []

    def test_that_can_not_be_paid_changes_nothing(self, scene, subscriptions, running, dear):
        method = scene.recoup.methods.list(running.customer_id)[0].processor_id
        scene.fake.update_method(method, payer=Declines())

        with pytest.raises(Rejected, match="declined"):
            subscriptions.change_plan(running.id, prices=dear)

        assert subscriptions.get(running.id).items == running.items
        assert scene.rows("SELECT standing FROM standings") == [{"standing": "current"}]

    def test_needs_one_that_lives(self, subscriptions, running, dear):
        subscriptions.cancel(running.id)

        with pytest.raises(NotPossible, match="has ended"):
            subscriptions.change_plan(running.id, prices=dear)

    def test_to_a_plan_that_another_subscription_has_is_refused(
        self, subscriptions, running, dear
    ):
        subscriptions.start(running.customer_id, dear)

        with pytest.raises(DuplicatePlan):
            subscriptions.change_plan(running.id, prices=dear)
        assert bought(
            subscriptions.change_plan(running.id, prices=dear, allow_duplicate=True)
        ) == {dear: 1}

    def test_waits_for_the_one_that_is_under_way(self, scene, subscriptions, running, dear):
        scene.fake.add_fault(Fault("lost_reply", call="ChangeSubscription"))
        with pytest.raises(Unreachable):
            subscriptions.change_plan(running.id, prices=dear, key="first")

        with pytest.raises(InProgress, match="another change"):
            subscriptions.set_quantity(running.id, 5)
        scene.live(hours=1)
        assert bought(subscriptions.set_quantity(running.id, 5)) == {dear: 5}


class TestAtThePeriodsEnd:
    def test_it_changes_and_is_billed_then(self, scene, subscriptions, running, cheap, dear):
        waiting = subscriptions.change_plan(running.id, prices=dear, when="period_end")

        assert bought(waiting) == {cheap: 1}
        assert [item.price for item in waiting.next_items] == [dear]
        scene.live(days=25)
        after = subscriptions.get(running.id)
        assert (bought(after), after.next_items) == ({dear: 1}, ())
        assert billed(scene, running) == []

    def test_the_last_wish_counts(self, scene, subscriptions, running, dear):
        other = scene.fake.create_price(eur(500))
        subscriptions.change_plan(running.id, prices=dear, when="period_end")

        subscriptions.change_plan(running.id, prices=other, when="period_end")

        scene.live(days=25)
        assert bought(subscriptions.get(running.id)) == {other: 1}

    def test_a_wish_is_taken_back_by_what_is_there(
        self, scene, subscriptions, running, cheap, dear
    ):
        subscriptions.change_plan(running.id, prices=dear, when="period_end")

        assert subscriptions.change_plan(running.id, prices=cheap).next_items == ()
        scene.live(days=25)
        assert bought(subscriptions.get(running.id)) == {cheap: 1}

    def test_a_wish_is_taken_back_by_resuming(self, scene, subscriptions, running, cheap, dear):
        subscriptions.change_plan(running.id, prices=dear, when="period_end")

        assert subscriptions.resume(running.id).next_items == ()
        scene.live(days=25)
        assert bought(subscriptions.get(running.id)) == {cheap: 1}

    def test_a_wish_is_dropped_with_the_end(self, subscriptions, running, dear):
        subscriptions.change_plan(running.id, prices=dear, when="period_end")

        assert subscriptions.cancel(running.id, when="period_end").next_items == ()
        assert subscriptions.resume(running.id).next_items == ()

    def test_there_must_be_a_next_one(self, subscriptions, running, dear):
        subscriptions.cancel(running.id, when="period_end")

        with pytest.raises(NotPossible, match="resume it first"):
            subscriptions.change_plan(running.id, prices=dear, when="period_end")
