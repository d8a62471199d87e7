"""One prepared world, clones of it, and workers that die in them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from cloning import create_clone
from sqlalchemy import text
from sqlalchemy.engine import make_url

from recoup.billing import Recoup
from recoup.config import Config
from recoup.demo.pace import Pace
from recoup.jobs.clocks import TestClock
from recoup.mail.senders.file import FileSender
from recoup.processors.fake import FakeProcessor
from recoup.testing.crash import Run, Work, Workers, abandon, copied
from recoup.verification import verified


@dataclass(frozen=True)
class Outcome:
    """Where everything ended: the rows, and the money in the fake's books."""

    rows: tuple[Any, ...]
    captured: dict[str, Any]
    refunded: dict[str, Any]
    charges: int


class Studio:
    """
    The prepared world, and clones of it.

    Args:
        prepare: Makes the world at a URL, in a folder.
        rows: Queries for what must come out the same.
        clocks: Those that a worker winds when it has recovered: what dies in one is left alone
            for a minute.
    """

    def __init__(
        self,
        server_url: str,
        template: str,
        folder: Path,
        *,
        prepare: Callable[[str, Path], Work],
        rows: Sequence[str],
        clocks: Sequence[str] = (),
    ) -> None:
        self.server_url = server_url
        self.folder = folder
        self.rows = tuple(rows)
        self.clocks = tuple(clocks)
        self.workers = Workers()
        self._numbers = count()
        self._master = self._create(template)
        self.work = prepare(self._url(self._master), folder / "master")
        self._recover()
        abandon(self.work.database_url)

    def _recover(self) -> None:
        """Have today's recovery done: its many steps are not what these kills are about."""
        config = Config.load(database_url=self.work.database_url, home=self.work.home)
        clock = TestClock(self.work.now)
        with (
            FakeProcessor(self.work.books) as fake,
            Recoup(config, processor=fake, sender=FileSender(self.work.mails), clock=clock) as one,
        ):
            one.worker().wind("recover")

    @contextmanager
    def world(self) -> Iterator[Work]:
        """Lend a clone of the prepared world."""
        name = self._create(self._master)
        home = self.folder / name
        try:
            yield copied(self.work, database_url=self._url(name), home=home)
        finally:
            self._drop(name)
            shutil.rmtree(home)

    def unhurt(self) -> tuple[Run, Outcome]:
        """Return where everything ends when nobody is killed, and the steps it takes."""
        with self.world() as work:
            run = self.workers.run(work)
            assert not run.killed
            return run, self.finished(work)

    def killed_at(self, *points: int) -> tuple[Run, Outcome | None]:
        """Kill one worker after another, each at its step; return how it ended, where it led."""
        with self.world() as work:
            for point in points:
                run = self.workers.run(work, kill_at=point)
                abandon(work.database_url)
                if not run.killed:
                    return run, None
            return run, self.finished(work)

    def finished(self, work: Work) -> Outcome:
        """Let a fresh worker end what is left, and check everything; return where that led."""
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
            recoup.worker().wind(*self.clocks)
            Pace(recoup, fake, clock).settle()
            found = verified(recoup)
            assert (found.violations, found.books_match) == ((), True)
            with recoup.database.connect() as connection:
                rows = tuple(
                    tuple(sorted(map(repr, connection.execute(text(sql))))) for sql in self.rows
                )
                sent = "SELECT trim(message_id, '<>') FROM mails WHERE sent_at = :now"
                mails = sorted(connection.scalars(text(sent), {"now": work.now}))
            # Each mail went out, once: the same one again would have the same Message-ID.
            before = {path.stem for path in self.work.mails.glob("*")}
            assert sorted({path.stem for path in work.mails.iterdir()} - before) == mails
            books = fake.books()
        return Outcome(rows, dict(books.captured), dict(books.refunded), len(books.charges))

    def assert_same(self, outcome: Outcome, expected: Outcome, where: str) -> None:
        """Fail with the rows that differ, not with all of them."""
        for sql, found, wanted in zip(self.rows, outcome.rows, expected.rows, strict=True):
            lacks, has = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
            told = "\n".join((f"killed at {where}", sql, *lacks, "but", *has))
            assert found == wanted, told
        assert outcome == expected, f"killed at {where}"

    def close(self) -> None:
        self._drop(self._master)

    def _create(self, template: str) -> str:
        name = f"kill_{os.getpid()}_{id(self)}_{next(self._numbers)}"
        with psycopg.connect(self.server_url, autocommit=True) as connection:
            create_clone(connection, name, of=template)
        return name

    def _drop(self, name: str) -> None:
        with psycopg.connect(self.server_url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _url(self, name: str) -> str:
        url = make_url(self.server_url).set(drivername="postgresql", database=name)
        return url.render_as_string(hide_password=False)
