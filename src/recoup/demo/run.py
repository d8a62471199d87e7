"""
The run: a simulated clock, the fake's events through the inbox, and the engine's own jobs.

Nothing here decides or writes rows. Each turn moves both worlds to the next instant at which
something happens, tells the engine what the processor told, and lets the workers work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from recoup.billing import Recoup
from recoup.demo import cast
from recoup.demo.cast import Part
from recoup.jobs.clocks import TestClock
from recoup.processors.fake import FakeProcessor
from recoup.store.queries import agenda

#: Turns are no closer than this, as a cron job's would be.
TURN: Final = timedelta(hours=2)
_EVENTS: Final = 5000


@dataclass(frozen=True, slots=True)
class Turn:
    """Where the run stands."""

    now: datetime
    signed_up: int
    open_cases: int
    recovered: int
    lost: int


class Run:
    """
    A period of a pretended business.

    Args:
        recoup: On an empty database, with `fake` as its processor and `clock` as its clock.
        days: How long the period is.
    """

    def __init__(
        self,
        recoup: Recoup,
        fake: FakeProcessor,
        clock: TestClock,
        *,
        customers: int,
        days: int,
        seed: int,
    ) -> None:
        self._recoup = recoup
        self._fake = fake
        self._clock = clock
        self._start = clock.now()
        self._end = self._start + timedelta(days=days)
        self._waiting = list(reversed(cast.cast(customers, seed=seed, start=self._start)))
        self._customers = customers
        self._prices = cast.prices(fake)
        self._worker = recoup.worker()
        self._heard = 0

    def play(self, show: Callable[[Turn], None] = lambda _turn: None) -> None:
        """Run to the end of the period; `show` is told of every turn."""
        for now in self._turns():
            while self._waiting and self._waiting[-1].at <= now:
                part = self._waiting.pop()
                self._fake.advance(part.at)
                cast.enter(self._fake, part, self._prices)
            self._fake.advance(now)
            self._clock.set(now)
            self._work(now)
            show(self._turn(now))

    def _turns(self) -> Iterator[datetime]:
        now = self._start
        while now < self._end:
            now = min(max(self._next(), now + TURN), self._end)
            yield now

    def _next(self) -> datetime:
        """Return the next instant at which something happens in either world."""
        with self._recoup.database.connect() as connection:
            instants = [
                self._fake.next_event_at(),
                agenda.next_wake(connection),
                agenda.next_effect(connection),
                self._waiting[-1].at if self._waiting else None,
            ]
        return min((at for at in instants if at is not None), default=self._end)

    def _work(self, now: datetime) -> None:
        """Let everything happen that is due now, and what follows from it at once."""
        while True:
            heard = self._listen()
            self._recoup.sweep()
            ran = self._worker.drain()
            if not heard and not ran and not self._due(now):
                return

    def _listen(self) -> int:
        """Give the inbox what the processor has said since; return how many events."""
        heard = 0
        while events := self._fake.events(after=self._heard, limit=_EVENTS):
            self._heard = events[-1][0]
            heard += len(events)
            self._recoup.ingest(body for _, body in events)
        return heard

    def _due(self, now: datetime) -> bool:
        with self._recoup.database.connect() as connection:
            wake = agenda.next_wake(connection)
        return wake is not None and wake <= now

    def _turn(self, now: datetime) -> Turn:
        with self._recoup.database.connect() as connection:
            open_cases, recovered, lost = agenda.cases_by_end(connection)
        return Turn(now, self._customers - len(self._waiting), open_cases, recovered, lost)
