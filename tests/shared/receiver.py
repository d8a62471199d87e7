"""A system of the company's own: a real HTTP server that hears posts and answers by script."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET_KEY = "0123456789abcdef0123456789abcdef-not-a-real-one"
SETTINGS = {"secret_key": SECRET_KEY, "allow_private_urls": True}


@dataclass(frozen=True)
class Answer:
    """What is answered."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[], object] = lambda: None  #: done before anything is answered
    hang_up: bool = False


@dataclass(frozen=True)
class Heard:
    """A post that came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        return json.loads(self.body)


class Receiver:
    """
    Hears posts on 127.0.0.1, and answers 200 unless told otherwise.

    `script` holds what is answered next, one at a time; `usually` what is answered after that.
    `choose` decides by the post, before both.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/hooks"
        self.port = port
        self.heard: list[Heard] = []
        self.script: list[Answer] = []
        self.usually = Answer()
        self.choose: Callable[[Heard], Answer | None] = lambda _: None
        self.at_once = 0  #: the most posts that were here at the same time
        self._here = 0
        self._lock = threading.Lock()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [one.event for one in self.heard]

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    def answer(self, heard: Heard) -> Answer:
        with self._lock:
            self.heard.append(heard)
            self._here += 1
            self.at_once = max(self.at_once, self._here)
            chosen = self.choose(heard)
            if chosen is None:
                chosen = self.script.pop(0) if self.script else self.usually
        try:
            chosen.before()
        finally:
            with self._lock:
                self._here -= 1
        return chosen


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    receiver: Receiver

    def handle_error(self, *_: object) -> None:
        """Say nothing: whoever asked has gone."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        heard = Heard("POST", self.path, dict(self.headers), body)
        answer = self.server.receiver.answer(heard)
        if answer.hang_up:
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def do_GET(self) -> None:
        self.server.receiver.answer(Heard("GET", self.path, dict(self.headers), b"{}"))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def receiving(ssl_context=None) -> Iterator[Receiver]:
    """Run a receiver on a free port."""
    server = _Server(("127.0.0.1", 0), _Handler)
    if ssl_context is not None:
        server.socket = ssl_context.wrap_socket(server.socket, server_side=True)
    server.receiver = Receiver(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
