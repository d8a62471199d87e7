"""What customers were shown of a change, kept so that exactly that is billed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from recoup.core.billing import views
from recoup.core.billing.answers import Quote
from recoup.core.billing.requests import ChangeSubscription
from recoup.errors import NotFound
from recoup.store import batch

_COLUMNS: Final = (
    "id customer_id subscription_id change quote seen_event made_at expires_at command_id"
).split()
_READ: Final = f"SELECT {', '.join(_COLUMNS)} FROM previews WHERE "
_encode: Final = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True, slots=True)
class Kept:
    """A preview: the change, what it was said to bill, and what it was computed from."""

    id: str
    customer_id: int
    subscription_id: int
    change: ChangeSubscription
    quote: Quote
    seen_event: str  #: the subscription's newest news then
    made_at: datetime
    expires_at: datetime
    command_id: int | None  #: what used it

    @property
    def view(self) -> views.Preview:
        """What the caller is shown."""
        quote = self.quote
        return views.Preview(
            id=self.id,
            subscription_id=self.subscription_id,
            prorate_at=quote.prorate_at,
            due_now=quote.due_now,
            credit=quote.credit,
            lines=quote.lines,
            next_at=quote.next_at,
            next_due=quote.next_due,
            expires_at=self.expires_at,
        )


def keep(
    connection: Connection,
    subscription: views.Subscription,
    change: ChangeSubscription,
    quote: Quote,
    *,
    seen_event: str,
    now: datetime,
    holds: timedelta,
) -> Kept:
    """Keep what was shown at `now`. The same, shown at the same instant, is one preview."""
    sql = "SELECT count(*) FROM previews WHERE subscription_id = %s AND command_id IS NOT NULL"
    ((used,),) = batch.fetch(connection, sql, (subscription.id,))
    said, shown = _encode(change), _encode(quote)
    content = _encode([subscription.id, said, shown, seen_event, now, used])
    kept = Kept(
        id=f"prv_{hashlib.sha256(content).hexdigest()[:24]}",
        customer_id=subscription.customer_id,
        subscription_id=subscription.id,
        change=change,
        quote=quote,
        seen_event=seen_event,
        made_at=now,
        expires_at=now + holds,
        command_id=None,
    )
    marks = ", ".join(["%s"] * len(_COLUMNS))
    values: list[Any] = [getattr(kept, name) for name in _COLUMNS]
    values[3], values[4] = said.decode(), shown.decode()
    insert = f"INSERT INTO previews ({', '.join(_COLUMNS)}) VALUES ({marks})"
    batch.driver(connection).execute(f"{insert} ON CONFLICT (id) DO NOTHING".encode(), values)
    return kept


def named(connection: Connection, id: str) -> Kept:
    """
    Return the preview.

    Raises:
        NotFound: there is none.
    """
    found = _one(batch.fetch(connection, _READ + "id = %s", (id.replace("\0", ""),)))
    if found is None:
        raise NotFound(f"there is no preview {id!r:.60}")
    return found


def of_command(connection: Connection, command_id: int) -> Kept | None:
    """Return the preview that a command uses."""
    return _one(batch.fetch(connection, _READ + "command_id = %s", (command_id,)))


def use(connection: Connection, id: str, command_id: int) -> None:
    """Say that a command uses the preview."""
    sql = "UPDATE previews SET command_id = %s WHERE id = %s RETURNING id"
    batch.fetch(connection, sql, (command_id, id))


def release(connection: Connection, command_id: int) -> None:
    """Let another command use what this one, which was refused, did not."""
    sql = "UPDATE previews SET command_id = NULL WHERE command_id = %s RETURNING id"
    batch.fetch(connection, sql, (command_id,))


def _one(rows: list[Any]) -> Kept | None:
    for row in rows:
        values = dict(zip(_COLUMNS, row, strict=True))
        values["change"] = msgspec.convert(values["change"], ChangeSubscription)
        values["quote"] = msgspec.convert(values["quote"], Quote)
        return Kept(**values)
    return None
