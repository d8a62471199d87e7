"""What people asked for: recorded before anybody else is asked, and kept with what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from recoup.core import states
from recoup.core.states import COMMAND_MOVES, CommandState
from recoup.store import batch, observe, tables
from recoup.store.writer import Writer

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


def ended(connection: Connection, kind: str, subject: str, request_hash: str) -> int:
    """Return how many such commands have come to an end: the generation of the next one."""
    sql = (
        "SELECT count(*) FROM commands WHERE subject = %s AND kind = %s AND request_hash = %s "
        "AND ended_at IS NOT NULL"
    )
    ((count,),) = batch.fetch(connection, sql, (subject, kind, request_hash))
    return int(count)


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


def _one(rows: list[Any]) -> Kept | None:
    for row in rows:
        values = dict(zip(_COLUMNS, row, strict=True))
        return Kept(**values | {"state": CommandState(values["state"])})
    return None
