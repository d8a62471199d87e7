"""What passes through: gates, mails, and how far behind queues and webhooks are."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from recoup.store.queries.pages import fetch

_GATES: Final = """
    SELECT purpose, status, count(*),
           count(*) FILTER (WHERE EXISTS (SELECT FROM late_payments l WHERE l.gate_id = g.id))
    FROM gates g WHERE made_at >= %(since)s AND made_at < %(until)s
    GROUP BY 1, 2 ORDER BY 1, 2"""

_MAILS: Final = """
    SELECT type, count(*), count(*) FILTER (WHERE state = 'sent'),
           count(*) FILTER (WHERE state = 'bounced'), count(*) FILTER (WHERE state = 'skipped'),
           count(*) FILTER (WHERE state = 'queued')
    FROM mails WHERE queued_at >= %(since)s AND queued_at < %(until)s GROUP BY 1 ORDER BY 1"""

_QUEUES: Final = """
    SELECT queue, count(*) FILTER (WHERE state = 'scheduled' AND due_at <= %(now)s),
           count(*) FILTER (WHERE state = 'running'), count(*) FILTER (WHERE state = 'parked'),
           coalesce(extract(epoch FROM %(now)s::timestamptz - min(due_at)
                            FILTER (WHERE state = 'scheduled' AND due_at <= %(now)s)), 0)::float8
    FROM effects WHERE state IN ('scheduled', 'running', 'parked') GROUP BY 1 ORDER BY 1"""

_WEBHOOKS: Final = """
    SELECT state, count(*),
           extract(epoch FROM %(now)s::timestamptz - min(received_at))::float8
    FROM inbox WHERE state IN ('received', 'waiting', 'failed', 'parked') GROUP BY 1 ORDER BY 1"""


def gates(connection: Connection, *, since: datetime, until: datetime) -> list[tuple[Any, ...]]:
    """Return rows of: purpose, status, gates made in the window, those of them paid late."""
    return fetch(connection, _GATES, {"since": since, "until": until})


def mails(connection: Connection, *, since: datetime, until: datetime) -> list[tuple[Any, ...]]:
    """Return rows of: type, queued in the window, and of those sent, bounced, skipped, waiting."""
    return fetch(connection, _MAILS, {"since": since, "until": until})


def queues(connection: Connection, *, now: datetime) -> list[tuple[Any, ...]]:
    """Return rows of: queue, due, running, parked, seconds that the oldest due one has waited."""
    return fetch(connection, _QUEUES, {"now": now})


def webhooks(connection: Connection, *, now: datetime) -> list[tuple[Any, ...]]:
    """Return rows of: state, events that have not ended, seconds since the oldest arrived."""
    return fetch(connection, _WEBHOOKS, {"now": now})
