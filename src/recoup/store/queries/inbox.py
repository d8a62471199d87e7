"""What has arrived, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from recoup.errors import NotFound
from recoup.store.queries.pages import LIMIT, Page, fetch, page

_COLUMNS: Final = """id, processor, key, type, octet_length(raw), state, reason, waiting_for,
    failures, next_try_at, happened_at, received_at, ended_at"""

_LISTING: Final = f"""
    SELECT {_COLUMNS} FROM inbox
    WHERE (%(before)s::bigint IS NULL OR id < %(before)s)
      AND (%(state)s::text IS NULL OR state = %(state)s)
      AND (%(type)s::text IS NULL OR type = %(type)s)
    ORDER BY id DESC LIMIT %(limit)s"""

_IDS: Final = """
    SELECT id FROM inbox
    WHERE (%(state)s::text IS NULL OR state = %(state)s)
      AND (%(type)s::text IS NULL OR type = %(type)s)
      AND (%(since)s::timestamptz IS NULL OR received_at >= %(since)s)
    ORDER BY id"""

_SHOW: Final = f"SELECT {_COLUMNS} FROM inbox WHERE id = %(id)s"
_NAMED: Final = f"SELECT {_COLUMNS} FROM inbox WHERE id = ANY(%(ids)s) ORDER BY id"
_RAW: Final = "SELECT raw FROM inbox WHERE id = %(id)s"

#: The states there are, as the table allows them.
STATES: Final = ("received", "applied", "ignored", "waiting", "failed", "parked")


@dataclass(frozen=True, slots=True)
class InboxRow:
    """An event as it arrived, without its bytes."""

    id: int
    processor: str
    key: str
    type: str | None
    size: int  #: bytes
    state: str
    reason: str | None
    waiting_for: str | None
    failures: int
    next_try_at: datetime | None
    happened_at: datetime | None
    received_at: datetime
    ended_at: datetime | None


def counts(connection: Connection) -> Mapping[str, int]:
    """Return state -> how many events."""
    return dict(fetch(connection, "SELECT state, count(*) FROM inbox GROUP BY 1 ORDER BY 1", {}))


def listing(
    connection: Connection,
    *,
    state: str | None = None,
    type: str | None = None,
    before: int | None = None,
    limit: int = LIMIT,
) -> Page[InboxRow]:
    """Return events, newest first; page by `before`."""
    given = {"state": state, "type": type, "before": before}
    return page(connection, _LISTING, given, InboxRow, limit=limit)


def show(connection: Connection, id: int) -> InboxRow:
    """
    Return one event.

    Raises:
        NotFound: there is none with this id.
    """
    for row in fetch(connection, _SHOW, {"id": id}):
        return InboxRow(*row)
    raise NotFound(f"there is no event {id}")


def named(connection: Connection, ids: Sequence[int]) -> tuple[InboxRow, ...]:
    """Return those of these events that are there, by id."""
    return tuple(InboxRow(*row) for row in fetch(connection, _NAMED, {"ids": list(ids)}))


def raw(connection: Connection, id: int) -> bytes:
    """Return one event exactly as it arrived; nothing when there is none."""
    return b"".join(row[0] for row in fetch(connection, _RAW, {"id": id}))


def ids(
    connection: Connection,
    *,
    state: str | None = None,
    type: str | None = None,
    since: datetime | None = None,
) -> tuple[int, ...]:
    """Return the ids of all events that all conditions name, oldest first."""
    given = {"state": state, "type": type, "since": since}
    return tuple(row[0] for row in fetch(connection, _IDS, given))
