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
