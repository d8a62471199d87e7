"""`recoup.drift`: scanning, what was found, and repairing it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine as Database

from recoup.drift.hosts import Host
from recoup.drift.local import STEP, Local
from recoup.drift.mirror import STEPS, Mirror
from recoup.drift.repairing import Repair
from recoup.processors.base import Processor
from recoup.recompute import Engine
from recoup.store import drift as rows
from recoup.store.drift import Finding, Gauges, Scan
from recoup.store.drift.scans import Kind

#: A scan that stopped longer ago is begun anew.
STALE: Final = timedelta(days=1)
#: After so long a scan pauses when the clock runs it.
LONGEST: Final = timedelta(minutes=10)
#: The hour (UTC) from which on the clock begins its scan of the night.
HOUR: Final = 2


@dataclass(frozen=True, slots=True)
class Scanned:
    """
    What a scan has come to. Without `finished` it was stopped, and the next one goes on there.

    `folded` are customers whose ledger had to be read whole; `open` what differs now, and
    `confirmed` what of that has lasted and was seen twice.
    """

    finished: bool
    customers: int
    folded: int
    looked_at: int  #: objects of the processor
    findings: int
    open: int
    confirmed: int


@dataclass(frozen=True, slots=True)
class Repaired:
    """
    What became of the customers with confirmed findings: `off` because the rollout is, `shadow`
    worked out and not done, `waits` while a payment is under way or nobody answers.
    """

    repaired: int = 0
    task: int = 0
    waits: int = 0
    shadow: int = 0
    off: int = 0


class Drift:
    """
    Differences that stay: what is stored against what would be decided, rows against the ledger,
    the host's access against restrictions, the mirror against the processor.

    Args:
        now: Tells the UTC instant.
        host: Asks the host about access; None where nobody follows.
        live: Whether events of live mode belong here.
    """

    def __init__(
        self,
        database: Database,
        engine: Engine,
        processor: Processor,
        now: Callable[[], datetime],
        *,
        host: Host | None = None,
        live: bool | None = None,
    ) -> None:
        self._database = database
        self._engine = engine
        self._now = now
        self._host = host
        self._mirror = Mirror(database, processor, now, live)

    def scan(
        self,
        *,
        processor: bool = False,
        thorough: bool = False,
        progress: Callable[[int], object] = lambda _: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Scanned:
        """
        Walk all customers, or go on where the last walk was stopped, and keep what differs.

        Args:
            processor: Walk through what the processor shows, too.
            thorough: Fold every ledger, also those that have not changed since the last scan.
            progress: Told how many customers, and then objects, have been looked at.
            stop: Asked now and then whether to pause.

        Raises:
            Unreachable, Busy: the processor does not answer; the next scan goes on from there.
        """
        local = Local(self._database, self._engine, self._now, thorough, self._host)
        counts = local.go(self._scan("local", STEP), progress=progress, stop=stop)
        looked = 0
        if processor and not stop():
            scan = self._scan("processor", STEPS[0])
            done = self._mirror.go(scan, progress=progress, stop=stop)
            looked = done["looked_at"]
            counts["findings"] += done["findings"]
        with self._database.connect() as connection:
            unfinished = rows.unfinished(connection, "local") is not None
            if processor:
                unfinished |= rows.unfinished(connection, "processor") is not None
            open_, confirmed = rows.totals(connection)
        return Scanned(
            not unfinished, counts["customers"], counts["folded"], looked, counts["findings"],
            open_, confirmed,
        )  # fmt: skip

    def repair(self, *, stop: Callable[[], bool] = lambda: False) -> Repaired:
        """
        Repair what is confirmed, behind the rollout `drift_repair`; the rest become tasks.

        A second run right after it changes nothing.

        Args:
            stop: Asked before each customer whether to end here.
        """
        found = Repair(self._database, self._engine, self._mirror, self._now, self._host)
        return Repaired(**found.go(stop=stop))

    def findings(
        self,
        *,
        customer: int | None = None,
        class_: str | None = None,
        ended: bool = False,
        confirmed: bool = False,
        after: int = 0,
        limit: int = 50,
    ) -> tuple[Finding, ...]:
        """Return what differs, by id; with `ended` what is over too."""
        with self._database.connect() as connection:
            return rows.listing(
                connection, customer_id=customer, class_=class_, ended=ended, confirmed=confirmed,
                after=after, limit=limit,
            )  # fmt: skip

    def get(self, id: int) -> Finding:
        """
        Return one finding.

        Raises:
            NotFound: there is none of this id.
        """
        with self._database.connect() as connection:
            return rows.show(connection, id)

    def gauges(self) -> Gauges:
        """Return counts of what differs, of rollouts, and of payments that take long."""
        with self._database.connect() as connection:
            return rows.gauges(connection, now=self._now())

    def when_due(self) -> Scanned | None:
        """
        Scan once a night, and repair what is confirmed; None: it is not due.

        It pauses after some minutes, and goes on when it is called again. Repairs that the time
        is too short for are made the night after.
        """
        now = self._now()
        with self._database.connect() as connection:
            paused = rows.unfinished(connection, "local")
            last = rows.last(connection, "local")
        came = now.replace(hour=HOUR, minute=0, second=0, microsecond=0)
        came = came if came <= now else came - timedelta(days=1)
        if paused is None and last is not None and last.begun_at >= came:
            return None
        until = time.monotonic() + LONGEST.total_seconds()

        def late() -> bool:
            return time.monotonic() > until

        scanned = self.scan(stop=late)
        if scanned.finished:
            self.repair(stop=late)
        return scanned

    def _scan(self, kind: Kind, step: str) -> Scan:
        now = self._now()
        with self._database.begin() as connection:
            paused = rows.unfinished(connection, kind)
            if paused is not None and now - paused.moved_at < STALE:
                return paused
            if paused is not None:
                rows.end(connection, paused, now=now)
            return rows.begin(connection, kind, step=step, now=now)
