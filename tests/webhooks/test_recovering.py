"""However long nobody heard, a recovery ends in the processor's truth, and is done once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from recoup.errors import Unreachable
from recoup.processors.base import Page
from recoup.processors.fake import NO_FUNDS, START, Asks, Declines
from recoup.processors.fake.idempotency import Fault
from recoup.processors.fake.model import Charge, Customer, Invoice, Subscription
from recoup.store import tables
from recoup.testing.scene import Scene

DAY = timedelta(days=1)
HEARD = 5 * DAY


@pytest.fixture
def scene(database_url, home):
    with Scene.open(database_url, home) as made:
        yield made


def go_dark(scene, dark):
    """Let the processor's world go on, and nobody here hear of it."""
    people = [scene.subscriber(payer=Declines(NO_FUNDS) if n % 2 else None) for n in range(4)]
    scene.live(days=HEARD.days)
    fake, end = scene.fake, scene.now + dark
    fake.cancel_at_period_end(people[0].subscription)
    fake.delete_customer(people[2].customer)
    fresh = fake.create_customer(email="new@example.com", country="DE")
    fake.attach_method(fresh)
    fake.subscribe(fresh, fake.create_price(scene_price()))
    while fake.now < end:
        fake.advance(min(end, fake.now + DAY))
    scene.clock.set(end)
    return people


def scene_price():
    from recoup.testing.scene import PRICE

    return PRICE


def truth(scene):
    """Return what the processor itself holds, in our words."""
    with scene.fake._world.session() as s:
        s.flush()

        def every(kind, prefix):
            sql = "SELECT id FROM objects WHERE id >= ? AND id < ?"
            rows = s.connection.execute(sql, (prefix + "_", prefix + "`")).fetchall()
            return [s.get(kind, id) for (id,) in rows]

        return {
            "customers": {one.id: (one.deleted,) for one in every(Customer, "cus")},
            "subscriptions": {one.id: (one.status,) for one in every(Subscription, "sub")},
            "invoices": {
                one.id: (one.status, one.amount, one.paid, one.remaining, one.attempt_count)
                for one in every(Invoice, "in")
            },
            "attempts": {one.id: (one.state, one.amount) for one in every(Charge, "ch")},
        }


def ours(scene):
    columns = {
        "customers": "deleted",
        "subscriptions": "status",
        "invoices": "status, amount_due, amount_paid, amount_remaining, tries",
        "attempts": "state, amount",
    }
    return {
        table: {
            row.pop("processor_id"): tuple(row.values())
            for row in map(dict, scene.rows(f"SELECT processor_id, {names} FROM {table}"))
            if row["processor_id"] is not None
        }
        for table, names in columns.items()
    }


def dump(scene):
    """Return every row, but for how far looks and runs have come."""
    skipped = {"journeys", "runs", "settings", "clocks"}
    with scene.recoup.database.connect() as connection:
        return {
            table.name: sorted(
                str({k: v for k, v in row.items() if not k.startswith("seen_")})
                for row in connection.execute(table.select()).mappings()
            )
            for table in tables.metadata.sorted_tables
            if table.name not in skipped
        }


