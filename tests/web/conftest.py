"""Real servers on real ports, each a process of its own, and a sender that signs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psycopg
import pytest
from cloning import create_clone
from sqlalchemy import text
from sqlalchemy.engine import make_url

from recoup.store import database
from recoup.testing import events
from recoup.webhooks.signature import HEADER, sign

SECRET = "whsec_of_the_tests_0001"
RECOUP = Path(sys.executable).with_name("recoup")


@dataclass(frozen=True)
class Server:
    """A running `recoup serve`."""

    process: subprocess.Popen[str]
    url: str
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@dataclass(frozen=True)
class Sender:
    """Posts what it signs, as the processor does."""

    client: httpx.Client
    secret: str = SECRET

    def __call__(self, server: Server, body: bytes, **headers: str) -> httpx.Response:
        header = sign(body, self.secret, at=datetime.now(UTC))
        return self.client.post(
            f"{server.url}/webhooks/stripe", content=body, headers={HEADER: header} | headers
        )

    def until_taken(self, server: Server, body: bytes) -> httpx.Response:
        """
        Post it again while the answer is to come again, as the processor would.

        A machine may be so busy that its database answers nobody for seconds.
        """
        until = time.monotonic() + 60
        while True:
            answer = self(server, body)
            if answer.status_code != 503 or time.monotonic() > until:
                return answer


def customer(number: int) -> bytes:
    shown = events.customer(f"cus_{number}", email=f"{number}@example.com")
    return events.line(events.event("customer.created", shown, id=f"evt_{number}"))


class Place:
    """A database with its settings, and the servers that run on it."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self.environment = {
            "RECOUP_DATABASE_URL": database_url,
            "RECOUP_HOME": str(folder / "home"),
            "RECOUP_STRIPE_WEBHOOK_SECRETS": SECRET,
        }
        (folder / "home").mkdir()
        self._folder = folder
        self._running: list[Server] = []
        self._engine = database.connect(
            make_url(database_url).set(drivername="postgresql+psycopg")
        )

    def start(self, *words: str, **more: str) -> Server:
        log = self._folder / f"serve_{len(self._running)}.log"
        with log.open("w") as stream:
            process = subprocess.Popen(
                [RECOUP, "serve", "--port", "0", *words],
                env=os.environ | self.environment | more,
                stderr=stream,
                text=True,
            )
        until = time.monotonic() + 120
        while "startup complete" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.02)
        url = log.read_text().split("listening on ")[1].split()[0]
        self._running.append(Server(process, url, log))
        return self._running[-1]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [RECOUP, *words],
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def begin(self, *words: str) -> subprocess.Popen[bytes]:
        """Begin to run a command."""
        environment = os.environ | self.environment
        return subprocess.Popen([RECOUP, *words], env=environment, stdout=subprocess.DEVNULL)

    def rows(self, sql: str) -> list[tuple]:
        with self._engine.begin() as connection:
            found = connection.execute(text(sql))
            return [tuple(row) for row in found] if found.returns_rows else []

    def close(self) -> None:
        self._engine.dispose()
        for server in self._running:
            if server.process.poll() is None:
                server.process.kill()
                server.process.wait()


@pytest.fixture
def place(database_url: str, tmp_path: Path) -> Iterator[Place]:
    """A place of this test's own."""
    made = Place(database_url, tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared(
    server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """A place for all tests of a file, which therefore leave it as it was."""
    name = f"web_{os.getpid()}_{time.monotonic_ns()}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        create_clone(admin, name, of=template)
        url = make_url(server_url).set(drivername="postgresql", database=name)
        made = Place(url.render_as_string(hide_password=False), tmp_path_factory.mktemp("web"))
        yield made
        made.close()
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


class InHand:
    """A request of which the server has the head and waits for the body, over a socket."""

    def __init__(self, server: Server, path: str, body: bytes, *headers: str) -> None:
        host, _, port = server.url.removeprefix("http://").rpartition(":")
        self._address = host, int(port)
        self._body = body
        self._socket = socket.create_connection(self._address, timeout=60)
        lines = [f"POST {path} HTTP/1.1", "Host: here", f"Content-Length: {len(body)}"]
        head = "\r\n".join([*lines, "Expect: 100-continue", *headers, "", ""])
        self._socket.sendall(head.encode())
        told = self._socket.recv(4096)
        assert told.startswith(b"HTTP/1.1 100"), told
        self._socket.sendall(body[:10])

    def until_nobody_listens(self) -> None:
        """Wait until the server takes no new connections, because it ends."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                socket.create_connection(self._address, timeout=60).close()
            except OSError:
                return
            time.sleep(0.01)
        raise AssertionError("the server does not end")

    def end(self) -> bytes:
        """Send the rest; return what is answered."""
        with self._socket as connection:
            connection.sendall(self._body[10:])
            return connection.recv(65536)


@pytest.fixture
def in_hand() -> type[InHand]:
    return InHand


@pytest.fixture
def send() -> Iterator[Sender]:
    with httpx.Client(timeout=120) as client:
        yield Sender(client)


@pytest.fixture
def letter() -> Callable[[int], bytes]:
    return customer
