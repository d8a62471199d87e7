"""
Periods are half-open, `[start, end)`, between UTC instants.

Half-open, so that consecutive periods share an instant without sharing a moment.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from recoup.errors import InvalidPeriod


def utc(instant: datetime) -> datetime:
    """
    Return `instant` in UTC.

    Raises:
        InvalidPeriod: it has no time zone; guessing one is how hours get lost. Or it is no
            instant, or one that the calendar has not in UTC.
    """
    if not isinstance(instant, datetime):
        raise InvalidPeriod(f"expected an instant, got {type(instant).__name__}")
    if instant.tzinfo is None:
        raise InvalidPeriod(f"an instant needs a time zone, got {instant.isoformat()}")
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        raise InvalidPeriod(f"no calendar has {instant.isoformat()} in UTC") from error


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """
    The instants from `start` up to, not including, `end`. No end means for ever.

    Raises:
        InvalidPeriod: `end` is before `start`, or an instant has no time zone.
    """

    start: datetime
    end: datetime | None = None

    def __post_init__(self) -> None:
        utc(self.start)
        if self.end is not None and utc(self.end) < self.start:
            raise InvalidPeriod(f"the end {self.end} is before the start {self.start}")

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= instant and (self.end is None or instant < self.end)


def merged(periods: Iterable[Period]) -> tuple[Period, ...]:
    """Return the same instants as disjoint periods in order; touching ones become one."""
    result: list[Period] = []
    for period in sorted(periods, key=lambda p: p.start):
        if not result or (result[-1].end is not None and result[-1].end < period.start):
            result.append(period)
        elif result[-1].end is not None and (period.end is None or period.end > result[-1].end):
            result[-1] = Period(result[-1].start, period.end)
    return tuple(result)


def elapsed(start: datetime, now: datetime, *, paused: Iterable[Period] = ()) -> timedelta:
    """Return the time from `start` to `now`, not counting what lies inside `paused`."""
    total = now - start
    if not paused:
        return max(total, timedelta(0))
    for period in merged(paused):
        begin = max(period.start, start)
        end = now if period.end is None else min(period.end, now)
        if end > begin:
            total -= end - begin
    return max(total, timedelta(0))


def instant_after(
    start: datetime, span: timedelta, *, paused: Iterable[Period] = ()
) -> datetime | None:
    """
    Return the first instant at which `elapsed(start, …)` reaches `span`.

    None when a pause without an end comes first: nobody knows yet.
    """
    at = start + span
    if not paused:
        return at
    for period in merged(paused):
        if period.end is not None and period.end <= start:
            continue
        if period.start >= at:
            break
        if period.end is None:
            return None
        at += period.end - max(period.start, start)
    return at
