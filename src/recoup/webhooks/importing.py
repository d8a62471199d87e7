"""
Taking over an account that exists: its customers, what they pay with, and what they owe.

Nothing is decided on the way. Whom an import makes known is held: recompute passes over them,
whoever asks for it, the clock, the nightly full sweep, news or a command, until `go` lets
everybody go. In between stands a rehearsal: what would be decided, without a row of it written.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine

from recoup.core.states import Trigger
from recoup.errors import NotPossible
from recoup.processors.base import Kind, Processor
from recoup.store import journeys
from recoup.store.journeys import Journey
from recoup.webhooks.absorbing import Intake
from recoup.webhooks.journeying import LOOKED, Decide, Progress, Step, Walk
from recoup.webhooks.owning import Owned, OwnersFrom, Owning
from recoup.webhooks.recovering import STALE, decided

_FIRST: Final = "coupon"
_LISTS: Final[tuple[Kind, ...]] = ("coupon", "promotion_code", "customer")
_BILLS: Final[tuple[Kind, ...]] = ("subscription", "invoice")
_PAYMENTS: Final[tuple[Kind, ...]] = ("invoice_payment", "charge", "refund", "dispute")
#: Invoices that nobody expects anything of any more, by the processor's words.
_CLOSED: Final = frozenset({"paid", "void"})


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import has come to so far: of each kind how many were new, of all looked at."""

    finished: bool
    looked_at: int = 0
    objects: Mapping[str, int] = field(default_factory=dict)
    owners: Owned | None = None  #: None: nobody said where owners stand


@dataclass(frozen=True, slots=True)
class Importing:
    """
    Imports what one processor holds.

    Args:
        now: Tells the UTC instant.
        decide: The loop, for when everybody is let go.
        live: Whether objects of live mode belong here, and not those of test mode.
    """

    engine: Engine
    processor: Processor
    now: Callable[[], datetime]
    decide: Decide
    live: bool

    def run(
        self,
        *,
        since: datetime | None = None,
        owners: OwnersFrom | None = None,
        progress: Progress | None = None,
    ) -> Imported:
        """
        Take in everybody, and their open invoices; with `since` (UTC) also those closed since.

        With `owners` every customer whose metadata names its owner is linked to it, whom earlier
        imports brought too. Who can not be is told, and stays as it is.

        Nothing is decided. Killed, the next run goes on where it stopped; run again, it brings
        what has changed, and whom it makes known is held too.

        Raises:
            Unreachable, Busy: the processor does not answer; the next run goes on from there.
        """
        journey = self._journey(since)
        walk = self._walk(journey, progress)
        finished = walk.go(self._steps(walk))
        owned = None
        if owners is not None:
            cause = f"import:{journey.id}"
            owned = Owning(self.engine, self.processor.name, self.now, cause).run(owners)
        return replace(imported(walk.counts, finished=finished), owners=owned)

    def waiting(self) -> Journey | None:
        """Return the import that came to its end and was not let go."""
        with self.engine.connect() as connection:
            found = journeys.last(connection, "import", self.processor.name)
        return None if found is None or found.let_go_at is not None else found

    def everybody(self) -> list[int]:
        """Return whom the import that waits has met."""
        found = self.waiting()
        if found is None:
            return []
        with self.engine.connect() as connection:
            return journeys.customers_met(connection, found.id, limit=2**31)

    def go(self, *, progress: Progress | None = None) -> int:
        """
        Hold nobody any more, and decide on everybody; return how many. Killed, run it again.

        Raises:
            NotPossible: an import is under way, or there was none.
        """
        name, now = self.processor.name, self.now()
        with self.engine.begin() as connection:
            if journeys.unfinished(connection, "import", name) is not None:
                raise NotPossible("the import has not come to its end: run it again first")
            found = journeys.last(connection, "import", name)
            if found is None:
                raise NotPossible("nothing was imported")
            journeys.let_go(connection, found.id, now=now)
        walk = self._walk(found, None)
        more: str | None = "more"
        while more is not None:
            more = decided(walk, self.decide, Trigger.IMPORT)
            if progress is not None:
                progress("decide", walk.counts["customers"])
        return walk.counts["customers"]

    def _journey(self, since: datetime | None) -> Journey:
        now, name = self.now(), self.processor.name
        with self.engine.begin() as connection:
            found = journeys.unfinished(connection, "import", name)
            if found is not None and found.since == since and now - found.moved_at < STALE:
                return found
            before = found or journeys.last(connection, "import", name)
            made = journeys.begin(connection, "import", name, since=since, step=_FIRST, now=now)
            if before is not None:  # whom an earlier one holds goes with the new one
                journeys.take_over(connection, before.id, made.id)
            return made

    def _walk(self, journey: Journey, progress: Progress | None) -> Walk:
        def meet(connection: Connection, ids: Collection[int], _: Trigger) -> None:
            journeys.meet(connection, journey.id, ids, held=False)

        intake = Intake(
            self.engine,
            self.processor.name,
            self.processor.read,
            meet,
            self.now(),
            live=self.live,
            cause=f"import:{journey.id}",
        )
        walk = Walk(journey, self.processor, intake, self.now, progress=progress)
        walk.wanted = self._wanted(journey.since)
        return walk

    def _wanted(self, since: datetime | None) -> Callable[[str, Mapping[str, Any]], bool]:
        def wanted(kind: str, told: Mapping[str, Any]) -> bool:
            if kind != "invoice" or told.get("status") not in _CLOSED:
                return True
            return since is not None and told.get("created", 0) >= since.timestamp()

        return wanted

    def _steps(self, walk: Walk) -> dict[str, Step]:
        return {
            **{kind: walk.listing(kind) for kind in _LISTS},
            "methods": walk.methods,
            **{kind: walk.listing(kind) for kind in _BILLS},
            **{kind: self._since(walk, walk.listing(kind)) for kind in _PAYMENTS},
            "failures": walk.failures,
        }

    def _since(self, walk: Walk, step: Step) -> Step:
        """Return the step, no further back than the oldest invoice that was taken in."""

        def bounded(cursor: str | None) -> str | None:
            with self.engine.connect() as connection:
                oldest = journeys.oldest_invoice(connection, walk.journey.id)
            if oldest is None:
                return None
            walk.oldest = oldest
            return step(cursor)

        return bounded


def imported(counts: Mapping[str, int], *, finished: bool) -> Imported:
    """Return a journey's counts in words."""
    others = {LOOKED, "customers", "failures"}
    objects = {name: count for name, count in counts.items() if name not in others and count}
    return Imported(finished, counts.get(LOOKED, 0), objects)
