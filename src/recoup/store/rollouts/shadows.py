"""What was decided in the shadow: a row a customer, day and round, kept for 90 days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.types.json import Jsonb
from sqlalchemy import Connection

from recoup.store import batch

_RECORD: Final = """
    INSERT INTO shadows (rollout, round, customer_id, day, at, in_use, candidate, harm)
    SELECT rollout, r.round, customer_id, (%s::timestamptz AT TIME ZONE 'UTC')::date, %s,
           ARRAY(SELECT jsonb_array_elements_text(in_use)),
           ARRAY(SELECT jsonb_array_elements_text(candidate)),
           ARRAY(SELECT jsonb_array_elements_text(harm))
    FROM jsonb_to_recordset(%s) AS given
         (rollout text, customer_id bigint, in_use jsonb, candidate jsonb, harm jsonb)
    JOIN rollouts r ON r.name = given.rollout
    ORDER BY rollout, customer_id
    ON CONFLICT (rollout, round, customer_id, day) DO UPDATE SET
        at = excluded.at, in_use = excluded.in_use, candidate = excluded.candidate,
        harm = (SELECT coalesce(array_agg(DISTINCT one), '{}')
                FROM unnest(shadows.harm || excluded.harm) one)"""


@dataclass(frozen=True, slots=True)
class Shadow:
    """One decision in the shadow: what was decided, what would have been, and the harm in it."""

    rollout: str
    customer_id: int
    in_use: tuple[str, ...]
    candidate: tuple[str, ...]
    harm: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ShadowRow:
    """A recorded decision in the shadow."""

    rollout: str
    customer_id: int
    at: datetime
    in_use: tuple[str, ...]
    candidate: tuple[str, ...]
    harm: tuple[str, ...]


def record(connection: Connection, shadows: Sequence[Shadow], *, now: datetime) -> None:
    """Write decisions, in one statement. Of one day the last counts, and the harm of them all."""
    if not shadows:
        return
    rows = [
        {
            "rollout": one.rollout,
            "customer_id": one.customer_id,
            "in_use": list(one.in_use),
            "candidate": list(one.candidate),
            "harm": list(one.harm),
        }
        for one in shadows
    ]
    batch.driver(connection).execute(_RECORD, (now, now, Jsonb(rows)))


def harmful(
    connection: Connection, rollout: str, *, round_: int, limit: int = 50
) -> tuple[ShadowRow, ...]:
    """Return the decisions of a round that would have done harm, newest first."""
    sql = (
        "SELECT rollout, customer_id, at, in_use, candidate, harm FROM shadows "
        "WHERE rollout = %s AND round = %s AND harm <> '{}' ORDER BY at DESC, customer_id LIMIT %s"
    )
    return tuple(
        ShadowRow(name, id, at, *map(tuple, words))
        for name, id, at, *words in batch.fetch(connection, sql, (rollout, round_, limit))
    )


def prune(connection: Connection, before: datetime, *, limit: int = 10_000) -> int:
    """Delete some of what is older than `before`; return how many rows went."""
    gone = 0
    for table, column in (("shadows", "at"), ("raises", "hour")):
        sql = (
            f"DELETE FROM {table} WHERE ctid IN "
            f"(SELECT ctid FROM {table} WHERE {column} < %s LIMIT %s)"
        )
        gone += batch.driver(connection).execute(sql.encode(), (before, limit)).rowcount
    return gone
