"""
What goes on in a database with a simulated clock once nobody plays any more.

There the fake processor has nobody but us to move its clock and to bring its news; without that
it would charge in the past and never be heard.
"""

from __future__ import annotations

from typing import Final

from recoup.billing import Recoup
from recoup.demo.pace import news
from recoup.processors.fake import FakeProcessor
from recoup.store.records import settings
from recoup.wiring import SIMULATED_NOW

#: The setting that says which of the fake's events was heard last.
HEARD: Final = "fake_heard"


def simulated(recoup: Recoup) -> bool:
    """Whether the database has a clock of its own, which only moves when it is told to."""
    with recoup.database.connect() as connection:
        return SIMULATED_NOW in settings.read(connection)


def catch_up(recoup: Recoup) -> int:
    """Move the fake to our clock and take in what it has said since; return how many events."""
    fake = recoup.processor
    if not isinstance(fake, FakeProcessor) or not simulated(recoup):
        return 0
    return deliver(recoup, fake)


def deliver(recoup: Recoup, fake: FakeProcessor) -> int:
    """Do the same whatever clock the database lives by."""
    fake.advance(recoup.clock.now())
    with recoup.database.connect() as connection:
        last = int(settings.read(connection).get(HEARD, "0"))
    heard = 0
    for number, events in news(fake, after=last):
        heard += len(events)
        recoup.ingest(events)
        with recoup.database.begin() as connection:
            settings.write(connection, {HEARD: str(number)})
    return heard
