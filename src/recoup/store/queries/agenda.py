"""What is to come, and how cases stand: for the clocks, and for whoever moves a simulated one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, NamedTuple

from sqlalchemy import Connection

from recoup.store import batch

_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Expiring(NamedTuple):
    """A gate whose time is up."""

    expires_at: datetime
    id: int
    customer_id: int


def coming(connection: Connection) -> tuple[datetime | None, datetime | None, datetime | None]:
    """Return when a decision can next change, an effect is next due, and a gate next expires."""
    sql = """
        SELECT (SELECT min(next_wake_at) FROM standings WHERE run_state <> 'parked'),
               (SELECT min(due_at) FROM effects WHERE state = 'scheduled'),
               (SELECT min(expires_at) FROM gates WHERE status = 'pending')"""
    wake, effect, expiry = batch.fetch(connection, sql)[0]
    return wake, effect, expiry


def expiring(
    connection: Connection, *, now: datetime, after: Expiring | None = None, limit: int
) -> list[Expiring]:
    """
    Return the pending gates whose time is up at `now` (UTC), the longest overdue first.

    At most `limit`; `after` is the last one of the page before. A customer may have several.
    """
    sql = """
        SELECT expires_at, id, customer_id FROM gates
        WHERE status = 'pending' AND expires_at <= %s
          AND expires_at >= %s AND (expires_at, id) > (%s, %s)
        ORDER BY expires_at, id LIMIT %s"""
    since, last = (_EVER, 0) if after is None else after[:2]
    rows = batch.fetch(connection, sql, (now, since, since, last, limit))
    return [Expiring(*row) for row in rows]


def cases_by_end(connection: Connection) -> tuple[int, int, int]:
    """Return how many cases are open, ended with the money in, and ended without it."""
    sql = """
        SELECT count(*) FILTER (WHERE ending IS NULL),
               count(*) FILTER (WHERE ending = 'recovered'),
               count(*) FILTER (WHERE ending NOT IN ('recovered', 'superseded'))
        FROM cases"""
    open_cases, recovered, lost = batch.fetch(connection, sql)[0]
    return open_cases, recovered, lost
