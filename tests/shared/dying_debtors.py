"""Somebody who pays their bad debt and is killed on the way; see `indebted`."""

from __future__ import annotations

from multiprocessing.connection import Connection as Pipe

from recoup.billing import Recoup
from recoup.config import Config
from recoup.jobs.clocks import TestClock
from recoup.mail.senders.file import FileSender
from recoup.processors.fake import FakeProcessor
from recoup.testing.crash_worker import Steps, Work

CUSTOMER, INVOICES = 1, (2, 3)


def pay(where: Work, last: int | None, pipe: Pipe) -> None:
    """Pay both invoices in a process of its own, and die at step `last`."""
    steps = Steps(last, pipe)
    config = Config.load(database_url=where.database_url, home=where.home)
    with (
        FakeProcessor(where.books, watch=steps.request) as fake,
        Recoup(
            config, processor=fake, sender=FileSender(where.mails), clock=TestClock(where.now)
        ) as recoup,
    ):
        steps.watch(recoup.database)
        recoup.dunning.pay_bad_debt(CUSTOMER, INVOICES)
    pipe.close()
