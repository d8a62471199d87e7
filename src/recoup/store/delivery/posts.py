"""What providers post about mails: kept as it came, handed out once, gone when understood."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from sqlalchemy import Connection

from recoup.store import batch

_KEEP: Final = """
    INSERT INTO mail_posts (source, key, raw, received_at)
    SELECT %s, key, raw, %s FROM unnest(%s::text[], %s::bytea[]) AS given (key, raw)
    ON CONFLICT (source, key) DO NOTHING RETURNING id"""


@dataclass(frozen=True, slots=True)
class Post:
    """One post, as it came."""

    id: int
    source: str  #: the provider
    raw: bytes
    received_at: datetime


def keep(
    connection: Connection, source: str, bodies: Iterable[bytes], *, now: datetime
) -> list[int]:
    """
    Keep `bodies`; return the ids of those that are new, which are to be understood.

    A post is known by its bytes: the same one again changes nothing.
    """
    known = {sha256(body).hexdigest(): body for body in bodies}
    with batch.driver(connection).cursor(binary=True) as cursor:
        given = (source, now, list(known), list(known.values()))
        return [id for (id,) in cursor.execute(_KEEP.encode(), given).fetchall()]


def read(connection: Connection, ids: Collection[int]) -> Mapping[int, Post]:
    """Return those of these posts that nobody has dealt with, locked; no other worker has them."""
    sql = """SELECT id, source, raw, received_at FROM mail_posts
             WHERE id = ANY(%s) AND ended_at IS NULL ORDER BY id FOR UPDATE"""
    return {row[0]: Post(*row) for row in batch.fetch(connection, sql, (sorted(ids),))}


def end(connection: Connection, id: int, *, state: str, reason: str | None, now: datetime) -> None:
    """Say what became of a post: applied, ignored or parked. Only a parked one is kept."""
    sql = """UPDATE mail_posts SET state = %s, reason = %s, ended_at = %s,
                    raw = CASE WHEN %s = 'parked' THEN raw END
             WHERE id = %s RETURNING id"""
    batch.fetch(connection, sql, (state, reason, now, state, id))


def prune(connection: Connection, before: datetime, *, limit: int = 10_000) -> int:
    """Remove what ended before that instant; return how many. The same again would be news."""
    sql = """DELETE FROM mail_posts WHERE id IN (
                 SELECT id FROM mail_posts WHERE ended_at < %s ORDER BY ended_at LIMIT %s)
             RETURNING id"""
    return len(batch.fetch(connection, sql, (before, limit)))


def parked(connection: Connection) -> int:
    """Return how many posts nobody could understand."""
    sql = "SELECT count(*) FROM mail_posts WHERE state = 'parked'"
    return int(batch.fetch(connection, sql)[0][0])
