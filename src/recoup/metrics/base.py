"""
A number that a business asks for: a table with a name, a meaning and a formula.

To add one: a `Number` in a module here, its module's tuple in `NUMBERS`, a test, a heading in
docs/metrics.md that gives the formula. Amounts are minor units with their currency and never
summed over currencies; shares are from 0 to 1; instants are UTC; windows are half open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from recoup.core.collection.rules import Rules
from recoup.core.policy import Policies

Cell = str | int | float | None

#: Columns that say what a row is about; all others are figures.
WORDS: Final = frozenset(
    "age class cohort consequence currency how limit origin plan products purpose queue reason "
    "rule standing state status stay type".split()
)


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of a number: what happened in [since, until), as known at `now`."""

    connection: Connection
    rules: Rules
    policies: Policies
    since: datetime
    until: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class Number:
    """
    One number.

    Args:
        windowed: It counts what happened in a window; others say how things are now.
        zero: The column that must be 0 in every row: anything else is a defect.
        curve: A row is a place on a curve, and nothing that can be followed over time.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    count: Callable[[Query], Iterable[Sequence[Cell]]]
    windowed: bool = True
    zero: str | None = None
    curve: bool = False

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the columns that say what a row is about, in their order."""
        return tuple(column for column in self.columns if column in WORDS)


@dataclass(frozen=True, slots=True)
class Table:
    """What a number came to."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    wrong: bool = False  #: something in it that must be 0 is not


def share(part: float, whole: float) -> float | None:
    """Return `part` of `whole`, to four places; None of nothing."""
    return round(part / whole, 4) if whole else None


def days(seconds: float | None) -> float | None:
    """Return seconds as days, to two places."""
    return None if seconds is None else round(float(seconds) / 86_400, 2)
