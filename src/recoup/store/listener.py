"""
Hearing what commits: a thread that listens on a channel, and knows whether it still hears.

Three times a second it sends a note to itself. Notifications come in the order of their commits,
so a note that came back proves that everything committed before it was heard. Where none comes
back, because the connection is dead or a pooler stands between, `hears` is False.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from typing import Final

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

log: Final = logging.getLogger(__name__)

BEAT: Final = 0.3  #: seconds between notes to itself
#: Seconds for which a note that came back is trusted: nothing older is ever served.
TRUSTED: Final = 0.9
_LONGEST_PAUSE: Final = 5.0  #: seconds between tries to connect


class Listener:
    """
    Listens on `channel` in a thread of its own, from the first `start` until `close`.

    Args:
        engine: Where to connect; the connection is taken out of its pool.
        heard: Called with the text of each notification, in the listener's thread.
        lost: Called whenever something may have been missed: before it hears, and when it stops.
    """

    def __init__(
        self,
        engine: Engine,
        channel: str,
        *,
        heard: Callable[[str], None],
        lost: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._channel = channel
        self._own = f"{channel}_{secrets.token_hex(8)}"
        self._heard = heard
        self._lost = lost
        self._until = 0.0
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    @property
    def hears(self) -> bool:
        """Whether everything that was committed up to a moment ago has been heard."""
        return time.monotonic() < self._until

    def start(self) -> None:
        """Listen, unless it does already; a process that was forked starts a thread of its own."""
        if self._closed.is_set() or (self._thread is not None and self._thread.is_alive()):
            return
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._listen, name=self._channel, daemon=True
                )
                self._thread.start()

    def close(self) -> None:
        """Stop listening, for good."""
        self._closed.set()
        self._until = 0.0
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=4 * BEAT)

    def _listen(self) -> None:
        pause = 0.05
        while not self._closed.is_set():
            try:
                with _taken(self._engine) as connection:
                    self._lost()
                    pause = 0.05
                    self._follow(connection)
            except (SQLAlchemyError, psycopg.Error, OSError) as error:
                log.warning("not listening for %s: %s", self._channel, error)
            finally:
                self._until = 0.0
                self._lost()
            self._closed.wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _follow(self, connection: psycopg.Connection) -> None:
        connection.execute(f'LISTEN {self._channel}; LISTEN "{self._own}"')
        while not self._closed.is_set():
            sent = time.monotonic()
            note = secrets.token_hex(4)
            connection.execute("SELECT pg_notify(%s, %s)", (self._own, note))
            for told in connection.notifies(timeout=BEAT):
                if told.channel == self._channel:
                    self._heard(told.payload)
                elif told.payload == note:
                    self._until = sent + TRUSTED
                if self._closed.is_set():
                    return


def _taken(engine: Engine) -> psycopg.Connection:
    """Return a connection of our own that commits each statement."""
    pooled = engine.raw_connection()
    driver: psycopg.Connection | None = pooled.driver_connection
    if driver is None:
        raise psycopg.OperationalError("the connection is closed")
    pooled.detach()
    driver.rollback()
    driver.autocommit = True
    driver.execute("SET application_name = 'recoup listener'")
    driver.execute("SET synchronous_commit = off")  # a note to itself need not outlive a crash
    return driver
