"""Keys as people deal with them: made, listed, revoked, rolled."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any, Final

from sqlalchemy import Connection

from recoup.core.billing.contact import words
from recoup.errors import InvalidValue, NotFound, NotPossible
from recoup.store import batch
from recoup.store.keys import secret

#: How long a key that is rolled goes on beside the one that takes its place.
GRACE: Final = timedelta(days=1)
#: What a key may open, each for itself: nothing is within another.
SCOPES: Final[Mapping[str, str]] = {
    "customers:read": "customers, why they are in their state, and what they may use",
    "customers:write": "make and change customers, decide on them again",
    "subscriptions:read": "subscriptions",
    "subscriptions:write": "start, change, pause and end subscriptions",
    "invoices:read": "invoices",
    "invoices:write": "collect and void invoices",
    "payments:read": "payments, without what a browser needs to confirm them",
    "payments:write": "give money back",
    "coupons:read": "coupons",
    "webhooks:read": "what arrived from the processor, without its body",
    "webhooks:write": "replay what arrived",
    "debts:read": "bad debt, why it is that, and how it left",
    "debts:write": "give money up, let customers off",
    "debts:pay": "charge customers for their bad debt",
    "operations:read": "cases of debt, what people decided about them, and work to be done",
    "operations:write": "hold, exempt, try once more, move to another policy, stop all charging",
    "metrics:read": "numbers about all customers, and about none by name",
}
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}", re.ASCII)
_COLUMNS: Final = (
    "id, name, scopes, created_at, created_by, expires_at, last_used_at, revoked_at, revoked_by, "
    "successor"
)


@dataclass(frozen=True, slots=True)
class Key:
    """A key, without its secret, which nobody knows but its holder."""

    id: int
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None  #: to the minute
    revoked_at: datetime | None
    revoked_by: str | None
    successor: int | None  #: the key that takes its place

    def holds(self, now: datetime) -> bool:
        """Whether it opens anything at `now` (UTC)."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class Shown:
    """A key that was just made, with its text, which is shown this once."""

    key: Key
    text: str = field(repr=False)


def create(
    connection: Connection,
    name: str,
    scopes: Iterable[str],
    *,
    actor: str,
    now: datetime,
    expires_at: datetime | None = None,
) -> Shown:
    """
    Make a key.

    Args:
        name: What the ledger calls who acts with it, "key:NAME": a-z 0-9 . _ -, at most 63.
        actor: Who makes it.

    Raises:
        InvalidValue: such a name or end can not be, no scope is named, or there is none such.
        NotPossible: another key that is in use has the name.
    """
    wanted = sorted(set(scopes))
    if not _NAME.fullmatch(name):
        raise InvalidValue("name: expected 1 to 63 of a-z 0-9 . _ -, beginning with a-z 0-9")
    _refuse_unknown(wanted)
    if expires_at is not None and expires_at <= now:
        raise InvalidValue("expires_at: expected an instant to come")
    _lock(connection)
    if _in_use(connection, name):
        raise NotPossible(f"a key called {name!r} is in use: roll it, revoke it, or take another")
    return _made(connection, name, wanted, words("actor", actor), now, expires_at)


def roll(
    connection: Connection, key: str, *, actor: str, now: datetime, grace: timedelta = GRACE
) -> Shown:
    """
    Make a key of the same name, scopes and end; the old one ends after `grace`.

    Raises:
        NotFound: no key has this id or name.
        NotPossible: it is revoked, has ended, or was rolled already.
        InvalidValue: `grace` is negative.
    """
    if grace < timedelta(0):
        raise InvalidValue("grace: expected a span of zero or more")
    _lock(connection)
    old = _named(connection, key)
    if not old.holds(now) or old.successor is not None:
        raise NotPossible(f"key {old.id} is over, or was rolled already")
    # The name is free for the new one as soon as the old one has a successor: itself, for now.
    _execute(connection, "UPDATE api_keys SET successor = id WHERE id = %s", (old.id,))
    new = _made(connection, old.name, list(old.scopes), words("actor", actor), now, old.expires_at)
    ends = now + grace if old.expires_at is None else min(now + grace, old.expires_at)
    _execute(
        connection,
        "UPDATE api_keys SET successor = %s, expires_at = %s WHERE id = %s",
        (new.key.id, ends, old.id),
    )
    return new


def revoke(connection: Connection, key: str, *, actor: str, now: datetime) -> Key:
    """
    Let a key open nothing any more, in every process, from the commit on.

    One that is revoked stays as it is. A name means the key in use; one that was rolled goes on
    for its grace, and is named by its id.

    Raises:
        NotFound: no key has this id or name.
    """
    found = _named(connection, key)
    _execute(
        connection,
        "UPDATE api_keys SET revoked_at = %s, revoked_by = %s "
        "WHERE id = %s AND revoked_at IS NULL",
        (now, words("actor", actor), found.id),
    )
    return _named(connection, str(found.id))


def listing(connection: Connection, *, over: bool = False, now: datetime) -> tuple[Key, ...]:
    """Return the keys that hold at `now`, by id; with `over` all that there ever were."""
    rows = batch.fetch(connection, f"SELECT {_COLUMNS} FROM api_keys ORDER BY id")
    keys = map(_key, rows)
    return tuple(key for key in keys if over or key.holds(now))


def _refuse_unknown(scopes: list[str]) -> None:
    if not scopes:
        raise InvalidValue("scopes: expected at least one")
    for one in scopes:
        if one not in SCOPES:
            near = get_close_matches(one, SCOPES, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(SCOPES)}"
            raise InvalidValue(f"scopes: there is no {one!r}; {hint}")


def _made(
    connection: Connection,
    name: str,
    scopes: list[str],
    actor: str,
    now: datetime,
    expires_at: datetime | None,
) -> Shown:
    fresh = secret.new()
    (row,) = batch.fetch(
        connection,
        "INSERT INTO api_keys (name, secret_hash, scopes, created_at, created_by, expires_at) "
        f"VALUES (%s, %s, %s, %s, %s, %s) RETURNING {_COLUMNS}",
        (name, secret.hashed(fresh), scopes, now, actor, expires_at),
    )
    key = _key(row)
    return Shown(key, secret.text(key.id, fresh))


def _named(connection: Connection, key: str) -> Key:
    """Return the key of this id or, for a name, the newest one that has it."""
    number = key.isascii() and key.isdigit() and len(key) <= 18
    sql = f"SELECT {_COLUMNS} FROM api_keys WHERE {'id' if number else 'name'} = %s"
    found = batch.fetch(
        connection, f"{sql} ORDER BY id DESC LIMIT 1", (int(key) if number else key,)
    )
    for row in found:
        return _key(row)
    raise NotFound(f"there is no key {key!r}")


def _in_use(connection: Connection, name: str) -> bool:
    sql = (
        "SELECT FROM api_keys WHERE name = %s AND revoked_at IS NULL AND successor IS NULL LIMIT 1"
    )
    return bool(batch.fetch(connection, sql, (name,)))


def _lock(connection: Connection) -> None:
    """Let one person at a time make keys: two would find the same name free."""
    _execute(connection, "LOCK TABLE api_keys IN SHARE ROW EXCLUSIVE MODE")


def _execute(connection: Connection, sql: str, given: tuple[Any, ...] = ()) -> None:
    batch.driver(connection).execute(sql.encode(), given)


def _key(row: Any) -> Key:
    id, name, scopes, *rest = row
    return Key(id, name, tuple(scopes), *rest)
