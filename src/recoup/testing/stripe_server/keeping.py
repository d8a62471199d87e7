"""
Idempotency keys as Stripe's API v1 keeps them.

| the same key again …                     | gives                                               |
|------------------------------------------|-----------------------------------------------------|
| with the same parameters                 | the saved answer: a decline and a 500 too           |
| with other parameters, or another path   | 400 `idempotency_error`                             |
| while the first is still running         | 409 `idempotency_key_in_use`, and that is not saved |
| when it is 24 h old (the world's clock)  | a new execution                                     |

What is refused before the execution begins is not saved. Answers are in the world's file: all its
servers share them, and one that is killed forgets nothing.
Source: docs.stripe.com/api/idempotent_requests and docs.stripe.com/error-low-level.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from recoup.processors.fake.idempotency import lives
from recoup.processors.fake.world import MICROSECOND, Session, World
from recoup.testing.stripe_server.route import Refusal

KEPT: Final = timedelta(hours=24)
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS http_keys (key TEXT PRIMARY KEY, made_at INTEGER NOT NULL,
    path TEXT NOT NULL, asked BLOB NOT NULL, request TEXT NOT NULL, status INTEGER, body BLOB,
    process INTEGER) WITHOUT ROWID
"""
_running: Final[set[tuple[int, str]]] = set()


@dataclass(frozen=True, slots=True)
class Kept:
    """What was answered, and the id of the request that it was first answered to."""

    status: int
    body: bytes
    request_id: str


def begin(world: World, key: str, *, path: str, asked: bytes, request_id: str) -> Kept | None:
    """
    Return what was answered to `key`, or begin its execution, which `end` ends.

    Raises:
        Refusal: it belongs to another request, or its first execution is under way.
    """
    with world.session() as s:
        oldest = s.micros - KEPT // MICROSECOND
        s.connection.execute(
            "DELETE FROM http_keys WHERE made_at <= ? AND status IS NOT NULL", (oldest,)
        )
        row = s.connection.execute(
            "SELECT path, asked, request, status, body, process FROM http_keys WHERE key = ?",
            (key,),
        ).fetchone()
        if row is not None:
            first, asked_first, request, status, body, process = row
            _refuse_other(key, (first, asked_first), (path, asked))
            if status is not None:
                return Kept(status, body, request)
            mine = process == os.getpid()
            # A process that died before its commit left a row and no effect.
            if (id(world), key) in _running if mine else lives(process):
                raise _in_use(key)
        s.connection.execute(
            "INSERT OR REPLACE INTO http_keys VALUES (?, ?, ?, ?, ?, NULL, NULL, ?)",
            (key, s.micros, path, asked, request_id, os.getpid()),
        )
        _running.add((id(world), key))
    return None


def save(s: Session, key: str, status: int, body: bytes) -> None:
    """Keep the answer, in the transaction of what was done."""
    s.connection.execute(
        "UPDATE http_keys SET status = ?, body = ?, process = NULL WHERE key = ?",
        (status, body, key),
    )


def end(world: World, key: str) -> None:
    """The execution is over. Without a saved answer the key is free again."""
    with world.session() as s:
        s.connection.execute("DELETE FROM http_keys WHERE key = ? AND status IS NULL", (key,))
        _running.discard((id(world), key))


def _refuse_other(key: str, first: tuple[str, bytes], now: tuple[str, bytes]) -> None:
    if first[0] != now[0]:
        what = (
            f"for the same endpoint they were first used for ('{first[0]}' instead of '{now[0]}')"
        )
    elif first[1] != now[1]:
        what = "with the same parameters they were first used with"
    else:
        return
    raise Refusal(
        f"Keys for idempotent requests can only be used {what}. Try using a key other than"
        f" '{key}' if you meant to execute a different request.",
        type="idempotency_error",
    )


def _in_use(key: str) -> Refusal:
    return Refusal(
        "There is currently another in-progress request using this Idempotent Key (that probably"
        " means you submitted twice, and the other request is still going through):"
        f" {key}. Please try again later.",
        status=409,
        code="idempotency_key_in_use",
    )
