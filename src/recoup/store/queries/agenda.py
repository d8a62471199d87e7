"""What is to come, and how cases stand: for whoever moves a simulated clock."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from recoup.store import batch


def next_wake(connection: Connection) -> datetime | None:
    """Return the earliest instant at which some customer's decision could change."""
    sql = "SELECT min(next_wake_at) FROM standings WHERE run_state <> 'parked'"
    found: datetime | None = batch.fetch(connection, sql)[0][0]
    return found


def next_effect(connection: Connection) -> datetime | None:
    """Return when the next effect is due."""
    sql = "SELECT min(due_at) FROM effects WHERE state = 'scheduled'"
    found: datetime | None = batch.fetch(connection, sql)[0][0]
    return found


def cases_by_end(connection: Connection) -> tuple[int, int, int]:
    """Return how many cases are open, ended with the money in, and ended without it."""
    sql = """
        SELECT count(*) FILTER (WHERE ending IS NULL),
               count(*) FILTER (WHERE ending = 'recovered'),
               count(*) FILTER (WHERE ending NOT IN ('recovered', 'superseded'))
        FROM cases"""
    open_cases, recovered, lost = batch.fetch(connection, sql)[0]
    return open_cases, recovered, lost
