"""Two who want opposite things at once: one is last, and both sides know which."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any

import pytest

from recoup.core.billing.views import Subscription
from recoup.core.money import Money
from recoup.errors import CommandError, InProgress, NotPossible, Rejected

ROUNDS = 12


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Call all at the same instant; return what each gave, or how it was refused."""
    gate = Barrier(len(calls))

    def one(call: Callable[[], Any]) -> Any:
        gate.wait()
        try:
            return call()
        except (CommandError, Rejected) as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))


def settled(scene, read):
    """Return what `read` says; the news that follows has nothing to add to it."""
    before = read()
    scene.pace.settle()
    assert read() == before
    return before


def ends(scene) -> int:
    """Return how often the processor has told that a subscription is over."""
    return sum(
        b'"customer.subscription.deleted"' in body for _, body in scene.fake.events(0, 10**6)
    )


@pytest.fixture
def subscriptions(scene, card):
    return scene.recoup.subscriptions


@pytest.fixture
def prices(scene):
    return [scene.fake.create_price(Money(units, "EUR")) for units in (1000, 3000)]


@pytest.fixture
def begin(scene, ada, prices, subscriptions):
    """Start one more subscription to the cheap price."""
    return lambda: subscriptions.start(ada, prices[0], allow_duplicate=True).subscription


class TestACancelAndAResume:
    def test_end_in_what_the_last_of_them_wanted(self, scene, subscriptions, begin):
        sub = begin()
        for _ in range(ROUNDS):
            came = at_once(
                lambda: subscriptions.cancel(sub.id, when="period_end"),
                lambda: subscriptions.resume(sub.id),
            )

            assert all(isinstance(each, Subscription | InProgress | Rejected) for each in came), (
                came
            )
            now = settled(scene, lambda: subscriptions.get(sub.id))
            there = scene.fake.subscription(sub.processor_id)
            assert (now.cancel_at is not None) == bool(there.cancel_at_period_end)
            assert not now.ended


class TestTwoCancels:
    def test_end_it_once_and_both_say_so(self, scene, subscriptions, begin):
        for number in range(ROUNDS):
            sub = begin()

            came = at_once(
                lambda sub=sub: subscriptions.cancel(sub.id, key=f"one {sub.id}"),
                lambda sub=sub: subscriptions.cancel(sub.id, key=f"two {sub.id}"),
            )

            done = [each for each in came if isinstance(each, Subscription)]
            assert done
            assert all(isinstance(each, Subscription | InProgress | NotPossible) for each in came)
            assert settled(scene, lambda sub=sub: subscriptions.get(sub.id)).ended
            assert ends(scene) == number + 1


class TestAChangeAndACancel:
    def test_end_it_and_bill_the_change_whole_or_not_at_all(
        self, scene, subscriptions, begin, prices
    ):
        for _ in range(ROUNDS):
            sub = begin()
            scene.pace.settle()

            changed, ended = at_once(
                lambda sub=sub: subscriptions.change_plan(
                    sub.id, prices=prices[1], allow_duplicate=True
                ),
                lambda sub=sub: subscriptions.cancel(sub.id),
            )

            assert isinstance(ended, Subscription)
            assert settled(scene, lambda sub=sub: subscriptions.get(sub.id)).ended
            bills = scene.recoup.invoices.list(subscription=sub.id)
            billed = [bill for bill in bills if bill.reason == "subscription_update"]
            assert len(billed) == isinstance(changed, Subscription)
        assert scene.rows("SELECT id FROM tasks") == []


class TestAnAttachAndADetach:
    def test_leave_a_method_that_is_there_or_gone_on_both_sides(self, scene, ada):
        methods = scene.recoup.methods
        for number in range(ROUNDS):
            name = scene.fake.new_method(fingerprint=f"card {number}", country="DE")
            kept = methods.attach(ada, name)

            attached, detached = at_once(
                lambda name=name, n=number: methods.attach(ada, name, default=True, key=f"a{n}"),
                lambda kept=kept: methods.detach(kept.id),
            )

            now = settled(scene, lambda kept=kept: methods.get(kept.id))
            assert now.detached == (not isinstance(detached, Exception))
            if isinstance(attached, Exception):
                assert now.detached


class TestOurAnswerAndTheNewsOfIt:
    def test_come_in_any_order_and_together_without_a_trace(self, scene, subscriptions, begin):
        """A postman brings each event as soon as it is said, twice, while we still conclude."""
        recoup, fake = scene.recoup, scene.fake
        sub, over = begin(), Event()

        def bring():
            heard = 0
            while True:
                last = over.is_set()
                for number, body in fake.events(heard, 10**6):
                    recoup.ingest([body, body])
                    heard = number
                if last:
                    return

        with ThreadPoolExecutor(1) as pool:
            postman = pool.submit(bring)
            try:
                for number in range(ROUNDS):
                    done = subscriptions.set_quantity(sub.id, number % 5 + 2, proration="none")
                    assert done.items[0].quantity == number % 5 + 2
                    paid = recoup.payments.charge(
                        sub.customer_id, Money(500, "EUR"), description="Pen", key=f"p{number}"
                    )
                    recoup.payments.refund(paid.id)
            finally:
                over.set()
            postman.result()

        settled(scene, lambda: subscriptions.get(sub.id))
        troubled = "SELECT type, reason FROM inbox WHERE state IN ('failed', 'parked')"
        assert scene.rows(troubled) == []
        assert len(scene.rows("SELECT id FROM refunds")) == ROUNDS
