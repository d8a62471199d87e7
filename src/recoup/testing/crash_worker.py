"""
The worker that dies: the same Recoup as anywhere, told on from outside where to stop being alive.

Nothing in the product knows of it. Steps are counted where the outside world can see one: around
a commit, when the processor has received a request and when it has done it, around a mail.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

from sqlalchemy import Connection, Engine, event

from recoup.billing import Recoup
from recoup.config import Config
from recoup.demo.pace import Pace
from recoup.jobs.clocks import TestClock
from recoup.mail.senders.base import Sender
from recoup.mail.senders.file import FileSender
from recoup.processors.fake import FakeProcessor

_UNTOLD = "untold commit"


@dataclass(frozen=True, slots=True)
class Work:
    """Where a worker works: its database, the fake's world, its folder, and what time it is."""

    database_url: str
    books: Path
    home: Path
    now: datetime

    @property
    def mails(self) -> Path:
        return self.home / "mail"


class Steps:
    """Counts step boundaries, tells each by name, and at number `last` kills this process."""

    def __init__(self, last: int | None, pipe: Pipe) -> None:
        self._last = last
        self._pipe = pipe
        self._count = 0

    def step(self, name: str) -> None:
        """Pass one boundary, or die there."""
        self._count += 1
        self._pipe.send(name)
        if self._count == self._last:
            os.kill(os.getpid(), signal.SIGKILL)

    def request(self, what: str, key: str) -> None:
        """Pass one of the fake's: it watches with this."""
        self.step(f"{key} {what}")

    def watch(self, engine: Engine) -> None:
        """
        Count before and after each commit of `engine`.

        A connection goes back to the pool right after its commit and before anything else, so
        that is where "after" is.
        """

        def before(connection: Connection) -> None:
            connection.info[_UNTOLD] = True
            self.step("before a commit")

        def after(_connection: object, record: object) -> None:
            if record.info.pop(_UNTOLD, False):  # type: ignore[attr-defined]
                self.step("after a commit")

        event.listen(engine, "commit", before)
        event.listen(engine, "checkin", after)


class Watched:
    """A sender that counts a step before and one after each mail."""

    def __init__(self, sender: Sender, steps: Steps) -> None:
        self._sender = sender
        self._steps = steps

    def send(self, message: EmailMessage) -> None:
        self._steps.step("before a mail")
        self._sender.send(message)
        self._steps.step("after a mail")


def work(where: Work, last: int | None, pipe: Pipe) -> None:
    """Do everything that is due, and what follows from it; die at step `last`."""
    steps = Steps(last, pipe)
    clock = TestClock(where.now)
    config = Config.load(database_url=where.database_url, home=where.home)
    with (
        FakeProcessor(where.books, watch=steps.request) as fake,
        Recoup(
            config, processor=fake, sender=Watched(FileSender(where.mails), steps), clock=clock
        ) as recoup,
    ):
        steps.watch(recoup.database)
        recoup.worker().tick()
        Pace(recoup, fake, clock).settle()
    pipe.close()
