"""
Many senders, few writers: what arrives while a writer commits is committed together, next.

A commit waits for the disk, and one for sixty bodies takes no longer than one for each. Nobody
waits for others to come: a writer that is free takes what is there, be it one body.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

WRITERS: Final = 2
_MOST: Final = 64  #: bodies in one transaction
_ROOM: Final = 32 * 2**20  #: bytes that may wait
_AGAIN: Final = 3.0  #: seconds for finding out which body it was that was refused
_PATIENCE: Final = 10.0  #: seconds for what is waiting when it is closed

Keep = Callable[[Sequence[bytes]], None]
_Letter = tuple[bytes, "asyncio.Future[None]"]


class Full(Exception):
    """So much is waiting that another body would not be kept in time."""


class Letterbox:
    """
    Hands bodies of one event loop to `keep`, from threads of its own that begin with the first.

    Args:
        keep: Commits what it is given, or raises, and then nothing of it is promised to anybody.
        alive: Whether it may be the bodies that are to blame, and not the database.
    """

    def __init__(self, keep: Keep, *, alive: Callable[[], bool], writers: int = WRITERS) -> None:
        self._keep = keep
        self._alive = alive
        self._writers = writers
        self._waiting: deque[_Letter] = deque()
        self._bytes = 0
        self._closed = False
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []

    def put(self, body: bytes) -> asyncio.Future[None]:
        """
        Return what ends when `body` is committed, or raises what kept it from being so.

        Who waits no longer may cancel it; the body is kept all the same.

        Raises:
            Full: too much waits already, or it is closed.
        """
        promise = asyncio.get_running_loop().create_future()
        with self._changed:
            if self._closed or self._bytes + len(body) > _ROOM:
                raise Full
            self._begin()
            self._waiting.append((body, promise))
            self._bytes += len(body)
            self._changed.notify()
        return promise

    def close(self) -> None:
        """Take nothing more, and wait until what is there has been tried. Not in the loop."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(_PATIENCE)

    def _begin(self) -> None:
        while len(self._threads) < self._writers:
            thread = threading.Thread(target=self._write, name="recoup letterbox", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _write(self) -> None:
        while batch := self._taken():
            error = self._kept(batch)
            if error is None or len(batch) == 1 or not self._alive():
                _tell(batch, error)
                continue
            # One of them it was: the others are kept, each by itself, while their senders wait.
            until = time.monotonic() + _AGAIN
            for letter in batch:
                _tell([letter], error if time.monotonic() > until else self._kept([letter]))

    def _kept(self, batch: Sequence[_Letter]) -> Exception | None:
        try:
            self._keep([body for body, _ in batch])
        except Exception as error:  # noqa: BLE001  whatever it is, each sender is told
            return error
        return None

    def _taken(self) -> list[_Letter]:
        """Return what waits, as soon as anything does; nothing when it is closed."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            batch = [self._waiting.popleft() for _ in range(min(_MOST, len(self._waiting)))]
            self._bytes -= sum(len(body) for body, _ in batch)
            return batch


def _tell(batch: Sequence[_Letter], error: Exception | None) -> None:
    """Wake the loop, once for all of them: each time costs the two threads a turn."""
    loop = batch[0][1].get_loop()
    if not loop.is_closed():
        loop.call_soon_threadsafe(_settle, batch, error)


def _settle(batch: Sequence[_Letter], error: Exception | None) -> None:
    for _, promise in batch:
        if promise.done():  # its sender has gone
            continue
        if error is None:
            promise.set_result(None)
        else:
            promise.set_exception(error)
