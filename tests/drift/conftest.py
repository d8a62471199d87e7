"""A small business with debts of every age, to plant faults in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cloning import create_clone
from sqlalchemy.engine import make_url

from recoup.processors.fake import NO_FUNDS, Broke, Declines
from recoup.testing.scene import Scene, Subscriber

DAY = timedelta(days=1)
LATER = timedelta(minutes=11)
_numbers = count(1)


#: Everything that is mirrored or decided about a customer, as it stands in the rows.
SNAPSHOT = """
    SELECT 'standing' AS kind, customer_id AS id, to_jsonb(s) AS row FROM standings s
    UNION ALL SELECT 'case', id, to_jsonb(c) FROM cases c
    UNION ALL SELECT 'notice', id, to_jsonb(n) FROM notices n
    UNION ALL SELECT 'restriction', id, to_jsonb(r) FROM restrictions r
    UNION ALL SELECT 'subscription', id, to_jsonb(b) FROM subscriptions b
    UNION ALL SELECT 'invoice', id, to_jsonb(i) FROM invoices i
    UNION ALL SELECT 'attempt', id, to_jsonb(a) FROM attempts a
    UNION ALL SELECT 'method', id, to_jsonb(m) FROM payment_methods m ORDER BY 1, 2"""


class Business:
    """A scene, and its people by how they pay; ids are ours."""

    def __init__(self, scene: Scene, who: dict[str, list[Subscriber]]) -> None:
        self.scene = scene
        self.recoup = scene.recoup
        self.who = who

    def id(self, kind: str, place: int) -> int:
        return self.scene.customer_id(self.who[kind][place])

    def subscriber(self, kind: str, place: int) -> Subscriber:
        return self.who[kind][place]

    def edit(self, sql: str, **given: Any) -> int:
        """Change rows behind the engine, past all that guards them; return how many."""
        with self.recoup.database.begin() as connection:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            guard = "ALTER TABLE ledger_entries {} TRIGGER ledger_append_only"
            connection.exec_driver_sql(guard.format("DISABLE"))
            changed = connection.exec_driver_sql(sql, given).rowcount
            connection.exec_driver_sql(guard.format("ENABLE ALWAYS"))
            return changed

    def pass_time(self, by: timedelta = LATER) -> None:
        self.scene.pace.at(self.scene.now + by)

    def snapshot(self) -> dict[tuple[str, int], dict[str, Any]]:
        """Return the rows, but for when they were last heard of."""
        return {
            (found["kind"], found["id"]): {
                name: value for name, value in found["row"].items() if not name.startswith("seen_")
            }
            for found in self.scene.rows(SNAPSHOT)
        }

    def let_in(self, *, share: str = "100") -> None:
        """Have drift repaired, as after weeks in the shadow."""
        sql = (
            "INSERT INTO rollouts (name, stage, salt, since) "
            "VALUES ('drift_repair', %(share)s, 'salt', %(now)s)"
        )
        self.edit(sql, share=share, now=self.scene.now)

    def scan(self, **more: Any) -> dict[int | None, set[str]]:
        """Scan; return the classes of what differs, by customer."""
        self.recoup.drift.scan(**more)
        found: dict[int | None, set[str]] = {}
        for one in self.recoup.drift.findings(limit=1000):
            found.setdefault(one.customer_id, set()).add(one.class_)
        return found

    def confirm(self, **more: Any) -> dict[int | None, set[str]]:
        """Scan twice, with time between in which nothing is heard of."""
        self.scan(**more)
        self.scene.clock.set(self.scene.now + LATER)
        return self.scan(**more)


@dataclass(frozen=True)
class Kept:
    """A business that was lived once, to be opened any number of times."""

    server: str
    name: str
    books: Path
    now: datetime
    heard: int
    who: dict[str, list[Subscriber]]

    @contextmanager
    def opened(self, home: Path) -> Iterator[Business]:
        home.mkdir(parents=True)
        name = f"{self.name}_{next(_numbers)}"
        with psycopg.connect(self.server, autocommit=True) as connection:
            create_clone(connection, name, of=self.name)
        books = Path(shutil.copy(self.books, home))
        with Scene.open(_url(self.server, name), home, start=self.now, books=books) as scene:
            scene.pace.heard = self.heard
            yield Business(scene, self.who)
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def lived(server: str, template: str, folder: Path, **people: int) -> Kept:
    """Let a business live for six weeks: who does not pay is restricted by then."""
    name = f"kept_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        create_clone(connection, name, of=template)
    with Scene.open(_url(server, name), folder) as scene:
        broke = Broke(payday=scene.now + 34 * DAY, lasts=20 * DAY)
        payers = {"debtors": Declines(NO_FUNDS), "payers": None, "recovered": broke}
        who = {
            kind: [scene.subscriber(payers[kind]) for _ in range(number)]
            for kind, number in people.items()
        }
        scene.pace.until(scene.now + 41 * DAY, at_least=timedelta(hours=12))
        return Kept(server, name, folder / "books.sqlite3", scene.now, scene.pace.heard, who)


def _url(server: str, name: str) -> str:
    url = make_url(server).set(drivername="postgresql", database=name)
    return url.render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def kept(server_url: str, template: str, tmp_path_factory: Any) -> Kept:
    """Two who owe, one who pays and one who owed."""
    folder = tmp_path_factory.mktemp("kept")
    return lived(server_url, template, folder, debtors=2, payers=1, recovered=1)


@pytest.fixture
def business(kept: Kept, home: Path) -> Iterator[Business]:
    """One of its own, for each test."""
    with kept.opened(home) as made:
        yield made


@pytest.fixture
def town(server_url: str, template: str, home: Path, tmp_path: Path) -> Iterator[Business]:
    """A larger one."""
    folder = tmp_path / "kept"
    folder.mkdir()
    made = lived(server_url, template, folder, debtors=16, payers=8, recovered=3)
    with made.opened(home) as opened:
        yield opened
