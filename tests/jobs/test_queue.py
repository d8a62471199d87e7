from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from recoup.errors import InvalidValue
from recoup.jobs.base import Fail, Handler, Park
from recoup.jobs.queue import CHANNEL, cancel, enqueue, prune, retry

SECOND = timedelta(seconds=1)
PATIENCE = 60.0  #: seconds that are waited for what comes at once


class TestEnqueuing:
    def test_keeps_what_was_given(self, world):
        effect = world.effect(
            "a",
            queue="mail",
            customer_id=7,
            args={"text": 'né "x"', "n": 3, "yes": True, "no": None},
        )

        assert world.enqueue(effect) == 1

        row = world.row("a")
        assert (row.kind, row.queue, row.customer_id, row.state) == (
            "write",
            "mail",
            7,
            "scheduled",
        )
        assert (row.args, row.due_at, row.created_at) == (effect.args, world.noon, world.noon)
        assert (row.attempt, row.claim_id, row.reason) == (0, None, None)

    def test_of_nothing_does_nothing(self, world):
        assert world.enqueue() == 0

    def test_follows_a_commit(self, world):
        with world.engine.begin() as connection:
            enqueue(connection, [world.effect("a")], now=world.noon)

            assert world.rows() == {}

        assert set(world.rows()) == {"a"}

    def test_follows_a_rollback(self, world):
        with world.engine.connect() as connection:
            enqueue(connection, [world.effect("a")], now=world.noon)
            connection.rollback()

        assert world.rows() == {}

    def test_follows_a_savepoint(self, world):
        with world.engine.begin() as connection:
            enqueue(connection, [world.effect("kept")], now=world.noon)
            savepoint = connection.begin_nested()
            enqueue(connection, [world.effect("undone")], now=world.noon)
            savepoint.rollback()

        assert set(world.rows()) == {"kept"}

    def test_leaves_a_live_key_as_it_is(self, world):
        world.enqueue(world.effect("a", args={"n": 1}))

        assert world.enqueue(world.effect("a", args={"n": 2}), world.effect("b")) == 1

        assert world.row("a").args == {"n": 1}

    def test_takes_a_key_once_that_comes_twice(self, world):
        assert world.enqueue(world.effect("a"), world.effect("a"), world.effect("b")) == 2

    def test_leaves_a_parked_key_as_it_is(self, world):
        world.enqueue(world.effect("a"))
        world.worker(settling(Park("look"))).drain()

        assert world.enqueue(world.effect("a")) == 0

    def test_leaves_a_running_key_as_it_is(self, world):
        seen = []

        def run(claims, desk):
            seen.append(world.enqueue(world.effect("a")))
            world.write(claims, desk)

        world.enqueue(world.effect("a"))
        world.worker(run).drain()

        assert seen == [0]

    def test_takes_a_key_again_that_is_over(self, world):
        world.enqueue(world.effect("a"))
        world.worker().drain()

        assert world.enqueue(world.effect("a")) == 1

    def test_of_the_same_keys_by_many_at_once_makes_each_once(self, world):
        """No deadlock either, though each has an order of its own."""
        keys = [f"k{number}" for number in range(100)]

        def one(seed: int) -> int:
            mine = keys[seed * 7 :] + keys[: seed * 7]
            return world.enqueue(*(world.effect(key) for key in mine))

        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(one, range(8)))

        assert sum(made) == 100
        assert set(world.rows()) == set(keys)

    def test_knows_no_second_live_row_whoever_writes_it(self, world):
        world.enqueue(world.effect("a"))

        with pytest.raises(IntegrityError), world.engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO effects (kind, key, queue, due_at, created_at)"
                    " VALUES ('write', 'a', 'default', now(), now())"
                )
            )


class TestTellingWorkers:
    def test_waits_for_the_commit(self, world, database_url):
        with listening(database_url) as listener, world.engine.connect() as connection:
            enqueue(connection, [world.effect("a", queue="mail")], now=world.noon)
            before = heard(listener, world)
            connection.commit()

            assert (before, heard(listener, world)) == ([], ["mail"])

    def test_is_done_once_a_queue(self, world, database_url):
        with listening(database_url) as listener:
            world.enqueue(world.effect("a"), world.effect("b"), world.effect("c", queue="mail"))

            assert sorted(heard(listener, world)) == ["default", "mail"]

    def test_is_not_done_for_what_is_not_due(self, world, database_url):
        with listening(database_url) as listener:
            world.enqueue(world.effect("a", due_at=world.noon + SECOND))

            assert heard(listener, world) == []

    def test_is_not_done_for_what_was_live_already(self, world, database_url):
        world.enqueue(world.effect("a"))
        with listening(database_url) as listener:
            world.enqueue(world.effect("a"))

            assert heard(listener, world) == []


