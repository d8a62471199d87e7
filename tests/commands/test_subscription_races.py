"""Many at once: whatever the order, the result is one that somebody could have wanted."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from recoup.core.billing.views import Started, Subscription
from recoup.core.money import Money
from recoup.errors import (
    CouponRefused,
    DuplicatePlan,
    InProgress,
    PreviewExpired,
    RecoupError,
    StaleRecord,
)
from recoup.testing.scene import Scene

SIXTEEN = 16


@pytest.fixture
def scene(database_url, home):
    with Scene.open(database_url, home) as scene:
        yield scene
        assert scene.violations() == ()


@pytest.fixture
def price(scene):
    return scene.fake.create_price(Money(1000, "EUR"))


def somebody(scene) -> int:
    who = scene.fake.create_customer(email="ada@example.com", country="DE")
    scene.fake.attach_method(who, country="DE")
    scene.pace.settle()
    return scene.recoup.customers.get(who).id


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """Make all calls at the same instant; return what each gave, or what it raised."""
    gate = Barrier(len(calls))

    def one(call: Callable[[], Any]) -> Any:
        gate.wait()
        try:
            return call()
        except RecoupError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))


def made(scene, kind: str) -> int:
    """Return how often the processor was asked for something."""
    sql = "SELECT count(*) AS n FROM commands WHERE kind = :kind AND asked_at IS NOT NULL"
    return scene.rows(sql, kind=kind)[0]["n"]


class TestSixteenStarts:
    def test_of_one_plan_make_one_subscription(self, scene, price):
        ada = somebody(scene)
        subscriptions = scene.recoup.subscriptions

        came = at_once([lambda: subscriptions.start(ada, price)] * SIXTEEN)

        begun = [each for each in came if isinstance(each, Started)]
        assert begun
        assert all(each == begun[0] for each in begun)
        assert all(isinstance(each, Started | DuplicatePlan | InProgress) for each in came)
        assert len(subscriptions.list(ada)) == made(scene, "subscriptions.start") == 1

    def test_with_one_key_all_get_the_same(self, scene, price):
        ada = somebody(scene)
        subscriptions = scene.recoup.subscriptions

        came = at_once([lambda: subscriptions.start(ada, price, key="checkout")] * SIXTEEN)

        assert all(each == came[0] for each in came)
        assert isinstance(came[0], Started)
        assert made(scene, "subscriptions.start") == 1

    def test_with_a_key_each_make_one_subscription(self, scene, price):
        ada = somebody(scene)
        subscriptions = scene.recoup.subscriptions

        came = at_once(
            [lambda n=n: subscriptions.start(ada, price, key=f"tab {n}") for n in range(SIXTEEN)]
        )

        assert sum(isinstance(each, Started) for each in came) == 1
        assert sum(isinstance(each, DuplicatePlan) for each in came) == SIXTEEN - 1


class TestTheLastUseOfACoupon:
    @pytest.mark.parametrize("limited", ["coupon", "code"])
    def test_goes_to_exactly_one_of_sixteen(self, scene, price, limited):
        coupons, subscriptions = scene.recoup.coupons, scene.recoup.subscriptions
        once = {"max_redemptions": 1}
        coupons.create("SPRING", percent_off=20, **(once if limited == "coupon" else {}))
        coupons.create_promotion_code("SPRING", "HELLO", **(once if limited == "code" else {}))
        people = [somebody(scene) for _ in range(SIXTEEN)]

        came = at_once(
            [
                lambda who=who: subscriptions.start(who, price, promotion_code="HELLO")
                for who in people
            ]
        )

        assert sum(isinstance(each, Started) for each in came) == 1
        assert sum(isinstance(each, CouponRefused) for each in came) == SIXTEEN - 1
        assert coupons.get("SPRING").redemptions == 1
        assert coupons.get_promotion_code("HELLO").redemptions == 1
        assert len(scene.rows("SELECT id FROM redemptions")) == 1
        assert made(scene, "subscriptions.start") == 1


class TestSixteenChanges:
    @pytest.fixture
    def running(self, scene, price):
        return scene.recoup.subscriptions.start(somebody(scene), price).subscription

    def test_by_one_preview_bill_once(self, scene, running):
        subscriptions = scene.recoup.subscriptions
        dear = scene.fake.create_price(Money(3000, "EUR"))
        shown = subscriptions.preview_change(running.id, prices=dear)

        came = at_once(
            [
                lambda n=n: subscriptions.change_plan(
                    running.id, preview=shown.id, key=f"tab {n % 4}"
                )
                for n in range(SIXTEEN)
            ]
        )

        done = [each for each in came if isinstance(each, Subscription)]
        assert len(done) == 4  # the four with the key that was first
        refused = [each for each in came if not isinstance(each, Subscription)]
        assert all(isinstance(each, PreviewExpired | InProgress) for each in refused)
        assert made(scene, "subscriptions.change") == 1

    def test_to_different_quantities_end_in_one_of_them(self, scene, running):
        subscriptions = scene.recoup.subscriptions

        came = at_once(
            [lambda n=n: subscriptions.set_quantity(running.id, n + 2) for n in range(SIXTEEN)]
        )

        done = [each for each in came if isinstance(each, Subscription)]
        assert done
        refused = [each for each in came if not isinstance(each, Subscription)]
        assert all(isinstance(each, PreviewExpired | InProgress | StaleRecord) for each in refused)
        assert subscriptions.get(running.id).items[0].quantity in {
            each.items[0].quantity for each in done
        }
        assert made(scene, "subscriptions.change") == len(done)


class TestAnEndAndAChange:
    def test_at_once_leave_no_half(self, scene, price):
        subscriptions = scene.recoup.subscriptions
        dear = scene.fake.create_price(Money(3000, "EUR"))
        running = subscriptions.start(somebody(scene), price).subscription

        came = at_once(
            [
                lambda: subscriptions.cancel(running.id),
                lambda: subscriptions.change_plan(running.id, prices=dear),
            ]
        )

        assert isinstance(came[0], Subscription)
        scene.pace.settle()
        assert subscriptions.get(running.id).ended
        assert scene.rows("SELECT id FROM tasks") == []
