"""Findings: disagreements, each from when it was first seen until it is gone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg.types.json import Jsonb
from sqlalchemy import Connection

from recoup.errors import NotFound
from recoup.store import batch
from recoup.store.drift.classes import Class, Store

#: A disagreement is one when it is so old, and was seen twice.
AGE: Final = timedelta(minutes=10)
#: What a finding of an edit by hand has as its cause.
BEHIND: Final = "behind the engine"
#: The state of what a person is to see to.
TASK: Final = "task"

_COLUMNS: Final = """id, customer_id, store, subject, field, class, cause, stored, expected,
    first_seen, last_seen, times, state, note, ended_at"""

_SETTLE: Final = """
    INSERT INTO drift_findings (customer_id, store, subject, field, class, cause, stored, expected,
                                first_seen, last_seen, scan_id)
    SELECT customer_id, store, subject, field, class, cause, stored, expected, %s, %s, %s
    FROM jsonb_to_recordset(%s) AS given
         (customer_id bigint, store text, subject text, field text, class text, cause text,
          stored text, expected text)
    ON CONFLICT (coalesce(customer_id, 0), store, subject, field) WHERE ended_at IS NULL
    DO UPDATE SET class = excluded.class, stored = excluded.stored, expected = excluded.expected,
        last_seen = greatest(drift_findings.last_seen, excluded.last_seen),
        times = drift_findings.times + (drift_findings.scan_id <> excluded.scan_id)::integer,
        scan_id = excluded.scan_id"""

_GONE: Final = """
    UPDATE drift_findings SET state = 'gone', ended_at = %s
    WHERE ended_at IS NULL AND scan_id <> %s AND store = %s
      AND customer_id BETWEEN %s AND %s AND customer_id <> ALL(%s)
    RETURNING id"""

_GONE_AT_THE_PROCESSOR: Final = """
    UPDATE drift_findings SET state = 'gone', ended_at = %s
    WHERE ended_at IS NULL AND scan_id <> %s AND store = 'processor' RETURNING id"""

_TASKS_OVER: Final = """
    UPDATE tasks SET closed_at = %s
    WHERE closed_at IS NULL AND kind = 'drift' AND key = ANY(%s)"""


@dataclass(frozen=True, slots=True)
class Found:
    """A disagreement as it was just seen. `values` are the ledger's and the row's, as JSON's."""

    customer_id: int | None
    store: Store
    subject: str
    field: str
    class_: Class
    stored: str | None
    expected: str | None
    values: tuple[Any, Any] | None = None
    cause: str = BEHIND

    @property
    def key(self) -> tuple[int | None, str, str, str]:
        return self.customer_id, self.store, self.subject, self.field


@dataclass(frozen=True, slots=True)
class Finding:
    """
    A disagreement that was seen, from the first time to the last.

    `first_seen` and `times` are of the disagreement, not of the row.
    """

    id: int
    customer_id: int | None  #: None: nobody we know
    store: str  #: decision, ledger, access or processor
    subject: str
    field: str
    class_: str
    cause: str  #: the newest entry of the ledger about it, or that it came behind the engine
    stored: str | None
    expected: str | None
    first_seen: datetime
    last_seen: datetime
    times: int
    state: str  #: open, task, gone or repaired
    note: str | None
    ended_at: datetime | None

    @property
    def given_up(self) -> bool:
        """Whether a person is to see to it."""
        return self.state == TASK

    @property
    def confirmed(self) -> bool:
        """Whether it has lasted, and was seen twice."""
        return self.times > 1 and self.last_seen - self.first_seen >= AGE


def settle(
    connection: Connection,
    found: Sequence[Found],
    *,
    scan: int,
    now: datetime,
) -> None:
    """Write what was seen: new, or once more."""
    if not found:
        return
    rows = {
        one.key: {
            "customer_id": one.customer_id,
            "store": one.store,
            "subject": one.subject,
            "field": one.field,
            "class": str(one.class_),
            "cause": one.cause,
            "stored": _safe(one.stored),
            "expected": _safe(one.expected),
        }
        for one in found
    }
    batch.driver(connection).execute(_SETTLE, (now, now, scan, Jsonb(list(rows.values()))))


def gone(
    connection: Connection,
    store: Store,
    *,
    scan: int,
    first: int,
    last: int,
    but: Collection[int] = (),
    now: datetime,
) -> int:
    """
    Close what a walk over the customers from `first` to `last` has not seen in `store` any more.

    `but` are those about whom nothing could be found out.
    """
    return _closed(connection, _GONE, (now, scan, store, first, last, sorted(but)), now)


def gone_at_the_processor(connection: Connection, *, scan: int, now: datetime) -> int:
    """Close what a walk through all that the processor has did not see any more."""
    return _closed(connection, _GONE_AT_THE_PROCESSOR, (now, scan), now)


