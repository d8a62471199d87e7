"""
Enumerated crash points: a worker in a process of its own that is killed at the n-th step.

    with Workers() as workers:
        run = workers.run(work, kill_at=n)
        assert run.killed
        abandon(database_url)       # what it held is free at once, not in ten minutes
        assert not workers.run(work).killed

Kill at 1, 2, 3, … until a run ends by itself, and every boundary has been a grave once.
"""

from __future__ import annotations

import multiprocessing
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Final

from sqlalchemy import text
from sqlalchemy.engine import make_url

from recoup.store import database
from recoup.testing.crash_worker import Work, work

__all__ = ["Run", "Work", "Workers", "abandon", "copied"]

Doing = Callable[[Work, int | None, Pipe], None]
#: No run takes longer; one that does hangs, and that is a failure of its own.
PATIENCE: Final = 120.0

_OTHERS: Final = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid() LIMIT 1"
)
_END_LEASES: Final = text(
    "UPDATE effects SET lease_until = clock_timestamp() - interval '1 second' "
    "WHERE state = 'running'"
)


@dataclass(frozen=True, slots=True)
class Run:
    """What became of a worker: the steps it passed, and whether the last one was its death."""

    killed: bool
    steps: tuple[str, ...]

    @property
    def last(self) -> str:
        """Where it stopped, for a message."""
        return f"step {len(self.steps)}, {self.steps[-1] if self.steps else 'the start'}"


class Workers:
    """
    Starts workers, one at a time, from a process that has imported everything already.

    A worker is a fork of that process: it starts in milliseconds and shares nothing with the
    test, no connection and no file.
    """

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([work.__module__])

    def run(self, where: Work, *, kill_at: int | None = None, doing: Doing = work) -> Run:
        """
        Let a worker do what is due at `where`, and SIGKILL it at step `kill_at` (from 1).

        `doing` is another thing for the process to do: a function of a module that it can import.

        Raises:
            AssertionError: it ended otherwise than by its work's end or by its kill.
        """
        here, there = self._context.Pipe(duplex=False)
        process = self._context.Process(target=doing, args=(where, kill_at, there))
        process.start()
        there.close()
        steps: list[str] = []
        try:
            while here.poll(PATIENCE):
                steps.append(here.recv())
            raise AssertionError(f"a worker hangs after {steps[-3:]}")
        except EOFError:
            process.join(PATIENCE)
        finally:
            here.close()
            if process.is_alive():
                process.kill()
                process.join()
        assert process.exitcode in {0, -signal.SIGKILL}, (
            f"a worker ended with {process.exitcode} after {steps[-3:]}"
        )
        killed = process.exitcode != 0
        process.close()
        return Run(killed, tuple(steps))


def abandon(database_url: str) -> int:
    """
    Free what the dead left behind; return how many effects they were running.

    Their connections end as soon as the server notices, which is waited for: what they have
    locked would only be passed over. Their leases, on the database's clock, are ended here.
    """
    engine = database.connect(make_url(database_url).set(drivername="postgresql+psycopg"))
    try:
        with engine.begin() as connection:
            until = time.monotonic() + PATIENCE
            while connection.scalar(_OTHERS):
                assert time.monotonic() < until, "the connections of the dead do not end"
                time.sleep(0.005)
            return connection.execute(_END_LEASES).rowcount
    finally:
        engine.dispose()


def copied(where: Work, *, database_url: str, home: Path) -> Work:
    """Return the same work on a clone of its database, with copies of its books and mails."""
    home.mkdir(parents=True)
    books = home / where.books.name
    # What the last process to close a world has not written back lies beside it.
    for path in where.books.parent.glob(f"{where.books.name}*"):
        shutil.copy(path, home / path.name)
    if where.mails.exists():
        shutil.copytree(where.mails, home / "mail")
    return replace(where, database_url=database_url, books=books, home=home)
