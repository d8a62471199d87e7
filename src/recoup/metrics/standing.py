"""Bad debt, access, and what disagrees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

from recoup.metrics.base import Cell, Number, Query, days
from recoup.store.figures import standing

#: From then on somebody who is still being restored is stuck.
STUCK: Final = timedelta(minutes=10)


def _entries(query: Query) -> Iterator[Sequence[Cell]]:
    yield from standing.entries(query.connection, since=query.since, until=query.until)


def _exits(query: Query) -> Iterator[Sequence[Cell]]:
    for *cells, took in standing.exits(query.connection, since=query.since, until=query.until):
        yield *cells, days(took)


def _outstanding(query: Query) -> Iterator[Sequence[Cell]]:
    yield from standing.outstanding(query.connection, now=query.now)


def _false(query: Query) -> Iterator[Sequence[Cell]]:
    yield from standing.false_restrictions(query.connection)


def _withdrawn(query: Query) -> Iterator[Sequence[Cell]]:
    yield from standing.withdrawn(query.connection, since=query.since, until=query.until)


def _standings(query: Query) -> Iterator[Sequence[Cell]]:
    yield from standing.standings(query.connection)


def _lifting(query: Query) -> Iterator[Sequence[Cell]]:
    customers, stuck, longest = standing.lifting(query.connection, now=query.now, within=STUCK)
    yield customers, stuck, round(longest, 1)


def _drift(query: Query) -> Iterator[Sequence[Cell]]:
    for *cells, oldest in standing.drift(query.connection, now=query.now):
        yield *cells, round(oldest)


STANDING: Final = (
    Number(
        "bad_debt_entries",
        "Obligations that became bad debt, by why, what was sold, and age",
        ("reason", "class", "products", "age", "currency", "entries", "amount"),
        _entries,
    ),
    Number(
        "bad_debt_exits",
        "Bad debt that was accounted for, by how, what was sold, and how long it stayed",
        ("how", "products", "stay", "currency", "exits", "amount", "median_days"),
        _exits,
    ),
    Number(
        "bad_debt",
        "Bad debt that is owed now, by age",
        ("age", "currency", "debts", "amount"),
        _outstanding,
        windowed=False,
    ),
    Number(
        "false_restrictions",
        "Restrictions that began when nothing was owed",
        ("consequence", "restrictions"),
        _false,
        windowed=False,
        zero="restrictions",
    ),
    Number(
        "upgrades_withdrawn",
        "Changes of plan that were not paid and came to nothing, by the plan that stayed",
        ("plan", "upgrades", "customers"),
        _withdrawn,
    ),
    Number(
        "standings",
        "Customers, by where they stand",
        ("standing", "customers"),
        _standings,
        windowed=False,
    ),
    Number(
        "lifting",
        "Customers whose money is in and whose access is still being restored",
        ("customers", "stuck", "longest_seconds"),
        _lifting,
        windowed=False,
    ),
    Number(
        "drift",
        "Disagreements that stay, by class and age",
        ("class", "age", "findings", "customers", "oldest_seconds"),
        _drift,
        windowed=False,
    ),
)
