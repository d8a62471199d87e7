"""Every verb of subscriptions, changes and coupons: repeated, contradicted, and cut off."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from recoup.core.billing.requests import ItemChange
from recoup.core.money import Money
from recoup.errors import KeyConflict, Unreachable
from recoup.processors.fake import Fault
from recoup.testing.scene import Scene

TEN = Money(1000, "EUR")
TWENTY = Money(2000, "EUR")


@dataclass
class Shop:
    """A customer with a running subscription, two prices, a coupon and a code."""

    scene: Scene
    customer: int
    subscription: int
    cheap: str
    dear: str
    far: datetime

    @property
    def recoup(self):
        return self.scene.recoup


@pytest.fixture(scope="module")
def begun(live):
    """The shop as it begins, and what everything in it is called."""
    names = []

    def prepare(url, home):
        with Scene.open(url, home) as scene:
            who = scene.fake.create_customer(email="ada@example.com", country="DE")
            scene.fake.attach_method(who, country="DE")
            scene.pace.settle()
            cheap, dear = (scene.fake.create_price(amount) for amount in (TEN, TWENTY))
            customer = scene.recoup.customers.get(who).id
            started = scene.recoup.subscriptions.start(customer, cheap)
            scene.recoup.coupons.create("SPRING", percent_off=20)
            scene.recoup.coupons.create_promotion_code("SPRING", "HELLO")
            scene.pace.settle()
            names.extend((customer, started.subscription.id, cheap, dear))

    return live(prepare), names


@pytest.fixture
def shop(new_database, home, begun):
    lived, names = begun
    shutil.copytree(lived.home, home)
    with Scene.open(new_database(of=lived.database), home) as scene:
        scene.pace.heard = scene.fake.events(limit=10_000)[-1][0]
        yield Shop(scene, *names, scene.now + timedelta(days=90))
        assert scene.violations() == ()


@dataclass(frozen=True)
class Verb:
    call: Callable[[Shop, str | None], Any]
    other: Callable[[Shop, str], Any]
    before: Callable[[Shop], Any] = lambda shop: None


def subscriptions(shop):
    return shop.recoup.subscriptions


def coupons(shop):
    return shop.recoup.coupons


def leaving(shop):
    subscriptions(shop).cancel(shop.subscription, when="period_end")


VERBS = {
    "start": Verb(
        lambda s, key: subscriptions(s).start(s.customer, s.dear, key=key),
        lambda s, key: subscriptions(s).start(s.customer, s.dear, quantity=2, key=key),
    ),
    "cancel": Verb(
        lambda s, key: subscriptions(s).cancel(s.subscription, key=key),
        lambda s, key: subscriptions(s).cancel(s.subscription, reason="fraud", key=key),
    ),
    "cancel at period end": Verb(
        lambda s, key: subscriptions(s).cancel(s.subscription, when="period_end", key=key),
        lambda s, key: subscriptions(s).cancel(s.subscription, when="now", key=key),
    ),
    "resume": Verb(
        lambda s, key: subscriptions(s).resume(s.subscription, key=key),
        lambda s, key: subscriptions(s).cancel(s.subscription, key=key),
        leaving,
    ),
    "pause": Verb(
        lambda s, key: subscriptions(s).pause(s.subscription, key=key),
        lambda s, key: subscriptions(s).pause(s.subscription, behavior="keep_as_draft", key=key),
    ),
    "unpause": Verb(
        lambda s, key: subscriptions(s).unpause(s.subscription, key=key),
        lambda s, key: subscriptions(s).pause(s.subscription, key=key),
        lambda s: subscriptions(s).pause(s.subscription),
    ),
    "extend trial": Verb(
        lambda s, key: subscriptions(s).extend_trial(s.subscription, s.far, key=key),
        lambda s, key: subscriptions(s).cancel(s.subscription, key=key),
    ),
    "update": Verb(
        lambda s, key: subscriptions(s).update(s.subscription, metadata={"a": "b"}, key=key),
        lambda s, key: subscriptions(s).update(s.subscription, metadata={"a": "c"}, key=key),
    ),
    "apply discount": Verb(
        lambda s, key: subscriptions(s).apply_discount(s.subscription, coupon="SPRING", key=key),
        lambda s, key: subscriptions(s).apply_discount(
            s.subscription, promotion_code="HELLO", key=key
        ),
    ),
    "remove discount": Verb(
        lambda s, key: subscriptions(s).remove_discount(s.subscription, key=key),
        lambda s, key: subscriptions(s).cancel(s.subscription, key=key),
        lambda s: subscriptions(s).apply_discount(s.subscription, coupon="SPRING"),
    ),
    "change plan": Verb(
        lambda s, key: subscriptions(s).change_plan(s.subscription, prices=s.dear, key=key),
        lambda s, key: subscriptions(s).change_plan(
            s.subscription, prices=s.dear, when="period_end", key=key
        ),
    ),
    "set quantity": Verb(
        lambda s, key: subscriptions(s).set_quantity(s.subscription, 3, key=key),
        lambda s, key: subscriptions(s).set_quantity(s.subscription, 4, key=key),
    ),
    "set items": Verb(
        lambda s, key: subscriptions(s).set_items(
            s.subscription, [ItemChange(price=s.dear)], key=key
        ),
        lambda s, key: subscriptions(s).set_items(
            s.subscription, [ItemChange(price=s.dear, quantity=2)], key=key
        ),
    ),
    "create a coupon": Verb(
        lambda s, key: coupons(s).create("WINTER", amount_off=Money(100, "EUR"), key=key),
        lambda s, key: coupons(s).create("WINTER", percent_off="5", key=key),
    ),
    "delete a coupon": Verb(
        lambda s, key: coupons(s).delete("SPRING", key=key),
        lambda s, key: coupons(s).create("WINTER", percent_off="5", key=key),
    ),
    "create a code": Verb(
        lambda s, key: coupons(s).create_promotion_code("SPRING", "WELCOME", key=key),
        lambda s, key: coupons(s).create_promotion_code("SPRING", "BONJOUR", key=key),
    ),
    "set active": Verb(
        lambda s, key: coupons(s).set_active("HELLO", False, key=key),
        lambda s, key: coupons(s).set_active("HELLO", True, key=key),
    ),
}

every_verb = pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)


def told(shop) -> int:
    """Return how many events the processor has sent."""
    return len(shop.scene.fake.events(limit=10_000))


class TestEveryVerb:
    @every_verb
    def test_gives_the_same_result_for_the_same_key(self, shop, verb):
        verb.before(shop)
        first = verb.call(shop, "once")
        so_far = told(shop)
        shop.scene.pace.settle()

        assert verb.call(shop, "once") == first
        assert told(shop) == so_far

    @every_verb
    def test_refuses_a_key_that_belongs_to_another_request(self, shop, verb):
        verb.before(shop)
        verb.call(shop, "once")
        so_far = told(shop)

        with pytest.raises(KeyConflict, match="another request"):
            verb.other(shop, "once")
        assert told(shop) == so_far

    @every_verb
    @pytest.mark.parametrize("kind", ["lost_reply", "outage"])
    def test_is_finished_later_when_no_answer_came(self, shop, verb, kind):
        verb.before(shop)
        shop.scene.pace.settle()
        # A change asks for its quote first; that is let through.
        quoting = 1 if verb in (VERBS["change plan"], VERBS["set quantity"]) else 0
        skip = quoting or (1 if verb is VERBS["set items"] else 0)
        shop.scene.fake.add_fault(Fault(kind, skip=skip))

        with pytest.raises(Unreachable, match="'once'"):
            verb.call(shop, "once")
        shop.scene.live(hours=1)
        so_far = told(shop)

        result = verb.call(shop, "once")
        assert result == verb.call(shop, "once")
        assert told(shop) == so_far

    @every_verb
    def test_without_a_key_is_one_command_each_time(self, shop, verb):
        verb.before(shop)

        verb.call(shop, None)

        kinds = [row["state"] for row in shop.scene.rows("SELECT state FROM commands")]
        assert set(kinds) == {"done"}


class TestAnOutage:
    def test_consumes_nothing(self, shop):
        shop.scene.fake.add_fault(
            Fault("outage", times=None, until=shop.scene.now + timedelta(hours=3))
        )

        with pytest.raises(Unreachable):
            subscriptions(shop).cancel(shop.subscription, key="bye")
        shop.scene.live(hours=2)
        assert not subscriptions(shop).get(shop.subscription).ended
        shop.scene.live(hours=3)

        assert subscriptions(shop).cancel(shop.subscription, key="bye").ended
        assert subscriptions(shop).get(shop.subscription).end_reason == "requested"