def listing(
    connection: Connection,
    *,
    customer_id: int | None = None,
    class_: str | None = None,
    ended: bool = False,
    confirmed: bool = False,
    after: int = 0,
    limit: int = 50,
) -> tuple[Finding, ...]:
    """Return findings by id, with `ended` those that are over too; 0 is nobody we know."""
    sql = f"""
        SELECT {_COLUMNS} FROM drift_findings
        WHERE id > %s AND (%s OR ended_at IS NULL)
          AND (%s::bigint IS NULL OR coalesce(customer_id, 0) = %s)
          AND (%s::text IS NULL OR class = %s)
          AND (NOT %s OR (times > 1 AND last_seen - first_seen >= %s))
        ORDER BY id LIMIT %s"""
    given = (after, ended, customer_id, customer_id, class_, class_, confirmed, AGE, limit)
    return tuple(Finding(*row) for row in batch.fetch(connection, sql, given))


def concerned(connection: Connection, *, after: int, limit: int) -> list[int]:
    """
    Return the customers behind `after` of whom something is confirmed that nobody was given.

    0 stands for nobody we know.
    """
    sql = (
        "SELECT DISTINCT coalesce(customer_id, 0) AS id FROM drift_findings "
        "WHERE ended_at IS NULL AND coalesce(customer_id, 0) > %s AND state = 'open' "
        "AND times > 1 AND last_seen - first_seen >= %s ORDER BY id LIMIT %s"
    )
    return [id for (id,) in batch.fetch(connection, sql, (after, AGE, limit))]


def show(connection: Connection, id: int) -> Finding:
    """
    Return one finding.

    Raises:
        NotFound: there is none.
    """
    sql = f"SELECT {_COLUMNS} FROM drift_findings WHERE id = %s"
    for row in batch.fetch(connection, sql, (id,)):
        return Finding(*row)
    raise NotFound(f"there is no finding {id}")


def mark(
    connection: Connection, ids: Collection[int], state: str, *, note: str | None, now: datetime
) -> None:
    """Say what became of findings: "repaired", or "task"."""
    sql = """
        UPDATE drift_findings SET state = %s, note = %s,
            ended_at = CASE WHEN %s = 'repaired' THEN %s::timestamptz END
        WHERE id = ANY(%s) AND ended_at IS NULL RETURNING id"""
    if state == "repaired":
        _closed(connection, sql, (state, note, state, now, sorted(ids)), now)
    else:
        batch.fetch(connection, sql, (state, note, state, now, sorted(ids)))


def open_task(connection: Connection, one: Finding, why: str, *, now: datetime) -> None:
    """Give a person a finding, unless somebody has it."""
    detail = (
        f"{one.subject}, {one.field}: {one.stored or 'nothing'} here, "
        f"{one.expected or 'nothing'} expected ({why}). See docs/drift.md."
    )
    batch.driver(connection).execute(
        "INSERT INTO tasks (customer_id, key, kind, detail, opened_at) "
        "VALUES (%s, %s, 'drift', %s, %s) ON CONFLICT (key) WHERE closed_at IS NULL DO NOTHING",
        (one.customer_id, f"drift:{one.id}", detail, now),
    )
    mark(connection, [one.id], TASK, note=why, now=now)


def prune(connection: Connection, before: datetime, *, limit: int = 10_000) -> int:
    """Delete some findings and scans that ended before `before`; return how many went."""
    went = 0
    for table in ("drift_findings", "drift_scans"):
        sql = (
            f"DELETE FROM {table} WHERE id IN "
            f"(SELECT id FROM {table} WHERE ended_at < %s ORDER BY id LIMIT %s)"
        )
        went += batch.driver(connection).execute(sql.encode(), (before, limit)).rowcount
    return went


def _closed(connection: Connection, sql: str, given: Sequence[Any], now: datetime) -> int:
    ids = [id for (id,) in batch.fetch(connection, sql, given)]
    if ids:
        keys = [f"drift:{id}" for id in ids]
        batch.driver(connection).execute(_TASKS_OVER, (now, keys))
    return len(ids)


def _safe(text: str | None) -> str | None:
    return None if text is None else text[:500].replace("\0", "")


def totals(connection: Connection) -> tuple[int, int]:
    """Return how many findings are open, and how many of these are confirmed."""
    sql = (
        "SELECT count(*), count(*) FILTER (WHERE times > 1 AND last_seen - first_seen >= %s) "
        "FROM drift_findings WHERE ended_at IS NULL"
    )
    ((found, confirmed),) = batch.fetch(connection, sql, (AGE,))
    return int(found), int(confirmed)
