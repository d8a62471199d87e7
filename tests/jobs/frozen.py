"""A worker process for test_lost_workers: run with a database URL, what its handler
does, and for how many seconds it leases."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from recoup.errors import LostClaim
from recoup.jobs.base import Claim, Desk, Done, Handler
from recoup.jobs.clocks import SystemClock
from recoup.jobs.worker import Worker


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def waits(claims: Sequence[Claim], desk: Desk) -> None:
    """Say that it holds the claims, and write late, when told to."""
    say("holding")
    sys.stdin.readline()
    try:
        with desk.engine.begin() as connection:
            for claim in claims:
                connection.execute(text("INSERT INTO written VALUES (:key)"), {"key": claim.key})
            desk.settle(connection, dict.fromkeys(claims, Done()))
    except LostClaim:
        say("refused")
        raise
    say("written")


def exits(claims: Sequence[Claim], desk: Desk) -> None:
    if any(claim.key == "killer" for claim in claims):
        os._exit(9)
    writes(claims, desk)


def is_killed(claims: Sequence[Claim], desk: Desk) -> None:
    if any(claim.key == "killer" for claim in claims):
        os.kill(os.getpid(), signal.SIGKILL)
    writes(claims, desk)


def writes(claims: Sequence[Claim], desk: Desk) -> None:
    with desk.engine.begin() as connection:
        for claim in claims:
            connection.execute(text("INSERT INTO written VALUES (:key)"), {"key": claim.key})
        desk.settle(connection, dict.fromkeys(claims, Done()))


RUNS: dict[str, Callable[[Sequence[Claim], Desk], None]] = {
    "waits": waits,
    "exits": exits,
    "is_killed": is_killed,
}

if __name__ == "__main__":
    options = {"options": "-c search_path=recoup -c timezone=UTC"}
    url = make_url(sys.argv[1]).set(drivername="postgresql+psycopg")
    lease = timedelta(seconds=float(sys.argv[3]))
    handler = Handler(run=RUNS[sys.argv[2]], lease=lease, max_attempts=3)
    #: Of nothing that there is; the shortest lease sets the beat for all.
    hasty = Handler(run=writes, lease=timedelta(seconds=0.6))
    engine = create_engine(url, connect_args=options)
    Worker(engine, {"write": handler, "hasty": hasty}, SystemClock()).drain()
    say("drained")
    engine.dispose()
