"""
The mails to be sent: a row per mail, unique by what caused it, written with its cause.

Callers say a type and scalar ids; what is in the mail is read afresh when it is rendered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg.types.json import Jsonb
from sqlalchemy import Connection

from recoup.core import states
from recoup.core.states import MailState
from recoup.store import batch, tables
from recoup.store.writer import Writer

QUEUE: Final = "mail"


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail's row."""

    id: int
    key: str
    type: str
    customer_id: int
    args: Mapping[str, str | int | bool | None]
    state: MailState
    queued_at: datetime
    accepted_at: datetime | None = None  #: when a server took it, also where that is all we know
    message_id: str | None = None

    @property
    def queued(self) -> bool:
        """Whether it is still to be sent."""
        return states.is_queued(self.state)


def queue(
    writer: Writer,
    type: str,
    *,
    key: str,
    customer_id: int,
    args: Mapping[str, str | int | bool | None],
) -> int:
    """Write the row of a mail that is due now; the caller enqueues its sending beside it."""
    row = {
        "key": key,
        "type": type,
        "customer_id": customer_id,
        "args": Jsonb(dict(args)),
        "state": MailState.QUEUED.value,
        "queued_at": writer.now,
    }
    id = writer.insert(tables.mails, row)
    assert id is not None  # noqa: S101  mails have ids
    return id


def read(connection: Connection, ids: list[int]) -> dict[int, Mail]:
    """Return mails by id."""
    return {mail.id: mail for mail in found(connection, "id = ANY(%s)", (ids,))}


def found(connection: Connection, where: str, given: Sequence[Any]) -> list[Mail]:
    """Return the mails that a condition in SQL selects, in its order if it says one."""
    sql = f"""SELECT id, key, type, customer_id, args, state, queued_at, accepted_at, message_id
              FROM mails WHERE {where}"""
    return [
        Mail(id, key, type, customer_id, args, MailState(state), *rest)
        for id, key, type, customer_id, args, state, *rest in batch.fetch(connection, sql, given)
    ]


def mark(
    writer: Writer,
    mail: Mail,
    *,
    state: MailState,
    reason: str | None = None,
    message_id: str | None = None,
    sent_at: datetime | None = None,
) -> None:
    """Record what became of a mail: sent, bounced or skipped."""
    after = {"state": state.value, "reason": reason, "message_id": message_id, "sent_at": sent_at}
    before = {"id": mail.id, "customer_id": mail.customer_id, **dict.fromkeys(after)}
    writer.update(tables.mails, before | {"state": mail.state.value}, after)
