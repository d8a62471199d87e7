"""
The clock, and what is done by it again and again.

Recurring runs are counted from their schedule, so nothing drifts, and runs missed in an outage
are made once, not in a burst. Every run leaves its heartbeat in the table `clocks`.
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
    """

    name: str
    every: timedelta
    run: Callable[[Desk], None]

    def __post_init__(self) -> None:
        if self.every < timedelta(seconds=1) or self.every % timedelta(seconds=1):
            raise InvalidValue(f"{self.name}: every {self.every} is not a number of seconds")


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


_BEATS: Final = text("""
    SELECT name, every_s, due_at, started_at, ended_at, runs, failures, error
    FROM clocks ORDER BY name
""")

_REGISTER: Final = text("""
    INSERT INTO clocks (name, every_s, due_at) VALUES (:name, :every_s, :now)
    ON CONFLICT (name) DO UPDATE SET
        every_s = excluded.every_s,
        due_at = least(clocks.due_at, excluded.due_at + make_interval(secs => excluded.every_s))
    WHERE clocks.every_s <> excluded.every_s
""")

_GUARD: Final = text("""
    SELECT pg_try_advisory_xact_lock(hashtext('recoup clock ' || current_schema()),
                                     hashtext(:name))
""")

_BEGIN: Final = text("""
    WITH taken AS (
        SELECT name, started_at > coalesce(ended_at, '-infinity') AS crashed FROM clocks
        WHERE name = :name AND due_at <= :now
        FOR UPDATE SKIP LOCKED
    )
    UPDATE clocks SET started_at = :now, failures = failures + coalesce(crashed, false)::integer
    FROM taken
    WHERE clocks.name = taken.name
      AND (crashed IS NOT TRUE OR started_at <= :now - CAST(:pause AS interval))
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


def run_due(
    desk: Desk, recurring: Sequence[Recurring], *, longest: timedelta = LONGEST_RUN
) -> tuple[str, ...]:
    """
    Run those that are due and that nobody else is running; return their names.

    A new one is due at once. After `longest` another worker may run what this one has not ended.
    """
    if not recurring:
        return ()
    now = desk.now()
    with desk.engine.begin() as connection:
        known = {beat.name: beat for beat in beats(connection)}
        for each in recurring:
            if each.name not in known or known[each.name].every != each.every:
                values = {"name": each.name, "every_s": each.every // timedelta(seconds=1)}
                connection.execute(_REGISTER, {**values, "now": now})
    due = [each for each in recurring if each.name not in known or known[each.name].due_at <= now]
    return tuple(each.name for each in due if _run(desk, each, longest))


def beats(connection: Connection) -> tuple[Beat, ...]:
    """Return how all recurring runs have gone, by name."""
    return tuple(
        Beat(row.name, timedelta(seconds=row.every_s), *row[2:])
        for row in connection.execute(_BEATS)
    )


def missed(connection: Connection, now: datetime) -> tuple[Beat, ...]:
    """Return those that are a whole period late or more at `now` (UTC): nobody runs them."""
    return tuple(beat for beat in beats(connection) if beat.due_at + beat.every <= now)


def _run(desk: Desk, each: Recurring, longest: timedelta) -> bool:
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
        due_at = _begin(desk, each, started_at)
        if due_at is None:
            return False
        error = _error_of(desk, each)
        _end(
            desk,
            {
                "name": each.name,
                "now": desk.now(),
                "started_at": started_at,
                "due_at": next_due(due_at, each.every, now=started_at),
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


def _begin(desk: Desk, each: Recurring, now: datetime) -> datetime | None:
    values = {"name": each.name, "now": now, "pause": min(each.every, AFTER_A_CRASH)}
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
