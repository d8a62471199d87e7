"""The numbers of `recoup.metrics` for Prometheus, which is to ask for them every few minutes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from recoup.billing import Recoup
from recoup.errors import InvalidValue
from recoup.metrics import NUMBERS
from recoup.metrics.base import Number, Table

#: Days that are counted where nobody says how many, and at most.
DAYS: Final = 30
_MOST_DAYS: Final = 3_660
_WHOLE: Final = re.compile(r"-?\d{1,20}", re.ASCII)
#: On the other page already, under the same name.
_ELSEWHERE: Final = frozenset({"drift"})


def text(recoup: Recoup, days: str | None = None) -> bytes:
    """
    Return the numbers of the page, as Prometheus reads them. Blocks while they are counted.

    Args:
        days: Until now, for what is counted over a window.

    Raises:
        InvalidValue: `days` is not a whole number from 1 to 3660.
    """
    registry = CollectorRegistry()
    registry.register(_Numbers(recoup, _window(days)))
    return generate_latest(registry)


def told(number: Number) -> bool:
    """Whether this page has a number."""
    return not number.curve and number.name not in _ELSEWHERE


def _window(days: str | None) -> timedelta:
    if days is None:
        return timedelta(days=DAYS)
    if not _WHOLE.fullmatch(days):
        raise InvalidValue(f"days: expected a whole number, got {days!r:.60}")
    if not 1 <= int(days) <= _MOST_DAYS:
        raise InvalidValue(f"days: expected 1 to {_MOST_DAYS}, got {days}")
    return timedelta(days=int(days))


class _Numbers(Collector):
    def __init__(self, recoup: Recoup, window: timedelta) -> None:
        self._recoup = recoup
        self._window = window

    def describe(self) -> list[Metric]:
        """Return nothing: nothing is counted before anybody asks."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield each column that is a figure, as a gauge of its own."""
        asked = {number.name: number for number in NUMBERS if told(number)}
        since = self._recoup.clock.now() - self._window
        for table in self._recoup.metrics.each(tuple(asked), since=since):
            yield from _gauges(asked[table.name], table)


def _gauges(number: Number, table: Table) -> Iterator[Metric]:
    labels = [number.columns.index(name) for name in number.labels]
    for place, column in enumerate(number.columns):
        if place in labels:
            continue
        name = f"recoup_{number.name}_{column}"
        gauge = GaugeMetricFamily(name, f"{number.title}: {column}", labels=number.labels)
        for row in table.rows:
            if (value := row[place]) is not None:
                gauge.add_metric([str(row[label] or "") for label in labels], float(value))
        yield gauge
