"""What was refused to whom: attempts at changing something, counted by the hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from recoup.store import batch

_DENY: Final = """
    INSERT INTO api_denials AS d (hour, key_id, endpoint, reason, times, last_at, last_request)
    VALUES (date_trunc('hour', %(now)s::timestamptz, 'UTC'), %(key)s, %(endpoint)s, %(reason)s, 1,
            %(now)s, %(request)s)
    ON CONFLICT (hour, key_id, endpoint, reason) DO UPDATE
    SET times = d.times + 1, last_at = greatest(d.last_at, excluded.last_at),
        last_request = excluded.last_request"""


@dataclass(frozen=True, slots=True)
class Denial:
    """How often a key was refused something within an hour; `key_id` 0: it was nobody's."""

    hour: datetime
    key_id: int
    name: str | None
    endpoint: str
    reason: str
    times: int
    last_at: datetime
    last_request: str  #: the id that the newest one's answer and log lines name


def deny(
    connection: Connection, *, key_id: int, endpoint: str, reason: str, request: str, now: datetime
) -> None:
    """Record that an attempt was refused."""
    given = {
        "now": now,
        "key": key_id,
        "endpoint": endpoint,
        "reason": reason,
        "request": request,
    }
    batch.driver(connection).execute(_DENY.encode(), given)


def denials(connection: Connection, *, limit: int = 50) -> tuple[Denial, ...]:
    """Return what was refused, newest first."""
    sql = """
        SELECT d.hour, d.key_id, k.name, d.endpoint, d.reason, d.times, d.last_at, d.last_request
        FROM api_denials d LEFT JOIN api_keys k ON k.id = d.key_id
        ORDER BY d.last_at DESC, d.key_id, d.endpoint, d.reason LIMIT %s"""
    return tuple(Denial(*row) for row in batch.fetch(connection, sql, (limit,)))


def prune(connection: Connection, before: datetime) -> int:
    """Forget what was refused before an instant; return how many rows."""
    sql = (
        "WITH gone AS (DELETE FROM api_denials WHERE last_at < %s RETURNING 1) "
        "SELECT count(*) FROM gone"
    )
    ((count,),) = batch.fetch(connection, sql, (before,))
    return int(count)
