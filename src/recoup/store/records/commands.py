"""What people asked for: recorded before anybody else is asked, and kept with what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from recoup import errors
from recoup.core import states
from recoup.core.billing.requests import REQUESTS, Request
from recoup.core.states import COMMAND_MOVES, CommandState
from recoup.errors import InProgress, ProcessorError, Rejected
from recoup.store import batch, observe, tables
from recoup.store.writer import Writer

#: How the reason begins why a command waits: nothing has happened, or nobody knows.
BUSY: Final = "the processor is busy"
UNKNOWN: Final = "the outcome is unknown"
#: The text of a refusal is kept up to this many characters.
LONGEST: Final = 500

_COLUMNS: Final = (
    "id customer_id kind key request_hash subject state processor_key request args result error "
    "amount currency actor recorded_at asked_at ended_at lookups"
).split()
_READ: Final = f"SELECT {', '.join(_COLUMNS)} FROM commands WHERE "


@dataclass(frozen=True, slots=True)
class Kept:
    """A command as it was recorded, and how far it has come."""

    id: int
    customer_id: int | None
    kind: str
    key: str
    request_hash: str
    subject: str
    state: CommandState
    processor_key: str
    request: Mapping[str, Any] | None  #: type -> fields; None once it is over, or never stored
    args: Mapping[str, Any]
    result: Any
    error: Mapping[str, Any] | None
    amount: int | None
    currency: str | None
    actor: str
    recorded_at: datetime
    asked_at: datetime | None
    ended_at: datetime | None
    lookups: int


@contextmanager
def patiently(connection: Connection, seconds: float) -> Iterator[None]:
    """
    Wait for no lock of this transaction longer than that.

    Raises:
        InProgress: another transaction, perhaps the caller's own, holds what is needed.
    """
    wait = f"{max(1, round(seconds * 1000))}ms"
    batch.fetch(connection, "SELECT set_config('lock_timeout', %s, true)", (wait,))
    try:
        yield
    except (psycopg.errors.LockNotAvailable, OperationalError) as error:
        if not isinstance(getattr(error, "orig", error), psycopg.errors.LockNotAvailable):
            raise
        raise InProgress(
            f"another transaction holds the customer or the key for more than {seconds:g} s"
        ) from error


def serialize(connection: Connection, key: str) -> None:
    """Let one transaction at a time record a command of this key: no row, no lock."""
    batch.fetch(
        connection,
        "SELECT pg_advisory_xact_lock(hashtextextended('recoup command ' || %s, 0))",
        (key,),
    )


def by_key(connection: Connection, key: str) -> Kept | None:
    """Return the command recorded under `key`, if there is one."""
    return _one(batch.fetch(connection, _READ + "key = %s", (key,)))


def locked(connection: Connection, id: int) -> Kept | None:
    """Return the command, its customer locked until the transaction ends."""
    owners = batch.fetch(connection, "SELECT customer_id FROM commands WHERE id = %s", (id,))
    observe.lock(connection, {owner for (owner,) in owners if owner is not None})
    return _one(batch.fetch(connection, _READ + "id = %s FOR UPDATE", (id,)))


def last_ended(connection: Connection, kind: str, subject: str, request_hash: str) -> int:
    """Return the id of the last such command that came to an end, or 0: what the next follows."""
    sql = (
        "SELECT coalesce(max(id), 0) FROM commands WHERE subject = %s AND kind = %s "
        "AND request_hash = %s AND ended_at IS NOT NULL"
    )
    ((last,),) = batch.fetch(connection, sql, (subject, kind, request_hash))
    return int(last)


def reserve(writer: Writer) -> int:
    """Return the id that a command will have, for rows that are written before it."""
    return writer.new_id(tables.commands)


def insert(writer: Writer, values: Mapping[str, Any]) -> int:
    """Record a command; its ledger entry is "KIND.requested", or "KIND.done" when it is."""
    done = states.is_done(CommandState(values["state"]))
    word = "done" if done else "requested"
    id = writer.insert(tables.commands, values, type=f"{values['kind']}.{word}")
    assert id is not None  # noqa: S101  commands have ids
    return id


def move(writer: Writer, kept: Kept, to: CommandState, **values: Any) -> None:
    """
    Move a command. The instant it was asked or ended is the writer's `now`; what it was going to
    ask is forgotten once it is over.

    Raises:
        IllegalTransition: the table does not list the move.
    """
    states.checked(COMMAND_MOVES, kept.state, to)
    after: dict[str, Any] = {"state": to.value, **values}
    if states.was_asked(to) and kept.asked_at is None:
        after["asked_at"] = writer.now
    if states.is_over(to):
        after |= {"ended_at": writer.now, "request": None}
    before = {name: getattr(kept, name) for name in {*after, "id", "customer_id"}}
    before["state"] = kept.state.value
    writer.update(tables.commands, before, after, type=f"{kept.kind}.{to.value}")


def under_way(connection: Connection, customer_id: int, kinds: Sequence[str]) -> list[Kept]:
    """Return the customer's commands of these kinds that are not over, oldest first."""
    sql = _READ + "customer_id = %s AND kind = ANY(%s) AND ended_at IS NULL ORDER BY id"
    return [_kept(row) for row in batch.fetch(connection, sql, (customer_id, list(kinds)))]


def prune(connection: Connection, before: datetime, *, limit: int = 10_000) -> int:
    """
    Forget commands that ended before `before` (UTC), with their keys; return how many.

    Oldest first, at most `limit`: call again while it returns that many.
    """
    sql = (
        "WITH gone AS (DELETE FROM commands WHERE id IN (SELECT id FROM commands "
        "WHERE ended_at < %s ORDER BY ended_at LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING id) "
        "SELECT count(*) FROM gone"
    )
    ((count,),) = batch.fetch(connection, sql, (before, limit))
    return int(count)


def _one(rows: list[Any]) -> Kept | None:
    return _kept(rows[0]) if rows else None


def _kept(row: Any) -> Kept:
    values = dict(zip(_COLUMNS, row, strict=True))
    return Kept(**values | {"state": CommandState(values["state"])})


def stored(request: Request) -> dict[str, Any]:
    """Return a request as it is kept until it is asked: {its type: its fields}."""
    return {type(request).__name__: msgspec.to_builtins(request)}


def decoded(kept: Mapping[str, Any]) -> Request:
    """Return a request that was stored as {its type: its fields}."""
    ((name, fields),) = kept.items()
    request: Request = msgspec.convert(fields, REQUESTS[name])
    return request


def told(error: ProcessorError) -> dict[str, Any]:
    """Return a refusal as it is kept."""
    return {
        "type": type(error).__name__,
        "message": str(error)[:LONGEST],
        "request_id": error.request_id,
    }


def wordless(error: ProcessorError) -> ProcessorError:
    """Return the same refusal without the processor's words, for what must not be kept."""
    word = getattr(error, "code", "refused")
    quiet = type(error)(f"{word}: the processor's words are not kept", request_id=error.request_id)
    if isinstance(quiet, errors.Busy) and isinstance(error, errors.Busy):
        quiet.after = error.after
    return quiet


def raised(kept: Mapping[str, Any]) -> ProcessorError:
    """Return the refusal that was kept: of the same type, with the same text and request id."""
    found = getattr(errors, str(kept.get("type")), None)
    kind = found if isinstance(found, type) and issubclass(found, ProcessorError) else None
    # The text holds the request id already.
    error = (kind or Rejected)(str(kept.get("message")))
    error.request_id = kept.get("request_id")
    return error
