"""
Two worlds on one simulated clock: the fake processor, and the engine that hears of it.

Nothing here decides or writes rows. Each turn moves both to the next instant at which something
happens, gives the inbox what the processor said, and lets the workers work until all is calm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

from recoup.billing import Recoup
from recoup.jobs import clocks
from recoup.jobs.clocks import TestClock
from recoup.processors.fake import FakeProcessor
from recoup.store.database import reading
from recoup.store.queries import agenda

_EVENTS: Final = 5000
#: More turns than this at one instant are a circle, not work.
_CIRCLE: Final = 1000
_TICK: Final = timedelta(microseconds=1)
#: The clock that looks for gates whose time is up.
_EXPIRES: Final = "activation"


def news(fake: FakeProcessor, *, after: int) -> Iterator[tuple[int, list[bytes]]]:
    """Yield what the fake has said behind number `after`: the last number, and the events."""
    while events := fake.events(after=after, limit=_EVENTS):
        after = events[-1][0]
        yield after, [body for _, body in events]


class Pace:
    """
    Moves a Recoup and its fake processor through time together.

    Args:
        recoup: Its clock is `clock` and its processor `fake`.
    """

    def __init__(self, recoup: Recoup, fake: FakeProcessor, clock: TestClock) -> None:
        self._recoup = recoup
        self._fake = fake
        self._clock = clock
        self._worker = recoup.worker()
        self.heard = 0  #: the last of the fake's events that the inbox was given

    def turns(
        self,
        until: datetime,
        *,
        at_least: timedelta,
        also: Callable[[], datetime | None] = lambda: None,
    ) -> Iterator[datetime]:
        """
        Yield the instants worth stopping at, `at_least` apart, the last one at `until`.

        `also` says when something else will happen that neither world knows of.
        """
        now = self._clock.now()
        while now < until:
            coming = min(self._next(until), also() or until)
            now = min(max(coming, now + at_least), until)
            yield now

    def at(self, now: datetime) -> None:
        """Move both worlds to `now` and let everything happen that is due there."""
        self._fake.advance(now)
        self._clock.set(now)
        self.settle()

    def until(self, to: datetime, *, at_least: timedelta = timedelta(seconds=1)) -> None:
        """Live on until `to`, stopping wherever something happens."""
        for now in self.turns(to, at_least=at_least):
            self.at(now)

    def settle(self) -> None:
        """Let everything happen that is due now, and what follows from it at once."""
        now = self._clock.now()
        for _ in range(_CIRCLE):
            self.listen()
            wake, effect, expiry = self._coming()
            if wake is not None and wake <= now:
                self._recoup.sweep()
            elif effect is not None and effect <= now:
                self._worker.drain()
            elif expiry is not None and expiry <= now:
                self._worker.tick(_EXPIRES)
            else:
                return
        raise RuntimeError(f"work does not end at {now}")

    def listen(self) -> int:
        """Give the inbox what the processor has said since; return how many events."""
        heard = 0
        for number, events in news(self._fake, after=self.heard):
            self.heard = number
            heard += len(events)
            self._recoup.ingest(events)
        return heard

    def _next(self, latest: datetime) -> datetime:
        """Return the next instant at which something happens in either world."""
        instants = (self._fake.next_event_at(), *self._coming())
        return min((at for at in instants if at is not None), default=latest)

    def _coming(self) -> tuple[datetime | None, datetime | None, datetime | None]:
        """Return when there is something to decide, to do, and to find expired."""
        with reading(self._recoup.database) as connection:
            wake, effect, expiry = agenda.coming(connection)
            if expiry is None:
                return wake, effect, None
            beat = next(each for each in clocks.beats(connection) if each.name == _EXPIRES)
        # Nobody notices that a gate's time is up before the clock does that looks for it.
        return wake, effect, clocks.next_due(beat.due_at, beat.every, now=expiry - _TICK)
