"""A server that says what it was told to say, byte for byte, and a line that nobody stands in."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from threading import Lock, Thread

from recoup.processors.stripe.calls.wire import Patience

KEY = "sk_test_conformance"
#: It pauses little, and bears a machine on which everybody waits for his turn.
QUICK = Patience(connect=60.0, read=60.0, pause=0.01, total=60.0)
#: For a server that does not answer: enough to see that something is waited for.
HASTY = Patience(connect=60.0, read=0.15, pause=0.01, total=60.0)


class OpenLine:
    """A line without anybody before us; it writes down what it is told."""

    def __init__(self):
        self.turns = []
        self.said = []

    def turn(self, endpoint):
        self.turns.append(endpoint)
        return 0.0

    def answered(self):
        self.said.append("answered")

    def silent(self):
        self.said.append("silent")


def whole(status=200, body=None, **headers):
    """Return an answer as bytes: JSON, and Stripe's headers; underscores in names are hyphens."""
    text = json.dumps({"id": "in_1", "object": "invoice"} if body is None else body)
    lines = {
        "Date": "Sat, 21 Nov 2026 08:00:00 GMT",
        "Request-Id": "req_1",
        "Content-Length": str(len(text)),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = "\r\n".join(f"{name}: {value}" for name, value in lines.items())
    return f"HTTP/1.1 {status} X\r\n{head}\r\n\r\n{text}".encode()


def error(status, code=None, kind="invalid_request_error", *, headers=(), **more):
    """Return a refusal as bytes."""
    told = {"type": kind, "message": "Not so.", **more} | ({"code": code} if code else {})
    return whole(status, {"error": told}, **dict(headers))


class Script:
    """
    Answers connections one after another with the given bytes, then closes them.

    None closes without an answer, and a number waits so many seconds first; after the last it
    goes on with the last.
    """

    def __init__(self, *answers):
        self.answers = answers
        self.asked = []
        self._lock = Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection):
        with connection, suppress(OSError):
            heard = b""
            while b"\r\n\r\n" not in heard:
                got = connection.recv(65536)
                if not got:
                    return
                heard += got
            head, _, body = heard.partition(b"\r\n\r\n")
            missing = length(head) - len(body)
            while missing > 0:
                missing -= len(connection.recv(65536))
            with self._lock:
                number = len(self.asked)
                self.asked.append(head.decode())
            answer = self.answers[min(number, len(self.answers) - 1)]
            if isinstance(answer, float):
                connection.settimeout(answer)
                connection.recv(1)
            elif answer is not None:
                connection.sendall(
                    answer.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
                )

    def keys(self):
        """Return the idempotency keys that were heard."""
        lines = [line for head in self.asked for line in head.split("\r\n")]
        return [line.partition(": ")[2] for line in lines if line.startswith("Idempotency-Key")]

    def close(self):
        # The thread sits in accept, which a close alone would not end.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(2)


def length(head):
    for line in head.decode().split("\r\n"):
        name, _, value = line.partition(": ")
        if name.lower() == "content-length":
            return int(value)
    return 0
