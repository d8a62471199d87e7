"""Which mail a bounce is about, and what its row says then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from recoup.core.states import MailState
from recoup.store import batch, tables
from recoup.store.records import mails
from recoup.store.records.mails import Mail
from recoup.store.writer import Writer

#: For so long servers go on trying before they send a mail back. Source: RFC 5321 §4.5.4.1.
NEWEST: Final = timedelta(days=5)


def by_message_id(connection: Connection, message_id: str) -> Mail | None:
    """Return the mail of this Message-ID, with its <> or without; one that was taken, at least."""
    plain = message_id.strip().strip("<>")
    where = "split_part(message_id, '@', 1) = %s AND message_id = %s"
    return _one(connection, where, (f"<{plain.partition('@')[0]}", f"<{plain}>"))


def by_digest(connection: Connection, digest: str) -> Mail | None:
    """Return the mail whose Message-ID begins so, before its @: what a provider's tag holds."""
    return _one(connection, "split_part(message_id, '@', 1) = %s", (f"<{digest}",))


def newest(connection: Connection, customer_id: int, *, now: datetime) -> Mail | None:
    """Return the customer's newest mail that may still come back at `now`."""
    where = """customer_id = %s AND sent_at > %s AND sent_at <= %s AND state = %s
               ORDER BY sent_at DESC, id DESC LIMIT 1"""
    given = (customer_id, now - NEWEST, now, MailState.SENT.value)
    return _one(connection, where, given)


def out(connection: Connection, given: Sequence[Mail]) -> list[Mail]:
    """Return those of these mails that went out and have not come back since."""
    sql = "SELECT id FROM mails WHERE id = ANY(%s) AND state = %s"
    ids = [mail.id for mail in given]
    found = {id for (id,) in batch.fetch(connection, sql, (ids, MailState.SENT.value))}
    return [mail for mail in given if mail.id in found]


def count_soft(connection: Connection, mail: Mail) -> None:
    """Count a bounce that may pass."""
    sql = "UPDATE mails SET soft_bounces = soft_bounces + 1 WHERE id = %s RETURNING id"
    batch.fetch(connection, sql, (mail.id,))


def mark(writer: Writer, mail: Mail, *, reason: str) -> None:
    """Record that a mail came back; when it was sent stays on record."""
    before = {
        "id": mail.id,
        "customer_id": mail.customer_id,
        "state": mail.state.value,
        "reason": None,
    }
    after = {"state": MailState.BOUNCED.value, "reason": reason}
    writer.update(tables.mails, before, after)


def _one(connection: Connection, where: str, given: tuple[object, ...]) -> Mail | None:
    return next(iter(mails.found(connection, where, given)), None)
