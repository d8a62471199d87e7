"""
Closing a gap, however long: what was told and did not arrive, and what nobody tells any more.

First the events that the processor still lists, by the same way as those that arrive; then its
objects, as they are now. Everybody concerned is decided on at the end, once. It can be run at any
time and any number of times, and goes on where a run before it was killed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Engine

from recoup.core.states import Trigger
from recoup.processors.base import Kind, Processor
from recoup.store import journeys
from recoup.store.journeys import Journey
from recoup.webhooks.absorbing import Intake
from recoup.webhooks.journeying import LOOKED, Decide, Progress, Step, Walk
from recoup.webhooks.receive import ingest
from recoup.webhooks.understand import look

#: A run that stopped longer ago is not gone on with: the lists it was in are others by now.
STALE: Final = timedelta(days=1)
#: How much earlier than the run before it a nightly one begins.
OVERLAP: Final = timedelta(hours=1)
#: After so long it pauses when the clock runs it.
LONGEST: Final = timedelta(minutes=10)
#: Clocks differ by less.
_SKEW: Final = timedelta(minutes=5)
_DECIDED_AT_ONCE: Final = 1000
_FIRST: Final = "events"
_LISTS: Final[tuple[Kind, ...]] = ("coupon", "promotion_code", "customer", "subscription")
_PAYMENTS: Final[tuple[Kind, ...]] = ("invoice_payment", "charge", "refund", "dispute")
_OLD: Final[tuple[Kind, ...]] = ("payment_intent", "charge", "refund", "dispute")


@dataclass(frozen=True, slots=True)
class Recovered:
    """
    What a recovery has come to so far.

    `events` were told and had not arrived; `objects` says of each kind how many were otherwise
    than we knew, of all that were `looked_at`; `customers` were decided on again. Without
    `finished` it paused, and the next one goes on.
    """

    finished: bool
    events: int = 0
    looked_at: int = 0
    objects: Mapping[str, int] = field(default_factory=dict)
    customers: int = 0

    @property
    def missed(self) -> int:
        """How much nobody had told us."""
        return self.events + sum(self.objects.values())


@dataclass(frozen=True, slots=True)
class Recovery:
    """
    Recovers one processor's events and objects.

    Args:
        now: Tells the UTC instant.
        decide: The loop.
        live: Whether events of live mode belong here, and not those of test mode.
    """

    engine: Engine
    processor: Processor
    now: Callable[[], datetime]
    decide: Decide
    live: bool

    def run(
        self,
        since: datetime,
        *,
        progress: Progress | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Recovered:
        """
        Take in all that happened at or after `since` (UTC) and did not arrive.

        Args:
            progress: Told the step it is at, and how many objects were looked at by now.
            stop: Asked before every page whether to pause; the next run goes on from there.

        Raises:
            Unreachable, Busy: the processor does not answer; the next run goes on from there.
        """
        journey = self._journey(since)
        walk = Walk(
            journey,
            self.processor,
            self._intake(journey),
            self.now,
            oldest=journey.since,
            progress=progress,
            stop=stop,
        )
        return recovered(walk.counts, finished=walk.go(self._steps(walk)))

    def when_due(self, hour: int) -> Recovered | None:
        """
        Take in all that happened since the last recovery, once a day from `hour` (UTC) on.

        It pauses after some minutes, and goes on when it is called again. None: it is not due.
        """
        with self.engine.connect() as connection:
            paused = journeys.unfinished(connection, "recover", self.processor.name)
            last = journeys.last(connection, "recover", self.processor.name)
        until = time.monotonic() + LONGEST.total_seconds()

        def stop() -> bool:
            return time.monotonic() > until

        if paused is not None and paused.since is not None:
            return self.run(paused.since, stop=stop)
        now = self.now()
        came = now.replace(hour=hour, minute=0, second=0, microsecond=0)
        came = came if came <= now else came - timedelta(days=1)
        if last is not None and last.begun_at >= came:
            return None
        begin = now - self.processor.events_kept if last is None else last.begun_at
        return self.run(begin - OVERLAP, stop=stop)

    def _journey(self, since: datetime) -> Journey:
        now, name = self.now(), self.processor.name
        with self.engine.begin() as connection:
            found = journeys.unfinished(connection, "recover", name)
            fresh = found is not None and now - found.moved_at < STALE
            if found is not None and fresh and found.since and found.since <= since:
                return found
            if found is not None and found.since is not None:
                since = min(since, found.since)
            return journeys.begin(connection, "recover", name, since=since, step=_FIRST, now=now)

    def _intake(self, journey: Journey) -> Intake:
        def meet(connection: Connection, ids: Collection[int], _: Trigger) -> None:
            journeys.meet(connection, journey.id, ids, held=False)

        return Intake(
            self.engine,
            self.processor.name,
            self.processor.read,
            meet,
            self.now(),
            live=self.live,
            cause=f"recover:{journey.id}",
        )

    def _steps(self, walk: Walk) -> dict[str, Step]:
        lists: dict[str, Step] = {kind: walk.listing(kind) for kind in _LISTS}
        return {
            _FIRST: self._events(walk),
            **lists,
            "gone": walk.looking("customer", self._unseen(walk.journey)),
            "invoice": walk.listing("invoice"),
            "open invoice": walk.changeable("invoice"),
            **{kind: walk.listing(kind) for kind in _PAYMENTS},
            **{f"open {kind}": walk.changeable(kind) for kind in _OLD},
            "debtors": self._debtors(walk),
            "methods": walk.methods,
            "failures": walk.failures,
            "decide": self._decide(walk),
        }

    def _events(self, walk: Walk) -> Step:
        def step(cursor: str | None) -> str | None:
            since = walk.journey.since
            page = self.processor.event_page(since or self.now(), after=cursor)
            # What says nothing to us is not kept either: it did not come because nobody asked.
            told = [line for line in page.lines if _says_something(line, walk.intake)]
            summary = ingest(
                self.engine,
                self.processor.name,
                told,
                read=walk.intake.read,
                now=self.now(),
                on_absorbed=walk.intake.on_absorbed,
                live=walk.intake.live,
                cause=walk.intake.cause,
            )
            walk.counts["events"] += summary.stored
            return page.next

        return step

    def _unseen(self, journey: Journey) -> Callable[[str], list[str]]:
        """Return what names the customers that the list of them has not shown."""

        def names(after: str) -> list[str]:
            with self.engine.connect() as connection:
                return journeys.unseen(
                    connection, journey.processor, before=journey.begun_at - _SKEW, after=after
                )

        return names

    def _debtors(self, walk: Walk) -> Step:
        def step(_: str | None) -> None:
            with self.engine.begin() as connection:
                journeys.debtors(connection, walk.journey.id)

        return step

    def _decide(self, walk: Walk) -> Step:
        def step(_: str | None) -> str | None:
            return decided(walk, self.decide, Trigger.RECOVER)

        return step


def decided(walk: Walk, decide: Decide, trigger: Trigger) -> str | None:
    """Decide on some of those whom a walk has met; None when that was all."""
    now, journey = walk.now(), walk.journey.id
    with walk.intake.engine.begin() as connection:
        ids = journeys.customers_met(connection, journey, limit=_DECIDED_AT_ONCE)
        decide(connection, ids, trigger=trigger, now=now)
        journeys.part(connection, journey, ids)
    walk.counts["customers"] += len(ids)
    return "more" if len(ids) == _DECIDED_AT_ONCE else None


def recovered(counts: Mapping[str, int], *, finished: bool) -> Recovered:
    """Return a journey's counts in words."""
    others = {"events", LOOKED, "customers", "failures"}
    objects = {name: count for name, count in counts.items() if name not in others and count}
    return Recovered(
        finished,
        counts.get("events", 0),
        counts.get(LOOKED, 0),
        objects,
        counts.get("customers", 0),
    )


def _says_something(line: bytes, intake: Intake) -> bool:
    one = look(line, intake.read, live=intake.live)
    return bool(one.facts) or one.parked is not None
