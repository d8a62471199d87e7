"""Attempts and what they cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from recoup.metrics.base import Cell, Number, Query, share
from recoup.store.figures import attempts

#: Origins of the tries that are made by themselves.
_BY_ITSELF: Final = frozenset({"retry", "new_method", "processor"})


def _made(query: Query) -> Iterator[Sequence[Cell]]:
    rows = attempts.made(query.connection, since=query.since, until=query.until)
    for origin, currency, made, succeeded, declined, amount in rows:
        yield origin, currency, made, succeeded, declined, amount, share(made, succeeded)
    made, succeeded = Counter[str](), Counter[str]()
    for origin, currency, tries, won, *_ in rows:
        if origin in _BY_ITSELF:
            made[currency] += tries
            succeeded[currency] += won
    for currency in sorted(made):
        tries, won = made[currency], succeeded[currency]
        yield "by itself", currency, tries, won, None, None, share(tries, won)


def _fees(query: Query) -> Iterator[Sequence[Cell]]:
    prices = {w.name: w.fee for windows in query.rules.windows.values() for w in windows}
    found = attempts.too_many(query.connection, query.rules, since=query.since, until=query.until)
    for name, count in found.items():
        fee = prices[name]
        if fee is None:
            yield name, count, None, None
        else:
            yield name, count, fee.minor * count, fee.currency


def _forbidden(query: Query) -> Iterator[Sequence[Cell]]:
    found = attempts.forbidden(query.connection, query.rules, query.policies, now=query.now)
    yield from found.items()


def _unsettled(query: Query) -> Iterator[Sequence[Cell]]:
    for state, age, count, oldest in attempts.unsettled(query.connection, now=query.now):
        yield state, age, count, round(oldest)


ATTEMPTS: Final = (
    Number(
        "attempts",
        "Attempts on failed obligations after the first refusal, by origin",
        ("origin", "currency", "made", "succeeded", "declined", "amount", "per_recovery"),
        _made,
    ),
    Number(
        "fees",
        "Attempts that a network counts as one too many, whoever made them, and their price",
        ("limit", "attempts", "fees", "currency"),
        _fees,
    ),
    Number(
        "forbidden_attempts",
        "Our own tries that a network's rule forbids",
        ("rule", "attempts"),
        _forbidden,
        windowed=False,
        zero="attempts",
    ),
    Number(
        "unsettled_attempts",
        "Attempts without an end, by state and age",
        ("state", "age", "attempts", "oldest_seconds"),
        _unsettled,
        windowed=False,
    ),
)
