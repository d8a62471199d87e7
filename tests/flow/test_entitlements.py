"""Access as hosts ask for it: from rows, by every name, and no when in doubt."""

from __future__ import annotations

import logging
from contextlib import contextmanager, nullcontext
from datetime import timedelta

import pytest
from sqlalchemy import create_engine

from recoup import Recoup
from recoup.config import Config
from recoup.entitlements import Entitlements
from recoup.processors.fake import NO_FUNDS, Declines, Pays
from recoup.testing.scene import Scene

DAY = timedelta(days=1)
EVERYTHING = frozenset({"seats", "edit", "look", "export"})


@pytest.fixture
def scene(database_url, home):
    with Scene.open(database_url, home) as opened:
        yield opened
        assert opened.violations() == ()


@pytest.fixture
def asked(engine, buyers):
    return Entitlements(engine, buyers.plans(), processor="fake")


class TestACustomer:
    def test_has_what_their_plan_brings(self, buyers, asked):
        ada = buyers.customer()
        buyers.subscription(ada)

        assert asked.features(ada) == EVERYTHING
        assert asked.entitled(ada, "edit")
        assert asked.limit(ada, "projects") == 10
        assert asked.limit(ada, "guests") is None
        assert asked.within(ada, "projects", 10)
        assert not asked.within(ada, "projects", 11)
        assert asked.within(ada, "guests", 10**6)

    def test_is_known_by_each_of_their_names_and_no_other(self, buyers, asked):
        ada = buyers.customer("cus_ada", owner="7")
        buyers.subscription(ada)

        for name in (ada, str(ada), "cus_ada", ("team", "7")):
            assert asked.entitled(name, "edit"), name
        for other in (ada + 1, "cus_gone", ("team", "8"), ("user", "7"), "", "\0", "9" * 40):
            assert asked.features(other) == frozenset(), other

    def test_has_nothing_of_other_customers(self, buyers, asked):
        ada, eve = buyers.customer("cus_ada"), buyers.customer("cus_eve")
        buyers.subscription(ada)

        assert asked.features(eve) == frozenset()
        assert asked.limit(eve, "guests") == 0

    def test_who_was_deleted_has_nothing(self, buyers, asked):
        ada = buyers.customer()
        buyers.subscription(ada)
        buyers.run("UPDATE customers SET deleted = true")

        assert asked.features(ada) == frozenset()

    def test_who_is_at_another_processor_is_somebody_else(self, buyers, asked, engine):
        buyers.subscription(buyers.customer("cus_ada", owner="7"))
        elsewhere = Entitlements(engine, buyers.plans(), processor="stripe")

        assert asked.entitled("cus_ada", "edit")
        assert not elsewhere.entitled("cus_ada", "edit")
        assert not elsewhere.entitled(("team", "7"), "edit")


class TestADebt:
    def test_closes_only_what_it_bought(self, buyers, asked):
        ada = buyers.customer()
        owing, paid = buyers.subscription(ada), buyers.subscription(ada)

        buyers.restrict(ada, owing)
        assert asked.features(ada) == EVERYTHING
        buyers.restrict(ada, paid)
        assert asked.features(ada) == {"export"}

    def test_that_is_lifted_closes_nothing(self, buyers, asked):
        ada = buyers.customer()
        buyers.lift(buyers.restrict(ada, buyers.subscription(ada)))

        assert asked.features(ada) == EVERYTHING

    @pytest.mark.parametrize(
        ("reason", "left"), [("dunning_exhausted", {"export"}), ("requested", EVERYTHING)]
    )
    def test_closes_until_the_processor_has_ended_it_too(self, buyers, asked, reason, left):
        ada = buyers.customer()
        buyers.subscription(ada)
        buyers.run(
            "UPDATE subscriptions SET end_requested_at = now(), end_reason = :reason",
            reason=reason,
        )

        assert asked.features(ada) == left

    @pytest.mark.parametrize(
        ("settled", "left"),
        [(None, {"export"}), ("2026-01-01", EVERYTHING)],
        ids=["owed", "paid after all"],
    )
    def test_at_the_ladder_end_leaves_the_floor(self, buyers, asked, settled, left):
        ada = buyers.customer()
        bought = buyers.subscription(ada, status="past_due")
        buyers.case(ada, bought, ending="exhausted", ended="2026-01-01", settled=settled)

        assert asked.features(ada) == left

    def test_takes_by_rungs_and_gives_back_when_paid(self, scene, buyers):
        ada = scene.subscriber(Declines(NO_FUNDS))
        asked = of_a_shop(scene, buyers)
        failed = scene.until_failed(ada)
        seen = {}
        for days in (1, 9, 16, 25):
            scene.pace.until(failed + days * DAY)
            seen[days] = (asked.features(ada.customer), asked.limit(ada.customer, "projects"))
        scene.fake.update_method(ada.method, payer=Pays())
        scene.fake.attach_method(ada.customer, brand="mastercard", country="DE")
        scene.live(hours=24)

        assert seen == {
            1: (EVERYTHING, 10),
            9: (EVERYTHING - {"seats"}, 10),
            16: ({"look", "export"}, 0),
            25: ({"export"}, 0),
        }
        assert asked.features(ada.customer) == EVERYTHING

    def test_never_gives_back_on_its_way_down(self, scene, buyers):
        """Restrictions are lifted when the case ends, so its end must not open anything."""
        ada = scene.subscriber(Declines(NO_FUNDS))
        asked = of_a_shop(scene, buyers)
        before = asked.features(ada.customer)
        failed = scene.until_failed(ada)
        for hours in range(0, 31 * 24, 6):
            scene.pace.until(failed + timedelta(hours=hours))
            after = asked.features(ada.customer)
            assert after <= before, f"{after - before} is back {hours} h after the failure"
            before = after

        assert before == frozenset()


