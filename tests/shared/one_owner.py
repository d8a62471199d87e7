"""What a process of its own does in the tests of customers: make the same owner's customer."""

from __future__ import annotations

from multiprocessing.connection import Connection as Pipe

from recoup.billing import Recoup
from recoup.config import Config
from recoup.jobs.clocks import TestClock
from recoup.mail.senders.file import FileSender
from recoup.processors.fake import FakeProcessor
from recoup.testing.crash_worker import Steps, Work


def make(where: Work, last: int | None, pipe: Pipe) -> None:
    """Get or create the customer of user 1; die at step `last`. Print nothing, return nothing."""
    steps = Steps(last, pipe)
    config = Config.load(database_url=where.database_url, home=where.home)
    with (
        FakeProcessor(where.books, watch=steps.request) as fake,
        Recoup(
            config, processor=fake, sender=FileSender(where.mails), clock=TestClock(where.now)
        ) as recoup,
    ):
        steps.watch(recoup.database)
        recoup.customers.get_or_create("user", "1", email="ada@example.com")
    pipe.close()
