"""
How many webhooks a second one server process takes in, against the least there could be.

    python -m benchmarks --only webhooks

The least is an endpoint of Starlette that verifies the signature and inserts one row, a commit
each, on the same server. Both are asked in turns by sixteen senders at once, which keep their
connections, so that both see the same machine. Events are as large as Stripe's own.
"""

from __future__ import annotations

import hashlib
import hmac
import multiprocessing
import re
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection as Pipe
from typing import Any

import psycopg
import uvicorn
from sqlalchemy import text
from sqlalchemy.engine import make_url
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from benchmarks.ingest import lines
from recoup import web
from recoup.billing import Recoup
from recoup.config import Config
from recoup.store import database
from recoup.web import serving as web_serving
from recoup.webhooks.signature import sign

SECRET = "whsec_of_the_benchmark_1"
SENDERS = 16
POSTS = 2_000  #: in a turn
TURNS = 5  #: of each
FLOORS = {"ratio_to_bare": 0.6}
CEILINGS = {"p99_ms": 250.0}

OURS, _BARE = "/webhooks/stripe", "/bare"
Where = tuple[str, int]


def run(url: str) -> dict[str, Any]:
    """Measure; return the figures."""
    engine = database.connect(make_url(url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE bare (key text PRIMARY KEY, raw bytea NOT NULL)"))
    bodies = list(lines((2 * TURNS + 2) * POSTS))
    rates: dict[str, list[float]] = {OURS: [], _BARE: []}
    waits: list[float] = []
    with serving(ours, url) as here, serving(_bare, url) as there:
        for turn in range(2 * TURNS + 2):
            path = (OURS, _BARE)[(turn + turn // 2) % 2]  # on off off on: drift cancels out
            batch = bodies[turn * POSTS : (turn + 1) * POSTS]
            took, each = posted(here if path == OURS else there, path, batch)
            if turn >= 2:  # the first ones connect, prepare and warm
                rates[path].append(POSTS / took)
                waits += each if path == OURS else []
    with engine.connect() as connection:
        kept = [connection.scalar(text(f"SELECT count(*) FROM {t}")) for t in ("inbox", "bare")]
    engine.dispose()
    assert kept == [(TURNS + 1) * POSTS] * 2, kept
    return {
        "posts_per_s": statistics.median(rates[OURS]),
        "bare_posts_per_s": statistics.median(rates[_BARE]),
        "ratio_to_bare": statistics.median(rates[OURS]) / statistics.median(rates[_BARE]),
        "p50_ms": statistics.median(waits) * 1e3,
        "p99_ms": statistics.quantiles(waits, n=100)[98] * 1e3,
    }


def posted(where: Where, path: str, bodies: Sequence[bytes]) -> tuple[float, list[float]]:
    """Post all of them, sixteen at a time; return the seconds, in all and of each."""
    now = datetime.now(UTC)
    ready = [request(path, body, sign(body, SECRET, at=now)) for body in bodies]
    waits: list[float] = []

    def send(mine: Sequence[bytes]) -> None:
        with socket.create_connection(where) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for request in mine:
                began = time.perf_counter()
                connection.sendall(request)
                answer = connection.recv(65536)
                assert answer.startswith(b"HTTP/1.1 200"), answer
                while not whole(answer):  # the head and the body may come apart
                    answer += connection.recv(65536)
                waits.append(time.perf_counter() - began)

    threads = [threading.Thread(target=send, args=(ready[n::SENDERS],)) for n in range(SENDERS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    assert len(waits) == len(bodies)
    return took, waits


def whole(answer: bytes) -> bool:
    """Whether all of an answer is there: its length is told, or it ends with an empty chunk."""
    head, found, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: *(\d+)", head.lower())
    if length is None:
        return body.endswith(b"0\r\n\r\n")
    return bool(found) and len(body) >= int(length[1])


def request(path: str, body: bytes, signature: str) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(body)}\r\nStripe-Signature: {signature}\r\n\r\n"
    return head.encode() + body


@contextmanager
def serving(run_server: Callable[[str, Pipe], None], url: str) -> Iterator[Where]:
    """A server in a process of its own; yields where it listens."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=run_server, args=(url, there))
    process.start()
    try:
        yield here.recv()
    finally:
        process.terminate()
        process.join()


def ours(url: str, pipe: Pipe) -> None:
    with tempfile.TemporaryDirectory() as home:
        config = Config.load(database_url=url, home=home, stripe_webhook_secrets=SECRET)
        with Recoup(config) as recoup:
            listener = web_serving.listening("127.0.0.1", 0)
            pipe.send(listener.getsockname())
            web_serving.serve(web.app(recoup), listener)


def _bare(url: str, pipe: Pipe) -> None:
    here = threading.local()
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)

    def insert(key: str, body: bytes) -> None:
        if not hasattr(here, "connection"):
            here.connection = psycopg.connect(
                plain, autocommit=True, options="-c search_path=recoup -c synchronous_commit=on"
            )
        here.connection.execute("INSERT INTO bare VALUES (%s, %b)", (key, body))

    async def endpoint(request: Request) -> JSONResponse:
        body = await request.body()
        stamp, given = (each[2:] for each in request.headers["stripe-signature"].split(",v", 1))
        signed = hmac.new(SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256)
        assert hmac.compare_digest(signed.hexdigest(), given)
        await run_in_threadpool(insert, body[7:21].decode(), body)
        return JSONResponse({"status": "received"})

    listener = web_serving.listening("127.0.0.1", 0)
    pipe.send(listener.getsockname())
    app = Starlette(routes=[Route(_BARE, endpoint, methods=["POST"])])
    config = uvicorn.Config(app, http="h11", ws="none", log_config=None, access_log=False)
    uvicorn.Server(config).run(sockets=[listener])
