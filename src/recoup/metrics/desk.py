"""`recoup.metrics`: asking for numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Final, Protocol

from sqlalchemy import Engine as Database

from recoup.core.collection.rules import Rules
from recoup.core.periods import utc
from recoup.core.policy import Policies
from recoup.errors import InvalidValue
from recoup.metrics import NUMBERS
from recoup.metrics.base import Number, Query, Table
from recoup.store.snapshot import steady

#: Before anything that is counted here happened.
EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Rulebook(Protocol):
    """What decisions are made by."""

    @property
    def rules(self) -> Rules: ...

    @property
    def policies(self) -> Policies: ...


@dataclass(frozen=True, slots=True)
class Metrics:
    """Recovery, attempts, bad debt, access, mail, lags and drift, counted from what is stored."""

    database: Database
    rulebook: Rulebook
    now: Callable[[], datetime]

    def read(
        self, name: str, *, since: datetime | None = None, until: datetime | None = None
    ) -> Table:
        """
        Return one number.

        Args:
            name: "recovery" and others; docs/metrics.md has them all.
            since: First instant that counts, for what is counted over a window; by default ever.
            until: First instant that counts no more; by default what happens now still does.

        Raises:
            InvalidValue: there is no such number, or the window is none.
        """
        (table,) = self.each((name,), since=since, until=until)
        return table

    def each(
        self,
        names: tuple[str, ...] = (),
        *,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[Table]:
        """Yield these numbers, or all of them, as of one instant; see `read`."""
        book = self.rulebook
        chosen = [_named(name) for name in names] or list(NUMBERS)
        now = self.now()
        begin = EVER if since is None else utc(since)
        end = now + timedelta.resolution if until is None else utc(until)
        if begin >= end:
            raise InvalidValue(f"since: expected an instant before {end}, got {begin}")
        with self.database.connect() as connection:
            steady(connection)
            query = Query(connection, book.rules, book.policies, begin, end, now)
            for number in chosen:
                yield _counted(number, query)


def _counted(number: Number, query: Query) -> Table:
    rows = tuple(tuple(row) for row in number.count(query))
    place = number.columns.index(number.zero) if number.zero else None
    wrong = place is not None and any(row[place] for row in rows)
    return Table(number.name, number.title, number.columns, rows, wrong)


def _named(name: str) -> Number:
    known = {number.name: number for number in NUMBERS}
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
        raise InvalidValue(f"metrics: there is no number {name!r:.60}; {hint}")
    return known[name]