class TestARecovery:
    @pytest.mark.parametrize(
        "days",
        [pytest.param(4, id="4 days"), pytest.param(28, id="28 days"),
         pytest.param(40, id="40 days"), pytest.param(75, id="75 days")],
    )  # fmt: skip
    def test_ends_in_the_processors_truth_however_long_nobody_heard(self, scene, days):
        go_dark(scene, days * DAY)

        found = scene.recoup.recover(scene.now - (days + 1) * DAY)

        assert found.finished
        assert ours(scene) == truth(scene)
        assert scene.violations() == ()

    @pytest.mark.parametrize("days", [4, 40])
    def test_changes_nothing_the_second_time(self, scene, days):
        go_dark(scene, days * DAY)
        scene.recoup.recover(scene.now - (days + 1) * DAY)
        before = dump(scene)

        again = scene.recoup.recover(scene.now - (days + 1) * DAY)

        assert dump(scene) == before
        assert (again.events, again.objects, again.finished) == (0, {}, True)

    def test_leaves_a_payment_that_waits_for_its_customer_as_old_as_it_is(self, scene):
        ada = scene.recoup.customers.get_or_create("user", "ada")
        method = scene.fake.attach_method(ada.processor_id, payer=Asks())
        price = scene.fake.create_price(scene_price())
        waits = scene.recoup.subscriptions.start(ada.id, price, default_method=method)
        assert waits.outcome == "requires_action"
        scene.fake.advance(scene.now + timedelta(hours=2))
        scene.clock.set(scene.fake.now)
        before = dump(scene)

        found = scene.recoup.recover(scene.now - 3 * DAY)

        assert found.looked_at > 0
        assert "payment_intent" not in found.objects
        assert dump(scene)["attempts"] == before["attempts"]
        assert scene.violations() == ()

    def test_finds_what_no_event_tells_any_more(self, scene):
        go_dark(scene, 75 * DAY)

        found = scene.recoup.recover(scene.now - 80 * DAY)

        assert found.objects["invoice"] > 0
        assert found.objects["charge"] > 0

    def test_says_in_the_ledger_that_nobody_brought_it(self, scene):
        go_dark(scene, 4 * DAY)
        scene.recoup.recover(scene.now - 5 * DAY)

        causes = scene.rows(
            "SELECT DISTINCT cause FROM ledger_entries WHERE cause LIKE 'recover:%'"
        )

        assert [row["cause"] for row in causes] == ["recover:1"]

    def test_goes_on_where_it_was_stopped(self, scene):
        go_dark(scene, 40 * DAY)
        since, asked = scene.now - 41 * DAY, []
        object_page = scene.recoup.processor.object_page

        def noting(kind, **more):
            asked.append(kind)
            return object_page(kind, **more)

        scene.recoup.processor.object_page = noting
        scene.fake.add_fault(Fault("outage", call="object_page", skip=4))
        with pytest.raises(Unreachable):
            scene.recoup.recover(since)
        first, asked[:] = list(asked), []

        found = scene.recoup.recover(since)

        assert first == ["coupon", "promotion_code", "customer", "subscription", "invoice"]
        assert asked[0] == "invoice"
        assert found.finished
        assert ours(scene) == truth(scene)

    def test_holds_one_page_at_a_time(self, scene):
        go_dark(scene, 4 * DAY)
        pages, real = [], scene.recoup.processor.event_page

        def small(since, *, after=None):
            lines = real(since).lines
            start = int(after or 0)
            pages.append(len(lines[start : start + 3]))
            more = str(start + 3) if start + 3 < len(lines) else None
            return Page(lines[start : start + 3], more)

        scene.recoup.processor.event_page = small

        scene.recoup.recover(scene.now - 5 * DAY)

        assert max(pages) == 3
        assert ours(scene) == truth(scene)


class TestTheNightlyRecovery:
    def tick(self, scene):
        return scene.recoup.worker().tick("recover")

    def journeys(self, scene):
        return scene.rows(
            "SELECT since, begun_at FROM journeys WHERE kind = 'recover' ORDER BY id"
        )

    def test_is_run_once_a_day_from_its_hour_on(self, scene):
        begun = []
        for hour in range(49):
            scene.clock.set(START + timedelta(hours=hour))
            scene.fake.advance(scene.now)
            self.tick(scene)
            begun.append(len(self.journeys(scene)))

        # The first one is made at once; then at three o'clock of each day.
        assert [begun[0], begun[2], begun[3], begun[26], begun[27], begun[48]] == [
            1,
            1,
            2,
            2,
            3,
            3,
        ]

    def test_begins_an_hour_before_the_last_one(self, scene):
        self.tick(scene)
        scene.clock.set(START + timedelta(hours=4))
        scene.fake.advance(scene.now)
        self.tick(scene)

        first, second = self.journeys(scene)
        assert second["since"] == first["begun_at"] - timedelta(hours=1)

    def test_leaves_its_heartbeat(self, scene):
        self.tick(scene)

        with scene.recoup.database.connect() as connection:
            sql = "SELECT runs, failures FROM clocks WHERE name = 'recover'"
            assert tuple(connection.execute(text(sql)).one()) == (1, 0)
