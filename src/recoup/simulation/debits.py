"""
An independent count of forbidden presentments of bank debits, as `checker` is one for cards.

Nothing here knows `recoup.core.collection`. To present a debit again is forbidden

- after a return code that its scheme does not list as presentable, or not in that country, unless
  the code's own row says that nobody decided anything or that tries may resume;
- once more than the scheme, or the code's own row, allows, or behind the scheme's window;
- on a Saturday or Sunday;
- under Bacs, within five working days of the return: so long before the payer must be told.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from typing import Final

#: The table of codes of a scheme, and how its column of a code's own limit is called.
_TABLES: Final = {
    "ACH": ("ach_return_codes", "max_reinitiations"),
    "SEPA": ("sepa_reason_codes", "max_representations"),
    "Bacs": ("bacs_reason_codes", ""),
}
_DAYS: Final = {"d": 1, "weeks": 7, "month": 28}
_SATURDAY: Final = 5
_BACS_NOTICE: Final = 5


@dataclass(frozen=True, slots=True)
class Entry:
    """One presentment that was returned. `at` is UTC."""

    at: datetime
    code: str


@dataclass(frozen=True, slots=True)
class _Scheme:
    codes: dict[str, frozenset[str]]  #: presentable -> the only countries, or none: anywhere
    most: int
    window: timedelta
    own: dict[str, int | None]  #: codes whose row lets them be, and how often


def forbidden_debit(
    at: datetime, entries: Sequence[Entry], *, scheme: str, country: str | None
) -> tuple[str, ...]:
    """
    Return why presenting a debit at `at` is forbidden; nothing when it is not.

    Args:
        at: UTC.
        entries: Every earlier presentment of the same debt to the same account, oldest first.
        scheme: "ACH", "SEPA", "Bacs" or another of `direct_debit_retryable.csv`.
        country: Of the account.
    """
    return tuple(dict.fromkeys(_breaches(at, entries, _scheme(scheme), scheme, country)))


def _breaches(
    at: datetime, entries: Sequence[Entry], rules: _Scheme, scheme: str, country: str | None
) -> Iterator[str]:
    if at.weekday() >= _SATURDAY:
        yield f"{scheme}: no banking day"
    if not entries:
        return
    for entry in entries:
        where = rules.codes.get(entry.code)
        listed = where is not None and (not where or country in where)
        if not listed and entry.code not in rules.own:
            yield f"{scheme}: never after {entry.code}"
    most = rules.own.get(entries[-1].code)
    if len(entries) > min(rules.most, most or rules.most):
        yield f"{scheme}: presented again too often"
    if at > entries[0].at + rules.window:
        yield f"{scheme}: too late"
    if scheme == "Bacs" and _working_days(entries[-1].at, at) < _BACS_NOTICE:
        yield "Bacs: the payer is not told five working days before"


def _working_days(since: datetime, until: datetime) -> int:
    days = (since + timedelta(days=n) for n in range(1, (until - since).days + 1))
    return sum(day.weekday() < _SATURDAY for day in days)


@cache
def _scheme(name: str) -> _Scheme:
    habit = next(row for row in _rows("direct_debit_retryable") if row["scheme"] == name)
    published = [row for row in _rows("network_limits") if row["network"] == name.lower()]
    limits = [row["limit"] for row in published] + [habit["default_retries"]]
    most = next(int(found[0]) for limit in limits if (found := re.match(r"\d+", limit)))
    windows = [row["window"] for row in published] + [habit["window"]]
    span = next(found for window in windows if (found := re.match(r"(\d+) (\w+)", window)))
    codes: dict[str, frozenset[str]] = {}
    for part in habit["retryable_codes"].split("; "):
        told, _, where = part.partition(" in ")
        codes |= dict.fromkeys(told.split(), frozenset(where.split()))
    own = dict(_own(name))
    window = timedelta(days=int(span[1]) * _DAYS[span[2]])
    return _Scheme(codes, most, window, own)


def _own(scheme: str) -> Iterator[tuple[str, int | None]]:
    """Give the codes that are not the payer's refusal, and every code's own limit."""
    table, limit = _TABLES.get(scheme, ("", ""))
    for row in _rows(table) if table else ():
        number = re.match(r"[1-9]\d*", row.get(limit, ""))
        timed = row["retry_policy"] in {"short_backoff", "backoff_days", "resume"}
        if timed and (row["class"] == "technical" or row["retry_policy"] == "resume"):
            yield row["code"], int(number[0]) if number else None


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = (resources.files("recoup") / "data" / f"{name}.csv").read_text("utf-8")
    yield from csv.DictReader(text.splitlines())
