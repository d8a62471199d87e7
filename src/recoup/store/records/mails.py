"""
The mails to be sent: a row per mail, unique by what caused it, written with its cause.

Callers say a type and scalar ids; what is in the mail is read afresh when it is rendered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.types.json import Jsonb
from sqlalchemy import Connection, text

from recoup.core import states
from recoup.core.states import MailState
from recoup.store import tables
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
    found = connection.execute(
        text("SELECT id, key, type, customer_id, args, state FROM mails WHERE id = ANY(:ids)"),
        {"ids": ids},
    )
    return {
        row.id: Mail(row.id, row.key, row.type, row.customer_id, row.args, MailState(row.state))
        for row in found
    }


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
