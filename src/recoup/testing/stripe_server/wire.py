"""Sockets: requests read, answers sent, and what can go wrong with a connection."""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from recoup.processors.fake.world import World
from recoup.testing.stripe_server import faults
from recoup.testing.stripe_server.answering import Answering, Reply, Request

#: Told of "received" (the request is here, nothing has happened), "done" (it has happened, the
#: answer is not sent yet) and "replied" (it is sent). A test kills or freezes its worker there.
Watch = Callable[[str, Request], None]

_LINGER: Final = struct.pack("ii", 1, 0)


class Front(ThreadingHTTPServer):
    """Listens on this machine only; every connection has a thread of its own."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port: int, world: World, answering: Answering, watch: Watch) -> None:
        self.world = world
        self.answering = answering
        self.watch = watch
        #: The connections that are open.
        self.open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Take a connection, unless a fault refuses it."""
        del client_address
        if faults.take(self.world, "", "refuse") is None:
            return True
        reset(request)
        return False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep what is a bug of ours; a client that has gone away is none."""
        del request, client_address
        error = sys.exception()
        if isinstance(error, Exception) and not isinstance(error, OSError):
            self.answering.bugs.append(error)

    def hang_up(self) -> None:
        """Reset every connection."""
        for one in list(self.open):
            # Its files hold the socket open, so closing it is not enough.
            with suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
                one.shutdown(socket.SHUT_RDWR)


def reset(connection: socket.socket) -> None:
    """End a connection with an RST, whatever is still on its way."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
        connection.close()


class _Handler(BaseHTTPRequestHandler):
    server: Front
    protocol_version = "HTTP/1.1"
    # Otherwise headers and body go out in two packets, and the second waits for the client.
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.server.open.add(self.connection)

    def finish(self) -> None:
        self.server.open.discard(self.connection)
        with suppress(OSError, ValueError):  # it was reset
            super().finish()

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_DELETE(self) -> None:
        self._handle()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the tests do."""

    def _handle(self) -> None:
        request = self._request()
        fault = faults.take(self.server.world, request.what)
        if fault is not None and fault.kind == "refuse":
            self._reset()
            return
        self.server.watch("received", request)
        if fault is not None and fault.kind == "drop":
            self._close()
            return
        reply = self.server.answering.answer(request, fault)
        self.server.watch("done", request)
        kind = None if fault is None else fault.kind
        if kind == "lost_reply":
            self._close()
        elif kind == "reset":
            self._send(reply, reply.body[: len(reply.body) // 2])
            self._reset()
        elif kind == "truncated":
            half = reply.body[: len(reply.body) // 2]
            self._send(Reply(reply.status, reply.headers, half), half)
            self.server.watch("replied", request)
        else:
            self._send(reply, reply.body)
            self.server.watch("replied", request)

    def _request(self) -> Request:
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("content-length") or 0)
        return Request(
            self.command,
            path,
            query,
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(length),
        )

    def _send(self, reply: Reply, part: bytes) -> None:
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(part)
        self.wfile.flush()

    def _close(self) -> None:
        self.close_connection = True

    def _reset(self) -> None:
        self.close_connection = True
        # The file objects hold the socket open, so the option does it when they are closed.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
