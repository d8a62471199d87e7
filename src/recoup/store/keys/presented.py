"""Who presents a key: read anew each time, by one look at an index."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from recoup.store import batch
from recoup.store.keys import secret

#: How much older what is kept of a key's last use may be than its last use.
COARSE: Final = timedelta(minutes=1)
#: Compared with where there is no key, so that its absence takes as long.
_NOBODY: Final = bytes(32)

_READ: Final = """
    SELECT name, scopes, secret_hash, expires_at, last_used_at, revoked_at
    FROM api_keys WHERE id = %s"""
_USED: Final = """
    UPDATE api_keys SET last_used_at = %s
    WHERE id = %s AND (last_used_at IS NULL OR last_used_at <= %s)"""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a key that opens something."""

    id: int
    name: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class NoKey:
    """
    Why nobody is let in. For our records: who asks is not told which it was.

    `id` is of the key whose secret was presented, and 0 where nobody's was.
    """

    reason: str  #: missing, malformed, unknown, revoked, expired
    id: int = 0


def holder(connection: Connection, presented: str | None, *, now: datetime) -> Holder | NoKey:
    """
    Return who holds the key that was presented, at `now` (UTC), and note that it was used.

    Revoked at once means: as of the transaction that this reads in.
    """
    if presented is None:
        return NoKey("missing")
    parts = secret.parted(presented)
    if parts is None:
        return NoKey("malformed")
    id, told = parts
    found = batch.fetch(connection, _READ, (id,))
    name, scopes, kept, expires_at, last, revoked_at = (
        found[0] if found else ("", (), _NOBODY, None, None, None)
    )
    if not hmac.compare_digest(secret.hashed(told), bytes(kept)):
        return NoKey("unknown")
    if revoked_at is not None:
        return NoKey("revoked", id)
    if expires_at is not None and expires_at <= now:
        return NoKey("expired", id)
    if last is None or last <= now - COARSE:
        batch.driver(connection).execute(_USED.encode(), (now, id, now - COARSE))
    return Holder(id, name, frozenset(scopes))
