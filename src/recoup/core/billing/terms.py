"""When things may begin and end, and what may not be said together. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, overload

from recoup.core.periods import utc
from recoup.errors import InvalidValue

#: The longest trial. Source: Stripe, `subscription.trial_end`, "730 days from now".
LONGEST_TRIAL: Final = timedelta(days=730)


@overload
def whole(instant: datetime) -> datetime: ...
@overload
def whole(instant: None) -> None: ...
@overload
def whole(instant: datetime | None) -> datetime | None: ...
def whole(instant: datetime | None) -> datetime | None:
    """
    Return `instant` in UTC, without its fraction of a second: processors know none.

    Raises:
        InvalidPeriod: it has no time zone.
    """
    return None if instant is None else utc(instant).replace(microsecond=0)


def future(name: str, instant: datetime | None, now: datetime) -> None:
    """
    Raises:
        InvalidValue: `instant` is not later than `now`.
    """
    if instant is not None and instant <= now:
        raise InvalidValue(f"{name}: expected an instant that is to come, got {_at(instant)}")


def past(name: str, instant: datetime | None, now: datetime) -> None:
    """
    Raises:
        InvalidValue: `instant` is not earlier than `now`.
    """
    if instant is not None and instant >= now:
        raise InvalidValue(f"{name}: expected an instant gone by, got {_at(instant)}")


def at_most_one(**options: object) -> None:
    """
    Raises:
        InvalidValue: more than one of these options is given.
    """
    given = [name for name, value in options.items() if value is not None]
    if len(given) > 1:
        raise InvalidValue(f"{' and '.join(given)} can not be said together")


def trial_end(days: int | None, end: datetime | None, now: datetime) -> datetime | None:
    """
    Return when a trial that begins `now` ends; None: there is none.

    Raises:
        InvalidValue: it would be over, or longer than 730 days.
    """
    last = whole(end) if days is None else whole(now) + timedelta(days=days)
    if last is not None and not now < last <= now + LONGEST_TRIAL:
        raise InvalidValue(
            f"a trial lasts up to {LONGEST_TRIAL.days} days from now, not until {_at(last)}"
        )
    return last


def _at(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"
