"""Looking again at gates whose time is up: found by the clock, decided when the effect runs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from recoup import PaymentGate, work
from recoup.config import QUEUES
from recoup.core.money import Money
from recoup.errors import LostClaim
from recoup.jobs import claims
from recoup.jobs.clocks import FixedClock
from recoup.jobs.loop import OurDesk
from recoup.processors.fake import NO_FUNDS, Declines, Pays
from recoup.store.queries import agenda

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
TICK = timedelta(microseconds=1)
AN_HOUR = PaymentGate(timeout=HOUR)


@pytest.fixture
def price(world):
    return world.fake.create_price(Money(4900, "EUR"))


@pytest.fixture
def waiting(world, price):
    """Have somebody's first payment declined, and their gate waiting; return our customer's id."""

    def start(gate=AN_HOUR, *, customer=None):
        if customer is None:
            customer = world.fake.create_customer(email="ada@example.com", country="DE")
            method = world.fake.attach_method(customer)
            world.fake.update_method(method, payer=Declines(NO_FUNDS))
            world.pace.settle()
        started = world.recoup.subscriptions.start(
            customer, price, gate=gate, allow_duplicate=True
        )
        world.pace.settle()
        return started.subscription.customer_id

    return start


def find(world, *, at, queues=QUEUES):
    """Do what the clock does, at an instant; return how many are new."""
    desk = OurDesk(world.recoup.database, FixedClock(at), world.recoup.handlers)
    return work.expire_all(desk, queues=queues)


def effects(world):
    sql = "SELECT customer_id, key, queue, state FROM effects WHERE kind = 'expire' ORDER BY id"
    return [tuple(row.values()) for row in world.rows(sql)]


def gates(world):
    return [row["status"] for row in world.rows("SELECT status FROM gates ORDER BY id")]


class TestTheActivationClock:
    @pytest.mark.parametrize(
        ("late", "found"),
        [
            pytest.param(-TICK, 0, id="just before"),
            pytest.param(0 * TICK, 1, id="at the instant"),
            pytest.param(TICK, 1, id="just after"),
        ],
    )
    def test_finds_whose_time_is_up(self, world, waiting, late, found):
        waiting()

        assert find(world, at=world.now + HOUR + late) == found

    def test_enqueues_one_look_at_a_customer_however_many_gates(self, world, waiting, price):
        id = waiting()
        customer = world.rows("SELECT processor_id FROM customers")[0]["processor_id"]
        waiting(customer=customer)

        assert find(world, at=world.now + HOUR) == 1
        assert effects(world) == [(id, f"expire:{id}", "billing", "scheduled")]

    def test_enqueues_none_again_until_it_has_run(self, world, waiting):
        waiting()
        later = world.now + HOUR

        assert [find(world, at=later) for _ in range(3)] == [1, 0, 0]
        world.do("UPDATE effects SET state = 'canceled', reason = 'x', ended_at = :now "
                 "WHERE kind = 'expire'", now=later)  # fmt: skip
        assert find(world, at=later) == 1

    @pytest.mark.parametrize(
        ("queues", "name"),
        [
            (QUEUES, "billing"),
            (("mail", "billing"), "billing"),
            (("webhooks", "mail", "default"), "default"),
        ],
    )
    def test_uses_the_queue_that_somebody_serves(self, world, waiting, queues, name):
        waiting()

        find(world, at=world.now + HOUR, queues=queues)

        assert [effect[2] for effect in effects(world)] == [name]

    def test_finds_nobody_twice_page_by_page(self, world, waiting):
        """Half of them expire at one instant."""
        for gate in (AN_HOUR, AN_HOUR, AN_HOUR, PaymentGate(timeout=2 * HOUR), AN_HOUR):
            waiting(gate)
        found, last = [], None
        with world.recoup.database.connect() as connection:
            while page := agenda.expiring(
                connection, now=world.now + 2 * HOUR, after=last, limit=2
            ):
                found.extend(page)
                last = page[-1]

        assert [gate.id for gate in found] == [1, 2, 3, 5, 4]
        assert [gate.expires_at - world.now for gate in found] == [HOUR] * 4 + [2 * HOUR]

    def test_leaves_gates_alone_that_are_decided(self, world, waiting):
        waiting()
        world.live(hours=2)
        assert gates(world) == ["expired"]

        assert find(world, at=world.now) == 0

    def test_runs_at_twenty_past_of_our_clock(self, world, waiting):
        waiting()
        world.live(hours=1 + 19 / 60)
        before = gates(world)

        world.live(hours=1 / 60)

        assert (before, gates(world)) == (["pending"], ["expired"])


class TestExpiring:
    def test_ends_what_was_not_paid_in_time(self, world, waiting):
        waiting()
        world.clock.set(world.now + HOUR)
        find(world, at=world.now)

        world.recoup.worker().drain()

        (gate,) = world.rows("SELECT status, reason, ended_at FROM gates")
        assert tuple(gate.values()) == ("expired", "timeout", world.now)
        (run,) = world.rows("SELECT trigger, changed FROM runs WHERE trigger = 'gate_expired'")
        assert run["changed"] == 1
        world.pace.settle()

    def test_decides_by_what_is_known_when_it_runs(self, world, waiting):
        waiting()
        world.clock.set(world.now + HOUR)
        find(world, at=world.now)
        (method,) = world.rows("SELECT processor_id FROM payment_methods")
        (invoice,) = world.rows("SELECT processor_id FROM invoices")
        world.fake.update_method(method["processor_id"], payer=Pays())
        world.fake.customer_pays(invoice["processor_id"])
        world.pace.listen()

        world.recoup.worker().drain()

        assert gates(world) == ["satisfied"]
        assert [effect[3] for effect in effects(world)] == ["done"]
        world.pace.settle()

    def test_twice_changes_nothing_the_second_time(self, world, waiting):
        waiting()
        world.clock.set(world.now + HOUR)
        find(world, at=world.now)
        world.pace.settle()
        before = world.rows("SELECT customer_id, seq FROM ledger_entries")
        world.do("UPDATE effects SET state = 'scheduled', ended_at = NULL WHERE kind = 'expire'")

        world.pace.settle()

        assert world.rows("SELECT customer_id, seq FROM ledger_entries") == before

    def test_does_not_let_one_customer_stop_the_others(self, world, waiting):
        ids = [waiting() for _ in range(3)]
        world.do(
            "INSERT INTO subscriptions (customer_id, processor, processor_id, status, currency, "
            "collection_method, seen_at, seen_event) "
            "VALUES (:id, 'fake', 'odd', 'odd', 'EUR', 'x', now(), 'evt')",
            id=ids[1],
        )
        world.clock.set(world.now + HOUR)
        find(world, at=world.now)

        world.recoup.worker().drain()

        assert gates(world) == ["expired", "pending", "expired"]
        (troubled,) = world.rows(
            "SELECT customer_id, run_error, next_wake_at FROM standings WHERE run_state <> 'ok'"
        )
        assert troubled["customer_id"] == ids[1]
        assert "'odd' is not a valid" in troubled["run_error"]
        assert troubled["next_wake_at"] == world.now + MINUTE
        (told,) = world.rows("SELECT result FROM effects WHERE result ? 'failed'")
        assert "'odd' is not a valid" in told["result"]["failed"]

        # Its cause mended, it expires by itself with the next look.
        world.do("DELETE FROM subscriptions WHERE status = 'odd'")
        world.live(hours=1 / 60)
        assert gates(world) == ["expired"] * 3

    def test_writes_nothing_when_another_worker_has_taken_it_over(self, world, waiting):
        waiting()
        world.clock.set(world.now + HOUR)
        find(world, at=world.now)
        desk = OurDesk(world.recoup.database, world.clock, world.recoup.handlers)
        handlers = {"expire": world.recoup.handlers["expire"]}
        with world.recoup.database.begin() as connection:
            frozen = claims.claim(connection, ["billing"], handlers, now=world.now)
        world.do("UPDATE effects SET lease_until = now() WHERE kind = 'expire'")
        with world.recoup.database.begin() as connection:
            claims.rescue(connection)

        with pytest.raises(LostClaim):
            handlers["expire"].run(frozen.claims, desk)

        assert gates(world) == ["pending"]
        world.pace.settle()
        assert gates(world) == ["expired"]

    def test_of_a_customer_who_is_gone_is_over(self, world, waiting):
        waiting()
        find(world, at=world.now + HOUR)
        with world.recoup.database.begin() as connection:
            connection.execute(text("UPDATE effects SET customer_id = 999 WHERE kind = 'expire'"))
        world.clock.set(world.now + HOUR)

        world.recoup.worker().drain()

        assert [effect[3] for effect in effects(world)] == ["done"]
        world.pace.settle()
