"""
The clock, and what is done by it again and again.

Recurring runs are counted from their schedule, so nothing drifts, and runs missed in an outage
are made once, not in a burst. Every run leaves its heartbeat in the table `clocks`; what is late
there is a run that nobody made.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final, Protocol

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from recoup.errors import InvalidValue
from recoup.jobs.base import Desk
from recoup.jobs.words import described

log: Final = logging.getLogger(__name__)

#: A run that its worker did not end, dead or frozen, is free for another one after this long.
LONGEST_RUN: Final = timedelta(minutes=15)
#: What killed its worker is not tried again sooner, unless its period is shorter.
AFTER_A_CRASH: Final = timedelta(minutes=1)
#: A run is missed when it is a whole period late, but not before the shorter of these, because a
#: worker may be busy, and never after the longer, because no run takes longer.
PATIENCE: Final = (timedelta(minutes=1), LONGEST_RUN)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the UTC instant."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the UTC instant."""
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class FixedClock:
    """A clock that stands still."""

    at: datetime

    def now(self) -> datetime:
        """Return the instant it stands at."""
        return self.at


class TestClock:
    """A clock that is moved by hand, from any thread."""

    __test__: ClassVar = False  # pytest: this is no test class

    def __init__(self, at: datetime) -> None:
        self._at = at
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the instant it was set to."""
        with self._lock:
            return self._at

    def set(self, at: datetime) -> None:
        """Move to `at` (UTC), forwards or backwards."""
        with self._lock:
            self._at = at

    def advance(self, by: timedelta) -> datetime:
        """Move forwards by `by`; return the new instant."""
        with self._lock:
            self._at += by
            return self._at


@dataclass(frozen=True, slots=True)
class Recurring:
    """
    Something done every `every` (whole seconds), by one worker at a time.

    `run` must end within 15 minutes; after that another worker may begin. What it raises is
    kept and shown, and the next run comes by the schedule all the same.

    `at` is where in the period it is due, counted from midnight UTC of 1 January 1970: 20 minutes
    of an hour are twenty past. Without it the schedule begins when it is first heard of.
    """

    name: str
    every: timedelta
    run: Callable[[Desk], None]
    at: timedelta | None = None

    def __post_init__(self) -> None:
        if self.every < timedelta(seconds=1) or self.every % timedelta(seconds=1):
            raise InvalidValue(f"{self.name}: every {self.every} is not a number of seconds")
        if self.at is not None and not timedelta(0) <= self.at < self.every:
            raise InvalidValue(f"{self.name}: at {self.at} is not within {self.every}")

    def due_from(self, at: datetime) -> datetime:
        """Return the first instant of the schedule that is not before `at` (UTC)."""
        if self.at is None:
            return at
        start = _EPOCH + self.at
        return start - self.every * ((start - at) // self.every)


@dataclass(frozen=True, slots=True)
class Beat:
    """How a recurring run has gone so far."""

    name: str
    every: timedelta
    due_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    runs: int
    failures: int  #: in a row, the newest included
    error: str | None


@dataclass(frozen=True, slots=True)
class ClockHealth:
    """How a recurring run stands that there should be, whether anybody makes it or not."""

    name: str
    every: timedelta
    last_run: datetime | None  #: when the newest one ended
    due_at: datetime | None  #: None: no process has ever heard of it
    late_by: timedelta  #: zero while it is on time
    runs: int
    failures: int  #: in a row, the newest included
    error: str | None
    missed: bool  #: it should have run, and nobody made it


_BEATS: Final = text("""
    SELECT name, every_s, due_at, started_at, ended_at, runs, failures, error
    FROM clocks ORDER BY name
""")

_SCHEDULE: Final = text("""
    INSERT INTO clocks (name, every_s, due_at) VALUES (:name, :every_s, :due_at)
    ON CONFLICT (name) DO UPDATE SET every_s = excluded.every_s, due_at = excluded.due_at
    WHERE clocks.due_at = CAST(:known AS timestamptz)
""")

_GUARD: Final = text("""
    SELECT pg_try_advisory_xact_lock(hashtext('recoup clock ' || current_schema()),
                                     hashtext(:name))
""")

_BEGIN: Final = text("""
    WITH taken AS (
        SELECT name, started_at > coalesce(ended_at, '-infinity') AS crashed FROM clocks
        WHERE name = :name AND (due_at <= :now OR :anyway)
        FOR UPDATE SKIP LOCKED
    )
    UPDATE clocks SET started_at = :now, failures = failures + coalesce(crashed, false)::integer
    FROM taken
    WHERE clocks.name = taken.name
      AND (crashed IS NOT TRUE OR started_at <= :now - CAST(:pause AS interval) OR :anyway)
    RETURNING due_at
""")

_END: Final = text("""
    UPDATE clocks SET
        ended_at = :now, due_at = :due_at, runs = runs + 1, error = :error,
        failures = CASE WHEN CAST(:error AS text) IS NULL THEN 0 ELSE failures + 1 END
    WHERE name = :name AND started_at = :started_at
