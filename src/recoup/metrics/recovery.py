"""What became of failed obligations: by class, by cohort, and day by day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from recoup.core.account import Signal
from recoup.core.collection.declines import read
from recoup.core.collection.rules import CARD
from recoup.metrics.base import Cell, Number, Query, days, share
from recoup.store.figures import recovery
from recoup.store.figures.recovery import Signals

_COLUMNS: Final = (
    "currency", "failed", "failed_amount", "recovered", "recovered_amount", "share_of_cases",
    "share_of_amount", "open", "exhausted", "left", "median_days",
)  # fmt: skip


def _classes(query: Query) -> list[tuple[Signals, str]]:
    found = recovery.signals(query.connection, since=query.since, until=query.until, now=query.now)
    return [(signals, _class(signals, query)) for signals in found]


def _class(signals: Signals, query: Query) -> str:
    kind, brand, *codes = (text or None for text in signals)
    verdict = read(Signal(*codes), brand=brand, kind=kind or CARD, rules=query.rules)
    return verdict.decline_class.value


def _outcomes(query: Query, by: str) -> Iterator[Sequence[Cell]]:
    rows = recovery.outcomes(
        query.connection,
        by,
        _classes(query) if by == "class" else (),
        since=query.since,
        until=query.until,
        now=query.now,
    )
    for name, currency, failed, amount, won, won_amount, running, lost, left, took in rows:
        yield (
            name, currency, failed, amount, won, won_amount, share(won, failed),
            share(won_amount, amount), running, lost, left, days(took),
        )  # fmt: skip


def _by_class(query: Query) -> Iterator[Sequence[Cell]]:
    return _outcomes(query, "class")


def _by_cohort(query: Query) -> Iterator[Sequence[Cell]]:
    return _outcomes(query, "cohort")


def _survival(query: Query) -> Iterator[Sequence[Cell]]:
    yield from survival(
        recovery.days(query.connection, since=query.since, until=query.until, now=query.now)
    )


def survival(rows: Sequence[tuple[int, int, int]]) -> Iterator[tuple[int, int, int, int, float]]:
    """
    Yield, by whole days, how many are at risk, paid, and lost sight of, and what is still owed.

    The estimate of Kaplan and Meier: who is lost sight of (the case ended without payment, or
    runs still) counts for as long as it was seen. Source: Kaplan, Meier: Nonparametric
    Estimation from Incomplete Observations, JASA 53 (1958).

    Args:
        rows: Days after the failure, rising, with how many were paid and how many lost.
    """
    at_risk = sum(paid + lost for _, paid, lost in rows)
    owed = 1.0
    for day, paid, lost in rows:
        owed *= 1 - paid / at_risk
        yield day, at_risk, paid, lost, round(owed, 4)
        at_risk -= paid + lost


RECOVERY: Final = (
    Number(
        "recovery",
        "Failed obligations and what became of them, by the class of the first refusal",
        ("class", *_COLUMNS),
        _by_class,
    ),
    Number(
        "cohorts",
        "The same, by the month in which they failed",
        ("cohort", *_COLUMNS),
        _by_cohort,
        curve=True,
    ),
    Number(
        "survival",
        "What is still owed, by whole days after the failure",
        ("day", "at_risk", "paid", "lost_sight_of", "still_owed"),
        _survival,
        curve=True,
    ),
)
