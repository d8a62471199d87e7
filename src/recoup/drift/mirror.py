"""
The scan of the processor: what it shows now, against what is mirrored.

Its lists are walked page by page, and then everything of ours that may still change is looked at
by name. Each object is absorbed as if it had arrived, in a transaction that is rolled back: what
that would have changed is what differs. So there is one reader and one rule of what is newer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection
from sqlalchemy import Engine as Database

from recoup.errors import InvalidValue, RecoupError, Rejected
from recoup.processors.base import Kind, Page, Processor
from recoup.store import drift as rows
from recoup.store import journeys
from recoup.store.absorb import absorb
from recoup.store.drift import Class, Found, Scan
from recoup.store.ledgered import LEDGERED
from recoup.store.writer import Writer
from recoup.webhooks.understand import Understood, look

LISTS: Final[tuple[Kind, ...]] = (
    "customer", "subscription", "invoice", "charge", "refund", "dispute",
)  # fmt: skip
#: What may still change, however old: looked at by name after the lists.
OPEN: Final[tuple[Kind, ...]] = ("invoice", "payment_intent", "charge", "refund", "dispute")
STEPS: Final = (*LISTS, *(f"open {kind}" for kind in OPEN), "methods")
_AT_ONCE: Final = 100
#: What comes to be at the processor without an event that tells of it.
_UNTOLD: Final = frozenset({("customer", "currency")})
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True)
class Mirror:
    """A scan of one processor. It decides nothing and changes nothing but findings."""

    database: Database
    processor: Processor
    now: Callable[[], datetime]
    live: bool | None = None

    def go(
        self,
        scan: Scan,
        *,
        progress: Callable[[int], object] = lambda _: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Counter[str]:
        """Scan on from where it stopped; what was found is kept, page by page."""
        counts = Counter(scan.counts)
        step, cursor = scan.step, scan.cursor
        while not stop():
            lines, cursor = self._page(step, cursor)
            found = list(self.differing(lines, cause=f"drift:{scan.id}"))
            counts["looked_at"] += len(lines)
            counts["findings"] += len({one.key for one in found})
            after = step if cursor is not None else _next(step)
            with self.database.begin() as connection:
                now = self.now()
                rows.settle(connection, found, scan=scan.id, now=now)
                if after is None:
                    rows.gone_at_the_processor(connection, scan=scan.id, now=now)
                    rows.end(connection, scan, now=now)
                else:
                    rows.go_on(connection, scan, step=after, cursor=cursor, counts=counts, now=now)
            progress(counts["looked_at"])
            if after is None:
                break
            step = after
        return counts

    def differing(self, lines: Sequence[bytes], *, cause: str) -> Iterator[Found]:
        """Yield what absorbing these objects would change; change nothing."""
        looks = [look(line, self.processor.read, live=self.live) for line in lines]
        looks = [one for one in looks if one.facts]
        if not looks:
            return
        with self.database.connect() as connection:
            try:
                found = list(self._absorbed(connection, looks, cause))
            except RecoupError as problem:
                found = None
                why = str(problem)
            finally:
                connection.rollback()
        if found is not None:
            yield from found
        elif len(looks) == 1:
            yield self._of(looks[0], Class.MIRROR_REFUSED, why)
        else:
            for line in lines:
                yield from self.differing([line], cause=cause)

    def of(self, customer: str) -> list[bytes]:
        """Return everything that the processor shows of one customer."""
        lines = [line] if (line := self.processor.look_up("customer", customer)) else []
        kinds: tuple[Kind, ...] = ("payment_method", *LISTS[1:])
        for kind in kinds:
            page = Page((), "")
            while page.next is not None:
                try:
                    page = self.processor.object_page(kind, after=page.next or None, of=customer)
                except (InvalidValue, Rejected):
                    break  # this kind is not listed by customer
                lines.extend(page.lines)
        return lines

    def _absorbed(
        self, connection: Connection, looks: Sequence[Understood], cause: str
    ) -> Iterator[Found]:
        writer = Writer(connection, now=self.now(), actor="engine", cause=cause)
        done = absorb(writer, self.processor.name, [one.facts for one in looks])
        told = rows.facts_of(connection, cause, done.customers | done.newcomers)
        for customer_id, subject, changes in told:
            known = customer_id not in done.newcomers
            yield from _told(customer_id if known else None, subject, changes)
        for place, parent in done.waiting.items():
            yield self._of(looks[place], Class.MIRROR_UNKNOWN, f"waits for {parent}")
        for place, why in done.refused.items():
            yield self._of(looks[place], Class.MIRROR_REFUSED, why)

    def _of(self, one: Understood, class_: Class, why: str) -> Found:
        """Return a finding about an object as a whole, with its customer if that is known."""
        about = _decode(one.letter.raw)["data"]["object"]
        kind, name = str(about.get("object")), str(about.get("id"))
        owner = name if kind == "customer" else about.get("customer")
        id = None
        if isinstance(owner, str):
            with self.database.connect() as connection:
                id = rows.customer_of(connection, self.processor.name, owner)
        return Found(id, "processor", f"{kind} {name}", "*", class_, None, why)

    def _page(self, step: str, cursor: str | None) -> tuple[Sequence[bytes], str | None]:
        opened, _, kind = step.partition(" ")
        if step == "methods":
            return self._methods(int(cursor or 0))
        if not kind:
            try:
                page = self.processor.object_page(opened, after=cursor)  # type: ignore[arg-type]
            except (InvalidValue, Rejected):
                return (), None  # another processor has no such list
            return page.lines, page.next
        with self.database.connect() as connection:
            names = journeys.changeable(
                connection, self.processor.name, kind, after=cursor or "", limit=_AT_ONCE
            )
        lines = [self.processor.look_up(kind, name) for name in names]  # type: ignore[arg-type]
        more = names[-1] if len(names) == _AT_ONCE else None
        return [line for line in lines if line is not None], more

    def _methods(self, after: int) -> tuple[Sequence[bytes], str | None]:
        """Return what some debtors pay with: whose methods matter, and what they can be tried."""
        with self.database.connect() as connection:
            some = rows.debtors(connection, self.processor.name, after=after, limit=20)
        lines: list[bytes] = []
        for _, name in some:
            lines.extend(self.processor.object_page("payment_method", of=name).lines)
        return lines, str(some[-1][0]) if len(some) == 20 else None


def _next(step: str) -> str | None:
    place = STEPS.index(step) + 1
    return STEPS[place] if place < len(STEPS) else None


def _told(
    customer_id: int | None, subject: str, changes: Mapping[str, Sequence[Any]]
) -> Iterator[Found]:
    kind = subject.partition(":")[0]
    if kind not in {of.kind for of in LEDGERED.values()} or kind in {"standing", "case"}:
        return
    name = changes.get("processor_id", (None, None))
    if name[0] is None and name[1] is not None:  # there is no such row yet
        shown = f"{kind} {name[1]}"
        yield Found(customer_id, "processor", shown, "*", Class.MIRROR_UNKNOWN, None, "there")
        return
    for field, (stored, expected) in changes.items():
        if (kind, field) in _UNTOLD:
            continue
        yield Found(
            customer_id, "processor", subject, field, Class.MIRROR_CHANGED,
            rows.written(stored), rows.written(expected),
        )  # fmt: skip
