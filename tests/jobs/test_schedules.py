"""When what recurs is due, and how it shows that nobody made a run."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from recoup.errors import InvalidValue
from recoup.jobs.clocks import Recurring, beats, health, missed, run_due, run_now, schedule
from recoup.jobs.loop import OurDesk

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)


@pytest.fixture
def desk(world):
    return OurDesk(world.engine, world.clock, {})


@pytest.fixture
def ran():
    return []


@pytest.fixture
def hourly(world, ran):
    """Make what is done every hour at `minute`; with None, from when it is first heard of."""

    def make(minute=20, every=HOUR):
        at = None if minute is None else minute * MINUTE
        return Recurring("hourly", every, lambda desk: ran.append(desk.now() - world.noon), at)

    return make


def beat(world):
    with world.engine.connect() as connection:
        (found,) = beats(connection)
    return found


def scheduled(world, *recurring, now):
    with world.engine.begin() as connection:
        dues = schedule(connection, recurring, now=now)
    return [dues[each.name] - world.noon for each in recurring]


def stands(world, expected, *, late):
    with world.engine.connect() as connection:
        return health(connection, expected, now=world.noon + late)


class TestARunWithAPlaceInItsPeriod:
    @pytest.mark.parametrize(
        ("now", "expected"),
        [
            pytest.param(20 * MINUTE - TICK, 20 * MINUTE, id="just before"),
            pytest.param(20 * MINUTE, 20 * MINUTE, id="at the instant"),
            pytest.param(20 * MINUTE + TICK, 80 * MINUTE, id="just after"),
            pytest.param(-40 * MINUTE, -40 * MINUTE, id="an hour before"),
            pytest.param(3 * DAY + MINUTE, 3 * DAY + 20 * MINUTE, id="days later"),
        ],
    )
    def test_is_due_from_the_next_such_instant_on(self, world, hourly, now, expected):
        assert hourly().due_from(world.noon + now) == world.noon + expected

    @pytest.mark.parametrize("place", [0 * DAY, 5 * HOUR, DAY - SECOND])
    def test_of_a_day_counts_from_midnight_utc(self, world, place):
        midnight = world.noon - 12 * HOUR
        daily = Recurring("daily", DAY, lambda desk: None, place)

        assert daily.due_from(midnight) == midnight + place

    @pytest.mark.parametrize("place", [-SECOND, HOUR])
    def test_is_refused_outside_of_it(self, place):
        with pytest.raises(InvalidValue, match="not within"):
            Recurring("hourly", HOUR, lambda desk: None, place)

    def test_does_not_run_when_it_is_first_heard_of(self, world, desk, hourly, ran):
        for minutes in (0, 19, 20, 21, 79, 83, 140):
            world.clock.set(world.noon + minutes * MINUTE)
            run_due(desk, [hourly()])

        # A late run (83) does not move those that follow.
        assert ran == [20 * MINUTE, 83 * MINUTE, 140 * MINUTE]

    def test_makes_missed_runs_once(self, world, desk, hourly, ran):
        run_due(desk, [hourly()])
        world.clock.advance(3 * DAY)

        names = [run_due(desk, [hourly()]) for _ in range(2)]

        assert (names, ran) == ([("hourly",), ()], [3 * DAY])
        assert beat(world).due_at == world.noon + 3 * DAY + 20 * MINUTE


class TestAChangedSchedule:
    def test_holds_at_once(self, world, hourly):
        scheduled(world, hourly(50), now=world.noon)

        assert scheduled(world, hourly(20), now=world.noon + MINUTE) == [20 * MINUTE]

    def test_puts_nothing_off(self, world, desk, hourly, ran):
        scheduled(world, hourly(20), now=world.noon)
        for minutes in (19, 20, 21, 50, 51, 80, 110):
            world.clock.set(world.noon + minutes * MINUTE)
            run_due(desk, [hourly(50)])

        assert ran == [20 * MINUTE, 50 * MINUTE, 110 * MINUTE]

    @pytest.mark.parametrize("first", [20, 50])
    def test_that_two_processes_do_not_agree_on_costs_neither_its_runs(
        self, world, desk, hourly, ran, first
    ):
        both = [hourly(first), hourly(70 - first)]
        for seconds in range(0, 3 * 3600, 30):
            world.clock.set(world.noon + seconds * SECOND)
            for each in both:
                run_due(desk, [each])

        assert ran == [minutes * MINUTE for minutes in (20, 50, 80, 110, 140, 170)]

    def test_leaves_a_run_that_is_due_to_be_made_first(self, world, hourly):
        scheduled(world, hourly(20), now=world.noon)

        assert scheduled(world, hourly(50), now=world.noon + 30 * MINUTE) == [20 * MINUTE]

    def test_is_followed_when_its_period_changed(self, world, hourly):
        scheduled(world, hourly(every=DAY), now=world.noon)

        assert scheduled(world, hourly(), now=world.noon) == [20 * MINUTE]
        assert beat(world).every == HOUR

    @pytest.mark.parametrize(("minute", "due"), [(20, 20 * MINUTE), (None, HOUR)])
    def test_is_found_where_the_clock_was_set_back(self, world, hourly, minute, due):
        """A machine whose clock was a year ahead would else do nothing for a year."""
        scheduled(world, hourly(minute), now=world.noon + 365 * DAY)

        assert scheduled(world, hourly(minute), now=world.noon) == [due]

    def test_is_written_once_and_not_again(self, world, hourly):
        def version():
            with world.engine.connect() as connection:
                return connection.scalar(text("SELECT xmin::text FROM clocks"))

        scheduled(world, hourly(), now=world.noon)
        before = version()

        scheduled(world, hourly(), now=world.noon + 40 * MINUTE)
        assert version() == before
        scheduled(world, hourly(10), now=world.noon + 5 * MINUTE)
        assert version() != before


class TestRunNow:
    def test_makes_a_run_that_is_not_due_and_leaves_its_due_date(self, world, desk, hourly, ran):
        assert run_now(desk, [hourly()]) == ("hourly",)

        assert ran == [timedelta(0)]
        assert (beat(world).runs, beat(world).due_at) == (1, world.noon + 20 * MINUTE)

    def test_makes_the_run_that_is_due(self, world, desk, hourly, ran):
        run_due(desk, [hourly()])
        world.clock.advance(25 * MINUTE)

        run_now(desk, [hourly()])

        assert (run_due(desk, [hourly()]), ran) == ((), [25 * MINUTE])

    def test_makes_none_while_somebody_else_does(self, world, desk, ran):
        def run(desk):
            ran.append(run_now(desk, [Recurring("hourly", HOUR, lambda desk: None)]))

        assert run_now(desk, [Recurring("hourly", HOUR, run)]) == ("hourly",)
        assert ran == [()]

    def test_does_not_wait_after_a_crash(self, world, desk, hourly, ran):
        def die(desk):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run_due(desk, [Recurring("hourly", HOUR, die)])

        assert run_due(desk, [hourly(None)]) == ()
        assert run_now(desk, [hourly(None)]) == ("hourly",)
        assert ran == [timedelta(0)]


class TestTheHealthOfAClock:
    @pytest.mark.parametrize(
        ("every", "patience"),
        [
            pytest.param(10 * SECOND, MINUTE, id="short: a worker may be busy for a minute"),
            pytest.param(5 * MINUTE, 5 * MINUTE, id="its period"),
            pytest.param(HOUR, 15 * MINUTE, id="long: no run takes a quarter of an hour"),
        ],
    )
    def test_is_bad_once_a_run_is_missed(self, world, desk, every, patience):
        scheduled(world, Recurring("hourly", every, lambda desk: None), now=world.noon)

        (before,) = stands(world, {"hourly": every}, late=patience - TICK)
        (after,) = stands(world, {"hourly": every}, late=patience)

        assert (before.missed, after.missed, after.late_by) == (False, True, patience)
        with world.engine.connect() as connection:
            assert missed(connection, world.noon + patience - TICK) == ()
            assert missed(connection, world.noon + patience) == (beat(world),)

    def test_is_good_from_its_run_until_the_next_is_missed(self, world, desk, hourly):
        run_due(desk, [hourly()])
        world.clock.advance(HOUR)
        run_due(desk, [hourly()])

        (found,) = stands(world, {"hourly": HOUR}, late=80 * MINUTE)

        assert (found.missed, found.late_by, found.runs) == (False, timedelta(0), 1)
        assert (found.last_run, found.due_at) == (world.noon + HOUR, world.noon + 80 * MINUTE)

    def test_tells_of_what_no_process_has_ever_heard_of(self, world):
        (found,) = stands(world, {"hourly": HOUR}, late=timedelta(0))

        assert (found.name, found.every, found.missed) == ("hourly", HOUR, True)
        assert (found.last_run, found.due_at, found.runs) == (None, None, 0)

    def test_tells_only_of_what_there_should_be_in_the_order_given(self, world, hourly):
        scheduled(world, hourly(), Recurring("gone", HOUR, lambda desk: None), now=world.noon)

        found = stands(world, {"new": DAY, "hourly": HOUR}, late=DAY)

        assert [(each.name, each.missed) for each in found] == [("new", True), ("hourly", True)]

    def test_tells_why_the_newest_runs_failed(self, world, desk):
        def fail(desk):
            raise ValueError("no")

        for _ in range(2):
            run_now(desk, [Recurring("hourly", HOUR, fail)])

        (found,) = stands(world, {"hourly": HOUR}, late=timedelta(0))
        assert (found.failures, found.error, found.missed) == (2, "ValueError: no", False)
