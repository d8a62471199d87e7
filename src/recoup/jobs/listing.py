"""What people ask about effects. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, text

from recoup.jobs.base import Scalar

_COLUMNS: Final = """id, kind, key, queue, customer_id, args, state, due_at, attempt, lease_until,
    claim_id, reason, result, created_at, ended_at"""

_LISTING: Final = text(f"""
    SELECT {_COLUMNS} FROM effects
    WHERE (CAST(:state AS text) IS NULL OR state = CAST(:state AS text))
      AND (CAST(:kind AS text) IS NULL OR kind = CAST(:kind AS text))
      AND (CAST(:customer AS bigint) IS NULL OR customer_id = CAST(:customer AS bigint))
      AND (CAST(:before AS bigint) IS NULL OR id < CAST(:before AS bigint))
    ORDER BY id DESC LIMIT :limit
""")

_FIND: Final = text(f"SELECT {_COLUMNS} FROM effects WHERE id = :id")

_COUNTS: Final = text("""
    SELECT state, kind, count(*) AS number FROM effects GROUP BY state, kind ORDER BY state, kind
""")

_LAG: Final = text("""
    SELECT queue, count(*) AS number, min(due_at) AS oldest FROM effects
    WHERE state = 'scheduled' AND due_at <= :now GROUP BY queue ORDER BY queue
""")

_UNKNOWN: Final = text("""
    SELECT kind, count(*) AS number FROM effects
    WHERE state = 'scheduled' AND kind <> ALL(CAST(:known AS text[]))
    GROUP BY kind ORDER BY kind
""")

_QUEUES_DUE: Final = text("""
    SELECT name FROM unnest(CAST(:queues AS text[])) WITH ORDINALITY AS given (name, place)
    WHERE EXISTS (SELECT FROM effects
                  WHERE queue = name AND state = 'scheduled' AND due_at <= :now)
    ORDER BY place
""")


@dataclass(frozen=True, slots=True)
class EffectRow:
    """One effect as it stands, for showing."""

    id: int
    kind: str
    key: str
    queue: str
    customer_id: int | None
    args: Mapping[str, Scalar]
    state: str
    due_at: datetime
    attempt: int
    lease_until: datetime | None
    claim_id: UUID | None
    reason: str | None
    result: Mapping[str, Scalar] | None
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Lag:
    """How far behind a queue is."""

    due: int  #: effects that are due and not yet claimed
    late: timedelta  #: age of the oldest of them, counted from its due date


def listing(
    connection: Connection,
    *,
    state: str | None = None,
    kind: str | None = None,
    customer_id: int | None = None,
    before_id: int | None = None,
    limit: int = 100,
) -> tuple[EffectRow, ...]:
    """Return the effects that all given conditions name, newest first; page by `before_id`."""
    given = {"state": state, "kind": kind, "customer": customer_id, "before": before_id}
    rows = connection.execute(_LISTING, {**given, "limit": limit})
    return tuple(EffectRow(*row) for row in rows)


def find(connection: Connection, effect_id: int) -> EffectRow | None:
    """Return one effect, or None when there is none."""
    row = connection.execute(_FIND, {"id": effect_id}).one_or_none()
    return None if row is None else EffectRow(*row)


def counts(connection: Connection) -> Mapping[tuple[str, str], int]:
    """Return (state, kind) -> how many effects."""
    return {(row.state, row.kind): row.number for row in connection.execute(_COUNTS)}


def lag(connection: Connection, now: datetime) -> Mapping[str, Lag]:
    """Return queue -> how far behind it is at `now` (UTC). A queue with nothing due is absent."""
    rows = connection.execute(_LAG, {"now": now})
    return {row.queue: Lag(due=row.number, late=now - row.oldest) for row in rows}


def queues_due(connection: Connection, queues: Sequence[str], *, now: datetime) -> tuple[str, ...]:
    """Return those of `queues` that hold something due at `now` (UTC), in the order given."""
    return tuple(connection.scalars(_QUEUES_DUE, {"queues": list(queues), "now": now}))


def unknown_kinds(connection: Connection, known: Collection[str]) -> Mapping[str, int]:
    """Return kind -> how many scheduled effects no handler of ours runs."""
    rows = connection.execute(_UNKNOWN, {"known": sorted(known)})
    return {row.kind: row.number for row in rows}
