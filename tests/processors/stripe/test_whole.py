"""A whole Recoup that asks Stripe: what is asked, told by events and kept, agrees."""

from __future__ import annotations

import pytest
from stripe_shop import Shop

from recoup.billing import Recoup
from recoup.config import Config
from recoup.core.money import Money
from recoup.jobs.clocks import TestClock
from recoup.testing.mail import Outbox
from recoup.testing.scene import Scene


@pytest.fixture
def shop():
    with Shop() as shop:
        yield shop


@pytest.fixture
def scene(shop, database_url, home):
    clock, outbox = TestClock(shop.now()), Outbox()
    home.mkdir(parents=True, exist_ok=True)
    config = Config.load(database_url=database_url, home=home)
    with Recoup(config, processor=shop.processor, sender=outbox, clock=clock) as recoup:
        yield Scene(recoup, shop.fake, clock, outbox)


class TestARecoupThatAsksStripe:
    def test_begins_changes_and_ends_what_somebody_buys(self, scene, shop):
        small, large = shop.price(Money(2900, "EUR")), shop.price(Money(5900, "EUR"))
        bought = scene.recoup.subscriptions
        ada = scene.recoup.customers.get_or_create("user", "1", email="ada@example.com")
        shop.fake.attach_method(ada.processor_id)
        scene.pace.settle()

        sub = bought.start(ada.id, prices=[small]).subscription
        scene.live(days=5)
        shown = bought.preview_change(sub.id, prices=[large])
        bought.change_plan(sub.id, preview=shown.id)
        later = bought.change_plan(sub.id, prices=[small], when="period_end")
        assert [item.price for item in later.items] == [large]
        assert [item.price for item in later.next_items] == [small]

        scene.live(days=30)
        now = bought.get(sub.id)
        assert ([item.price for item in now.items], now.next_items) == ([small], ())

        assert bought.cancel(sub.id, when="period_end").cancel_at == now.period_end
        assert bought.resume(sub.id).cancel_at is None
        assert bought.cancel(sub.id).ended
        scene.pace.settle()

        assert scene.rows("SELECT kind FROM tasks") == []
        assert scene.violations() == ()