""")


def next_due(due_at: datetime, every: timedelta, *, now: datetime) -> datetime:
    """Return the first instant of the schedule after `now`, counted from `due_at`."""
    if due_at > now:
        return due_at
    return due_at + every * ((now - due_at) // every + 1)


def schedule(
    connection: Connection, recurring: Sequence[Recurring], *, now: datetime
) -> Mapping[str, datetime]:
    """
    Put these on the schedule, where they are not; return name -> when it is due.

    A new one is due at its first instant from `now` (UTC) on. A changed schedule holds at once,
    but puts nothing off: where two processes do not agree on it, both have their runs. A due date
    more than a period away is one of a clock that was set back.
    """
    known = {beat.name: beat for beat in beats(connection)}
    dues: dict[str, datetime] = {}
    for each in recurring:
        beat = known.get(each.name)
        due_at = each.due_from(now) if beat is None else _corrected(each, beat, now)
        dues[each.name] = due_at
        if beat is None or (beat.due_at, beat.every) != (due_at, each.every):
            values = {"name": each.name, "every_s": each.every // timedelta(seconds=1)}
            before = None if beat is None else beat.due_at
            connection.execute(_SCHEDULE, {**values, "due_at": due_at, "known": before})
    return dues


def _corrected(each: Recurring, beat: Beat, now: datetime) -> datetime:
    """Return when a known one is due by what its schedule is now."""
    if beat.due_at <= now:
        return beat.due_at
    kept = beat.every == each.every and each.due_from(beat.due_at) == beat.due_at
    if kept and beat.due_at <= now + each.every:
        return beat.due_at
    return min(beat.due_at, now + each.every if each.at is None else each.due_from(now + _TICK))


def run_due(
    desk: Desk, recurring: Sequence[Recurring], *, longest: timedelta = LONGEST_RUN
) -> tuple[str, ...]:
    """
    Run those that are due and that nobody else is running; return their names.

    After `longest` another worker may run what this one has not ended.
    """
    if not recurring:
        return ()
    now = desk.now()
    with desk.engine.begin() as connection:
        dues = schedule(connection, recurring, now=now)
    due = [each for each in recurring if dues[each.name] <= now]
    return tuple(each.name for each in due if _run(desk, each, longest))


def run_now(
    desk: Desk, recurring: Sequence[Recurring], *, longest: timedelta = LONGEST_RUN
) -> tuple[str, ...]:
    """
    Run all of these, due or not; return their names, without those that somebody else is running.

    What was not due keeps its due date.
    """
    with desk.engine.begin() as connection:
        schedule(connection, recurring, now=desk.now())
    return tuple(each.name for each in recurring if _run(desk, each, longest, anyway=True))


def beats(connection: Connection) -> tuple[Beat, ...]:
    """Return how all recurring runs have gone, by name."""
    return tuple(
        Beat(row.name, timedelta(seconds=row.every_s), *row[2:])
        for row in connection.execute(_BEATS)
    )


def missed(connection: Connection, now: datetime) -> tuple[Beat, ...]:
    """Return those that have missed a run at `now` (UTC): nobody makes it. See `PATIENCE`."""
    return tuple(beat for beat in beats(connection) if _is_missed(beat, now))


def health(
    connection: Connection, expected: Mapping[str, timedelta], *, now: datetime
) -> tuple[ClockHealth, ...]:
    """
    Return how the `expected` runs (name -> period) stand at `now` (UTC), in the order given.

    One that no process has ever heard of has missed its run too.
    """
    known = {beat.name: beat for beat in beats(connection)}
    return tuple(_health(name, every, known.get(name), now) for name, every in expected.items())


def _health(name: str, every: timedelta, beat: Beat | None, now: datetime) -> ClockHealth:
    if beat is None:
        return ClockHealth(name, every, None, None, timedelta(0), 0, 0, None, missed=True)
    return ClockHealth(
        name=name,
        every=every,
        last_run=beat.ended_at,
        due_at=beat.due_at,
        late_by=max(now - beat.due_at, timedelta(0)),
        runs=beat.runs,
        failures=beat.failures,
        error=beat.error,
        missed=_is_missed(beat, now),
    )


def _is_missed(beat: Beat, now: datetime) -> bool:
    shortest, longest = PATIENCE
    return now - beat.due_at >= min(max(beat.every, shortest), longest)


def _run(desk: Desk, each: Recurring, longest: timedelta, *, anyway: bool = False) -> bool:
    # The lock is held by a transaction that writes nothing: it ends with its process, it holds
    # back no vacuum, and the server takes it from one that is frozen.
    guard = desk.engine.connect()
    try:
        guard.execute(
            text("SELECT set_config('idle_in_transaction_session_timeout', :ms, true)"),
            {"ms": str(longest // timedelta(milliseconds=1))},
        )
        if not guard.scalar(_GUARD, {"name": each.name}):
            return False
        started_at = desk.now()
        due_at = _begin(desk, each, started_at, anyway=anyway)
        if due_at is None:
            return False
        error = _error_of(desk, each)
        _end(
            desk,
            {
                "name": each.name,
                "now": desk.now(),
                "started_at": started_at,
                "due_at": next_due(each.due_from(due_at), each.every, now=started_at),
                "error": error,
            },
        )
    finally:
        _release(guard)
    return True


def _release(guard: Connection) -> None:
    try:
        guard.close()
    except DBAPIError as error:
        log.warning("a clock's lock was taken away while it ran: %s", error)


def _begin(desk: Desk, each: Recurring, now: datetime, *, anyway: bool) -> datetime | None:
    pause = min(each.every, AFTER_A_CRASH)
    values = {"name": each.name, "now": now, "pause": pause, "anyway": anyway}
    with desk.engine.begin() as connection:
        due_at: datetime | None = connection.scalar(_BEGIN, values)
    return due_at


def _error_of(desk: Desk, each: Recurring) -> str | None:
    try:
        each.run(desk)
    except Exception as error:
        log.exception("clock %s failed", each.name)
        return described(error)
    return None


def _end(desk: Desk, values: Mapping[str, object]) -> None:
    with desk.engine.begin() as connection:
        if connection.execute(_END, values).rowcount == 0:
            log.warning("clock %s ran so long that another worker began it", values["name"])
