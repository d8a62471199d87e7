"""What was asked, by whom, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from recoup.core.money import Money
from recoup.errors import NotFound
from recoup.store.queries.pages import LIMIT, Page, fetch, page

#: The older one is the first of its line, as `recoup.store.records.commands.ahead` says.
_COLUMNS: Final = """id, customer_id, kind, key, subject, state, args, error, amount, currency,
    actor, recorded_at, asked_at, ended_at, lookups, unread,
    CASE WHEN ended_at IS NULL THEN (
        SELECT older.key FROM commands older
        WHERE older.subject = commands.subject AND older.ended_at IS NULL
          AND (older.asked_at IS NOT NULL OR NOT jsonb_exists(older.args, 'due_at'))
          AND (older.asked_at IS NULL, older.id) < (commands.asked_at IS NULL, commands.id)
          AND EXISTS (SELECT FROM effects WHERE effects.key = 'ask:' || older.id
                      AND effects.state IN ('scheduled', 'running', 'parked'))
        ORDER BY older.asked_at IS NULL, older.id LIMIT 1) END AS after,
    CASE WHEN ended_at IS NULL THEN (
        SELECT reason FROM effects WHERE effects.key = 'ask:' || commands.id
        AND effects.state IN ('scheduled', 'parked')) END AS waits_for"""

_LISTING: Final = f"""
    SELECT {_COLUMNS} FROM commands
    WHERE (%(before)s::bigint IS NULL OR id < %(before)s)
      AND (%(customer)s::bigint IS NULL OR customer_id = %(customer)s)
      AND (%(state)s::text IS NULL OR state = %(state)s)
      AND (%(kind)s::text IS NULL OR kind = %(kind)s)
    ORDER BY id DESC LIMIT %(limit)s"""

_SHOW: Final = f"SELECT {_COLUMNS} FROM commands WHERE key = %(key)s"


@dataclass(frozen=True, slots=True)
class CommandRow:
    """A command without its request and its result, which may be somebody's."""

    id: int
    customer_id: int | None
    kind: str
    key: str
    subject: str
    state: str
    args: Mapping[str, Any]
    error: Mapping[str, Any] | None  #: what it was refused with
    amount: Money | None  #: held back while it is under way
    actor: str
    recorded_at: datetime
    asked_at: datetime | None
    ended_at: datetime | None
    lookups: int  #: how often the processor was asked what became of it
    unread: str | None  #: an answer that could not be understood, as it came
    after: str | None  #: the key of an older one about the same subject that has its turn first
    waits_for: str | None  #: why it is not over yet


def listing(
    connection: Connection,
    *,
    customer_id: int | None = None,
    state: str | None = None,
    kind: str | None = None,
    before: int | None = None,
    limit: int = LIMIT,
) -> Page[CommandRow]:
    """Return commands, newest first; page by `before`."""
    given = {"customer": customer_id, "state": state, "kind": kind, "before": before}
    return page(connection, _LISTING, given, _made, limit=limit)


def show(connection: Connection, key: str) -> CommandRow:
    """
    Return the command of this key.

    Raises:
        NotFound: there is none.
    """
    for row in fetch(connection, _SHOW, {"key": key.replace("\0", "")}):
        return _made(*row)
    raise NotFound(f"no command has the key {key!r}")


def _made(*row: Any) -> CommandRow:
    minor, currency = row[8:10]
    amount = None if minor is None else Money(int(minor), currency)
    return CommandRow(*(*row[:8], amount, *row[10:]))
