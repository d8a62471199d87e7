"""A worker that posts mails to a real server, and dies when somebody else says so."""

from __future__ import annotations

import os
from multiprocessing.connection import Connection as Pipe

from recoup.billing import Recoup
from recoup.config import Config
from recoup.demo.pace import Pace
from recoup.jobs.clocks import TestClock
from recoup.processors.fake import FakeProcessor
from recoup.testing.crash_worker import Steps, Work

#: Files in the worker's folder: where to post, and who does it.
WHERE, WHO = "smtp", "pid"


def post(where: Work, last: int | None, pipe: Pipe) -> None:
    """Post everything that is due; die at step `last`, or whenever a server sends the signal."""
    steps = Steps(last, pipe)
    (where.home / WHO).write_text(str(os.getpid()))
    url = (where.home / WHERE).read_text()
    config = Config.load(database_url=where.database_url, home=where.home, smtp_url=url)
    with (
        FakeProcessor(where.books) as fake,
        Recoup(config, processor=fake, clock=TestClock(where.now)) as recoup,
    ):
        steps.watch(recoup.database)
        recoup.worker().tick()
        Pace(recoup, fake, TestClock(where.now)).settle()
    pipe.close()
