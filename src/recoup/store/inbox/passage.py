"""
From received to an end: which letters are due, what became of them, and who waits for whom.

received → applied | ignored | parked, with waiting (for a parent) and failed (until its next try)
in between. Every letter ends.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import Connection

from recoup.store import batch, tables

State = Literal["applied", "ignored", "waiting", "failed", "parked"]
_ENDS: Final = frozenset({"applied", "ignored", "parked"})

#: What a letter waits for -> the query that finds it. The rest of `waiting_for` is `w.name`.
_PARENTS: Final = {
    kind: f"SELECT FROM {table} p WHERE p.processor = w.processor AND p.{column} = w.name"
    for kind, table, column in (
        ("customer", "customers", "processor_id"),
        ("subscription", "subscriptions", "processor_id"),
        ("invoice", "invoices", "processor_id"),
        ("payment_method", "payment_methods", "processor_id"),
        ("payment_intent", "payment_links", "payment_intent"),
        ("charge", "attempts", "processor_id"),
    )
}
#: An attempt of ours may turn out to be the very charge that waits: once its charge is known,
#: or it is over, the letter is looked at again.
_SETTLED: Final = (
    "SELECT WHERE NOT EXISTS (SELECT FROM attempts a "
    "WHERE a.invoice_id = CASE WHEN w.kind = 'attempt' THEN w.name::bigint END "
    "AND a.processor_id IS NULL AND a.state IN ('intended', 'requested', 'unknown'))"
)


@dataclass(frozen=True, slots=True)
class Letter:
    """A stored line that has not ended."""

    id: int
    raw: bytes
    failures: int
    key: str = ""  #: its event's id; only where it was stored just now


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a letter."""

    id: int
    state: State
    reason: str | None = None
    waiting_for: str | None = None
    failures: int = 0
    next_try_at: datetime | None = None


def due(
    connection: Connection, processor: str, *, now: datetime, after: int, limit: int
) -> list[Letter]:
    """Return letters behind id `after` that were received, or failed and are due again."""
    sql = (
        "SELECT id, raw, failures FROM inbox WHERE processor = %s AND id > %s AND "
        "(state = 'received' OR (state = 'failed' AND next_try_at <= %s)) ORDER BY id LIMIT %s"
    )
    return [Letter(*row) for row in batch.fetch(connection, sql, (processor, after, now, limit))]


def lease(
    connection: Connection, processor: str, *, now: datetime, until: datetime, limit: int
) -> list[Letter]:
    """
    Return letters that are due, the oldest first, and let nobody else have them before `until`.

    They stay what they are; when whoever took them dies they are due again.
    """
    sql = (
        "WITH mine AS (SELECT id FROM inbox WHERE processor = %s AND (state = 'received' "
        "AND coalesce(next_try_at, %s) <= %s OR state = 'failed' AND next_try_at <= %s) "
        "ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED) "
        "UPDATE inbox SET next_try_at = %s FROM mine WHERE inbox.id = mine.id "
        "RETURNING inbox.id, raw, failures"
    )
    given = (processor, now, now, now, limit, until)
    return sorted(
        (Letter(*row) for row in batch.fetch(connection, sql, given)), key=lambda each: each.id
    )


def claimed(connection: Connection, ids: Sequence[int]) -> frozenset[int]:
    """Lock and return those of `ids` that are still to be absorbed and that nobody holds."""
    sql = (
        "SELECT id FROM inbox WHERE id = ANY(%s) AND state IN ('received', 'failed') "
        "ORDER BY id FOR UPDATE SKIP LOCKED"
    )
    return frozenset(id for (id,) in batch.fetch(connection, sql, (list(ids),)))


def release(
    connection: Connection,
    processor: str,
    arrived: Collection[str],
    *,
    but: Collection[int],
    limit: int,
) -> list[Letter]:
    """Lock and return letters that wait for one of `arrived`, except the ids in `but`."""
    sql = (
        "SELECT id, raw, failures FROM inbox WHERE state = 'waiting' AND processor = %s "
        "AND waiting_for = ANY(%s) AND id <> ALL(%s) ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED"
    )
    parameters = (processor, sorted(arrived), sorted(but), limit)
    return [Letter(*row) for row in batch.fetch(connection, sql, parameters)]


