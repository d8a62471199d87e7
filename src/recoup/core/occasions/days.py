"""Mails that the calendar has sent: for which cards a day is told of, and how trials are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

#: Days before the end of a card's last month on which its customer is told.
MARKS: Final = (30, 7, 1)
#: So many days late a day is still told of, after an outage: what is older is not news.
PATIENCE: Final = 2
#: A trial's end is told of so long before it.
TRIAL: Final = timedelta(days=3)

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Expiry:
    """Cards of a month that are to be told of today."""

    year: int
    month: int
    mark: int  #: which of the days before its end it is
    days: int  #: so many days are left of the month, today not counted
    since: datetime  #: UTC instant at which the mark's day began; newer cards are not told of

    @property
    def key(self) -> str:
        """As keys have it: "2026-03:7"."""
        return f"{self.year}-{self.month:02}:{self.mark}"


def expiries(now: datetime) -> Iterator[Expiry]:
    """Yield the months whose cards are to be told of at `now` (UTC)."""
    today = now.astimezone(UTC).date()
    for mark in MARKS:
        for late in range(min(PATIENCE, mark) + 1):
            last = today + (mark - late) * _DAY
            if (last + _DAY).day == 1:
                yield Expiry(last.year, last.month, mark, mark - late, _midnight(today, late))


def _midnight(today: date, late: int) -> datetime:
    return datetime.combine(today - late * _DAY, time(), UTC)
