"""What people asked for: recorded before anybody else is asked, and kept with what came of it."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
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
from recoup.core.money import Money
from recoup.core.states import COMMAND_MOVES, CommandState
from recoup.errors import InProgress, ProcessorError, RecoupError, Rejected
from recoup.store import batch, observe, tables
from recoup.store.inbox.redaction import redacted
from recoup.store.writer import Writer

log: Final = logging.getLogger(__name__)

#: How the reason begins why a command waits: nothing has happened, or nobody knows.
BUSY: Final = "the processor is busy"
UNKNOWN: Final = "the outcome is unknown"
#: ... for whom, or that only a person can help.
WAITS_FOR: Final = "it waits for"
UNREADABLE: Final = "the answer can not be understood"
#: The kind of task that such an answer opens.
UNREAD_TASK: Final = "answer_unreadable"
#: Among a command's kept values: the instant before which nobody is asked.
DUE: Final = "due_at"
#: How the text of a refusal begins that a person decided on.
CALLED_OFF: Final = "called off: "
#: SQL for `Kept.to_come`, of a row of `commands` that is not over.
TO_COME: Final = f"(asked_at IS NULL AND jsonb_exists(args, '{DUE}'))"
#: The text of a refusal is kept up to this many characters.
LONGEST: Final = 500
#: ... and an answer that was not understood up to so many.
LONGEST_UNREAD: Final = 100_000

#: What a command's row holds where nothing else is said.
_BLANK: Final = {"request": None, "result": None, "error": None, "asked_at": None, "lookups": 0}
_encode: Final = msgspec.json.Encoder(order="sorted").encode
_COLUMNS: Final = (
    "id customer_id kind key request_hash subject state processor_key request args result error "
    "amount currency actor recorded_at asked_at ended_at lookups unread"
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
    unread: str | None  #: an answer that could not be understood, as it came

    @property
    def due_at(self) -> datetime | None:
        """The instant before which nobody is asked, of what is to begin on a day to come."""
        at = self.args.get(DUE)
        return None if at is None else datetime.fromisoformat(at)

    @property
    def to_come(self) -> bool:
        """Whether its day is awaited: nobody was asked, and it keeps nobody else waiting."""
        return self.due_at is not None and self.asked_at is None and self.ended_at is None

    @property
    def effect(self) -> str:
        """The key of the effect that carries it out."""
        return f"ask:{self.id}"


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


def by_id(connection: Connection, id: int) -> Kept | None:
    """Return the command with our id, if there is one."""
    return _one(batch.fetch(connection, _READ + "id = %s", (id,)))


def by_key(connection: Connection, key: str) -> Kept | None:
    """Return the command recorded under `key`, if there is one."""
    return _one(batch.fetch(connection, _READ + "key = %s", (key,)))


def waits_for(older: Kept, reason: str | None, *, parked: bool) -> str:
    """Return why a command waits for an older one, and what that one waits for."""
    text = f"{WAITS_FOR} {older.key!r} ({older.kind}), which was asked for before"
    if parked:
        return f"{text} and needs a person: {reason}"
    return text if reason is None else f"{text}: {reason}"


def locked(connection: Connection, id: int) -> Kept | None:
    """Return the command, what it is about locked until the transaction ends: its customer."""
    sql = "SELECT customer_id, subject FROM commands WHERE id = %s"
    for owner, subject in batch.fetch(connection, sql, (id,)):
        if owner is None:
            serialize(connection, f"about {subject}")
        else:
            observe.lock(connection, [owner])
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
    """Return the id that a command will have, greater than those of all that were before it."""
    return batch.next_id(writer.connection, tables.commands)


def record(
    writer: Writer,
    *,
    kind: str,
    key: str,
    customer_id: int | None,
    subject: str,
    request: Request,
    args: Mapping[str, Any],
    amount: Money | None = None,
) -> int | None:
    """
    Record a command that nobody outside asked for; return its id. The caller enqueues its asking.

    None when a command of this key is on record already: it is asked for once. The customer is
    locked.
    """
    if by_key(writer.connection, key) is not None:
        return None
    wanted, state = stored(request), CommandState.RECORDED
    said = {"request_hash": digest_of(kind, customer_id, subject, wanted), "args": dict(args)}
    whose = {"customer_id": customer_id, "subject": subject}
    return write(writer, kind, key, state, amount=amount, request=wanted, **said, **whose)


def write(
    writer: Writer,
    kind: str,
    key: str,
    state: CommandState,
    *,
    amount: Money | None = None,
    **values: Any,
) -> int:
    """
    Write the row of a command, its processor's key made of its own; return its id.

    Its ledger entry is "KIND.requested", or what it is when it is over.
    """
    over = states.is_over(state)
    row = {
        **_BLANK,
        "id": values.get("id") or reserve(writer),
        "kind": kind,
        "key": key,
        "state": state.value,
        "processor_key": f"recoup:{kind}:{hashlib.sha256(key.encode()).hexdigest()[:40]}",
        "amount": amount.minor if amount else None,
        "currency": amount.currency if amount else None,
        "actor": writer.actor,
        "recorded_at": writer.now,
        "ended_at": writer.now if over else None,
        **values,
    }
    writer.insert(tables.commands, row, type=f"{kind}.{state.value if over else 'requested'}")
    id: int = row["id"]
    return id


def digest_of(kind: str, customer: int | None, subject: str, asked: object) -> str:
    """Return what two calls with the same key must agree on."""
    return hashlib.sha256(_encode([kind, customer, subject, asked])).hexdigest()


def move(writer: Writer, kept: Kept, to: CommandState, **values: Any) -> None:
    """
    Move a command. The instant it was asked or ended is the writer's `now`; what it was going to
    ask is forgotten once it is over.

    Raises:
        IllegalTransition: the table does not list the move.
    """
    states.checked(COMMAND_MOVES, kept.state, to)
    after: dict[str, Any] = {"state": to.value, "unread": None, **values}
    if states.was_asked(to) and kept.asked_at is None:
        after["asked_at"] = writer.now
    if states.is_over(to):
        after |= {"ended_at": writer.now, "request": None}
    before = {name: getattr(kept, name) for name in {*after, "id", "customer_id"}}
    before["state"] = kept.state.value
    writer.update(tables.commands, before, after, type=f"{kept.kind}.{to.value}")


def end(writer: Writer, kept: Kept, to: CommandState, **values: Any) -> None:
    """Move a command to its end, and close the task that asked a person to look at it."""
    move(writer, kept, to, **values)
    for id, customer_id in _tasks(writer.connection, unread_task(kept)):
        row = {"id": id, "customer_id": customer_id, "closed_at": None}
        writer.update(tables.tasks, row, {"closed_at": writer.now})
    writer.flush()


def unread_task(kept: Kept) -> str:
    """Return the key of the task about an answer that nobody understands."""
    return f"{UNREAD_TASK}:{kept.id}"


def under_way(
    connection: Connection,
    *,
    customer_id: int | None = None,
    subject: str | None = None,
    kinds: Sequence[str] | None = None,
    to_come: bool = False,
) -> list[Kept]:
    """
    Return the commands that are not over, oldest first: the customer's, about the subject.

    Those whose day is awaited are among them only if they are asked for: `to_come`.
    """
    given: list[Any] = []
    sql = _READ + "ended_at IS NULL" + ("" if to_come else f" AND NOT {TO_COME}")
    for condition, value in (
        ("customer_id = %s", customer_id),
        ("subject = %s", subject),
        ("kind = ANY(%s)", None if kinds is None else list(kinds)),
    ):
        if value is not None:
            sql += f" AND {condition}"
            given.append(value)
    return [_kept(row) for row in batch.fetch(connection, f"{sql} ORDER BY id", tuple(given))]


def open_task(
    writer: Writer, customer_id: int | None, *, key: str, kind: str, detail: str
) -> None:
    """Have a person look at a command; while the task is open the same is not opened again."""
    if not _tasks(writer.connection, key):
        log.warning("a task for a person: %.200r", key)
        row = {"customer_id": customer_id, "key": key, "kind": kind, "detail": detail}
        writer.insert(tables.tasks, row | {"opened_at": writer.now, "closed_at": None})
        writer.flush()


def _tasks(connection: Connection, key: str) -> list[Any]:
    sql = "SELECT id, customer_id FROM tasks WHERE key = %s AND closed_at IS NULL"
    return batch.fetch(connection, sql, (key,))


def ahead(connection: Connection, kept: Kept) -> list[Kept]:
    """
    Return the commands about the same subject that come before this one, the first first.

    Asked ones come before others, else the one recorded first: one order, so no two wait for one
    another. Nobody waits for what nobody carries out any more, or for what waits for its day.
    """
    sql = f"""{_READ} subject = %s AND ended_at IS NULL AND id <> %s AND NOT {TO_COME}
        AND (asked_at IS NULL, id) < (%s, %s) AND EXISTS (
            SELECT FROM effects WHERE effects.key = 'ask:' || commands.id
            AND effects.state IN ('scheduled', 'running', 'parked'))
        ORDER BY asked_at IS NULL, id"""
    given = (kept.subject, kept.id, kept.asked_at is None, kept.id)
    return [_kept(row) for row in batch.fetch(connection, sql, given)]


def prune(connection: Connection, before: datetime, *, limit: int = 10_000) -> int:
    """
    Forget commands that ended before `before` (UTC), with their keys; return how many.

    Oldest first, at most `limit`: call again while it returns that many. What an operator decided
    about everybody stays: it is in no customer's ledger, so the command is all there is of it.
    """
    sql = """
        WITH gone AS (DELETE FROM commands WHERE id IN (SELECT id FROM commands
            WHERE ended_at < %s AND NOT (customer_id IS NULL AND kind LIKE 'dunning.%%')
            ORDER BY ended_at LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING id)
        SELECT count(*) FROM gone"""
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


def told(error: RecoupError) -> dict[str, Any]:
    """Return a refusal as it is kept: one of a processor's own kind as what that is to us."""
    kinds = (kind for kind in type(error).__mro__ if vars(errors).get(kind.__name__) is kind)
    return {
        "type": next(kinds).__name__,
        "message": str(error)[:LONGEST],
        "request_id": getattr(error, "request_id", None),
    }


def wordless(error: ProcessorError) -> ProcessorError:
    """Return the same refusal without the processor's words, for what must not be kept."""
    word = getattr(error, "code", None) or "refused"
    quiet = type(error)(f"{word}: the processor's words are not kept", request_id=error.request_id)
    if isinstance(quiet, errors.Busy) and isinstance(error, errors.Busy):
        quiet.after = error.after
    return quiet


def legible(raw: bytes) -> str:
    """Return an answer as it is kept for a person: no address, no secret, not without end."""
    with suppress(msgspec.MsgspecError):  # no JSON: then a person wants to see just that
        raw = redacted(raw, msgspec.json.decode(raw, type=dict[str, Any]))
    text = raw.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    return errors.masked(text)[:LONGEST_UNREAD]


def raised(kept: Mapping[str, Any]) -> RecoupError:
    """Return the refusal that was kept: of the same type, with the same text and request id."""
    found = getattr(errors, str(kept.get("type")), None)
    kind = found if isinstance(found, type) and issubclass(found, RecoupError) else Rejected
    error = (Rejected if kind is RecoupError else kind)(str(kept.get("message")))
    if isinstance(error, ProcessorError):
        error.request_id = kept.get("request_id")  # the text holds it already
    return error
