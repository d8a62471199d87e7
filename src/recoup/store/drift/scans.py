"""How far a scan has come, so that one that was stopped goes on there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from psycopg.types.json import Jsonb
from sqlalchemy import Connection

from recoup.core.states import NoticeState
from recoup.store import batch
from recoup.store.drift.classes import Class
from recoup.store.drift.findings import Found

Kind = Literal["local", "processor"]

_COLUMNS: Final = "id, kind, step, cursor, counts, begun_at, moved_at, ended_at"
_WAITING: Final = str(NoticeState.SCHEDULED)

#: Notices that wait to be sent for cases that are over: no account has them.
_STRAY: Final = """
    SELECT n.customer_id, n.id FROM notices n JOIN cases c ON c.id = n.case_id
    WHERE n.customer_id BETWEEN %s AND %s AND n.state = %s AND c.ending IS NOT NULL"""


#: Customers about whom there may be something to decide: a wider net than that of `observe`.
#: About all the others nothing is stored but that there is nothing to decide.
_STIRRING: Final = """
    SELECT customer_id FROM standings WHERE customer_id BETWEEN %s AND %s
        AND (standing <> 'current' OR next_wake_at IS NOT NULL OR run_state <> 'ok')
    UNION SELECT customer_id FROM cases WHERE customer_id BETWEEN %s AND %s
        AND (ending IS NULL OR (ending = 'exhausted' AND settled_at IS NULL))
    UNION SELECT customer_id FROM invoices WHERE customer_id BETWEEN %s AND %s
        AND (status = 'open' OR (first_failed_at IS NOT NULL AND case_id IS NULL))
    UNION SELECT customer_id FROM invoices WHERE customer_id BETWEEN %s AND %s
        AND charged_back > 0
    UNION SELECT customer_id FROM restrictions WHERE customer_id BETWEEN %s AND %s
        AND (lifted_at IS NULL OR undone_at IS NULL)
    UNION SELECT customer_id FROM tasks WHERE customer_id BETWEEN %s AND %s
        AND closed_at IS NULL
    UNION SELECT customer_id FROM gates WHERE customer_id BETWEEN %s AND %s
        AND (status = 'pending' OR withdrawal = 'waiting')
    UNION SELECT customer_id FROM attempts WHERE customer_id BETWEEN %s AND %s
        AND unowed_at IS NOT NULL
    ORDER BY 1"""


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan. `cursor` is where in its step to go on; None: at the beginning."""

    id: int
    kind: Kind
    step: str
    cursor: str | None
    counts: Mapping[str, int]
    begun_at: datetime
    moved_at: datetime
    ended_at: datetime | None


def begin(connection: Connection, kind: Kind, *, step: str, now: datetime) -> Scan:
    """Begin a scan."""
    sql = (
        "INSERT INTO drift_scans (kind, step, begun_at, moved_at) VALUES (%s, %s, %s, %s) "
        f"RETURNING {_COLUMNS}"
    )
    ((*row,),) = batch.fetch(connection, sql, (kind, step, now, now))
    return Scan(*row)


def unfinished(connection: Connection, kind: Kind) -> Scan | None:
    """Return the scan that has not ended, if there is one."""
    return _one(connection, kind, "ended_at IS NULL")


def last(connection: Connection, kind: Kind) -> Scan | None:
    """Return the newest scan, over or not."""
    return _one(connection, kind, "true")


def go_on(
    connection: Connection,
    scan: Scan,
    *,
    step: str,
    cursor: str | None,
    counts: Mapping[str, int],
    now: datetime,
) -> None:
    """Keep how far a scan has come."""
    batch.driver(connection).execute(
        "UPDATE drift_scans SET step = %s, cursor = %s, counts = %s, moved_at = %s WHERE id = %s",
        (step, cursor, Jsonb(dict(counts)), now, scan.id),
    )


def end(connection: Connection, scan: Scan, *, now: datetime) -> None:
    """End a scan."""
    batch.driver(connection).execute(
        "UPDATE drift_scans SET ended_at = %s, moved_at = %s WHERE id = %s", (now, now, scan.id)
    )


def stirring(connection: Connection, first: int, last: int) -> list[int]:
    """Return the customers from `first` to `last` about whom there may be something to decide."""
    given = [first, last] * (_STIRRING.count("%s") // 2)
    return [id for (id,) in batch.fetch(connection, _STIRRING, given)]


def stray(connection: Connection, first: int, last: int) -> Iterator[Found]:
    """Yield what would be sent though nothing is decided about it any more."""
    for customer_id, id in batch.fetch(connection, _STRAY, (first, last, _WAITING)):
        yield Found(
            customer_id, "decision", f"notice:{id}", "state", Class.NOTICE_FALSE,
            _WAITING, str(NoticeState.CANCELED),
        )  # fmt: skip


def _one(connection: Connection, kind: Kind, condition: str) -> Scan | None:
    sql = (
        f"SELECT {_COLUMNS} FROM drift_scans WHERE kind = %s AND {condition} "
        "ORDER BY id DESC LIMIT 1"
    )
    for row in batch.fetch(connection, sql, (kind,)):
        return Scan(*row)
    return None


def followers(connection: Connection, first: int, last: int) -> list[int]:
    """Return the customers of whom the host has confirmed the newest that it was told."""
    sql = (
        "SELECT customer_id FROM access_versions "
        "WHERE customer_id BETWEEN %s AND %s AND behind_since IS NULL ORDER BY customer_id"
    )
    return [id for (id,) in batch.fetch(connection, sql, (first, last))]


def debtors(
    connection: Connection, processor: str, *, after: int, limit: int
) -> list[tuple[int, str]]:
    """Return customers behind an id who are being dunned, with the processor's name of each."""
    sql = (
        "SELECT c.id, c.processor_id FROM customers c WHERE c.processor = %s AND c.id > %s "
        "AND c.processor_id IS NOT NULL AND NOT c.deleted AND EXISTS "
        "(SELECT FROM cases k WHERE k.customer_id = c.id AND k.ending IS NULL) "
        "ORDER BY c.id LIMIT %s"
    )
    return [(id, name) for id, name in batch.fetch(connection, sql, (processor, after, limit))]
