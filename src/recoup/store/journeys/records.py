"""
How far a journey has come, so that one that was killed goes on where it stopped.

Whom it meets is kept until it is decided on. About whom is held nothing is decided at all: not by
the clock, not by news, not by a command, until the journey is let go.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from psycopg.types.json import Jsonb
from sqlalchemy import Connection

from recoup.store import batch

Kind = Literal["recover", "import"]

_COLUMNS: Final = """id, kind, processor, since, step, cursor, counts, begun_at, moved_at,
    ended_at, let_go_at"""


@dataclass(frozen=True, slots=True)
class Journey:
    """One journey, and how far it has come."""

    id: int
    kind: Kind
    processor: str
    since: datetime | None  #: what is older was not asked for; None: everything was
    step: str
    cursor: str | None  #: where in the step; None: at its beginning
    counts: Mapping[str, int]
    begun_at: datetime
    moved_at: datetime
    ended_at: datetime | None
    let_go_at: datetime | None


def begin(
    connection: Connection,
    kind: Kind,
    processor: str,
    *,
    since: datetime | None,
    step: str,
    now: datetime,
) -> Journey:
    """Begin a journey, in place of an unfinished one of its kind if there is any."""
    given = (now, now, kind, processor)
    batch.fetch(
        connection,
        "UPDATE journeys SET ended_at = %s, let_go_at = CASE WHEN kind = 'import' THEN "
        "%s::timestamptz END WHERE kind = %s AND processor = %s AND ended_at IS NULL RETURNING 1",
        given,
    )
    sql = (
        "INSERT INTO journeys (kind, processor, since, step, begun_at, moved_at) "
        f"VALUES (%s, %s, %s, %s, %s, %s) RETURNING {_COLUMNS}"
    )
    (row,) = batch.fetch(connection, sql, (kind, processor, since, step, now, now))
    return Journey(*row)


def unfinished(connection: Connection, kind: Kind, processor: str) -> Journey | None:
    """Return the journey of a kind that has not come to its end."""
    return _one(connection, "kind = %s AND processor = %s AND ended_at IS NULL", (kind, processor))


def last(connection: Connection, kind: Kind, processor: str) -> Journey | None:
    """Return the newest journey of a kind that came to its end."""
    condition = "kind = %s AND processor = %s AND ended_at IS NOT NULL ORDER BY id DESC LIMIT 1"
    return _one(connection, condition, (kind, processor))


def go_on(
    connection: Connection,
    journey: int,
    *,
    step: str,
    cursor: str | None,
    counts: Mapping[str, int],
    now: datetime,
) -> None:
    """Keep how far a journey has come."""
    sql = (
        "UPDATE journeys SET step = %s, cursor = %s, counts = %s, moved_at = %s WHERE id = %s "
        "RETURNING id"
    )
    batch.fetch(connection, sql, (step, cursor, Jsonb(dict(counts)), now, journey))


def end(connection: Connection, journey: int, *, now: datetime) -> None:
    """Note that a journey has come to its end."""
    sql = "UPDATE journeys SET ended_at = %s, moved_at = %s WHERE id = %s RETURNING id"
    batch.fetch(connection, sql, (now, now, journey))


def let_go(connection: Connection, journey: int, *, now: datetime) -> None:
    """Hold nobody any more whom a journey that is over has met."""
    sql = "UPDATE journeys SET let_go_at = %s WHERE id = %s RETURNING id"
    batch.fetch(connection, sql, (now, journey))
    sql = "UPDATE travellers SET held = false WHERE journey_id = %s AND held RETURNING 1"
    batch.fetch(connection, sql, (journey,))


def take_over(connection: Connection, before: int, journey: int) -> None:
    """Let a journey hold whom an earlier one, that was never let go, has met."""
    sql = (
        "INSERT INTO travellers (customer_id, journey_id, held) "
        "SELECT customer_id, %s, held FROM travellers WHERE journey_id = %s "
        "ON CONFLICT DO NOTHING RETURNING 1"
    )
    batch.fetch(connection, sql, (journey, before))
    sql = "DELETE FROM travellers WHERE journey_id = %s RETURNING 1"
    batch.fetch(connection, sql, (before,))
    sql = "UPDATE journeys SET let_go_at = coalesce(let_go_at, ended_at) WHERE id = %s RETURNING 1"
    batch.fetch(connection, sql, (before,))


def meet(connection: Connection, journey: int, ids: Collection[int], *, held: bool) -> None:
    """Note that a journey has met these customers. Who is held stays held."""
    sql = (
        "INSERT INTO travellers (customer_id, journey_id, held) "
        "SELECT unnest(%s::bigint[]), %s, %s ON CONFLICT (customer_id, journey_id) DO UPDATE "
        "SET held = true WHERE excluded.held AND NOT travellers.held RETURNING 1"
    )
    if ids:
        batch.fetch(connection, sql, (sorted(ids), journey, held))


def customers_met(
    connection: Connection, journey: int, *, after: int = 0, limit: int = 1000
) -> list[int]:
    """Return whom a journey has met and who was not decided on since, by id, behind `after`."""
    sql = (
        "SELECT customer_id FROM travellers WHERE journey_id = %s AND customer_id > %s "
        "ORDER BY customer_id LIMIT %s"
    )
    return [id for (id,) in batch.fetch(connection, sql, (journey, after, limit))]


def names_met(
    connection: Connection, journey: int, *, after: int = 0, limit: int = 100
) -> list[tuple[int, str]]:
    """Return the same, but who is deleted, as (our id, the processor's id)."""
    sql = (
        "SELECT c.id, c.processor_id FROM travellers t JOIN customers c ON c.id = t.customer_id "
        "WHERE t.journey_id = %s AND c.id > %s AND c.processor_id IS NOT NULL AND NOT c.deleted "
        "ORDER BY c.id LIMIT %s"
    )
    return [(id, name) for id, name in batch.fetch(connection, sql, (journey, after, limit))]


def part(connection: Connection, journey: int, ids: Iterable[int]) -> None:
    """Note that these customers were decided on."""
    sql = "DELETE FROM travellers WHERE journey_id = %s AND customer_id = ANY(%s) RETURNING 1"
    batch.fetch(connection, sql, (journey, list(ids)))


def admitted(connection: Connection, ids: Sequence[int]) -> list[int]:
    """Return those of `ids` about whom something may be decided, in the same order."""
    sql = "SELECT customer_id FROM travellers WHERE held AND customer_id = ANY(%s)"
    held = {id for (id,) in batch.fetch(connection, sql, (list(ids),))}
    return [id for id in ids if id not in held]


def held(connection: Connection, processor: str) -> int:
    """Return about how many customers nothing is decided."""
    sql = (
        "SELECT count(*) FROM travellers t JOIN journeys j ON j.id = t.journey_id "
        "WHERE t.held AND j.processor = %s"
    )
    ((count,),) = batch.fetch(connection, sql, (processor,))
    return int(count)


def holding(connection: Connection, processor: str) -> int | None:
    """Return the import that holds new customers: it was begun, and not let go."""
    sql = (
        "SELECT max(id) FROM journeys "
        "WHERE processor = %s AND kind = 'import' AND let_go_at IS NULL"
    )
    ((found,),) = batch.fetch(connection, sql, (processor,))
    return None if found is None else int(found)


def _one(connection: Connection, condition: str, given: tuple[Any, ...]) -> Journey | None:
    sql = f"SELECT {_COLUMNS} FROM journeys WHERE {condition}"
    for row in batch.fetch(connection, sql, given):
        return Journey(*row)
    return None