def awaited(connection: Connection, processor: str, names: Collection[str]) -> bool:
    """Whether any letter waits for one of `names`, "attempt:7"."""
    sql = (
        "SELECT EXISTS (SELECT FROM inbox WHERE state = 'waiting' AND processor = %s "
        "AND waiting_for = ANY(%s))"
    )
    return bool(batch.fetch(connection, sql, (processor, sorted(names)))[0][0])


def mark(connection: Connection, outcomes: Iterable[Outcome], *, now: datetime) -> None:
    """Write what became of letters."""
    plain, rows = [], []
    for o in sorted(outcomes, key=lambda o: o.id):
        if o == Outcome(o.id, "applied"):
            plain.append(o.id)
            continue
        ended_at = now if o.state in _ENDS else None
        rows.append((o.id, o.state, o.reason, o.waiting_for, o.failures, o.next_try_at, ended_at))
    if plain:  # nearly all of them, and all alike
        sql = (
            "UPDATE inbox SET state = 'applied', reason = NULL, waiting_for = NULL, "
            "failures = 0, next_try_at = NULL, ended_at = %s WHERE id = ANY(%s) RETURNING 1"
        )
        batch.fetch(connection, sql, (now, plain))
    columns = ("state", "reason", "waiting_for", "failures", "next_try_at", "ended_at")
    batch.update(connection, tables.inbox, "id", columns, rows)


def revive(connection: Connection, processor: str) -> int:
    """
    Make waiting letters received again whose parent is there; return how many.

    A parent that arrives releases them itself; this finds those that began to wait at the very
    moment, and those whose parent came by another way.
    """
    conditions = " OR ".join(
        f"(w.kind = '{kind}' AND EXISTS ({query}))"
        for kind, query in {**_PARENTS, "attempt": _SETTLED}.items()
    )
    sql = (
        "UPDATE inbox i SET state = 'received', reason = NULL, waiting_for = NULL FROM "
        "(SELECT id, processor, split_part(waiting_for, ':', 1) AS kind, "
        "substr(waiting_for, strpos(waiting_for, ':') + 1) AS name FROM inbox "
        "WHERE state = 'waiting' AND processor = %s FOR UPDATE SKIP LOCKED) w "
        f"WHERE w.id = i.id AND ({conditions}) RETURNING i.id"
    )
    return len(batch.fetch(connection, sql, (processor,)))


def give_up(
    connection: Connection, processor: str, *, before: datetime, now: datetime
) -> dict[str, int]:
    """
    End the waiting of what was received before an instant; return how many, by new state.

    A payment that no invoice claimed is none of ours: ignored. For everything else something is
    missing here: parked, for a person to see. What waits for an attempt of ours lacks nothing: it
    waits for as long as nobody can say what became of that.
    """
    sql = (
        "UPDATE inbox SET state = CASE WHEN waiting_for LIKE 'payment\\_intent:%%' "
        "OR waiting_for LIKE 'charge:%%' THEN 'ignored' ELSE 'parked' END, "
        "reason = 'no ' || waiting_for || ' came', "
        "waiting_for = NULL, ended_at = %s "
        "WHERE state = 'waiting' AND processor = %s AND received_at < %s "
        "AND waiting_for NOT LIKE 'attempt:%%' RETURNING state"
    )
    ended: dict[str, int] = {}
    for (state,) in batch.fetch(connection, sql, (now, processor, before)):
        ended[state] = ended.get(state, 0) + 1
    return ended


def replay(connection: Connection, ids: Sequence[int]) -> int:
    """Make letters received again, whatever became of them; return how many."""
    sql = (
        "UPDATE inbox SET state = 'received', reason = NULL, waiting_for = NULL, failures = 0, "
        "next_try_at = NULL, ended_at = NULL WHERE id = ANY(%s) RETURNING id"
    )
    return len(batch.fetch(connection, sql, (list(ids),)))


def prune(connection: Connection, before: datetime, *, limit: int) -> int:
    """Remove up to `limit` letters that were applied or ignored before an instant."""
    sql = (
        "DELETE FROM inbox WHERE id IN "
        "(SELECT id FROM inbox WHERE state IN ('applied', 'ignored') AND ended_at < %s LIMIT %s) "
        "RETURNING id"
    )
    return len(batch.fetch(connection, sql, (before, limit)))
