"""What is to come, and how cases stand: for whoever moves a simulated clock."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from recoup.store import batch


def coming(connection: Connection) -> tuple[datetime | None, datetime | None]:
    """Return when somebody's decision can next change, and when the next effect is due."""
    sql = """
        SELECT (SELECT min(next_wake_at) FROM standings WHERE run_state <> 'parked'),
               (SELECT min(due_at) FROM effects WHERE state = 'scheduled')"""
    wake, effect = batch.fetch(connection, sql)[0]
    return wake, effect


def cases_by_end(connection: Connection) -> tuple[int, int, int]:
    """Return how many cases are open, ended with the money in, and ended without it."""
    sql = """
        SELECT count(*) FILTER (WHERE ending IS NULL),
               count(*) FILTER (WHERE ending = 'recovered'),
               count(*) FILTER (WHERE ending NOT IN ('recovered', 'superseded'))
        FROM cases"""
    open_cases, recovered, lost = batch.fetch(connection, sql)[0]
    return open_cases, recovered, lost
