from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from recoup.errors import InvalidValue
from recoup.jobs.clocks import (
    FixedClock,
    Recurring,
    SystemClock,
    beats,
    missed,
    next_due,
    run_due,
)
from recoup.jobs.loop import OurDesk

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
TICK = timedelta(microseconds=1)
PATIENCE = 60.0  #: seconds


@pytest.fixture
def desk(world):
    return OurDesk(world.engine, world.clock, {})


def beat(world):
    with world.engine.connect() as connection:
        (found,) = beats(connection)
    return found


class TestClocks:
    def test_tell_utc(self):
        assert SystemClock().now().tzinfo is UTC
        at = datetime(2031, 1, 1, tzinfo=UTC)
        assert FixedClock(at).now() == at

    def test_of_a_test_stand_where_they_are_put(self, world):
        assert world.clock.advance(MINUTE) == world.noon + MINUTE == world.clock.now()

        world.clock.set(world.noon)

        assert world.clock.now() == world.noon


class TestNextDue:
    @pytest.mark.parametrize(
        ("now", "expected"),
        [
            pytest.param(-TICK, 0 * MINUTE, id="not yet due"),
            pytest.param(0 * TICK, MINUTE, id="at its instant"),
            pytest.param(MINUTE - TICK, MINUTE, id="late, within the period"),
            pytest.param(MINUTE, 2 * MINUTE, id="one missed"),
            pytest.param(90 * MINUTE + SECOND, 91 * MINUTE, id="ninety missed"),
        ],
    )
    def test_is_counted_from_the_schedule(self, world, now, expected):
        assert next_due(world.noon, MINUTE, now=world.noon + now) == world.noon + expected


class TestRunDue:
    def test_runs_a_new_one_at_once_and_then_by_its_schedule(self, world, desk):
        ran = []
        sweep = Recurring("sweep", MINUTE, lambda desk: ran.append(desk.now() - world.noon))

        for seconds in (0, 1, 59, 61, 119, 125, 180):
            world.clock.set(world.noon + seconds * SECOND)
            run_due(desk, [sweep])

        # Late runs (61, 125) do not move those that follow.
        assert ran == [seconds * SECOND for seconds in (0, 61, 125, 180)]
        assert (beat(world).runs, beat(world).due_at) == (4, world.noon + 4 * MINUTE)

    def test_does_not_drift_in_a_thousand_late_runs(self, world, desk):
        sweep = Recurring("sweep", MINUTE, lambda desk: None)

        for number in range(200):
            world.clock.set(world.noon + number * MINUTE + 7 * SECOND * (number > 0))
            run_due(desk, [sweep])

        assert (beat(world).runs, beat(world).due_at) == (200, world.noon + 200 * MINUTE)

    def test_makes_missed_runs_once(self, world, desk):
        ran = []
        sweep = Recurring("sweep", MINUTE, lambda desk: ran.append(desk.now()))
        run_due(desk, [sweep])
        world.clock.advance(timedelta(days=3))

        names = [run_due(desk, [sweep]) for _ in range(3)]

        assert (names, len(ran)) == ([("sweep",), (), ()], 2)
        assert beat(world).due_at == world.noon + timedelta(days=3) + MINUTE

    def test_keeps_the_error_and_goes_on_by_the_schedule(self, world, desk):
        problems = [ValueError("no"), ValueError("still no"), None]

        def run(desk):
            if problem := problems.pop(0):
                raise problem

        after = []
        for number in range(3):
            world.clock.set(world.noon + number * MINUTE)
            run_due(desk, [Recurring("sweep", MINUTE, run)])
            found = beat(world)
            after.append((found.runs, found.failures, found.error))

        assert after == [(1, 1, "ValueError: no"), (2, 2, "ValueError: still no"), (3, 0, None)]

    def test_records_when_it_began_and_ended(self, world, desk):
        during = []

        def run(desk):
            during.append(beat(world))
            world.clock.advance(5 * SECOND)

        run_due(desk, [Recurring("sweep", MINUTE, run)])

        assert (during[0].started_at, during[0].ended_at) == (world.noon, None)
        assert beat(world).ended_at == world.noon + 5 * SECOND

    def test_takes_a_changed_period_at_once(self, world, desk):
        run_due(desk, [Recurring("sweep", timedelta(days=1), lambda desk: None)])

        run_due(desk, [Recurring("sweep", MINUTE, lambda desk: None)])

        assert (beat(world).every, beat(world).due_at) == (MINUTE, world.noon + MINUTE)

    @pytest.mark.parametrize("every", [timedelta(0), SECOND / 2, 1.5 * SECOND, -SECOND])
    def test_refuses_periods_that_are_no_seconds(self, every):
        with pytest.raises(InvalidValue):
            Recurring("sweep", every, lambda desk: None)


