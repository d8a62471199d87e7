"""Reading much, as of one instant, in little memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection

from recoup.store import batch

#: Rows at a time. A libpq before 17 can only hand them over one by one.
_CHUNK: Final = 1_000 if psycopg.capabilities.has_stream_chunked() else 1


def steady(connection: Connection) -> None:
    """
    Let every statement from here on see the same instant, if nothing was read or written yet.

    A transaction that has begun its work keeps the isolation it has.
    """
    raw = batch.driver(connection)
    if raw.info.transaction_status == TransactionStatus.IDLE and not raw.autocommit:
        raw.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def stream(connection: Connection, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Any]:
    """
    Yield the rows of a query as plain tuples while the server still produces the next ones.

    The connection can do nothing else until the last row is read. Stopping before it aborts the
    transaction.
    """
    with batch.driver(connection).cursor(binary=True) as cursor:
        yield from cursor.stream(sql.encode(), parameters, size=_CHUNK)
