from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import text

from recoup.jobs.base import Handler
from recoup.jobs.carriers.postgres import PostgresCarrier
from recoup.jobs.clocks import Recurring
from recoup.jobs.relay import Relay

NEVER = timedelta(hours=1)  #: polling that no test waits for
PATIENCE = 60.0


@contextmanager
def running(worker) -> Iterator[threading.Event]:
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(worker.run, stop)
        try:
            yield stop
        finally:
            stop.set()
        done.result(timeout=PATIENCE)


def until(condition) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def listeners(world) -> int:
    sql = "SELECT count(*) FROM pg_stat_activity WHERE query = 'LISTEN recoup_effects'"
    with world.engine.connect() as connection:
        return connection.scalar(text(sql + " AND datname = current_database()"))


class TestARunningWorker:
    def test_is_woken_by_the_commit_and_not_by_polling(self, world):
        with running(world.worker(poll=NEVER)):
            until(lambda: listeners(world))
            for key in ("a", "b", "c"):
                world.enqueue(world.effect(key))
                until(lambda key=key: world.row(key).state == "done")

        assert world.written() == ["a", "b", "c"]

    def test_finds_by_polling_what_nobody_told_it(self, world):
        world.enqueue(world.effect("a", due_at=world.noon + timedelta(hours=1)))

        with running(world.worker(poll=timedelta(seconds=0.1))):
            time.sleep(0.5)
            before = world.row("a").state
            world.clock.advance(timedelta(hours=1))
            until(lambda: world.row("a").state == "done")

        assert before == "scheduled"

    def test_finds_what_was_due_before_it_began(self, world):
        world.enqueue(world.effect("a"))

        with running(world.worker(poll=NEVER)):
            until(lambda: world.row("a").state == "done")

    def test_finishes_the_batch_in_hand_and_begins_no_other(self, world):
        begun, go_on = threading.Event(), threading.Event()

        def run(claims, desk):
            begun.set()
            go_on.wait(PATIENCE)
            world.write(claims, desk)

        world.enqueue(*(world.effect(key) for key in "abcd"))
        with running(world.worker(Handler(run=run, batch=2))) as stop:
            assert begun.wait(PATIENCE)
            stop.set()
            go_on.set()

        assert world.written() == ["a", "b"]
        assert {world.row(key).state for key in "cd"} == {"scheduled"}

    def test_listens_again_when_its_connections_are_cut(self, world):
        cut = text(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        with running(world.worker(poll=NEVER)):
            until(lambda: listeners(world))
            with world.engine.connect() as connection:
                connection.execute(cut)
            until(lambda: listeners(world))
            world.enqueue(world.effect("a"))
            until(lambda: world.row("a").state == "done")

    def test_runs_clocks_and_rescues_while_it_waits(self, world):
        ticks = []
        world.enqueue(world.effect("a"))
        with pytest.raises(KeyboardInterrupt):
            world.worker(interrupted).drain()
        world.age_leases()

        recurring = [Recurring("sweep", timedelta(hours=1), lambda desk: ticks.append(desk.now()))]
        with running(world.worker(recurring=recurring, poll=timedelta(seconds=0.1))):
            until(lambda: world.row("a").state == "done")
            until(lambda: ticks)
            world.clock.advance(timedelta(hours=1))
            until(lambda: len(ticks) == 2)

        assert ticks == [world.noon, world.noon + timedelta(hours=1)]

    def test_leaves_no_connection_behind(self, world):
        with running(world.worker()):
            until(lambda: listeners(world))

        until(lambda: not listeners(world))


class TestARelay:
    def test_rings_for_what_is_due_and_nothing_else(self, world):
        rung = []
        relay = Relay(world.engine, {}, world.clock, Noted(rung))
        world.enqueue(world.effect("a", due_at=world.noon + timedelta(hours=1), queue="mail"))

        before = relay.ring()
        world.clock.advance(timedelta(hours=1))

        assert (before, relay.ring(), rung) == ((), ("mail",), ["mail"])

    def test_rings_when_a_commit_says_so(self, world):
        rung = []
        relay = Relay(world.engine, {}, world.clock, Noted(rung), poll=NEVER)

        with running(relay):
            until(lambda: listeners(world))
            world.enqueue(world.effect("a", queue="billing"))
            until(lambda: rung)

        assert set(rung) == {"billing"}

    def test_can_ring_by_any_carrier(self, world):
        """Here that of the database: what two relays and a worker make of one effect is one."""
        carrier = PostgresCarrier(world.engine)
        with (
            running(world.worker(poll=NEVER)),
            running(Relay(world.engine, {}, world.clock, carrier)),
        ):
            world.enqueue(world.effect("a"))
            until(lambda: world.row("a").state == "done")

        assert world.written() == ["a"]


class Noted:
    def __init__(self, rung: list[str]) -> None:
        self.rung = rung

    def ring(self, queues) -> None:
        self.rung.extend(queues)


def interrupted(claims, desk):
    raise KeyboardInterrupt