class TestRunningOne:
    def test_is_for_one_worker_at_a_time(self, world, desk):
        inside, most = [], []

        def run(desk):
            inside.append(1)
            most.append(len(inside))
            world.clock.advance(MINUTE)  # due again while it runs
            threading.Event().wait(0.3)
            inside.pop()

        sweep = Recurring("sweep", SECOND, run)
        with ThreadPoolExecutor(8) as pool:
            ran = list(pool.map(lambda _: run_due(desk, [sweep]), range(8)))

        assert max(most) == 1
        assert sum(map(len, ran)) == len(most) >= 1

    def test_does_not_keep_another_waiting(self, world, desk):
        ran = []
        other = Recurring("other", MINUTE, lambda desk: ran.append("other"))

        def run(desk):
            with ThreadPoolExecutor(1) as pool:
                ran.append(pool.submit(run_due, desk, [sweep, other]).result(timeout=PATIENCE))

        sweep = Recurring("sweep", MINUTE, run)
        run_due(desk, [sweep])

        assert ran == ["other", ("other",)]

    def test_is_free_again_when_its_session_is_taken_away(self, world, desk):
        """
        What the server does to a frozen worker after 15 minutes, here after 0.2 s.

        A machine so busy that it takes that away from a run before it begins is given longer.
        """
        freed, begun = [], []

        def frozen(desk):
            begun.append(True)
            until = time.monotonic() + PATIENCE
            with world.engine.connect() as connection:
                while time.monotonic() < until and locks(connection):
                    threading.Event().wait(0.05)
            world.clock.advance(MINUTE)
            freed.extend(run_due(desk, [Recurring("sweep", MINUTE, lambda desk: None)]))

        longest = SECOND / 5
        while not begun:
            with suppress(OperationalError):
                run_due(desk, [Recurring("sweep", MINUTE, frozen)], longest=longest)
            longest *= 2

        assert freed == ["sweep"]
        # The late end of the frozen one is refused: it did not write over the newer run.
        assert (beat(world).runs, beat(world).failures) == (1, 0)

    def test_is_not_begun_again_at_once_when_it_killed_its_worker(self, world, desk):
        def die(desk):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run_due(desk, [Recurring("sweep", timedelta(hours=1), die)])
        again = Recurring("sweep", timedelta(hours=1), lambda desk: None)

        world.clock.set(world.noon + MINUTE - TICK)
        before = run_due(desk, [again])
        world.clock.set(world.noon + MINUTE)

        assert (before, run_due(desk, [again])) == ((), ("sweep",))


class TestMissed:
    def test_are_those_a_whole_period_late(self, world, desk):
        run_due(desk, [Recurring("sweep", MINUTE, lambda desk: None)])
        late = world.noon + 2 * MINUTE

        with world.engine.connect() as connection:
            assert missed(connection, late - TICK) == ()
            assert [each.name for each in missed(connection, late)] == ["sweep"]


def locks(connection) -> int:
    sql = (
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = "
        "(SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return connection.scalar(text(sql))
