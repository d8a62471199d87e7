"""The server's process: uvicorn on a socket of ours, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from typing import ClassVar, Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

#: Seconds from the first byte of a request, or from the connection, to the end of its headers.
SLOWEST_HEADERS: Final = 10.0
#: Connections at once; more are told to come again.
MOST_CONNECTIONS: Final = 500
#: Seconds that requests in hand have to end, once it is told to stop.
_LAST_CALL: Final = 20
_BACKLOG: Final = 2048


def listening(host: str, port: int) -> socket.socket:
    """
    Return a socket that listens; port 0 is any that is free.

    Raises:
        OSError: the address is in use, or is none of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, or asyncio would leave its delay on, and every answer would take 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def serve(app: ASGIApp, listener: socket.socket) -> None:
    """
    Serve `app` on `listener` until SIGTERM or Ctrl-C, then let what is in hand end.

    Only in a main thread, whose signal handlers are given back, of a process of our own.
    """
    config = uvicorn.Config(
        app,
        http=Impatient,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=_LAST_CALL,
    )
    # The loop and the writer are two threads: with the usual five milliseconds the one would
    # wait for the other longer than for the database.
    sys.setswitchinterval(0.0005)
    stops = (signal.SIGTERM, signal.SIGINT)
    # Once it has ended in good order, uvicorn raises the signal again; there it means nothing.
    before = {number: signal.signal(number, lambda *_: None) for number in stops}
    try:
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Impatient(H11Protocol):
    """Ends connections that do not come to the point: headers have seconds, not for ever."""

    slowest: ClassVar = SLOWEST_HEADERS
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take bytes; go on waiting until they are a whole request's headers."""
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._wait()
        else:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self.slowest, self._end)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        self._timer = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