def of_a_shop(scene, buyers):
    """Ask about a shop in which every price so far is the plan pro."""
    found = scene.rows("SELECT DISTINCT unnest(prices) AS price FROM subscriptions")
    plans = buyers.plans(*(row["price"] for row in found))
    return Entitlements(scene.recoup.database, plans, processor="fake")


class TestADoubt:
    @pytest.mark.parametrize("price", ["price_of_no_plan", ""])
    def test_about_the_price_is_a_no(self, buyers, asked, price):
        ada = buyers.customer()
        buyers.subscription(ada, price=price)

        assert asked.features(ada) == frozenset()

    def test_about_the_name_is_a_no_and_told_once(self, buyers, asked, caplog):
        ada = buyers.customer()
        buyers.subscription(ada)

        with caplog.at_level(logging.WARNING, "recoup.entitlements"):
            for _ in range(3):
                assert not asked.entitled(ada, "edti")
                assert asked.limit(ada, "sets") == 0
                assert not asked.within(ada, "sets", 0)

        assert [record.getMessage() for record in caplog.records] == [
            "feature 'edti' is in no plan, so nobody may use it",
            "limit 'sets' is in no plan, so nobody may use it",
        ]

    @pytest.mark.parametrize("fault", ["the server", "the rows", "the pool"])
    def test_about_the_database_is_a_no_and_told(self, buyers, engine, caplog, fault):
        ada = buyers.customer()
        buyers.subscription(ada)
        with (
            broken(engine, fault, buyers) as asking,
            caplog.at_level(logging.WARNING, "recoup.entitlements"),
        ):
            asked = Entitlements(asking, buyers.plans(), processor="fake")

            assert not asked.entitled(ada, "edit")
            assert asked.features(ada) == frozenset()
            assert asked.limit(ada, "guests") == 0
            assert not asked.within(ada, "guests", 1)

        assert len(caplog.records) == 4
        assert "access is refused" in caplog.records[0].getMessage()

    @pytest.mark.parametrize("customer", [None, [], {}, ("team",), (1, 2, 3), object(), b"x"])
    def test_about_who_it_is_is_a_no(self, buyers, asked, customer):
        buyers.subscription(buyers.customer())
        cached = asked.cached()

        assert not asked.entitled(customer, "edit")
        assert not cached.entitled(customer, "edit")
        cached.close()


@contextmanager
def broken(engine, fault, buyers):
    """Give an engine that can not answer, for one of three reasons."""
    if fault == "the rows":
        buyers.run("ALTER TABLE subscriptions RENAME TO lost")
    url = engine.url
    if fault == "the server":
        url = url.set(host="127.0.0.1", port=1, query={})
    made = create_engine(url, pool_size=1, max_overflow=0, pool_timeout=0.05)
    with made.connect() if fault == "the pool" else nullcontext():
        yield engine if fault == "the rows" else made
    made.dispose()


class TestRecoup:
    def test_answers_for_the_plans_of_its_settings(self, database_url, home, buyers, tmp_path):
        file = tmp_path / "plans.toml"
        file.write_text('[plans.pro]\nprices = ["p"]\nfeatures = ["edit"]\n')
        buyers.subscription(buyers.customer())
        home.mkdir()
        config = Config.load(database_url=database_url, home=home, plans=file)

        with Recoup(config) as recoup:
            assert recoup.plans.plan_of("p") == "pro"
            assert recoup.entitlements.entitled("cus_1", "edit")
            assert not recoup.entitlements.entitled("cus_1", "look")

    def test_sells_nothing_when_nobody_says_what(self, database_url, home, buyers):
        buyers.subscription(buyers.customer())
        home.mkdir()

        with Recoup(Config.load(database_url=database_url, home=home)) as recoup:
            assert recoup.entitlements.features("cus_1") == frozenset()
