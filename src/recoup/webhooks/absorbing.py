"""
One transaction takes in a batch of letters: their facts, who they concern, what became of each.

A batch that fails is halved until the letter that fails stands alone; it is tried again later, by
itself, and parked in the end. The others never notice.

What was looked at comes after what was told: events are history, and the look is the newest news.
A look that tells nothing new leaves no row.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Engine

from recoup.core.states import Trigger
from recoup.store import inbox, journeys
from recoup.store.absorb import Absorbed, absorb, by_trigger
from recoup.store.inbox import Outcome
from recoup.store.records import erasure
from recoup.store.writer import Writer
from recoup.telemetry import span
from recoup.webhooks.summary import Summary
from recoup.webhooks.understand import Read, Understood, look, people, understood

#: Told of whom there were news, and of which kind those were.
OnAbsorbed = Callable[[Connection, Collection[int], Trigger], object]

#: A letter that failed so often is parked.
MOST_FAILURES: Final = 8
_FIRST_WAIT: Final = timedelta(minutes=1)
#: What is put off is tried again within some minutes.
_APART: Final = timedelta(seconds=1)
_SPREAD: Final = 180
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
    live: bool | None = None  #: which mode's events belong here; None: both
    cause: str = "ingest"  #: for the ledger

    def take(self, letters: Iterable[inbox.Letter]) -> Summary:
        """Absorb `letters`: each one is applied, ignored, waiting, failed or parked."""
        return self._take([understood(letter, self.read, live=self.live) for letter in letters])

    def take_looked(self, batch: Iterable[Understood]) -> Summary:
        """
        Absorb letters with what was looked at for them.

        What could not be looked at is tried again, and that counts for nothing. What is not
        believed is tried again too, and parked in the end.
        """
        sound, summary, later = [], Summary(), []
        for one in batch:
            if one.later is not None:
                later.append(one)
            elif one.doubt is not None:
                summary += self._failed(one, one.doubt)
            else:
                sound.append(one)
        return summary + self._put_off(later) + self._take(sound)

    def take_shown(self, lines: Iterable[bytes]) -> Summary:
        """
        Absorb objects as they are now.

        Of the counts `lines` are those looked at, `stored` those that told something new.
        """
        shown = [look(line, self.read, live=self.live) for line in lines]
        return Summary(lines=len(shown)) + self._take(shown)

    def _take(self, batch: Sequence[Understood]) -> Summary:
        if not batch:
            return Summary()
        try:
            with span("absorb", letters=len(batch)), self.engine.begin() as connection:
                passage = _Passage(self, connection)
                summary = passage.run(batch)
        except Exception as error:  # noqa: BLE001  whatever it is, it stays with its letter
            self._still_there()
            if len(batch) == 1:
                return self._failed(batch[0], f"{type(error).__name__}: {error}")
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

    def _put_off(self, batch: Sequence[Understood]) -> Summary:
        """Have letters tried again that nobody is to blame for, not all of them at once."""
        if not batch:
            return Summary()
        outcomes = [
            Outcome(
                one.letter.id,
                "failed",
                (one.later or "")[:_LONGEST_REASON].replace("\0", ""),
                failures=one.letter.failures,
                next_try_at=self.now + _FIRST_WAIT + _APART * (one.letter.id % _SPREAD),
            )
            for one in batch
        ]
        with self.engine.begin() as connection:
            mine = inbox.claimed(connection, [one.id for one in outcomes])
            inbox.mark(connection, [one for one in outcomes if one.id in mine], now=self.now)
        return Summary(failed=len(mine))

    def _failed(self, one: Understood, why: str) -> Summary:
        if not one.letter.id:
            with self.engine.begin() as connection:
                stored = inbox.store(
                    connection, self.processor, [one.letter.raw], now=self.now
                ).letters
            return sum((self._failed(replace(one, letter=it), why) for it in stored), Summary())
        failures = one.letter.failures + 1
        reason = why[:_LONGEST_REASON].replace("\0", "")
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
        self._writer = Writer(connection, now=intake.now, actor="engine", cause=intake.cause)
        self._customers: set[int] = set()
        self._hints: dict[int, Trigger] = {}
        self._newcomers: set[int] = set()
        self.released: set[int] = set()
        self.waiting: set[int] = set()

    def run(self, batch: Sequence[Understood]) -> Summary:
        looks = [one for one in batch if not one.letter.id]
        ids = inbox.claimed(self._connection, [one.letter.id for one in batch if one.letter.id])
        mine = [one for one in batch if one.letter.id in ids]
        summary, arrived = self._absorb(mine)
        told, more = self._look([*looks, *(each for one in mine for each in one.looks)])
        arrived |= more
        if looks:
            summary += told
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
            released = [
                understood(each, self._intake.read, live=self._intake.live) for each in letters
            ]
            told, more = self._absorb(released)
            summary += told
            arrived |= more
        self._hold()
        for trigger, ids in by_trigger(self._customers, self._hints, Trigger.EVENT):
            self._intake.on_absorbed(self._connection, ids, trigger)
        return summary

    def _absorb(self, batch: Sequence[Understood]) -> tuple[Summary, frozenset[str]]:
        batch, waiting, absorbed = self._apply(batch)
        return self._conclude(batch, waiting), absorbed.arrived

    def _look(self, looks: Iterable[Understood]) -> tuple[Summary, frozenset[str]]:
        """Absorb what was looked at; keep what told something, waits, or needs a person."""
        several = list({one.key: one for one in looks}.values())
        if not several:
            return Summary(), frozenset()
        several, waiting, absorbed = self._apply(several)
        kept = {
            one.key: one
            for one in several
            if one.parked is not None or one.key in waiting or one.key in absorbed.news
        }
        lines = [one.letter.raw for one in kept.values()]
        processor, now = self._intake.processor, self._intake.now
        letters = inbox.store(self._connection, processor, lines, now=now).letters if lines else ()
        known = [
            replace(kept[letter.key], letter=letter) for letter in letters if letter.key in kept
        ]
        return self._conclude(known, waiting) + Summary(stored=len(known)), absorbed.arrived

    def _apply(
        self, batch: Sequence[Understood]
    ) -> tuple[list[Understood], dict[str, str], Absorbed]:
        """Write the facts; return the batch, what waits of it by key, and all that was done."""
        telling = [place for place, one in enumerate(batch) if one.facts]
        absorbed = absorb(
            self._writer, self._intake.processor, [batch[place].facts for place in telling]
        )
        self._customers |= absorbed.customers
        self._hints |= absorbed.hints
        self._newcomers |= absorbed.newcomers
        found = list(batch)
        for place, reason in absorbed.refused.items():
            found[telling[place]] = replace(found[telling[place]], parked=reason)
        waiting = {batch[telling[place]].key: what for place, what in absorbed.waiting.items()}
        return found, waiting, absorbed

    def _hold(self) -> None:
        """While an import is under way nothing is decided about whom nobody had heard of."""
        if not self._newcomers:
            return
        importing = journeys.holding(self._connection, self._intake.processor)
        if importing is not None:
            journeys.meet(self._connection, importing, self._newcomers, held=True)

    def _conclude(self, batch: Sequence[Understood], parents: Mapping[str, str]) -> Summary:
        """Write what became of letters."""
        waiting = {one.letter.id: parents[one.key] for one in batch if one.key in parents}
        self.waiting.difference_update(one.letter.id for one in batch)
        self.waiting.update(waiting)
        outcomes = [_outcome(one, waiting.get(one.letter.id)) for one in batch]
        inbox.mark(self._connection, outcomes, now=self._intake.now)
        if erasure.anybody(self._connection, self._intake.processor):
            over = [one for one in batch if one.parked is None and one.letter.id not in waiting]
            about = {one.letter.id: people(one) for one in over}
            erasure.forget_news(self._connection, self._intake.processor, about)
        return _counted(outcomes)


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
