"""
The stop of all charging: a setting of the database that every try by itself looks at first.

It is read before each single call, so nobody has to be told when it is set or taken away.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from recoup.store import batch

NAME: Final = "charging_paused"
#: SQL for what `of` reads; no row: nobody stopped anything.
READ: Final = f"SELECT value FROM settings WHERE name = '{NAME}'"

#: SQL for who is in debt and is not looked at by itself at once.
_DEBTORS: Final = """
    SELECT customer_id FROM standings s
    WHERE run_state = 'ok' AND (next_wake_at IS NULL OR next_wake_at > %s)
      AND EXISTS (SELECT FROM cases c WHERE c.customer_id = s.customer_id AND c.ending IS NULL)"""


@dataclass(frozen=True, slots=True)
class Pause:
    """Nobody is charged by itself, because `actor` said so."""

    actor: str
    reason: str
    since: str  #: ISO 8601, UTC

    @property
    def words(self) -> str:
        return f"by {self.actor}: {self.reason}"


def of(rows: list[Any]) -> Pause | None:
    """Return what the rows of `READ` say."""
    return Pause(**json.loads(rows[0][0])) if rows else None


def read(connection: Connection) -> Pause | None:
    """Return the pause in force, if any."""
    return of(batch.fetch(connection, READ))


def pause(connection: Connection, *, actor: str, reason: str, now: datetime) -> Pause:
    """Stop charging, or go on with the pause there is; return the one in force."""
    made = Pause(actor, reason, now.isoformat())
    batch.fetch(
        connection,
        "INSERT INTO settings (name, value) VALUES (%s, %s) "
        "ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING value",
        (NAME, json.dumps(asdict(made))),
    )
    return read(connection) or made


def resume(connection: Connection, *, now: datetime) -> int | None:
    """
    Let charging go on, and have every debtor looked at again; return how many.

    None when nothing was stopped.
    """
    gone = batch.fetch(connection, f"DELETE FROM settings WHERE name = '{NAME}' RETURNING name")
    if not gone:
        return None
    woken = batch.fetch(
        connection,
        f"""
        WITH debtors AS (
            {_DEBTORS} ORDER BY customer_id FOR UPDATE
        ), woken AS (
            UPDATE standings s SET next_wake_at = %s FROM debtors d
            WHERE s.customer_id = d.customer_id RETURNING 1
        ) SELECT count(*) FROM woken""",
        (now, now),
    )
    return int(woken[0][0])


def debtors(connection: Connection, *, now: datetime) -> int:
    """Return how many `resume` would have looked at again."""
    rows = batch.fetch(connection, f"SELECT count(*) FROM ({_DEBTORS}) d", (now,))
    return int(rows[0][0])


def waiting(connection: Connection) -> int:
    """Return how many tries by itself are decided and not made."""
    sql = "SELECT count(*) FROM attempts WHERE state = 'intended' AND off_session"
    return int(batch.fetch(connection, sql)[0][0])


def stops(connection: Connection, attempts: list[int], *, now: datetime) -> Mapping[int, str]:
    """
    Return why those of our attempts may not be made now that a person stopped since they were
    decided: all charging is paused, or their customer's tries are on hold.

    What a person asks for waits for no hold. With the customer there, nothing stops it.
    """
    rows = batch.fetch(connection, _STOPS, (now, now, sorted(ASKED), attempts))
    return {id: _why(pause, kind, reason) for id, pause, kind, reason in rows}


#: Origins of attempts that a person asked for.
ASKED: Final = frozenset({"operator", "customer", "bad_debt"})

_STOPS: Final = f"""
    SELECT a.id, p.value, h.kind, h.reason
    FROM attempts a
    LEFT JOIN settings p ON p.name = '{NAME}'
    LEFT JOIN LATERAL (
        SELECT kind, reason FROM holds WHERE customer_id = a.customer_id
          AND kind IN ('hold', 'promise') AND since <= %s
          AND (until IS NULL OR until > %s)
          AND a.origin <> ALL(%s) ORDER BY id LIMIT 1
    ) h ON true
    WHERE a.id = ANY(%s) AND a.off_session AND (p.value IS NOT NULL OR h.kind IS NOT NULL)"""


def _why(pause: str | None, kind: str | None, reason: str | None) -> str:
    if pause is not None:
        return f"charging is paused {Pause(**json.loads(pause)).words}"
    return f"{kind}: {reason}"
