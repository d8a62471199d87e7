"""
The built-in carrier: LISTEN and NOTIFY.

`enqueue` notifies in its own transaction, so a ring never comes before its effect can be seen.
Behind a pooler that hands a connection to others between transactions LISTEN hears nothing;
polling then carries alone.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from typing import Final

import psycopg
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from recoup.jobs.queue import CHANNEL

log: Final = logging.getLogger(__name__)

STOP_SEEN_WITHIN: Final = 0.25  #: seconds


class PostgresCarrier:
    """Rings over `engine`, and listens on a connection of its own that it opens when it waits."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._listening: psycopg.Connection | None = None

    def ring(self, queues: Iterable[str]) -> None:
        """Notify whoever listens. A database that is away is logged and not raised."""
        try:
            with self._engine.begin() as connection:
                for queue in queues:
                    connection.execute(
                        text("SELECT pg_notify(:channel, :queue)"),
                        {"channel": CHANNEL, "queue": queue},
                    )
        except SQLAlchemyError as error:
            log.warning("nobody was woken: %s", error)

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """
        Wait for a ring, for `seconds` or until `stop`; return whether one came.

        True also right after connecting: what was rung before that was not heard.
        """
        try:
            if self._listening is None:
                self._listening = _listener(self._engine)
                return True
            return _heard(self._listening, time.monotonic() + seconds, stop)
        except (SQLAlchemyError, psycopg.Error) as error:
            log.warning("not listening, only polling: %s", error)
            self.close()
            stop.wait(min(seconds, 1.0))
            return True

    def close(self) -> None:
        """Stop listening. Waiting again listens again."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None


def _listener(engine: Engine) -> psycopg.Connection:
    pooled = engine.raw_connection()
    driver: psycopg.Connection | None = pooled.driver_connection
    if driver is None:
        raise psycopg.OperationalError("the connection is closed")
    pooled.detach()
    driver.rollback()
    driver.autocommit = True
    driver.execute(f"LISTEN {CHANNEL}")
    return driver


def _heard(listening: psycopg.Connection, until: float, stop: threading.Event) -> bool:
    while not stop.is_set() and (left := until - time.monotonic()) > 0:
        if list(listening.notifies(timeout=min(left, STOP_SEEN_WITHIN), stop_after=1)):
            # Whatever else has come by now is answered by the same look at the queues.
            list(listening.notifies(timeout=0))
            return True
    return False
