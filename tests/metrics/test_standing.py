from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from recoup.core.money import Money
from recoup.errors import NotPaid
from recoup.processors.fake import LOST, NO_FUNDS, Declines, Pays
from recoup.testing.scene import Scene

DAY = timedelta(days=1)
WAITS = """
    WITH who AS (
        INSERT INTO customers (processor, processor_id, created_at)
        VALUES ('fake', 'cus_w', :at) RETURNING id
    ), what AS (
        INSERT INTO cases (customer_id, scope, anchor, opened_at, policy, ended_at, ending)
        SELECT id, 'invoice:1', :at, :at, 'default/1', :at, 'recovered' FROM who
        RETURNING id, customer_id
    )
    INSERT INTO restrictions (customer_id, case_id, scope, consequence, rung, since, lifted_at)
    SELECT customer_id, id, 'invoice:1', 'suspend', 'suspended', :at, :at FROM what"""
DIFFERS = """
    INSERT INTO drift_findings (store, subject, field, class, cause, first_seen, last_seen,
                                scan_id)
    VALUES ('processor', 'invoice:1', :field, 'mirror_behind', 'behind the engine',
            :at, :at, 1)"""


def rows(scene, name):
    return list(scene.recoup.metrics.read(name).rows)


@pytest.fixture
def debtor(scene):
    """Somebody whose two renewals were refused until the ladder's end."""
    who = scene.subscriber(Declines(LOST), price=Money(10_000, "EUR"))
    scene.live(days=75)
    return who


class TestBadDebt:
    def test_is_counted_when_it_enters_and_while_it_stays(self, scene, debtor):
        ((reason, verdict, products, age, *figures),) = rows(scene, "bad_debt_entries")

        assert (reason, verdict, age) == ("subscription_cycle", "fraud", "under 30 d")
        assert products.startswith("price_")
        assert figures == ["EUR", 2, 20_000]
        assert rows(scene, "bad_debt") == [("under 30 d", "EUR", 2, 20_000)]
        assert rows(scene, "bad_debt_exits") == []

    def test_is_counted_by_how_it_left_and_owed_no_more(self, scene, debtor):
        debt, _ = scene.recoup.dunning.bad_debts(debtor.customer)
        scene.fake.attach_method(debtor.customer, payer=Pays())
        scene.pace.settle()

        scene.recoup.dunning.pay_bad_debt(debtor.customer, [debt.invoice_id])
        scene.pace.settle()

        ((how, _, stay, currency, exits, amount, median),) = rows(scene, "bad_debt_exits")
        assert (how, stay, currency, exits, amount) == ("paid", "under 30 d", "EUR", 1, 10_000)
        assert 0 < median < 30
        assert rows(scene, "bad_debt") == [("under 30 d", "EUR", 1, 10_000)]
        assert rows(scene, "bad_debt_entries")[0][-2:] == (2, 20_000)


class TestWhatIsWithdrawn:
    def test_is_counted_by_the_plan_that_stayed_and_is_no_failed_obligation(self, scene):
        ada = scene.subscriber(Declines(NO_FUNDS))
        plan = scene.recoup.subscriptions.get(ada.subscription).items[0].price
        dearer = scene.fake.create_price(Money(20_000, "EUR"))

        for _ in range(2):
            with pytest.raises(NotPaid):
                scene.recoup.subscriptions.change_plan(ada.subscription, prices=dearer)

        assert rows(scene, "upgrades_withdrawn") == [(plan, 2, 1)]
        assert rows(scene, "recovery") == []
        later = scene.now + DAY
        window = scene.recoup.metrics.read("upgrades_withdrawn", since=later, until=later + DAY)
        assert window.rows == ()


class TestAccess:
    @pytest.mark.parametrize(("minutes", "stuck"), [(10, 0), (11, 1)])
    def test_that_is_being_given_back_is_stuck_after_ten_minutes(
        self, database_url, home, minutes, stuck
    ):

        with Scene.open(database_url, home) as scene:
            since = scene.now - timedelta(minutes=minutes)
            with scene.recoup.database.begin() as connection:
                connection.execute(text(WAITS), {"at": since})

            assert rows(scene, "lifting") == [(1, stuck, minutes * 60.0)]


class TestDrift:
    def test_is_told_by_class_and_by_its_own_age(self, scene):
        with scene.recoup.database.begin() as connection:
            for field, age in (("status", DAY), ("due_at", timedelta(minutes=5))):
                connection.execute(text(DIFFERS), {"field": field, "at": scene.now - age})

        assert rows(scene, "drift") == [
            ("mirror_behind", "under 1 h", 1, 0, 300),
            ("mirror_behind", "1 d to 7 d", 1, 0, 86_400),
        ]
