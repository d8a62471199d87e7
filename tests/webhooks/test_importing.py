"""An account that exists is taken over without anything being decided, and then let go."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup import work
from recoup.core.money import Money
from recoup.errors import NotPossible, Unreachable
from recoup.processors.fake import NO_FUNDS, START, Declines
from recoup.processors.fake.idempotency import Fault
from recoup.testing.scene import Scene

NOW = START + timedelta(days=50)
#: What only decisions make.
DECIDED = ("cases", "notices", "restrictions", "effects", "runs", "decisions", "mails")


@pytest.fixture
def scene(database_url, home):
    """A scene whose processor has had six customers for 50 days, and three of them owe."""
    with Scene.open(database_url, home) as made:
        fake = made.fake
        for n in range(6):
            customer = fake.create_customer(email=f"{n}@example.com", country="DE")
            method = fake.attach_method(customer)
            fake.subscribe(customer, fake.create_price(Money(4900, "EUR")))
            if n % 2:
                fake.update_method(method, payer=Declines(NO_FUNDS))
        fake.advance(NOW)
        made.clock.set(NOW)
        yield made


def counted(scene, *names):
    return {name: scene.rows(f"SELECT count(*) AS n FROM {name}")[0]["n"] for name in names}


def decided(scene):
    return {name for name, count in counted(scene, *DECIDED).items() if count}


def a_day_of_work(scene):
    """Do all that workers do."""
    worker = scene.recoup.worker()
    worker.tick("sweep", "absorb", "activation", "full_sweep")
    worker.drain()


def rehearsed(scene):
    return work.rehearsed(
        scene.recoup.database,
        scene.recoup.imports.everybody(),
        engine=scene.recoup.engine,
        now=scene.now,
    )


class TestAnImport:
    def test_brings_everybody_and_what_they_owe(self, scene):
        found = scene.recoup.imports.run()

        assert found.finished
        assert counted(scene, "customers", "payment_methods", "subscriptions", "invoices") == {
            "customers": 6, "payment_methods": 6, "subscriptions": 6, "invoices": 3,
        }  # fmt: skip
        assert scene.rows("SELECT DISTINCT state FROM attempts") == [{"state": "declined"}]

    def test_brings_what_was_closed_since_an_instant_too(self, scene):
        scene.recoup.imports.run(since=START + timedelta(days=31))

        assert counted(scene, "invoices", "attempts") == {"invoices": 6, "attempts": 6}

    def test_leaves_nothing_that_must_not_be(self, scene):
        scene.recoup.imports.run(since=START)

        assert scene.violations() == ()

    def test_dates_people_and_debts_as_they_were(self, scene):
        scene.recoup.imports.run()

        failed = START + timedelta(days=31, hours=1)
        assert scene.rows("SELECT DISTINCT created_at FROM customers") == [{"created_at": START}]
        assert scene.rows("SELECT DISTINCT activated_at FROM subscriptions") == [
            {"activated_at": START}
        ]
        assert scene.rows("SELECT DISTINCT first_failed_at FROM invoices") == [
            {"first_failed_at": failed}
        ]

    def test_decides_nothing_and_neither_does_anybody_else_meanwhile(self, scene):
        scene.recoup.imports.run()
        a_day_of_work(scene)
        scene.recoup.recompute([1, 2, 3, 4, 5, 6])
        scene.recoup.ingest(line for _, line in scene.fake.events(limit=10_000))

        assert decided(scene) <= {"runs"}
        assert len(scene.outbox.ids) == 0

    def test_says_what_would_be_decided_and_writes_none_of_it(self, scene):
        scene.recoup.imports.run()

        would = rehearsed(scene)

        assert (would.customers, would.changed, would.failed) == (6, 3, 0)
        assert would.changes["case opened"] == would.changes["attempt intended"] == 3
        assert "open a case" in would.examples["case opened"][0]
        assert decided(scene) == set()

    def test_lets_happen_just_that(self, scene):
        scene.recoup.imports.run(since=START)
        would = rehearsed(scene)

        assert scene.recoup.imports.go() == 6

        assert counted(scene, "cases")["cases"] == would.changes["case opened"]
        assert counted(scene, "notices")["notices"] == would.changes["notice placed"]
        assert scene.violations() == ()

    def test_holds_nobody_once_it_was_let_go(self, scene):
        scene.recoup.imports.run()
        scene.recoup.imports.go()
        late = scene.fake.create_customer(email="late@example.com", country="DE")
        scene.recoup.ingest(line for _, line in scene.fake.events(limit=10_000))

        assert counted(scene, "travellers") == {"travellers": 0}
        assert scene.rows("SELECT 1 FROM customers WHERE processor_id = :id", id=late)

    def test_goes_on_where_it_was_stopped(self, scene):
        scene.fake.add_fault(Fault("outage", call="object_page", skip=5))
        with pytest.raises(Unreachable):
            scene.recoup.imports.run()
        with pytest.raises(NotPossible, match="not come to its end"):
            scene.recoup.imports.go()
        a_day_of_work(scene)

        found = scene.recoup.imports.run()

        assert found.finished
        assert decided(scene) <= {"runs"}
        assert counted(scene, "customers", "invoices") == {"customers": 6, "invoices": 3}

    def test_made_again_before_it_is_let_go_holds_whom_the_first_one_held(self, scene):
        scene.recoup.imports.run()
        scene.recoup.imports.run()
        a_day_of_work(scene)

        assert decided(scene) <= {"runs"}
        assert scene.recoup.imports.go() == 6

    def test_can_not_be_let_go_before_there_was_one(self, scene):
        with pytest.raises(NotPossible, match="nothing was imported"):
            scene.recoup.imports.go()
