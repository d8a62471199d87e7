"""What every long-running process of ours does between two pieces of work."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from recoup.jobs import claims, clocks, settle
from recoup.jobs.base import Claim, Handlers, Wish
from recoup.jobs.carriers.base import Ear
from recoup.jobs.clocks import Clock, Recurring

log: Final = logging.getLogger(__name__)

POLL: Final = timedelta(seconds=1)
CLOCKS_EVERY: Final = 1.0  #: seconds between two looks at the recurring runs
RESCUE_EVERY: Final = 5.0  #: seconds between two looks for leases that ran out
AFTER_AN_ERROR: Final = 1.0  #: seconds until a database that failed is asked again


@dataclass(slots=True)
class OurDesk:
    """The `Desk` that handlers and recurring runs are given."""

    engine: Engine
    clock: Clock
    handlers: Handlers
    settled: set[int] = field(default_factory=set)  #: ids, whether or not committed since
    lasting: bool = False  #: whether the worker runs until it is stopped

    def now(self) -> datetime:
        """Return our clock's UTC instant."""
        return self.clock.now()

    def settle(self, connection: Connection, wishes: Mapping[Claim, Wish]) -> None:
        """
        Acknowledge claims, in the transaction that holds what they changed.

        Raises:
            LostClaim: a newer claim holds one of them.
        """
        settle.settle(connection, wishes, handlers=self.handlers, now=self.now())
        self.settled.update(claim.id for claim in wishes)

    def keep(self, claims: Sequence[Claim]) -> bool:
        """Whether these may be settled later, by whoever keeps them, within their lease."""
        if self.lasting:
            self.settled.update(claim.id for claim in claims)
        return self.lasting


class Housekeeping:
    """Rescues and recurring runs, each no oftener than is of use."""

    def __init__(self, desk: OurDesk, recurring: Sequence[Recurring]) -> None:
        self._desk = desk
        self._recurring = recurring
        self._rescue_at = 0.0
        self._clocks_at = 0.0

    def when_due(self) -> None:
        """Do what has not been done for its number of seconds."""
        if time.monotonic() >= self._rescue_at:
            self.rescue()
            self._rescue_at = time.monotonic() + RESCUE_EVERY
        if time.monotonic() >= self._clocks_at:
            self.run_clocks()
            self._clocks_at = time.monotonic() + CLOCKS_EVERY

    def rescue(self) -> int:
        """Take effects from workers whose lease ran out; return how many."""
        with self._desk.engine.begin() as connection:
            rescued = claims.rescue(connection, self._desk.handlers)
        if rescued:
            log.warning("%d effects rescued: their leases ran out", rescued)
        return rescued

    def run_clocks(self, only: Sequence[str] = (), *, anyway: bool = False) -> tuple[str, ...]:
        """
        Make the recurring runs that are due, or all of them `anyway`; return their names.

        With `only`, the others are left alone.
        """
        chosen = [each for each in self._recurring if not only or each.name in only]
        return (clocks.run_now if anyway else clocks.run_due)(self._desk, chosen)


def serve(
    stop: threading.Event,
    *,
    ear: Ear,
    housekeeping: Housekeeping,
    work: Callable[[], bool],
    poll: timedelta,
) -> None:
    """
    Work until `stop` is set; a database that goes away is waited for.

    `work` returns whether there may be more at once. When there is not, `ear` waits for a ring,
    or for `poll` at most.
    """
    try:
        while not stop.is_set():
            try:
                housekeeping.when_due()
                if not work():
                    ear.wait(poll.total_seconds(), stop)
            except (DBAPIError, PoolTimeout) as error:
                log.warning("the database failed, trying again: %s", error)
                stop.wait(AFTER_AN_ERROR)
    finally:
        ear.close()
