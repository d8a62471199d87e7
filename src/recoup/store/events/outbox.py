"""
The outbox: who wants to be told, the events that are told, and a delivery for each of the two.

An event is a row only while some handler or endpoint wants its type. A delivery is an effect of
the handler's own kind, "tell:NAME", so only processes that have the handler ever take one; or of
the endpoint's, "post:ID".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from recoup.core.ledger import Changes
from recoup.store import batch
from recoup.store.events import catalogue
from recoup.store.events.catalogue import Event

#: What every handler's kind of effect begins with.
KIND: Final = "tell:"
#: What an endpoint wants that wants every type.
ALL: Final = "*"
#: What handlers and endpoints want; a query, so that it can travel with others.
WANTED: Final = (
    """SELECT type FROM host_handlers
       UNION SELECT unnest(types) FROM endpoints WHERE deleted_at IS NULL""",
    (),
)

_encode = msgspec.json.Encoder().encode

#: One statement, whose deliveries are in the order of what happened. The jobs' own module can not
#: be asked to enqueue them: who is to be told is known here, and only when it is written.
_PUBLISH: Final = """
    WITH told AS (
        INSERT INTO host_events
            (customer_id, seq, type, subject, body, occurred_at, recorded_at)
        SELECT customer_id, seq, type, subject, body, occurred_at, %s
        FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::jsonb[],
                    %s::timestamptz[])
             WITH ORDINALITY AS given
             (customer_id, seq, type, subject, body, occurred_at, place)
        ORDER BY place
        RETURNING id, customer_id, type, recorded_at
    ), added AS (
        INSERT INTO effects (kind, key, queue, customer_id, args, due_at, created_at)
        SELECT kind, key, 'default', customer_id, jsonb_build_object('event_id', id),
               recorded_at, recorded_at
        FROM (
            SELECT 'tell:' || name AS kind, 'tell:' || told.id || ':' || name AS key, told.*
            FROM told JOIN host_handlers USING (type)
            UNION ALL
            SELECT 'post:' || e.id, 'post:' || told.id || ':' || e.id, told.*
            FROM told JOIN endpoints e
                 ON e.deleted_at IS NULL AND e.types && ARRAY[told.type, '*']
        ) AS due
        ORDER BY id, kind
        RETURNING queue
    )
    SELECT pg_notify('recoup_effects', queue) FROM (SELECT DISTINCT queue FROM added) AS due"""

_AHEAD: Final = """
    SELECT DISTINCT ON (mine.id) mine.id, older.due_at
    FROM effects mine JOIN effects older ON older.customer_id = mine.customer_id
        AND older.kind = mine.kind AND older.state IN ('scheduled', 'running')
        AND (older.args ->> 'event_id')::bigint < (mine.args ->> 'event_id')::bigint
    WHERE mine.id = %s
    ORDER BY mine.id, older.due_at DESC"""

_PRUNE: Final = """
    DELETE FROM host_events WHERE id IN (
        SELECT id FROM host_events e WHERE recorded_at < %s AND NOT EXISTS (
            SELECT FROM effects WHERE customer_id = e.customer_id
            AND (starts_with(kind, 'tell:') OR starts_with(kind, 'post:'))
            AND (args ->> 'event_id')::bigint = e.id
            AND state IN ('scheduled', 'running', 'parked'))
        ORDER BY recorded_at LIMIT %s)"""


class Outbox:
    """Collects, among entries of the ledger, what somebody wants to be told of."""

    def __init__(self, wanted: Iterable[str]) -> None:
        self._wanted = frozenset(wanted)
        self._rows: list[tuple[int, int, str, str, str, datetime]] = []

    def take(
        self,
        customer_id: int,
        seq: int,
        type: str,
        subject: str,
        changes: Changes,
        occurred_at: datetime,
    ) -> None:
        """Take the events of an entry, if any of them is wanted."""
        if not self._wanted:
            return
        kind = subject.partition(":")[0]
        for name in catalogue.named(kind, type, changes):
            if name in self._wanted or ALL in self._wanted:
                body = _encode(catalogue.told(changes)).decode()
                self._rows.append((customer_id, seq, name, subject, body, occurred_at))

    def publish(self, connection: Connection, *, now: datetime) -> None:
        """Write what was taken, and a delivery for each who wants it."""
        if self._rows:
            columns = [list(column) for column in zip(*self._rows, strict=True)]
            batch.fetch(connection, _PUBLISH, (now, *columns))


def register(connection: Connection, name: str, types: Collection[str]) -> None:
    """Have the handler `name` told of these types from now on, and of no others."""
    with batch.driver(connection).cursor() as cursor:
        cursor.execute(
            b"DELETE FROM host_handlers WHERE name = %s AND type <> ALL(%s)", (name, list(types))
        )
        cursor.execute(
            b"INSERT INTO host_handlers (name, type) SELECT %s, unnest(%s::text[]) "
            b"ON CONFLICT DO NOTHING",
            (name, sorted(types)),
        )


def unregister(connection: Connection, name: str) -> int:
    """Have the handler told of nothing more; return of how many types it was told."""
    with batch.driver(connection).cursor() as cursor:
        cursor.execute(b"DELETE FROM host_handlers WHERE name = %s", (name,))
        return cursor.rowcount


def is_wanted(connection: Connection, type: str) -> bool:
    """Return whether a handler or an endpoint is told of events of this type."""
    sql = f"SELECT EXISTS (SELECT FROM ({WANTED[0]}) w WHERE w.type IN (%s, %s))"
    return bool(batch.fetch(connection, sql, (type, ALL))[0][0])


def handlers(connection: Connection) -> dict[str, tuple[str, ...]]:
    """Return handler -> the types it is told of."""
    sql = "SELECT name, array_agg(type ORDER BY type) FROM host_handlers GROUP BY name ORDER BY 1"
    return {name: tuple(types) for name, types in batch.fetch(connection, sql)}


def read(connection: Connection, ids: Sequence[int]) -> Mapping[int, Event]:
    """Return events by id; those that were pruned are not there."""
    sql = (
        "SELECT id, type, customer_id, subject, occurred_at, body::text FROM host_events "
        "WHERE id = ANY(%s)"
    )
    return {row[0]: _event(*row) for row in batch.fetch(connection, sql, (list(ids),))}


def recorded(connection: Connection, ids: Sequence[int]) -> Mapping[int, datetime]:
    """Return when these events were recorded (UTC), by id."""
    sql = "SELECT id, recorded_at FROM host_events WHERE id = ANY(%s)"
    return dict(batch.fetch(connection, sql, (list(ids),)))


def _event(
    id: int, type: str, customer_id: int, subject: str, occurred_at: datetime, body: str
) -> Event:
    data: dict[str, Any] = msgspec.json.decode(body)
    return Event(id, type, customer_id, subject, occurred_at, data)


def waits_until(connection: Connection, effect_id: int) -> datetime | None:
    """
    Return when the last of the deliveries is due that come before this one: to the same one,
    about the same customer, of what happened earlier. None when it is this one's turn.

    One that is parked is not waited for: what can not be delivered must not stop the others.
    """
    found = batch.fetch(connection, _AHEAD, (effect_id,))
    return found[0][1] if found else None


def prune(connection: Connection, before: datetime, *, limit: int = 10_000) -> int:
    """Delete events recorded before `before` (UTC) that are delivered; return how many."""
    with batch.driver(connection).cursor() as cursor:
        cursor.execute(_PRUNE.encode(), (before, limit))
        return cursor.rowcount
