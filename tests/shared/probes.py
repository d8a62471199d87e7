"""Verbs for the tests of what all verbs share, a scene that knows them, and callers that die."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from recoup import commands
from recoup.billing import Recoup
from recoup.commands.base import Kind, Plan
from recoup.config import Config
from recoup.core.billing.requests import CreateCustomer
from recoup.core.money import Money
from recoup.jobs.clocks import TestClock
from recoup.processors.fake import START, FakeProcessor
from recoup.testing.crash_worker import Steps
from recoup.testing.mail import Outbox
from recoup.testing.scene import Scene


@dataclass(frozen=True)
class Noted:
    """A result with everything in it that results have."""

    object: str
    at: datetime
    owed: Money
    parts: tuple[str, ...]


def note(work, answer):
    return Noted(answer.object, work.writer.now, Money(1250, "EUR"), ("a", "b"))


MADE = Kind("probe.made", str, lambda _work, answer: answer.object)
NOTED = Kind("probe.noted", Noted, note)
COUNTED = Kind("probe.counted", int, lambda _work, _answer: 0)  # needs nobody's answer
KINDS = {**commands.KINDS, MADE.name: MADE, NOTED.name: NOTED, COUNTED.name: COUNTED}


@contextmanager
def opened(database_url, home, *, books=None, start=START, watch=lambda _step, _key: None):
    """Open a scene whose Recoup knows the verbs above."""
    home.mkdir(parents=True, exist_ok=True)
    clock, outbox = TestClock(start), Outbox()
    config = Config.load(database_url=database_url, home=home)
    with (
        FakeProcessor(books or home / "books.sqlite3", start=start, watch=watch) as fake,
        Recoup(config, processor=fake, sender=outbox, clock=clock, kinds=KINDS) as recoup,
    ):
        yield Scene(recoup, fake, clock, outbox)


def make(office, email="ada@example.com", *, key=None, customer=None, kind=MADE):
    """Ask for one more customer at the processor; `customer` is whose business it is."""
    return office.run(
        kind,
        asked={"email": email},
        prepare=lambda _recording: Plan(CreateCustomer(email=email)),
        customer=customer,
        key=key,
    )


def made(fake):
    """How many customers the processor has made."""
    return sum(b'"customer.created"' in body for _, body in fake.events())


def call(where, last, pipe):
    """Make one customer in a process of its own, under the key "k", and die at step `last`."""
    steps = Steps(last, pipe)
    with opened(
        where.database_url, where.home, books=where.books, start=where.now, watch=steps.request
    ) as scene:
        steps.watch(scene.recoup.database)
        make(scene.recoup.office, key="k")
    pipe.close()


def order(where, last, pipe):
    """Ask for one customer, "k", in a host's transaction; die at step `last`."""
    steps = Steps(last, pipe)
    with opened(
        where.database_url, where.home, books=where.books, start=where.now, watch=steps.request
    ) as scene:
        engine = create_engine(scene.recoup.database.url)
        with Session(engine) as session:
            make(scene.recoup.using(session).office, key="k")
            steps.step("recorded")
            session.commit()
            steps.step("committed")
        steps.watch(scene.recoup.database)
        scene.recoup.wait("k")
        engine.dispose()
    pipe.close()
