"""Deliveries to endpoints: how they stand, telling again, and forgetting what is old."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection

from recoup.errors import NotFound
from recoup.store import batch
from recoup.store.events.endpoints import HELD, KIND
from recoup.store.queries.pages import LIMIT, fetch


class Stand(StrEnum):
    """How a delivery stands."""

    WAITING = "waiting"  #: it has not been tried yet
    FAILING = "failing"  #: it was tried, and is to be tried again
    DELIVERED = "delivered"
    HELD = "held"  #: it waits for its endpoint to be enabled
    GIVEN_UP = "given_up"  #: it was tried for three days; it can be replayed
    CANCELED = "canceled"  #: it will never be told


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event on its way to an endpoint, or there."""

    id: int  #: of the effect that carries it
    event_id: int
    type: str | None  #: None: the event is not kept any more
    customer_id: int | None
    subject: str | None
    stand: Stand
    tries: int
    due_at: datetime  #: when it is tried next, while it waits
    reason: str | None  #: why it waits or was given up
    ended_at: datetime | None


_STAND: Final = f"""CASE
    WHEN f.state = 'done' THEN 'delivered' WHEN f.state = 'canceled' THEN 'canceled'
    WHEN f.state = 'parked' AND f.reason = '{HELD}' THEN 'held'
    WHEN f.state = 'parked' THEN 'given_up'
    WHEN t.tries > 0 THEN 'failing' ELSE 'waiting' END"""

_LISTING: Final = f"""
    SELECT * FROM (
        SELECT f.id, e.event_id, h.type, f.customer_id, h.subject, {_STAND} AS stand,
               t.tries, f.due_at, f.reason, f.ended_at
        FROM effects f
        CROSS JOIN LATERAL (SELECT (f.args ->> 'event_id')::bigint AS event_id) e
        LEFT JOIN host_events h ON h.id = e.event_id
        CROSS JOIN LATERAL (
            SELECT count(*) AS tries FROM endpoint_tries
            WHERE endpoint_id = %(endpoint)s AND event_id = e.event_id
              AND tried_at >= f.created_at) t
        WHERE f.kind = %(kind)s AND starts_with(f.kind, 'post:')
          AND (%(before)s::bigint IS NULL OR f.id < %(before)s)
          AND (%(customer)s::bigint IS NULL OR f.customer_id = %(customer)s)
        ORDER BY f.id DESC
    ) AS found
    WHERE %(stand)s::text IS NULL OR stand = %(stand)s
    LIMIT %(limit)s"""

_REPLAY: Final = """
    WITH wanted AS (
        SELECT h.id, h.customer_id FROM host_events h JOIN endpoints p ON p.id = %(endpoint)s
        WHERE CASE WHEN %(ids)s::bigint[] IS NULL THEN p.types && ARRAY[h.type, '*']
                   ELSE h.id = ANY(%(ids)s) END
          AND (%(type)s::text IS NULL OR h.type = %(type)s)
          AND (%(since)s::timestamptz IS NULL OR h.recorded_at >= %(since)s)
          AND (%(customer)s::bigint IS NULL OR h.customer_id = %(customer)s)
          AND (NOT %(given_up)s OR EXISTS (
              SELECT FROM effects WHERE key = 'post:' || h.id || ':' || %(endpoint)s
              AND state = 'parked' AND reason <> %(held)s))
    ), again AS (
        UPDATE effects SET state = 'scheduled', attempt = 0, due_at = %(now)s, reason = NULL,
               args = args || '{"replay": true}'
        FROM wanted
        WHERE key = 'post:' || wanted.id || ':' || %(endpoint)s AND state = 'parked'
        RETURNING 1
    ), added AS (
        INSERT INTO effects (kind, key, queue, customer_id, args, due_at, created_at)
        SELECT 'post:' || %(endpoint)s, 'post:' || id || ':' || %(endpoint)s, 'default',
               customer_id, jsonb_build_object('event_id', id, 'replay', true), %(now)s, %(now)s
        FROM wanted ORDER BY id
        ON CONFLICT (key) WHERE state IN ('scheduled', 'running', 'parked') DO NOTHING
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM wanted), (SELECT count(*) FROM again)
           + (SELECT count(*) FROM added)"""


def listing(
    connection: Connection,
    endpoint_id: int,
    *,
    stand: str | None = None,
    customer_id: int | None = None,
    before: int | None = None,
    limit: int = LIMIT,
) -> tuple[Delivery, ...]:
    """Return an endpoint's deliveries, newest first; page by `before`, an id."""
    given = {
        "endpoint": endpoint_id,
        "kind": f"{KIND}{endpoint_id}",
        "stand": stand,
        "customer": customer_id,
        "before": before,
        "limit": limit,
    }
    rows = fetch(connection, _LISTING, given)
    return tuple(_delivery(*row) for row in rows)


def _delivery(*row: Any) -> Delivery:
    made = Delivery(*row)
    return replace(made, stand=Stand(made.stand))


def replay(
    connection: Connection,
    endpoint_id: int,
    *,
    now: datetime,
    ids: Sequence[int] | None = None,
    type: str | None = None,
    since: datetime | None = None,
    customer_id: int | None = None,
    given_up: bool = False,
) -> int:
    """
    Have an endpoint told again of events that all given conditions name; return of how many.

    Without `ids` only of types that it wants. What is on its way already is not told twice.

    Raises:
        NotFound: there is no such event, or it is not kept any more.
    """
    given = {
        "endpoint": endpoint_id,
        "ids": None if ids is None else list(ids),
        "type": type,
        "since": since,
        "customer": customer_id,
        "given_up": given_up,
        "held": HELD,
        "now": now,
    }
    if ids is not None:
        sql = "SELECT id FROM unnest(%s::bigint[]) id WHERE id NOT IN (SELECT id FROM host_events)"
        missing = [id for (id,) in batch.fetch(connection, sql, (list(ids),))]
        if missing:
            raise NotFound(f"there is no event {missing[0]}, or it is not kept any more")
    ((_, told),) = fetch(connection, _REPLAY, given)
    return int(told)


def prune(connection: Connection, before: datetime, *, limit: int = 10_000) -> int:
    """
    Delete tries older than `before` (UTC), and endpoints deleted before it; give up deliveries
    that wait since before it for a person or for their endpoint. Return how many of all.
    """
    tries = """DELETE FROM endpoint_tries WHERE id IN (
                   SELECT id FROM endpoint_tries WHERE tried_at < %s ORDER BY tried_at LIMIT %s)"""
    waiting = """UPDATE effects SET state = 'canceled', ended_at = greatest(created_at, %s)
                 WHERE id IN (SELECT id FROM effects WHERE state = 'parked'
                              AND starts_with(kind, 'post:') AND created_at < %s LIMIT %s)"""
    gone = "DELETE FROM endpoints WHERE deleted_at < %s"
    done = 0
    with batch.driver(connection).cursor() as cursor:
        for sql, given in (
            (tries, (before, limit)),
            (waiting, (before, before, limit)),
            (gone, (before,)),
        ):
            done += cursor.execute(sql.encode(), given).rowcount
    return done


def outcomes(connection: Connection, *, since: datetime) -> tuple[int, int]:
    """Return how many tries were delivered, and how many were not, since an instant (UTC)."""
    sql = """SELECT count(*) FILTER (WHERE delivered), count(*) FILTER (WHERE NOT delivered)
             FROM endpoint_tries WHERE tried_at >= %s"""
    ((delivered, failed),) = batch.fetch(connection, sql, (since,))
    return delivered, failed
