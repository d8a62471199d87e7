"""
How long a sender waits for its answer while everything else is busy.

    python -m benchmarks --only acknowledge

300 posts a second for a minute, to one server process, on a machine where a worker absorbs the
same events and a host's function, told of each new customer, sleeps for thirty seconds. A wait is
counted from the instant at which the post was due, so a server that stalls is not excused from
what it kept from being sent.
"""

from __future__ import annotations

import multiprocessing
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection as Pipe
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.engine import make_url

from benchmarks.ingest import lines
from benchmarks.webhooks import OURS, SECRET, Where, ours, request, serving, whole
from recoup.billing import Recoup
from recoup.config import Config
from recoup.store import database
from recoup.store.events.catalogue import Event
from recoup.webhooks.signature import sign

RATE: Final = 300  #: posts a second
SECONDS: Final = 60
SENDERS: Final = 32
_HEAD_START: Final = 5.0

CEILINGS = {"p99_ms": 100.0, "not_2xx": 0}


def run(url: str) -> dict[str, Any]:
    """Measure; return the figures."""
    bodies = list(lines(RATE * SECONDS))
    with serving(ours, url) as where, _working(url):
        waits, refused = _paced(where, bodies)
    engine = database.connect(make_url(url).set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        kept = int(connection.scalar(text("SELECT count(*) FROM inbox")) or 0)
        over = text("SELECT count(*) FROM inbox WHERE state NOT IN ('received', 'failed')")
        absorbed = int(connection.scalar(over) or 0)
    engine.dispose()
    assert kept >= len(bodies) - refused, (kept, refused)
    return {
        "posts": len(bodies),
        "not_2xx": refused,
        "p50_ms": statistics.median(waits) * 1e3,
        "p99_ms": statistics.quantiles(waits, n=100)[98] * 1e3,
        "max_ms": max(waits) * 1e3,
        "absorbed_meanwhile": absorbed,
    }


def _paced(where: Where, bodies: Sequence[bytes]) -> tuple[list[float], int]:
    """Post each at its time; return the seconds of each from that time on, and the refusals."""
    now = datetime.now(UTC)
    ready = [request(OURS, body, sign(body, SECRET, at=now)) for body in bodies]
    begin = time.perf_counter() + _HEAD_START
    waits: list[float] = []
    refused: list[bytes] = []

    def send(first: int) -> None:
        with socket.create_connection(where) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for number in range(first, len(ready), SENDERS):
                due = begin + number / RATE
                time.sleep(max(0.0, due - time.perf_counter()))
                connection.sendall(ready[number])
                answer = connection.recv(65536)
                while not whole(answer):
                    answer += connection.recv(65536)
                waits.append(time.perf_counter() - due)
                if not answer.startswith(b"HTTP/1.1 2"):
                    refused.append(answer)

    threads = [threading.Thread(target=send, args=(first,)) for first in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(waits) == len(bodies)
    return waits, len(refused)


@contextmanager
def _working(url: str) -> Iterator[None]:
    """A worker in a process of its own, with a function that takes its time."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_work, args=(url, there))
    process.start()
    try:
        here.recv()
        yield
    finally:
        process.kill()  # its function would sleep on
        process.join()


def _work(url: str, pipe: Pipe) -> None:
    with tempfile.TemporaryDirectory() as home:
        config = Config.load(database_url=url, home=home)
        with Recoup(config) as recoup:

            @recoup.on("customer.created", name="slow")
            def slow(_: Event) -> None:
                time.sleep(30)

            pipe.send("ready")
            recoup.worker().run(threading.Event())
