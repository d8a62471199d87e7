"""A server in a thread that takes mails as Resend does, and refuses what Resend refuses."""

from __future__ import annotations

import http.client
import json
import re
import socket
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any, Self

KEY = "re_test_0123456789"
_ADDRESS = re.compile(r"(?:[^<>@]+ )?<?[^\s<>@]+@[^\s<>@]+\.[^\s<>@]+>?")
_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")
_FIELDS = frozenset("from to subject text html headers tags reply_to attachments".split())
Answer = tuple[int, str, str] | tuple[int, str, str, str | None]


class ResendServer(ThreadingHTTPServer):
    """
    Listens on a free port while it is used in a `with`.

    `script` holds what becomes of the next requests: an error as (status, name, message) and, if
    there is one, Retry-After; "stall", "drop", and "drop after" when the mail was taken.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        self.script: list[Answer | str] = []
        self.sent: list[Mapping[str, Any]] = []
        self.keys: list[str] = []  #: of every request, in order
        self.connections = 0
        self.stop = Event()
        self.lock = Lock()
        self._known: dict[str, tuple[Mapping[str, Any], str]] = {}
        self._open: list[socket.socket] = []
        super().__init__(("127.0.0.1", 0), _Request)

    def __enter__(self) -> Self:
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.shutdown()
        self.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def get_request(self) -> Any:
        request, address = super().get_request()
        self.connections += 1
        self._open.append(request)
        return request, address

    def hang_up(self) -> None:
        """Close every connection that is open."""
        for one in self._open:
            one.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def take(self, asked: Mapping[str, Any], key: str) -> tuple[int, Mapping[str, Any]]:
        """Return what a request is answered with, once its key and form hold."""
        if len(key) > 256:
            return _refusal(400, "invalid_idempotency_key", "The key must be 1-256 chars.")
        fault = next(_faults(asked), None)
        if fault is not None:
            return _refusal(422, "validation_error", fault)
        with self.lock:
            if key in self._known:
                before, id = self._known[key]
                if before != asked:
                    return _refusal(409, "invalid_idempotent_request", "Another payload.")
                return 200, {"id": id}
            id = f"mail-{len(self.sent)}"
            self.sent.append(asked)
            if key:
                self._known[key] = (asked, id)
            return 200, {"id": id}

    def ask(self, change: Mapping[str, Any], *, key: str = "") -> tuple[int, str]:
        """Ask for a mail that is right but for `change`; None leaves a field out."""
        right = {
            "from": "Example <billing@example.com>", "to": ["ada@example.com"],
            "subject": "Hello", "text": "Hello", "headers": {}, "tags": [],
        }  # fmt: skip
        asked = {name: value for name, value in {**right, **change}.items() if value is not None}
        connection = http.client.HTTPConnection("127.0.0.1", self.server_address[1], timeout=60)
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        connection.request("POST", "/emails", json.dumps(asked), headers)
        answer = connection.getresponse()
        told = json.loads(answer.read())
        connection.close()
        return answer.status, told.get("name", "")

    def handle_error(self, *_: Any) -> None:
        """Say nothing of connections that ended early: that is what they are for."""


class _Request(BaseHTTPRequestHandler):
    server: ResendServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        key = self.headers.get("Idempotency-Key", "")
        self.server.keys.append(key)
        next_ = self.server.script.pop(0) if self.server.script else None
        if next_ == "stall":
            self.server.stop.wait(600)
        if next_ in {"stall", "drop"}:
            self.close_connection = True
            return
        if isinstance(next_, tuple):
            status, name, message, *after = next_
            self._answer(*_refusal(status, name, message), after=after[0] if after else None)
            return
        if self.path != "/emails":
            self._answer(*_refusal(404, "not_found", "There is nothing here."))
        elif self.headers.get("Authorization") != f"Bearer {KEY}":
            self._answer(*_refusal(403, "invalid_api_key", "API key is invalid"))
        else:
            status, told = self.server.take(json.loads(body), key)
            if next_ == "drop after":
                self.close_connection = True
                return
            self._answer(status, told)

    def _answer(self, status: int, told: Mapping[str, Any], after: str | None = None) -> None:
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if after is not None:
            self.send_header("Retry-After", after)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Keep the tests' output quiet."""


def _refusal(status: int, name: str, message: str) -> tuple[int, Mapping[str, Any]]:
    return status, {"statusCode": status, "name": name, "message": message}


def _faults(asked: Mapping[str, Any]) -> Iterator[str]:
    to = asked.get("to")
    tags = [part for tag in asked.get("tags", ()) for part in (tag["name"], tag["value"])]
    if set(asked) - _FIELDS:
        yield f"Unknown fields {sorted(set(asked) - _FIELDS)}"
    if not _ADDRESS.fullmatch(str(asked.get("from"))):
        yield "Invalid `from` field."
    if not isinstance(to, list) or not to or not all(_ADDRESS.fullmatch(one) for one in to):
        yield "Invalid `to` field."
    if not isinstance(asked.get("subject"), str):
        yield "Missing `subject` field."
    if not (asked.get("text") or asked.get("html")):
        yield "Missing `html` or `text` field."
    if not all(isinstance(value, str) for value in asked.get("headers", {}).values()):
        yield "Invalid `headers` field."
    if not all(_TAG.fullmatch(part) for part in tags):
        yield "Tags should only contain ASCII letters, numbers, underscores, or dashes."
