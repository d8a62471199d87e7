"""A worker that posts, in a process of its own, and dies at a step."""

from __future__ import annotations

from multiprocessing.connection import Connection as Pipe

from receiver import SETTINGS

from recoup.billing import Recoup
from recoup.config import Config
from recoup.jobs.clocks import TestClock
from recoup.processors.fake import FakeProcessor
from recoup.testing.crash_worker import Steps, Work


def post(where: Work, last: int | None, pipe: Pipe) -> None:
    """Do everything that is due; die at step `last`."""
    steps = Steps(last, pipe)
    config = Config.load(database_url=where.database_url, home=where.home, **SETTINGS)
    with (
        FakeProcessor(where.books) as fake,
        Recoup(config, processor=fake, clock=TestClock(where.now)) as recoup,
    ):
        steps.watch(recoup.database)
        worker = recoup.worker()
        worker.tick("absorb")
        worker.drain()
    pipe.close()
