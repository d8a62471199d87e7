"""A door on a fresh database, and the letters that are handed in at it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text

from recoup.testing import events
from recoup.webhooks.post import Answer, Door
from recoup.webhooks.signature import sign

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECRET = "whsec_of_the_tests_0001"


@dataclass(frozen=True)
class Porch:
    """A door, a sender that signs, and a look at what lies behind it."""

    engine: Engine
    door: Door
    now: datetime = NOW
    secret: str = SECRET
    sent: list[Answer] = field(default_factory=list)

    def post(self, body: bytes) -> Answer:
        self.sent.append(self.door.post(body, sign(body, self.secret, at=self.now)))
        return self.sent[-1]

    def rows(self, sql: str) -> list[tuple]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql))]

    @property
    def inbox(self) -> list[tuple]:
        return self.rows("SELECT key, state, reason FROM inbox ORDER BY id")

    @property
    def effects(self) -> list[tuple]:
        return self.rows("SELECT kind, queue, state, key FROM effects ORDER BY id")


def customer(number: int, **fields) -> bytes:
    shown = events.customer(f"cus_{number}", email=f"{number}@example.com")
    told = events.event("customer.created", shown, id=f"evt_{number}", at=int(NOW.timestamp()))
    return events.line(told | fields)


@pytest.fixture
def porch(engine):
    return Porch(engine, Door(engine, "stripe", (SECRET,), live=False, now=lambda: NOW))


@pytest.fixture
def letter():
    return customer
