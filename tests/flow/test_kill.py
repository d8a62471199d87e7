from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from recoup.billing import Recoup
from recoup.config import Config
from recoup.demo.pace import Pace
from recoup.jobs.clocks import TestClock
from recoup.mail.senders.file import FileSender
from recoup.processors.fake import LOST, NO_FUNDS, Broke, Declines, FakeProcessor
from recoup.testing.crash import Work, Workers, abandon, copied
from recoup.testing.scene import Scene
from recoup.verification import verified

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
#: When everything is due. The other dates follow from it: see `prepare`.
DUE = datetime(2026, 4, 29, 10, tzinfo=UTC)
#: What must come out the same, however often a worker died on the way. It all happens at one
#: instant, so instants are compared too. Ids made meanwhile are not: a rolled back transaction
#: uses some up. Nor is who told first what became of a charge, its event or its request.
ROWS = (
    "SELECT processor_id, status, ended_at, end_reason, end_requested_at FROM subscriptions",
    "SELECT processor_id, status, amount_paid, first_failed_at, closed_at FROM invoices",
    """SELECT processor_id, ordinal, idempotency_key, origin, state, amount, happened_at,
    requested_at, ended_at, decline_code FROM attempts""",
    "SELECT customer_id, scope, anchor, opened_at, rung, ending, ended_at, settled_at FROM cases",
    "SELECT customer_id, step, state, reason, due_at, delivered_at, bounced_at FROM notices",
    "SELECT customer_id, scope, consequence, rung, since, lifted_at FROM restrictions",
    "SELECT customer_id, standing, next_wake_at, run_state FROM standings",
    "SELECT customer_id, type, state, reason, sent_at FROM mails",
    "SELECT key, detail, opened_at, closed_at FROM tasks",
    "SELECT kind, key, state FROM effects WHERE state NOT IN ('done', 'canceled')",
)


@dataclass(frozen=True)
class Outcome:
    """Where everything ended: the rows, and the money in the fake's books."""

    rows: tuple
    captured: dict
    charges: int


def prepare(url, home):
    """
    Play a business until much is due at one instant, and stop before any of it is done.

    Two dead cards failed four weeks ago: their subscriptions are to be ended. Two more failed six
    days ago: a notice is due. Three without funds failed four days ago: a try is due, and two of
    those cards have money again.
    """
    with Scene.open(url, home, start=DUE - 59 * DAY - 10 * HOUR) as scene:
        _ = [scene.subscriber(Declines(LOST)) for _ in range(2)]
        scene.live(days=22)
        _ = [scene.subscriber(Declines(LOST)) for _ in range(2)]
        scene.live(days=2)
        _ = [scene.subscriber(Broke(payday=DUE - DAY)) for _ in range(2)]
        scene.subscriber(Declines(NO_FUNDS))
        scene.pace.until(DUE - 4 * DAY)
        scene.fake.advance(DUE)
    return Work(url, home / "books.sqlite3", home, DUE)


class Studio:
    """The prepared world, and clones of it."""

    def __init__(self, server_url, template, folder):
        self.server_url = server_url
        self.folder = folder
        self.workers = Workers()
        self._numbers = count()
        self._master = self._create(template)
        self.work = prepare(self._url(self._master), folder / "master")
        abandon(self.work.database_url)

    @contextmanager
    def world(self):
        """Lend a clone of the prepared world."""
        name = self._create(self._master)
        home = self.folder / name
        try:
            yield copied(self.work, database_url=self._url(name), home=home)
        finally:
            self._drop(name)
            shutil.rmtree(home)

    def close(self):
        self._drop(self._master)

    def _create(self, template):
        name = f"kill_{os.getpid()}_{next(self._numbers)}"
        with psycopg.connect(self.server_url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def _drop(self, name):
        with psycopg.connect(self.server_url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _url(self, name):
        url = make_url(self.server_url).set(drivername="postgresql", database=name)
        return url.render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def studio(server_url, template, tmp_path_factory):
    made = Studio(server_url, template, tmp_path_factory.mktemp("kill"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def unhurt(studio):
    """Where everything ends when nobody is killed, and the steps it takes."""
    with studio.world() as work:
        run = studio.workers.run(work)
        assert not run.killed
        return run, finished(work)


def finished(work):
    """Let a fresh worker end what is left; return where that led, after checking everything."""
    abandon(work.database_url)
    clock = TestClock(work.now)
    config = Config.load(database_url=work.database_url, home=work.home)
    sender = FileSender(work.mails)
    with (
        FakeProcessor(work.books) as fake,
        Recoup(config, processor=fake, sender=sender, clock=clock) as recoup,
    ):
        recoup.worker().tick()
        recoup.absorb_stored()  # a worker does this every minute
        Pace(recoup, fake, clock).settle()
        found = verified(recoup)
        assert (found.violations, found.books_match) == ((), True)
        with recoup.database.connect() as connection:
            rows = tuple(sorted(map(repr, connection.execute(text(sql)))) for sql in ROWS)
            sent = "SELECT trim(message_id, '<>') FROM mails WHERE sent_at = :now"
            mails = sorted(connection.scalars(text(sent), {"now": work.now}))
        # Each mail went out, once: the same one again would have the same Message-ID.
        assert sorted(path.stem for path in work.mails.iterdir()) == mails
        books = fake.books()
    return Outcome(rows, dict(books.captured), len(books.charges))


def killed_at(studio, *points):
    """Kill one worker after another, each at its step; return how it ended and where it led."""
    with studio.world() as work:
        for point in points:
            run = studio.workers.run(work, kill_at=point)
            abandon(work.database_url)
            if not run.killed:
                return run, None
        return run, finished(work)


def assert_same(outcome, expected, where):
    """Fail with the rows that differ, not with all of them."""
    rows = zip(ROWS, outcome.rows, expected.rows, strict=True)
    for sql, found, wanted in rows:
        lacks, has = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
        assert found == wanted, "\n".join((f"killed at {where}", sql, *lacks, "but", *has))
    assert outcome == expected, f"killed at {where}"


class TestTheWorldOfTheKills:
    def test_has_every_kind_of_effect_due(self, studio, unhurt):
        run, outcome = unhurt

        asked = [step for step in run.steps if step.endswith("received")]
        assert len([step for step in asked if step.startswith("recoup:end:")]) == 2
        assert len(asked) == 5
        assert run.steps.count("before a mail") == 2
        assert len(outcome.captured) == 9
        assert len(run.steps) >= 50


@pytest.mark.parametrize("first", range(1, 5))
class TestAWorkerThatIsKilled:
    def test_at_any_step_loses_and_doubles_nothing(self, studio, unhurt, first):
        kills = 0
        for point in count(first, 4):
            run, outcome = killed_at(studio, point)
            if not run.killed:
                break
            kills += 1
            assert_same(outcome, unhurt[1], run.last)

        assert kills == len(range(first, len(unhurt[0].steps) + 1, 4))


@pytest.mark.long
class TestAWorkerThatIsKilledAgain:
    @pytest.mark.parametrize("first", range(1, 5))
    def test_while_it_recovers_loses_and_doubles_nothing(self, studio, unhurt, first):
        for point in range(first, len(unhurt[0].steps) + 1, 4):
            # Every seventh step of the recovery, another seventh after each first kill.
            for again in count(1 + point % 7, 7):
                run, outcome = killed_at(studio, point, again)
                if not run.killed:
                    break
                assert_same(outcome, unhurt[1], f"{point}, then at {run.last}")
