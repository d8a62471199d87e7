"""Runs of the loop, and customers whose run failed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from types import EllipsisType

from sqlalchemy import Connection

from recoup.core.account import CustomerId
from recoup.store import batch, tables

#: Customer, state, failures in a row, reason, next try; `...` leaves the next try as it is.
Mark = tuple[CustomerId, str, int, str | None, datetime | EllipsisType | None]


def open(connection: Connection) -> int:
    """Return the number of a new run."""
    return batch.new_id(connection, tables.runs)


def close(
    connection: Connection,
    run_id: int,
    *,
    trigger: str,
    at: datetime,
    customers: int,
    changed: int,
    failed: int,
    duration_us: int,
) -> None:
    """Record what a run came to."""
    columns = ("id", "trigger", "at", "customers", "changed", "failed", "duration_us")
    row = (run_id, trigger, at, customers, changed, failed, duration_us)
    batch.copy(connection, tables.runs, columns, [row])


def mark(connection: Connection, rows: Sequence[Mark]) -> None:
    """Set the run state of customers."""
    columns = ("run_state", "failures", "run_error")
    kept = [row[:4] for row in rows if row[4] is ...]
    timed = [row for row in rows if row[4] is not ...]
    batch.update(connection, tables.standings, "customer_id", columns, kept)
    batch.update(connection, tables.standings, "customer_id", (*columns, "next_wake_at"), timed)


def alert(connection: Connection, ids: Sequence[CustomerId], *, now: datetime) -> None:
    """Open a task for each customer that is parked, unless it has one."""
    batch.fetch(
        connection,
        "INSERT INTO tasks (customer_id, key, kind, detail, opened_at) "
        "SELECT id, 'parked:' || id, 'parked', 'it could not be decided on and is parked: recoup "
        "explain ' || id || ' says why, recoup recompute ' || id || ' tries again', %s "
        "FROM unnest(%s::bigint[]) id ON CONFLICT (key) WHERE closed_at IS NULL DO NOTHING "
        "RETURNING id",
        (now, list(ids)),
    )


def calm(connection: Connection, ids: Sequence[CustomerId], *, now: datetime) -> None:
    """Close those tasks of customers who could be decided on after all."""
    batch.fetch(
        connection,
        "UPDATE tasks SET closed_at = %s WHERE key = ANY(%s) AND closed_at IS NULL RETURNING id",
        (now, [f"parked:{id}" for id in ids]),
    )
