"""
One transaction takes in a batch of letters: their facts, who they concern, what became of each.

A batch that fails is halved until the letter that fails stands alone; it is tried again later, by
itself, and parked in the end. The others never notice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Engine

from recoup.store import inbox
from recoup.store.absorb import absorb
from recoup.store.inbox import Outcome
from recoup.store.records import erasure
from recoup.store.writer import Writer
from recoup.webhooks.summary import Summary
from recoup.webhooks.understand import Read, Understood, people, understood

OnAbsorbed = Callable[[Connection, Collection[int]], object]

#: A letter that failed so often is parked.
MOST_FAILURES: Final = 8
_FIRST_WAIT: Final = timedelta(minutes=1)
_RELEASED_AT_ONCE: Final = 1000
_LONGEST_REASON: Final = 500


@dataclass(frozen=True, slots=True)
class Intake:
    """Where letters go: which database and processor, who reads them, what follows, and when."""

    engine: Engine
    processor: str
    read: Read
    on_absorbed: OnAbsorbed
    now: datetime
    waits: set[int] = field(default_factory=set)  #: letters that this run left waiting

    def take(self, letters: Iterable[inbox.Letter]) -> Summary:
        """Absorb `letters`: each one is applied, ignored, waiting, failed or parked."""
        return self._take([understood(letter, self.read) for letter in letters])

    def _take(self, batch: Sequence[Understood]) -> Summary:
        if not batch:
            return Summary()
        try:
            with self.engine.begin() as connection:
                passage = _Passage(self, connection)
                summary = passage.run(batch)
        except Exception as error:  # noqa: BLE001  whatever it is, it stays with its letter
            self._still_there()
            if len(batch) == 1:
                return self._failed(batch[0], error)
        else:
            before = len(self.waits)
            self.waits.difference_update(passage.released)
            self.waits.update(passage.waiting)
            return summary + Summary(waiting=len(self.waits) - before)
        middle = len(batch) // 2
        return self._take(batch[:middle]) + self._take(batch[middle:])

    def _still_there(self) -> None:
        """Raise when it is the database that fails: no letter is to blame for that."""
        with self.engine.connect() as connection:
            inbox.claimed(connection, [])

    def _failed(self, one: Understood, error: Exception) -> Summary:
        failures = one.letter.failures + 1
        reason = f"{type(error).__name__}: {error}"[:_LONGEST_REASON].replace("\0", "")
        parked = failures >= MOST_FAILURES
        outcome = Outcome(
            one.letter.id,
            "parked" if parked else "failed",
            reason,
            failures=failures,
            next_try_at=None if parked else self.now + _FIRST_WAIT * 2 ** (failures - 1),
        )
        with self.engine.begin() as connection:
            if not inbox.claimed(connection, [one.letter.id]):
                return Summary()
            inbox.mark(connection, [outcome], now=self.now)
        return Summary(parked={reason: 1}) if parked else Summary(failed=1)


class _Passage:
    """One batch in one transaction, with everything that its arrival releases."""

    def __init__(self, intake: Intake, connection: Connection) -> None:
        self._intake = intake
        self._connection = connection
        self._writer = Writer(connection, now=intake.now, actor="engine", cause="ingest")
        self._customers: set[int] = set()
        self.released: set[int] = set()
        self.waiting: set[int] = set()

    def run(self, batch: Sequence[Understood]) -> Summary:
        mine = inbox.claimed(self._connection, [one.letter.id for one in batch])
        summary, arrived = self._absorb([one for one in batch if one.letter.id in mine])
        while arrived:
            letters = inbox.release(
                self._connection,
                self._intake.processor,
                arrived,
                but=self.released,
                limit=_RELEASED_AT_ONCE,
            )
            if not letters:
                break
            self.released.update(letter.id for letter in letters)
            told, more = self._absorb([understood(each, self._intake.read) for each in letters])
            summary += told
            arrived |= more
        if self._customers:
            self._intake.on_absorbed(self._connection, frozenset(self._customers))
        return summary

    def _absorb(self, batch: Sequence[Understood]) -> tuple[Summary, frozenset[str]]:
        telling = [one for one in batch if one.facts]
        absorbed = absorb(self._writer, self._intake.processor, [one.facts for one in telling])
        self._customers |= absorbed.customers
        waiting = {telling[place].letter.id: parent for place, parent in absorbed.waiting.items()}
        self.waiting.difference_update(one.letter.id for one in batch)
        self.waiting.update(waiting)
        outcomes = [_outcome(one, waiting.get(one.letter.id)) for one in batch]
        inbox.mark(self._connection, outcomes, now=self._intake.now)
        if erasure.anybody(self._connection, self._intake.processor):
            over = [one for one in batch if one.parked is None and one.letter.id not in waiting]
            about = {one.letter.id: people(one) for one in over}
            erasure.forget_news(self._connection, self._intake.processor, about)
        return _counted(outcomes), absorbed.arrived


def _outcome(one: Understood, parent: str | None) -> Outcome:
    id, failures = one.letter.id, one.letter.failures
    if one.parked is not None:
        return Outcome(id, "parked", one.parked[:_LONGEST_REASON], failures=failures)
    if parent is not None:
        return Outcome(id, "waiting", "its parent is unknown", parent, failures=failures)
    if not one.facts:
        return Outcome(id, "ignored", one.ignored or "it says nothing", failures=failures)
    return Outcome(id, "applied", failures=failures)


def _counted(outcomes: Sequence[Outcome]) -> Summary:
    counts: dict[str, dict[str, int]] = {}
    for outcome in outcomes:
        reasons = counts.setdefault(outcome.state, {})
        reason = outcome.reason or ""
        reasons[reason] = reasons.get(reason, 0) + 1
    return Summary(
        applied=sum(counts.get("applied", {}).values()),
        ignored=counts.get("ignored", {}),
        parked=counts.get("parked", {}),
    )
