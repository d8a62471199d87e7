"""
A walk through all that a processor holds, page by page, that goes on where it stopped.

A walk is steps, in order. Each takes in one page and says where the next begins; how far it has
come is committed after every page, and a page that is taken in twice changes nothing. Memory is
that of one page. Whom it meets is noted, and decided on at the end or not at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol, cast

import msgspec
from sqlalchemy import Connection

from recoup.core.facts import FailureFact
from recoup.core.states import Trigger
from recoup.errors import InvalidValue, Rejected
from recoup.processors.base import Kind, Page, Processor
from recoup.store import journeys
from recoup.store.absorb import absorb
from recoup.store.journeys import Journey
from recoup.store.writer import Writer
from recoup.webhooks.absorbing import Intake

#: Told how far a walk is: the step, and how much was looked at in all.
Progress = Callable[[str, int], object]
#: Takes in one page, from a cursor; returns where the next begins, None when that was all.
Step = Callable[[str | None], str | None]


class Decide(Protocol):
    """The loop, with its policies and rules already in it."""

    def __call__(
        self,
        connection: Connection,
        customer_ids: Iterable[int],
        *,
        trigger: Trigger,
        now: datetime,
    ) -> object: ...


OVER: Final = "over"
#: The count of all that was looked at.
LOOKED: Final = "looked_at"
#: Customers whose ways to pay are asked for between two commits.
_PEOPLE_AT_ONCE: Final = 20
_AT_ONCE: Final = 100
#: Kinds of which what is older than a walk's bound is not asked for.
_DATED: Final = frozenset({"invoice", "invoice_payment", "charge", "refund", "dispute"})

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(slots=True)
class Walk:
    """
    One journey under way.

    Args:
        intake: Where what is found goes; nothing follows from it but that its customers are met.
        oldest: What was made before is not asked for, of kinds where that can be; None: all is.
        wanted: Says of an object of a kind whether it is taken in.
        stop: Whether to pause here, to go on another time.
    """

    journey: Journey
    processor: Processor
    intake: Intake
    now: Callable[[], datetime]
    oldest: datetime | None = None
    wanted: Callable[[str, Mapping[str, Any]], bool] = lambda _kind, _object: True
    progress: Progress | None = None
    stop: Callable[[], bool] = lambda: False
    counts: Counter[str] = field(default_factory=Counter)

    def go(self, steps: Mapping[str, Step]) -> bool:
        """Walk on from where it stopped; return whether it came to its end."""
        self.counts.update(self.journey.counts)
        names = [*steps, OVER]
        step, cursor = self.journey.step, self.journey.cursor
        while step != OVER:
            if self.stop():
                return False
            cursor = steps[step](cursor)
            if cursor is None:
                step = names[names.index(step) + 1]
            self._keep(step, cursor)
            if self.progress is not None:
                self.progress(step, self.counts[LOOKED])
        with self.intake.engine.begin() as connection:
            journeys.end(connection, self.journey.id, now=self.now())
        return True

    def listing(self, kind: Kind) -> Step:
        """Return the step that walks through a list, the newest first."""

        def step(cursor: str | None) -> str | None:
            try:
                page = self.processor.object_page(kind, after=cursor)
            except (InvalidValue, Rejected):
                return None  # another processor, or an older version of it, has no such list
            objects = [(line, _object(line)) for line in page.lines]
            self.take(kind, self._chosen(kind, objects))
            past = kind in _DATED and objects and all(map(self._is_past, objects))
            return None if past else page.next

        return step

    def looking(self, kind: Kind, names: Callable[[str], Sequence[str]]) -> Step:
        """Return the step that looks at things by name; `names` returns those behind a name."""

        def step(cursor: str | None) -> str | None:
            found = names(cursor or "")
            looked = (self.processor.look_up(kind, name) for name in found)
            self.take(kind, [line for line in looked if line is not None])
            return found[-1] if len(found) >= _AT_ONCE else None

        return step

    def changeable(self, kind: Kind) -> Step:
        """Return the step that looks at what we hold that may still change, however old."""

        def names(after: str) -> list[str]:
            with self.intake.engine.connect() as connection:
                return journeys.changeable(
                    connection, self.journey.processor, kind, after=after, limit=_AT_ONCE
                )

        return self.looking(kind, names)

    def methods(self, cursor: str | None) -> str | None:
        """Look at what the customers met pay with, and at what they do not have any more."""
        with self.intake.engine.connect() as connection:
            met = journeys.names_met(
                connection, self.journey.id, after=int(cursor or 0), limit=_PEOPLE_AT_ONCE
            )
            known = {id: journeys.methods_of(connection, id) for id, _ in met}
        lines: list[bytes] = []
        for id, name in met:
            shown = list(self._of("payment_method", name))
            gone = known[id] - {str(_object(line).get("id")) for line in shown}
            looked = (self.processor.look_up("payment_method", one) for one in sorted(gone))
            lines += [*shown, *(line for line in looked if line is not None)]
        self.take("payment_method", lines)
        return str(met[-1][0]) if len(met) == _PEOPLE_AT_ONCE else None

    def failures(self, _: str | None) -> None:
        """Let what was tried, is owed and never failed have failed now: nobody says when."""
        now = self.now()
        with self.intake.engine.begin() as connection:
            names = journeys.unexplained(connection, self.journey.id)
            writer = Writer(connection, now=now, actor="engine", cause=self.intake.cause)
            absorb(writer, self.journey.processor, [[FailureFact(name, now)] for name in names])
        self.counts["failures"] += len(names)

    def take(self, kind: str, lines: Sequence[bytes]) -> None:
        """Take in objects of a kind, and count them."""
        summary = self.intake.take_shown(lines)
        self.counts[LOOKED] += summary.lines
        self.counts[kind] += summary.stored

    def _of(self, kind: Kind, customer: str) -> Iterable[bytes]:
        page = Page((), "")
        while page.next is not None:
            page = self.processor.object_page(kind, after=page.next or None, of=customer)
            yield from page.lines

    def _chosen(self, kind: Kind, objects: Sequence[tuple[bytes, dict[str, Any]]]) -> list[bytes]:
        """Return those that are wanted, and that belong to something that is known."""
        told = [each for each in objects if self.wanted(kind, each[1])]
        with self.intake.engine.connect() as connection:
            if kind == "charge":
                names = {_payment_of(one) for _, one in told}
                known = journeys.known_intents(connection, self.journey.processor, names)
                return [
                    line for line, one in told if one.get("invoice") or _payment_of(one) in known
                ]
            if kind in {"refund", "dispute"}:
                names = {str(one.get("charge")) for _, one in told}
                known = journeys.known_charges(connection, self.journey.processor, names)
                return [line for line, one in told if str(one.get("charge")) in known]
        return [line for line, _ in told]

    def _is_past(self, found: tuple[bytes, Mapping[str, Any]]) -> bool:
        created = found[1].get("created")
        return (
            self.oldest is not None
            and isinstance(created, int)
            and created < self.oldest.timestamp()
        )

    def _keep(self, step: str, cursor: str | None) -> None:
        with self.intake.engine.begin() as connection:
            journeys.go_on(
                connection,
                self.journey.id,
                step=step,
                cursor=cursor,
                counts=self.counts,
                now=self.now(),
            )


def _object(line: bytes) -> dict[str, Any]:
    return cast("dict[str, Any]", _decode(line)["data"]["object"])


def _payment_of(charge: Mapping[str, Any]) -> str:
    intent = charge.get("payment_intent") or charge.get("id")
    return str(intent.get("id")) if isinstance(intent, dict) else str(intent)
