"""Whether anybody follows, and the versions of customers' access. The caller has the locks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from recoup.core.account import LIFTING, CustomerId
from recoup.store import batch, tables
from recoup.store.queries.pages import fetch
from recoup.store.writer import Writer

#: The kinds of effects that tell the host: what takes away, and what gives back and comes first.
SYNC: Final = "sync_access"
RESTORE: Final = "restore_access"
QUEUE: Final = "default"
#: No host is believed to have a greater version: there must be room to count on from it.
GREATEST: Final = 2**52

_CHANGED: Final = """
    INSERT INTO access_versions AS v (customer_id, version, changed_at, behind_since)
    SELECT id, 1, %s, %s FROM unnest(%s::bigint[]) AS given (id)
    WHERE EXISTS (SELECT FROM access_store) ORDER BY id
    ON CONFLICT (customer_id) DO UPDATE SET version = v.version + 1,
        changed_at = excluded.changed_at,
        behind_since = coalesce(v.behind_since, excluded.behind_since)
    RETURNING customer_id"""

_APPLIED: Final = """
    UPDATE access_versions SET applied_version = greatest(applied_version, %(version)s),
        applied_at = %(now)s,
        behind_since = CASE WHEN version > %(version)s THEN behind_since END
    WHERE customer_id = %(customer)s AND version >= %(version)s
    RETURNING version"""

_RAISED: Final = """
    UPDATE access_versions SET version = greatest(version, %(above)s) + 1,
        behind_since = coalesce(behind_since, %(now)s)
    WHERE customer_id = %(customer)s"""

#: Nobody is behind where nobody follows.
_NOBODY: Final = """
    UPDATE access_versions SET applied_version = version, behind_since = NULL,
        applied_at = coalesce(applied_at, %(now)s)
    WHERE behind_since IS NOT NULL"""

_BEHIND: Final = """
    SELECT v.version, v.applied_version,
           EXISTS (SELECT FROM restrictions r, access_store a
                   WHERE r.customer_id = v.customer_id AND r.undone_at IS NULL
                     AND r.lifted_at >= a.since)
    FROM access_versions v WHERE v.customer_id = %(customer)s"""

_UNDOING: Final = """
    SELECT id, customer_id, lifted_at, undone_at FROM restrictions
    WHERE id = ANY(%(ids)s) AND undone_at IS NULL ORDER BY id"""


@dataclass(frozen=True, slots=True)
class Behind:
    """How far the host is with one customer."""

    version: int
    applied: int  #: the version that it has confirmed; 0: none
    lifting: bool  #: whether something that was lifted waits to be undone

    @property
    def done(self) -> bool:
        return self.applied >= self.version


def key(customer_id: CustomerId) -> str:
    """Return the key of the one effect that tells the host of a customer."""
    return f"access:{customer_id}"


def store(connection: Connection) -> str | None:
    """Return the name of what follows; None: the host asks us."""
    rows = fetch(connection, "SELECT name FROM access_store", {})
    return rows[0][0] if rows else None


def begin(connection: Connection, name: str, *, now: datetime) -> tuple[CustomerId, ...]:
    """
    Have `name` follow from `now` on; return whom it has to be told of: who is restricted, and who
    was while somebody followed before, for that may never have been undone.

    Where it follows already nothing changes, and it has to be told of nobody.
    """
    sql = """
        INSERT INTO access_store AS a (name, since) VALUES (%(name)s, %(now)s)
        ON CONFLICT (one) DO UPDATE SET name = excluded.name WHERE a.name <> excluded.name
        RETURNING name"""
    if not fetch(connection, sql, {"name": name, "now": now}):
        return ()
    held = """
        SELECT c.id FROM customers c WHERE c.id IN
            (SELECT customer_id FROM restrictions WHERE lifted_at IS NULL
             UNION SELECT customer_id FROM cases WHERE ending = 'exhausted'
             AND settled_at IS NULL
             UNION SELECT customer_id FROM access_versions)
        ORDER BY c.id FOR UPDATE"""
    return changed(connection, [row[0] for row in fetch(connection, held, {})], now=now)


def end(connection: Connection, *, now: datetime) -> tuple[CustomerId, ...]:
    """
    Have nobody follow any more; return the customers who have to be decided on again.

    Versions are kept, for they only grow: who follows again follows no smaller one.
    """
    fetch(connection, "DELETE FROM access_store RETURNING name", {})
    fetch(connection, _NOBODY + " RETURNING customer_id", {"now": now})
    sql = """
        SELECT s.customer_id FROM standings s WHERE s.standing = %(lifting)s OR EXISTS
            (SELECT FROM tasks t WHERE t.customer_id = s.customer_id AND t.closed_at IS NULL
             AND t.kind = 'not_restored')
        ORDER BY 1"""
    return tuple(row[0] for row in fetch(connection, sql, {"lifting": LIFTING}))


def changed(
    connection: Connection, ids: Iterable[CustomerId], *, now: datetime
) -> tuple[CustomerId, ...]:
    """Give these customers' access a new version; return whom to tell the host of: all or none."""
    wanted = sorted(set(ids))
    if not wanted:
        return ()
    return tuple(sorted(row[0] for row in batch.fetch(connection, _CHANGED, (now, now, wanted))))


def applied(writer: Writer, customer_id: CustomerId, version: int, undone: Sequence[int]) -> bool:
    """
    Note that the host has followed up to `version` and undone these restrictions.

    Return whether any of them was not undone before.
    """
    given = {"customer": customer_id, "version": version, "now": writer.now}
    fetch(writer.connection, _APPLIED, given)
    found = fetch(writer.connection, _UNDOING, {"ids": list(undone)}) if undone else []
    for row in found:
        before: dict[str, Any] = dict(
            zip(("id", "customer_id", "lifted_at", "undone_at"), row, strict=True)
        )
        at = max(writer.now, before["lifted_at"])
        writer.update(tables.restrictions, before, {"undone_at": at}, type="restriction.undone")
    writer.flush()
    return bool(found)


def raised(connection: Connection, customer_id: CustomerId, *, above: int, now: datetime) -> None:
    """Give a customer's access a version greater than `above`, which the host says it has."""
    given = {"customer": customer_id, "above": above, "now": now}
    fetch(connection, _RAISED + " RETURNING version", given)


def behind(connection: Connection, customer_id: CustomerId) -> Behind | None:
    """Return how far the host is with a customer; None: it was never told of them."""
    rows = fetch(connection, _BEHIND, {"customer": customer_id})
    return Behind(*rows[0]) if rows else None