class TestCancelling:
    @pytest.fixture(autouse=True)
    def three(self, world):
        world.enqueue(
            world.effect("a", customer_id=1),
            world.effect("b", customer_id=1, kind="other"),
            world.effect("c", customer_id=2),
        )

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ({"keys": ["a", "c", "unknown"]}, {"a", "c"}),
            ({"keys": []}, set()),
            ({"customer_id": 1}, {"a", "b"}),
            ({"kind": "write"}, {"a", "c"}),
            ({"customer_id": 1, "kind": "write"}, {"a"}),
        ],
    )
    def test_takes_what_all_conditions_name(self, world, given, expected):
        with world.engine.begin() as connection:
            number = cancel(connection, **given, reason="paid", now=world.noon)

        rows = world.rows(state="canceled")
        assert (number, set(rows)) == (len(expected), expected)
        assert {(row.reason, row.ended_at) for row in rows.values()} <= {("paid", world.noon)}

    def test_needs_a_condition(self, world):
        with pytest.raises(InvalidValue), world.engine.begin() as connection:
            cancel(connection, reason="all", now=world.noon)

    def test_leaves_what_is_running_or_over(self, world):
        seen = []

        def run(claims, desk):
            with desk.engine.begin() as connection:
                seen.append(cancel(connection, kind="write", reason="late", now=world.noon))
            world.write(claims, desk)

        world.worker(run).drain()
        with world.engine.begin() as connection:
            after = cancel(connection, kind="write", reason="late", now=world.noon)

        assert (seen, after) == ([0], 0)


class TestRetrying:
    def test_schedules_what_is_parked_with_all_its_attempts(self, world, database_url):
        world.enqueue(world.effect("a", queue="mail"), world.effect("b"))
        world.worker(Handler(run=settling(Fail("no")), max_attempts=1)).drain()
        world.clock.advance(SECOND)

        with listening(database_url) as listener:
            with world.engine.begin() as connection:
                number = retry(connection, [world.row("a").id], now=world.clock.now())
            told = heard(listener, world)

        row = world.row("a")
        assert (number, told) == (1, ["mail"])
        assert (row.state, row.attempt, row.reason) == ("scheduled", 0, None)
        assert row.due_at == world.noon + SECOND
        assert world.row("b").state == "parked"

    def test_leaves_what_is_not_parked(self, world):
        world.enqueue(world.effect("a"))

        with world.engine.begin() as connection:
            assert retry(connection, [world.row("a").id, 999], now=world.noon) == 0


class TestPruning:
    def test_takes_what_ended_before_and_nothing_else(self, world):
        world.enqueue(world.effect("old"))
        world.worker().drain()
        world.clock.advance(SECOND)
        world.enqueue(world.effect("new"))
        world.worker().drain()
        world.enqueue(world.effect("live"))

        with world.engine.begin() as connection:
            assert prune(connection, world.noon) == 0
            assert prune(connection, world.noon + SECOND) == 1

        assert set(world.rows()) == {"new", "live"}

    def test_takes_no_more_than_its_limit(self, world):
        world.enqueue(*(world.effect(str(number)) for number in range(5)))
        world.worker().drain()

        with world.engine.begin() as connection:
            numbers = [prune(connection, world.noon + SECOND, limit=3) for _ in range(3)]

        assert numbers == [3, 2, 0]


def settling(wish):
    def run(claims, desk):
        with desk.engine.begin() as connection:
            desk.settle(connection, dict.fromkeys(claims, wish))

    return run


def listening(url: str) -> psycopg.Connection:
    connection = psycopg.connect(url, autocommit=True)
    connection.execute(f"LISTEN {CHANNEL}")
    return connection


def heard(listener: psycopg.Connection, world) -> list[str]:
    """Return what was told up to now: notifications come in the order of their commits."""
    with world.engine.begin() as connection:
        connection.execute(text("SELECT pg_notify(:channel, 'now')"), {"channel": CHANNEL})
    told = []
    for each in listener.notifies(timeout=PATIENCE):
        if each.payload == "now":
            return told
        told.append(each.payload)
    raise AssertionError("the listener hears nothing")
