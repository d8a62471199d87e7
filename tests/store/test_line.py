"""All processes of a database share one pace, and one knowledge of whether anybody answers."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import event
from sqlalchemy.engine import make_url

from recoup.errors import Busy
from recoup.store import database
from recoup.store.line import DatabaseLine, Pace, state

PAY = "POST /v1/invoices/:id/pay"
LOOK = "GET /v1/charges/:id"
QUICK = Pace(each=100, together=1000)
HOUR = timedelta(hours=1)
RARE = Pace(rest=HOUR)  #: so that no minute goes by in a test


@pytest.fixture
def another(engine):
    """An engine of another process on the same database."""
    made = database.connect(make_url(engine.url), pool_size=2)
    yield made
    made.dispose()


@pytest.fixture
def line(engine):
    return DatabaseLine(engine)


def move(engine, sql):
    """Let time pass for the line, or write down what only a crash would."""
    with engine.begin() as connection:
        connection.exec_driver_sql(sql)


def silences(engine):
    with engine.connect() as connection:
        return state(connection).silences


def wait(line):
    """How long its next turn is to be waited for, granted or refused."""
    try:
        return line.turn(PAY)
    except Busy as refused:
        return refused.after


def fill(line):
    for _ in range(1000):
        line.turn(PAY)


class Book:
    """When turns were, as far as can be said: each between two instants."""

    def __init__(self):
        self.turns = []
        self.waits = []

    def take(self, line, endpoint):
        before = time.monotonic()
        wait = line.turn(endpoint)
        self.turns.append((before + wait, time.monotonic() + wait, endpoint))
        self.waits.append((wait, endpoint))

    def crowded(self, most, endpoint=None):
        """Whether more than `most` turns certainly lie in one second."""
        mine = sorted(one for one in self.turns if endpoint in {None, one[2]})
        groups = [mine[i : i + most + 1] for i in range(len(mine) - most)]
        return any(max(late for _, late, _ in one) - one[0][0] < 1 for one in groups)


class TestTurns:
    def test_never_exceed_the_rates_over_any_second(self, engine, another):
        pace = Pace(each=25, together=40)
        lines = [DatabaseLine(engine, pace), DatabaseLine(another, pace)]
        book = Book()

        def work(n):
            for i in range(20):
                book.take(lines[n % 2], PAY if (n + i) % 3 else LOOK)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(8)))

        assert len(book.turns) == 160
        assert not book.crowded(25, PAY)
        assert not book.crowded(25, LOOK)
        assert not book.crowded(40)
        waits = [wait for wait, endpoint in book.waits if endpoint == PAY]
        assert max(waits) < len(waits) / 20  # and no slower than that

    def test_of_an_idle_endpoint_are_at_once(self, line):
        assert line.turn(PAY) < 0.02
        assert line.turn(LOOK) < 0.05

    def test_of_one_endpoint_do_not_wait_for_those_of_a_crowded_other(self, engine):
        line = DatabaseLine(engine, Pace(each=3, longest=HOUR))
        for _ in range(100):
            line.turn(PAY)

        assert line.turn(PAY) > 3
        assert line.turn(LOOK) < 0.1

    def test_that_are_too_far_off_are_refused_and_not_taken(self, engine):
        line = DatabaseLine(engine, Pace(each=3, longest=timedelta(seconds=20)))
        with pytest.raises(Busy, match="too many wait") as first:
            fill(line)

        second = wait(line)

        assert 20 < first.value.after < 21.2  # a turn a second
        assert second <= first.value.after

    def test_go_on_when_the_clock_has_been_set_back(self, engine, line):
        line.turn(PAY)
        move(engine, "UPDATE line_turns SET free_at = free_at + interval '1 hour'")
        move(engine, "UPDATE line_slots SET first = first + 1000000")

        assert line.turn(PAY) < 0.1

    def test_go_on_after_a_crash_of_the_server(self, engine, line):
        line.turn(PAY)
        move(engine, "TRUNCATE line_turns, line_slots, line_silences")

        assert line.turn(PAY) < 0.1

    def test_are_had_while_all_of_the_engines_connections_are_in_use(self, another):
        line = DatabaseLine(another)
        with another.connect(), another.connect():
            assert line.turn(PAY) < 0.1

    def test_leave_no_connection_behind(self, engine, another):
        line = DatabaseLine(another)
        line.turn(PAY)
        another.dispose()

        count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        with engine.connect() as connection:
            deadline = time.monotonic() + 60
            while connection.exec_driver_sql(count).scalar_one() > 1:
                assert time.monotonic() < deadline
                time.sleep(0.02)
                connection.rollback()


class TestSilence:
    def test_of_five_in_a_row_stops_everybody(self, engine, another):
        line = DatabaseLine(engine, RARE)
        for _ in range(4):
            line.turn(PAY)
            line.silent()
        DatabaseLine(another, RARE).turn(LOOK)
        line.silent()

        with pytest.raises(Busy, match="no answer 5 times in a row") as stopped:
            DatabaseLine(another, RARE).turn(LOOK)

        assert 3500 < stopped.value.after <= 3600

    def test_is_forgotten_at_the_first_answer(self, engine, line):
        for _ in range(4):
            line.turn(PAY)
            line.silent()
        line.turn(PAY)
        line.answered()
        line.silent()

        assert line.turn(PAY) < 1
        assert silences(engine) == 1

    def test_lets_one_probe_through_and_then_rests_again(self, engine, another):
        line = DatabaseLine(engine, RARE)
        for _ in range(5):
            line.silent()
        move(engine, "UPDATE line_silences SET probe_at = clock_timestamp()")

        DatabaseLine(another, RARE).turn(PAY)

        with pytest.raises(Busy) as stopped:
            line.turn(PAY)
        assert 3500 < stopped.value.after <= 3600

    def test_is_probed_once_a_minute_usually(self):
        assert Pace().rest == timedelta(minutes=1)

    def test_goes_on_when_the_probe_is_not_answered(self, engine, line):
        for _ in range(5):
            line.silent()
        move(engine, "UPDATE line_silences SET probe_at = clock_timestamp()")
        line.turn(PAY)
        line.silent()

        with pytest.raises(Busy, match="no answer 6 times"):
            line.turn(PAY)

    def test_is_over_when_the_probe_is_answered(self, engine, another, line):
        for _ in range(5):
            line.silent()
        move(engine, "UPDATE line_silences SET probe_at = clock_timestamp()")
        line.turn(PAY)
        line.answered()

        assert DatabaseLine(another).turn(PAY) < 0.1

    def test_takes_no_turn_while_it_lasts(self, engine, line):
        for _ in range(5):
            line.silent()
        for _ in range(50):
            with pytest.raises(Busy):
                line.turn(PAY)
        line.answered()

        assert line.turn(PAY) < 0.1

    def test_does_not_outlast_a_clock_that_was_set_back(self, engine, line):
        for _ in range(5):
            line.silent()
        move(engine, "UPDATE line_silences SET probe_at = clock_timestamp() + interval '1 hour'")

        assert line.turn(PAY) < 0.1

    def test_is_shown(self, engine, line):
        for _ in range(5):
            line.silent()

        with engine.connect() as connection:
            told = state(connection)

        assert (told.silences, told.resting) == (5, True)
        assert told.last_at is not None


class TestAnAnswer:
    def test_costs_no_statement_in_good_times(self, engine, line):
        said = []
        line.turn(PAY)
        event.listen(line._database, "before_cursor_execute", lambda *given: said.append(given[2]))

        line.answered()

        assert said == []

    def test_is_not_lost_when_it_can_not_be_written_down(self, engine, line, caplog):
        line.turn(PAY)
        move(engine, "ALTER TABLE line_silences RENAME TO gone")

        line.silent()

        assert "could not be written down" in caplog.text
