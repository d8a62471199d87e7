from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text

from recoup.jobs.base import Claim, Desk, Done, Handler, NewEffect
from recoup.jobs.clocks import TestClock
from recoup.jobs.listing import EffectRow, listing
from recoup.jobs.queue import enqueue
from recoup.jobs.worker import Worker

PATIENCE = 60.0  #: seconds that are waited for what comes soon
NOON = datetime(2031, 3, 14, 12, tzinfo=UTC)


class World:
    """One database, a clock that is moved by hand, and a table for what handlers do."""

    noon = NOON

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.clock = TestClock(NOON)

    def enqueue(self, *effects: NewEffect) -> int:
        with self.engine.begin() as connection:
            return enqueue(connection, effects, now=self.clock.now())

    def effect(self, key: str, *, kind: str = "write", **values) -> NewEffect:
        return NewEffect(kind, key, **{"due_at": self.clock.now(), **values})

    def rows(self, **values) -> dict[str, EffectRow]:
        with self.engine.connect() as connection:
            return {row.key: row for row in listing(connection, limit=10_000, **values)}

    def row(self, key: str) -> EffectRow:
        return self.rows()[key]

    def worker(self, handler: Handler | Callable | None = None, **values) -> Worker:
        handler = handler or Handler(run=self.write)
        if not isinstance(handler, Handler):
            handler = Handler(run=handler)
        handlers = values.pop("handlers", {"write": handler})
        return Worker(self.engine, handlers, self.clock, **values)

    def write(self, claims: Sequence[Claim], desk: Desk) -> None:
        """The plain handler: one business row for each claim."""
        with desk.engine.begin() as connection:
            self.note(connection, claims)
            desk.settle(connection, dict.fromkeys(claims, Done()))

    def note(self, connection, claims: Sequence[Claim]) -> None:
        keys = [claim.key for claim in claims]
        connection.execute(
            text("INSERT INTO written (key) SELECT unnest(CAST(:keys AS text[]))"), {"keys": keys}
        )

    def written(self) -> list[str]:
        with self.engine.connect() as connection:
            return list(connection.scalars(text("SELECT key FROM written ORDER BY key")))

    def age_leases(self) -> None:
        """As if the database's clock were an hour further."""
        with self.engine.begin() as connection:
            connection.execute(
                text("UPDATE effects SET lease_until = lease_until - interval '1 hour'")
            )

    def until_leases_run(self) -> None:
        """Wait until no lease is over, because whoever holds it has renewed it."""
        over = "SELECT count(*) FROM effects WHERE lease_until < clock_timestamp()"
        until = time.monotonic() + PATIENCE
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            while connection.scalar(text(over)):
                assert time.monotonic() < until, "nobody renews the leases"
                time.sleep(0.02)


@pytest.fixture
def world(engine: Engine) -> World:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE written (key text NOT NULL)"))
    return World(engine)
