"""
Figures for Prometheus. Every label has few values, all of them ours: no ids, nobody's data.

Counters are of this process alone, so each is scraped by itself; gauges are of the database, and
the same from every process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from recoup.store.drift import Gauges
from recoup.web.health import Look, Watch

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)


class Figures:
    """What is counted here, and what the database says when it is asked."""

    def __init__(self, watch: Watch) -> None:
        self._registry = CollectorRegistry()
        self._posts = Counter(
            "recoup_webhook_posts",
            "Posts, by what was answered",
            ["code"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "recoup_webhook_seconds",
            "Seconds from a post to its answer",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._requests = Histogram(
            "recoup_http_seconds",
            "Seconds from a request to its answer, by route and class of status",
            ["route", "status"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._registry.register(_Gauges(watch))

    def counted(self, code: str, seconds: float) -> None:
        """Count one post."""
        self._posts.labels(code).inc()
        self._seconds.observe(seconds)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count one answer of any route; `route` is one of ours, with no id in it."""
        self._requests.labels(route, f"{status // 100}xx").observe(seconds)

    def text(self) -> bytes:
        """Return all of it as Prometheus reads it. Blocks while the database is asked."""
        return generate_latest(self._registry)


class _Gauges(Collector):
    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def describe(self) -> list[Metric]:
        """Return nothing: asking the database is not done before anybody scrapes."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the figures of one look."""
        look = self._watch.look()
        yield _gauge("recoup_database_up", "Whether the database answers", float(look.database))
        yield from _left(look)


def _left(look: Look) -> Iterator[Metric]:
    yield _gauge(
        "recoup_inbox_oldest_received_seconds",
        "For how long the oldest event waits to be read",
        look.oldest_received_s or 0.0,
    )
    yield _gauge(
        "recoup_processor_silences",
        "How often in a row the processor gave no answer",
        float(look.silences),
    )
    yield _gauge(
        "recoup_access_lifting",
        "Customers who wait for the host to undo what was lifted",
        float(look.lifting),
    )
    yield _gauge(
        "recoup_access_lifting_long",
        "Of these, who has waited longer than RECOUP_ACCESS_PATIENCE_MINUTES",
        float(look.lifting_long),
    )
    yield _gauge(
        "recoup_access_lifting_oldest_seconds",
        "Of these, for how long who has waited longest",
        look.lifting_oldest_s,
    )
    yield _gauge(
        "recoup_access_behind",
        "Customers of whose access the host has not followed a change for as long",
        float(look.access_behind),
    )
    for name, meaning, label, counts in (
        ("recoup_inbox_events", "Events that have not ended", "state", look.inbox),
        ("recoup_posts_out", "Webhooks out, of the last hour", "outcome", look.posts_out),
        (
            "recoup_campaign_failures",
            "What engines of campaigns could not start or cancel; the guard covers it",
            "verb",
            look.campaign_failures,
        ),
        ("recoup_effects_parked", "Effects for a person to see to", "kind", _by_kind(look)),
        (
            "recoup_clocks_missed",
            "What recurs and has missed a run",
            "clock",
            dict.fromkeys(look.missed_clocks, 1),
        ),
    ):
        gauge = GaugeMetricFamily(name, meaning, labels=[label])
        for value, count in counts.items():
            gauge.add_metric([value], count)
        yield gauge
    yield from _drifting(look.gauges)


def _drifting(gauges: Gauges) -> Iterator[Metric]:
    found = GaugeMetricFamily(
        "recoup_drift_findings",
        "Differences that have not gone, by class, and by for how long they have been seen",
        labels=["class", "age"],
    )
    for (name, age), count in gauges.drift.items():
        found.add_metric([name, age], count)
    yield found
    for name, meaning, label, counts in (
        ("recoup_rollout_stage", "How far rollouts are, 0 off to 7", "rollout", gauges.rollouts),
        ("recoup_raises", "Customers raised within the hour, by budget", "budget", gauges.raises),
        (
            "recoup_attempts_overdue",
            "Payments open or unknown for longer than their method takes, by its kind",
            "kind",
            gauges.overdue,
        ),
    ):
        gauge = GaugeMetricFamily(name, meaning, labels=[label])
        for value, count in counts.items():
            gauge.add_metric([value], count)
        yield gauge


def _by_kind(look: Look) -> Mapping[str, int]:
    """Return how many are parked by kind, "tell:NAME" as "tell": a host's names are no labels."""
    counts: dict[str, int] = {}
    for kind, count in look.parked_effects.items():
        word = kind.partition(":")[0]
        counts[word] = counts.get(word, 0) + count
    return counts


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value=value)
