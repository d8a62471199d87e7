"""Ringing a carrier that is not the database's own."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import Engine

from recoup.jobs.base import QUEUES, Handlers
from recoup.jobs.carriers.base import Carrier, Ear
from recoup.jobs.carriers.postgres import PostgresCarrier
from recoup.jobs.clocks import Clock, Recurring
from recoup.jobs.listing import queues_due
from recoup.jobs.loop import POLL, Housekeeping, OurDesk, serve

#: Seconds between two rings. What comes meanwhile is answered by one.
BREATH: Final = 0.02


class Relay:
    """
    Rings `carrier` for queues that hold something due; runs no effect itself.

    One process of it is enough for a fleet of Celery workers, and more do no harm. It turns due
    dates into rings when they come, so none is ever given to a broker, and it does what a
    `Worker` does besides: rescues, and recurring runs.
    """

    def __init__(
        self,
        engine: Engine,
        handlers: Handlers,
        clock: Clock,
        carrier: Carrier,
        queues: Sequence[str] = QUEUES,
        *,
        recurring: Sequence[Recurring] = (),
        ear: Ear | None = None,
        poll: timedelta = POLL,
    ) -> None:
        self._desk = OurDesk(engine, clock, handlers)
        self._carrier = carrier
        self._queues = tuple(queues)
        self._housekeeping = Housekeeping(self._desk, recurring)
        self._ear = ear or PostgresCarrier(engine)
        self._poll = poll

    def ring(self) -> tuple[str, ...]:
        """Ring for the queues that hold something due now; return them."""
        with self._desk.engine.begin() as connection:
            due = queues_due(connection, self._queues, now=self._desk.now())
        self._carrier.ring(due)
        return due

    def run(self, stop: threading.Event) -> None:
        """Ring until `stop` is set."""

        def work() -> bool:
            if self.ring():
                stop.wait(BREATH)
            return False

        serve(
            stop,
            ear=self._ear,
            housekeeping=self._housekeeping,
            work=work,
            poll=self._poll,
        )
