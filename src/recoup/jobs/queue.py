"""Putting effects into the table and taking them out again, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from recoup.errors import InvalidValue
from recoup.jobs.base import NewEffect
from recoup.jobs.words import clean, dumped

#: Where PostgreSQL says that a queue holds something due; the payload is the queue's name.
CHANNEL: Final = "recoup_effects"

_ENQUEUE: Final = text("""
    WITH added AS (
        INSERT INTO effects (kind, key, queue, customer_id, args, due_at, created_at)
        SELECT kind, key, queue, customer_id, CAST(args AS jsonb), due_at, :now
        FROM unnest(CAST(:kinds AS text[]), CAST(:keys AS text[]), CAST(:queues AS text[]),
                    CAST(:customers AS bigint[]), CAST(:args AS text[]),
                    CAST(:dues AS timestamptz[]))
             AS given (kind, key, queue, customer_id, args, due_at)
        ON CONFLICT (key) WHERE state IN ('scheduled', 'running', 'parked') DO NOTHING
        RETURNING queue, due_at
    ), rung AS (
        SELECT pg_notify(:channel, queue)
        FROM (SELECT DISTINCT queue FROM added WHERE due_at <= :now) AS due
    )
    SELECT (SELECT count(*) FROM added) AS added, (SELECT count(*) FROM rung) AS rung
""")

#: In the driver's own dialect, for the statement of somebody else.
_FOLLOWING: Final = """, added AS (
        INSERT INTO effects (kind, key, queue, due_at, created_at)
        SELECT %b::text, %b::text || ':' || id, %b::text, %b::timestamptz, %b::timestamptz
        FROM fresh
        ON CONFLICT (key) WHERE state IN ('scheduled', 'running', 'parked') DO NOTHING
        RETURNING queue
    ), told AS (
        SELECT pg_notify(%b::text, queue) FROM (SELECT DISTINCT queue FROM added) AS due
    )"""

_CANCEL: Final = text("""
    UPDATE effects SET state = 'canceled', reason = :reason, ended_at = :now
    WHERE state = 'scheduled'
      AND (CAST(:keys AS text[]) IS NULL OR key = ANY(CAST(:keys AS text[])))
      AND (CAST(:customer AS bigint) IS NULL OR customer_id = CAST(:customer AS bigint))
      AND (CAST(:kind AS text) IS NULL OR kind = CAST(:kind AS text))
""")

_LIVE: Final = text("""
    SELECT id, due_at, state = 'running' AS running, state = 'parked' AS parked,
           CASE WHEN state <> 'running' THEN reason END AS reason
    FROM effects WHERE key = :key AND state IN ('scheduled', 'running', 'parked')
""")

_HASTEN: Final = text("""
    WITH sooner AS (
        UPDATE effects SET due_at = :now
        WHERE key = ANY(CAST(:keys AS text[])) AND state = 'scheduled' AND due_at > :now
        RETURNING queue
    ), rung AS (
        SELECT pg_notify(:channel, queue) FROM (SELECT DISTINCT queue FROM sooner) AS due
    )
    SELECT (SELECT count(*) FROM sooner) AS hastened, (SELECT count(*) FROM rung) AS rung
""")

_PREFER: Final = text("""
    WITH preferred AS (
        UPDATE effects SET kind = :kind, due_at = least(due_at, :now), reason = NULL
        WHERE key = ANY(CAST(:keys AS text[])) AND state = 'scheduled'
        RETURNING queue
    ), rung AS (
        SELECT pg_notify(:channel, queue) FROM (SELECT DISTINCT queue FROM preferred) AS due
    )
    SELECT (SELECT count(*) FROM preferred) AS preferred, (SELECT count(*) FROM rung) AS rung
""")

_RETRY: Final = text("""
    WITH again AS (
        UPDATE effects SET state = 'scheduled', attempt = 0, due_at = :now, reason = NULL
        WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'parked'
        RETURNING queue
    ), rung AS (
        SELECT pg_notify(:channel, queue) FROM (SELECT DISTINCT queue FROM again) AS due
    )
    SELECT (SELECT count(*) FROM again) AS again, (SELECT count(*) FROM rung) AS rung
""")

_PRUNE: Final = text("""
    DELETE FROM effects WHERE id IN (
        SELECT id FROM effects WHERE ended_at < :before ORDER BY ended_at LIMIT :limit
    )
