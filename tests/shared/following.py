"""A worker that tells a host of its customers' access, in a process of its own, and dies."""

from __future__ import annotations

from multiprocessing.connection import Connection as Pipe

from host import SECRET
from receiver import SETTINGS

from recoup.billing import Recoup
from recoup.config import Config
from recoup.jobs.clocks import TestClock
from recoup.processors.fake import FakeProcessor
from recoup.testing.crash_worker import Steps, Work


def settings(url: str) -> dict[str, object]:
    return {"access_url": url, "access_secrets": SECRET, **SETTINGS}


class Follow:
    """Tells the host at `url` of everything that is due; dies at a step."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __call__(self, where: Work, last: int | None, pipe: Pipe) -> None:
        steps = Steps(last, pipe)
        given = {"database_url": where.database_url, "home": where.home, **settings(self.url)}
        with (
            FakeProcessor(where.books) as fake,
            Recoup(Config.load(**given), processor=fake, clock=TestClock(where.now)) as recoup,
        ):
            steps.watch(recoup.database)
            worker = recoup.worker()
            worker.tick("absorb")
            worker.drain()
        pipe.close()
