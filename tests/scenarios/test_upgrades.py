"""A change of plan that is not paid: told at once, no debt, withdrawn and counted."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup.core.activation import PaymentGate
from recoup.core.money import Money
from recoup.errors import NotPaid
from recoup.processors.fake import NO_FUNDS, Declines, Pays
from recoup.testing.scene import Scene

COUNTED = "SELECT upgrades_withdrawn AS n FROM subscriptions"
TOLD = "SELECT type FROM ledger_entries WHERE type = 'upgrade.withdrawn'"
HOUR = timedelta(hours=1)


@pytest.fixture
def scene(database_url, home):
    with Scene.open(database_url, home) as opened:
        yield opened
        assert opened.violations() == ()
        assert opened.rows("SELECT id FROM cases") == []


@pytest.fixture
def ada(scene):
    return scene.subscriber(Declines(NO_FUNDS))


@pytest.fixture
def bigger(scene):
    return scene.fake.create_price(Money(20_000, "EUR"))


def counted(scene):
    (row,) = scene.rows(COUNTED)
    return row["n"], len(scene.rows(TOLD))


def bought(scene, who):
    return [item.price for item in scene.recoup.subscriptions.get(who.subscription).items]


def changed_elsewhere(scene, who, price):
    """Change the plan as Stripe does unless told otherwise: at once, whether it is paid or not."""
    bill = scene.fake.change_price(who.subscription, price)
    scene.pace.settle()
    return bill


class TestAnUpgradeThatIsNotPaid:
    def test_is_refused_at_once_and_counted(self, scene, ada, bigger):
        before = bought(scene, ada)

        with pytest.raises(NotPaid, match="declined"):
            scene.recoup.subscriptions.change_plan(ada.subscription, prices=bigger)

        scene.live(days=10)
        assert bought(scene, ada) == before
        assert counted(scene) == (1, 1)
        assert len(scene.fake.invoices_of(ada.subscription)) == 1

    def test_is_refused_the_same_way_when_it_is_asked_again(self, scene, ada, bigger):
        for _ in range(2):
            with pytest.raises(NotPaid):
                scene.recoup.subscriptions.change_plan(ada.subscription, prices=bigger, key="once")

        assert counted(scene) == (1, 1)

    def test_leaves_the_old_plan_when_it_was_offered(self, scene, ada, bigger):
        before = bought(scene, ada)
        scene.recoup.subscriptions.change_plan(
            ada.subscription, prices=bigger, gate=PaymentGate(timeout=HOUR)
        )

        scene.live(days=10)

        assert bought(scene, ada) == before
        assert counted(scene) == (1, 1)

    def test_is_not_counted_when_the_offer_was_taken_back(self, scene, ada, bigger):
        scene.recoup.subscriptions.change_plan(ada.subscription, prices=bigger, gate=PaymentGate())
        scene.recoup.subscriptions.withdraw_offer(ada.subscription)

        scene.live(days=2)

        assert counted(scene) == (None, 0)


class TestAnUpgradeThatTookEffectBeforeItWasPaid:
    def test_keeps_its_bill_for_an_hour_and_no_longer(self, scene, ada, bigger):
        bill = changed_elsewhere(scene, ada, bigger)

        scene.live(hours=0.99)
        assert scene.recoup.invoices.get(bill).status == "open"
        scene.live(hours=0.02)

        assert scene.recoup.invoices.get(bill).resolved_as == "superseded"
        assert counted(scene) == (1, 1)
        assert [task["kind"] for task in scene.rows("SELECT kind FROM tasks")] == [
            "upgrade_unpaid"
        ]

    def test_is_none_when_it_is_paid_within_the_hour(self, scene, ada, bigger):
        bill = changed_elsewhere(scene, ada, bigger)
        scene.live(hours=0.5)
        scene.fake.update_method(ada.method, payer=Pays())
        scene.fake.customer_pays(bill)

        scene.live(days=2)

        assert scene.recoup.invoices.get(bill).status == "paid"
        assert counted(scene) == (None, 0)

    def test_makes_no_debt_when_the_processor_tries_it_again_by_itself(self, scene, ada, bigger):
        scene.fake.smart_retries("past_due")
        changed_elsewhere(scene, ada, bigger)

        scene.live(days=16)

        assert scene.rows("SELECT id FROM invoices WHERE first_failed_at IS NOT NULL") == []
        assert counted(scene) == (1, 1)

    def test_is_paid_when_money_was_faster_than_we(self, scene, ada, bigger):
        bill = changed_elsewhere(scene, ada, bigger)
        scene.clock.set(scene.now + HOUR)
        scene.fake.advance(scene.now)
        scene.fake.update_method(ada.method, payer=Pays())
        scene.recoup.sweep()
        scene.fake.customer_pays(bill)

        scene.live(days=1)

        assert scene.recoup.invoices.get(bill).status == "paid"
        assert counted(scene) == (None, 0)