""")


@dataclass(frozen=True, slots=True)
class Live:
    """An effect that is not over."""

    id: int
    due_at: datetime
    running: bool
    parked: bool  #: a person must look at it
    reason: str | None  #: why it waits, if it was run and put off


def enqueue(connection: Connection, effects: Sequence[NewEffect], *, now: datetime) -> int:
    """
    Write `effects` in the caller's transaction; return how many are new.

    An effect whose key is live already is left as it is, also when it comes twice here. Workers
    are told of what is due at `now` (UTC) when the transaction commits, and not before.
    """
    if not effects:
        return 0
    # Two transactions that enqueue the same keys wait for one another; one order, no deadlock.
    ordered = sorted(effects, key=lambda effect: effect.key)
    row = connection.execute(
        _ENQUEUE,
        {
            "kinds": [effect.kind for effect in ordered],
            "keys": [effect.key for effect in ordered],
            "queues": [effect.queue for effect in ordered],
            "customers": [effect.customer_id for effect in ordered],
            "args": [dumped(effect.args) for effect in ordered],
            "dues": [effect.due_at for effect in ordered],
            "now": now,
            "channel": CHANNEL,
        },
    ).one()
    return int(row.added)


def following(kind: str, *, queue: str, now: datetime) -> tuple[str, tuple[object, ...]]:
    """
    Return what enqueues an effect due at `now` (UTC) for each row that a statement makes.

    It goes behind a `WITH fresh AS (…)` that gives their `id`, as SQL and its parameters, and
    ends in `told`, which must be read: one statement is one round trip and one transaction. The
    keys are the kind and the id, "absorb:7".
    """
    return _FOLLOWING, (kind, kind, queue, now, now, CHANNEL)


def cancel(
    connection: Connection,
    *,
    reason: str,
    now: datetime,
    keys: Sequence[str] | None = None,
    customer_id: int | None = None,
    kind: str | None = None,
) -> int:
    """
    Cancel the scheduled effects that all given conditions name; return how many.

    What is running, parked or over stays as it is.

    Raises:
        InvalidValue: no condition is given, which would name everything.
    """
    if keys is None and customer_id is None and kind is None:
        raise InvalidValue("cancel needs keys, a customer or a kind")
    done = connection.execute(
        _CANCEL,
        {
            "keys": None if keys is None else list(keys),
            "customer": customer_id,
            "kind": kind,
            "reason": clean(reason),
            "now": now,
        },
    )
    return done.rowcount


def live(connection: Connection, key: str) -> Live | None:
    """Return how the live effect of this key stands; None: there is none, or it is over."""
    row = connection.execute(_LIVE, {"key": key}).one_or_none()
    return None if row is None else Live(*row)


def hasten(connection: Connection, keys: Sequence[str], *, now: datetime) -> int:
    """Make these scheduled effects due at `now`, if they are not; return how many were made so."""
    row = connection.execute(_HASTEN, {"keys": list(keys), "now": now, "channel": CHANNEL}).one()
    return int(row.hastened)


def prefer(connection: Connection, keys: Sequence[str], *, kind: str, now: datetime) -> int:
    """
    Make these scheduled effects ones of `kind`, due at `now` at the latest; return how many.

    For a kind that comes first, and does what the one that they were does.
    """
    given = {"keys": list(keys), "kind": kind, "now": now, "channel": CHANNEL}
    return int(connection.execute(_PREFER, given).one().preferred)


def ring(connection: Connection, queue: str) -> None:
    """Have workers look at this queue when the transaction commits."""
    connection.execute(
        text("SELECT pg_notify(:channel, :queue)"), {"channel": CHANNEL, "queue": queue}
    )


def is_running(connection: Connection, key: str) -> bool:
    """Return whether somebody is carrying out the effect of this key."""
    sql = text("SELECT EXISTS (SELECT FROM effects WHERE key = :key AND state = 'running')")
    return bool(connection.scalar(sql, {"key": key}))


def retry(connection: Connection, ids: Sequence[int], *, now: datetime) -> int:
    """Make these parked effects due at `now` with all their attempts; return how many were."""
    row = connection.execute(_RETRY, {"ids": list(ids), "now": now, "channel": CHANNEL}).one()
    return int(row.again)


def prune(connection: Connection, before: datetime, *, limit: int = 10_000) -> int:
    """
    Delete effects that were done or canceled before `before` (UTC); return how many.

    Oldest first, at most `limit`: call again while it returns that many.
    """
    return connection.execute(_PRUNE, {"before": before, "limit": limit}).rowcount
