"""Renewing the leases of what is running, from a thread and a connection of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from recoup.jobs import claims
from recoup.jobs.claims import Batch

log: Final = logging.getLogger(__name__)


class Heartbeat:
    """
    Holds batches for as long as they run.

    A worker that is frozen beats no more, and then its leases run out. The connection is not of
    the pool, so that handlers that use all of it can not silence the heart; it is opened at the
    first beat, so that short runs open none.
    """

    def __init__(self, engine: Engine, *, every: timedelta) -> None:
        self._engine = engine
        self._every = every.total_seconds()
        self._held: dict[int, Batch] = {}
        self._lock = threading.Lock()

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Beat until the block is left."""
        stop = threading.Event()
        thread = threading.Thread(
            target=self._beat_until, args=(stop,), name="recoup-heartbeat", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    @contextmanager
    def holding(self, batch: Batch) -> Iterator[None]:
        """Renew the leases of `batch` until the block is left."""
        with self._lock:
            self._held[id(batch)] = batch
        try:
            yield
        finally:
            with self._lock:
                del self._held[id(batch)]

    def _beat_until(self, stop: threading.Event) -> None:
        connection: Connection | None = None
        while not stop.wait(self._every):
            with self._lock:
                held = list(self._held.values())
            if not held:
                continue
            try:
                connection = connection or _own(self._engine)
                _renew(connection, held)
            except Exception:
                # Whatever it is, the next beat may work; a heart that stops loses every claim.
                log.exception("the heartbeat missed a beat")
                _drop(connection)
                connection = None
        _drop(connection)


def _own(engine: Engine) -> Connection:
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    connection.detach()
    return connection


def _drop(connection: Connection | None) -> None:
    if connection is None:
        return
    try:
        connection.close()
    except SQLAlchemyError:
        log.debug("the heartbeat's connection was gone already")


def _renew(connection: Connection, held: Sequence[Batch]) -> None:
    for batch in held:
        ids = [claim.id for claim in batch.claims]
        claims.renew(connection, batch.claims[0].claim_id, ids, lease=batch.lease)
