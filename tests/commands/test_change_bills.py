"""What a change bills is what was shown: for any change at any instant, or there is a task."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recoup.billing import Recoup
from recoup.config import Config
from recoup.core.money import Money
from recoup.jobs.clocks import TestClock
from recoup.processors.fake import START, FakeProcessor
from recoup.testing.mail import Outbox
from recoup.testing.scene import Scene


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


class Dearer(FakeProcessor):
    """A company that bills one cent more than it says."""

    def quote(self, change):
        shown = super().quote(change)
        return replace(shown, due_now=shown.due_now - eur(1))


class TestADifference:
    def test_is_a_task_and_never_silence(self, database_url, home):
        home.mkdir(parents=True)
        clock, outbox = TestClock(START), Outbox()
        config = Config.load(database_url=database_url, home=home)
        with (
            Dearer(home / "books.sqlite3", start=START) as fake,
            Recoup(config, processor=fake, sender=outbox, clock=clock) as recoup,
        ):
            scene = Scene(recoup, fake, clock, outbox)
            cheap, dear = (fake.create_price(eur(minor)) for minor in (1000, 3000))
            new = recoup.subscriptions.start(somebody(scene), cheap).subscription

            after = recoup.subscriptions.change_plan(new.id, prices=dear)

            assert bought(after) == {dear: 1}
            (task,) = scene.rows("SELECT kind, detail, customer_id FROM tasks")
            assert (task["kind"], task["customer_id"]) == ("preview_mismatch", new.customer_id)
            assert "19.99 EUR" in task["detail"]
            assert "20.00 EUR" in task["detail"]
            scene.live(days=1)
            assert tasks(scene) == ["preview_mismatch"]
            assert scene.violations() == ()


class TestAnyChangeAtAnyInstant:
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        minutes=st.integers(1, 300),
        quantity=st.integers(1, 9),
        minor=st.sampled_from([100, 333, 1000, 2999, 100_000]),
        late=st.integers(0, 59),
    )
    def test_is_billed_as_it_was_shown(
        self, scene, subscriptions, running, minutes, quantity, minor, late
    ):
        scene.live(hours=minutes / 60)
        price = scene.fake.create_price(eur(minor))
        shown = subscriptions.preview_change(running.id, prices={price: quantity})
        before = sum(billed(scene, running))
        scene.live(hours=late / 60)

        subscriptions.change_plan(running.id, preview=shown.id)

        assert sum(billed(scene, running)) - before == shown.due_now.minor
        assert tasks(scene) == []
