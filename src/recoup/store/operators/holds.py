"""Holds: written, ended, listed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from recoup.core import states
from recoup.core.states import HoldKind, MailState
from recoup.errors import NotFound
from recoup.store import batch, tables
from recoup.store.writer import Writer

_READ: Final = "SELECT id, customer_id, kind, reason, actor, since, until FROM holds WHERE "


@dataclass(frozen=True, slots=True)
class HoldRow:
    """One decision of a person that dunning stands still."""

    id: int
    customer_id: int
    kind: str
    reason: str
    actor: str
    since: datetime
    until: datetime | None


def listing(
    connection: Connection,
    *,
    now: datetime,
    customer_id: int | None = None,
    over: bool = False,
    after: int = 0,
    limit: int = 50,
) -> tuple[HoldRow, ...]:
    """Return holds by id, behind the id `after`: those in force at `now`; with `over` all."""
    sql = (
        "id > %s AND (%s::bigint IS NULL OR customer_id = %s) "
        "AND (%s OR until IS NULL OR until > %s) ORDER BY id LIMIT %s"
    )
    given = (after, customer_id, customer_id, over, now, limit)
    return tuple(HoldRow(*row) for row in batch.fetch(connection, _READ + sql, given))


def read(connection: Connection, id: int) -> HoldRow:
    """
    Return one hold.

    Raises:
        NotFound: there is none.
    """
    rows = batch.fetch(connection, _READ + "id = %s", (id,))
    if not rows:
        raise NotFound(f"there is no hold {id}")
    return HoldRow(*rows[0])


def write(
    writer: Writer, customer_id: int, kind: HoldKind, *, reason: str, until: datetime
) -> int:
    """Put a hold on a locked customer, from now on; return its id."""
    row = {
        "customer_id": customer_id,
        "kind": kind.value,
        "reason": reason,
        "actor": writer.actor,
        "since": writer.now,
        "until": until,
    }
    id = writer.insert(tables.holds, row, type=f"hold.{kind.value}")
    assert id is not None  # noqa: S101  holds have ids
    return id


def end(writer: Writer, holds: Iterable[HoldRow]) -> None:
    """Let holds of a locked customer end now."""
    for hold in holds:
        before = {"id": hold.id, "customer_id": hold.customer_id, "until": hold.until}
        writer.update(tables.holds, before, {"until": writer.now}, type="hold.released")


def put_off(connection: Connection, customer_id: int) -> list[str]:
    """Return the keys of the effects that send a customer's mails which are not out yet."""
    sql = "SELECT 'mail:' || key FROM mails WHERE customer_id = %s AND state = ANY(%s) ORDER BY id"
    waiting = [str(state) for state in MailState if states.is_queued(state)]
    return [key for (key,) in batch.fetch(connection, sql, (customer_id, waiting))]
