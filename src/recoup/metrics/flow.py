"""Gates, mails, queues and webhooks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from recoup.metrics.base import Cell, Number, Query, share
from recoup.store.figures import flow


def _gates(query: Query) -> Iterator[Sequence[Cell]]:
    yield from flow.gates(query.connection, since=query.since, until=query.until)


def _mails(query: Query) -> Iterator[Sequence[Cell]]:
    rows = flow.mails(query.connection, since=query.since, until=query.until)
    for type, queued, sent, bounced, skipped, waiting in rows:
        yield type, queued, sent, bounced, skipped, waiting, share(bounced, sent + bounced)


def _queues(query: Query) -> Iterator[Sequence[Cell]]:
    for queue, due, running, parked, lag in flow.queues(query.connection, now=query.now):
        yield queue, due, running, parked, round(lag, 1)


def _webhooks(query: Query) -> Iterator[Sequence[Cell]]:
    for state, events, lag in flow.webhooks(query.connection, now=query.now):
        yield state, events, round(lag, 1)


FLOW: Final = (
    Number(
        "gates",
        "First payments that a start or a change waited for, and those that came too late",
        ("purpose", "status", "gates", "paid_late"),
        _gates,
    ),
    Number(
        "mails",
        "Mails, and what became of them",
        ("type", "queued", "delivered", "bounced", "skipped", "waiting", "bounce_share"),
        _mails,
    ),
    Number(
        "queues",
        "Work that is due, and for how long the oldest has been",
        ("queue", "due", "running", "parked", "lag_seconds"),
        _queues,
        windowed=False,
    ),
    Number(
        "webhooks",
        "Events that have not ended, and since when the oldest is here",
        ("state", "events", "lag_seconds"),
        _webhooks,
        windowed=False,
    ),
)
