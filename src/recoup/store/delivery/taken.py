"""
Mails that a server has taken, noted before anything else is done.

Between a server's yes and our commit lies the only time in which a crash doubles a mail. A batch
is recorded in one transaction, so each of its mails is noted by a statement of its own first:
whoever finds the note only has the recording left to do.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Final

import psycopg
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from recoup.core.account import Notice
from recoup.core.states import NoticeState
from recoup.store import batch
from recoup.store.database import is_lost

log: Final = logging.getLogger(__name__)

_NOTE: Final = b"""
    UPDATE mails SET accepted_at = %(at)s, message_id = %(message_id)s
    WHERE id = %(id)s AND accepted_at IS NULL
"""
_DOUBT: Final = text("UPDATE mails SET doubts = doubts + 1 WHERE id = ANY(:ids)")
_NOTICES: Final = text("SELECT id, state FROM notices WHERE id = ANY(:ids)")
_LOST: Final = text("SELECT id FROM effects WHERE id = ANY(:ids) AND reason = :reason")


class Notes:
    """
    Notes mails as taken, each in a transaction of its own, all over one connection.

    One that fails is only logged: the mail is still recorded with its batch.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    def note(self, id: int, message_id: str, *, at: datetime) -> None:
        """Note that a mail was taken `at` (UTC). When this returns it is committed, or logged."""
        given = {"id": id, "message_id": message_id, "at": at}
        try:
            try:
                self._write(given)
            except (DBAPIError, psycopg.Error) as error:
                if not is_lost(error):
                    raise
                self._write(given)  # the connection was; another one may do better
        except (DBAPIError, PoolTimeout, psycopg.Error) as error:
            log.warning("mail %d was taken, and could not be noted: %s", id, error)

    def close(self) -> None:
        """Give the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _write(self, given: Mapping[str, object]) -> None:
        try:
            if self._connection is None:
                level = {"isolation_level": "AUTOCOMMIT"}
                self._connection = self._engine.connect().execution_options(**level)
            # By the driver itself: SQLAlchemy's way takes longer than the server does.
            batch.driver(self._connection).execute(_NOTE, given)
        except BaseException:
            if self._connection is not None:
                self._connection.invalidate()  # the pool would hand out what may be broken
            self.close()
            raise


@contextmanager
def notes(engine: Engine) -> Iterator[Notes]:
    """Give the way to note mails one after another, for one thread."""
    made = Notes(engine)
    try:
        yield made
    finally:
        made.close()


def doubt(connection: Connection, ids: Collection[int]) -> None:
    """Count a try of these mails of which nobody knows the end."""
    if ids:
        connection.execute(_DOUBT, {"ids": sorted(ids)})


def lost(connection: Connection, effects: Collection[int], *, reason: str) -> frozenset[int]:
    """Return those of `effects` whose last worker was lost for `reason`."""
    return frozenset(connection.scalars(_LOST, {"ids": sorted(effects), "reason": reason}))


def notices(connection: Connection, known: Collection[Notice]) -> Mapping[int | None, Notice]:
    """Return these notices by id, in the state in which they are now."""
    rows = connection.execute(_NOTICES, {"ids": [notice.id for notice in known]})
    states = {row.id: NoticeState(row.state) for row in rows}
    return {n.id: replace(n, state=states[n.id]) for n in known if n.id in states}
