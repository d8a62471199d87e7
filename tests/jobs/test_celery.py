from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from celery import Celery
from redis import Redis
from redis.exceptions import ConnectionError as RedisAway

from recoup.jobs.carriers.celery import DRAIN, CeleryCarrier
from recoup.jobs.clocks import SystemClock
from recoup.jobs.relay import Relay
from recoup.testing.carriers import HANDLERS, QUEUE, CarrierConformance, enqueued, eventually

REDIS = shutil.which("redis-server")
pytestmark = pytest.mark.skipif(REDIS is None, reason="there is no redis-server here")


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """A real Redis on a free port; on another one when somebody was quicker to take that."""
    folder = tmp_path_factory.mktemp("redis")
    server = None
    while server is None:
        port = free_port()
        server = redis_at(port, folder)
    yield f"redis://127.0.0.1:{port}/0"
    server.terminate()
    server.wait()


@pytest.fixture
def app(broker):
    with Redis.from_url(broker) as client:
        client.flushall()
    made = Celery("tests", broker=broker)
    yield made
    made.close()


class TestTheCeleryCarrier(CarrierConformance):
    @pytest.fixture
    def carrier(self, app):
        return CeleryCarrier(app)

    @pytest.fixture
    def broken(self):
        with socket.socket() as deaf:  # bound, so that nobody else listens there
            deaf.bind(("127.0.0.1", 0))
            made = Celery("nowhere", broker=f"redis://127.0.0.1:{deaf.getsockname()[1]}/0")
            yield CeleryCarrier(made)
            made.close()

    @pytest.fixture
    def fleet(self, broker, app, database_url):
        """`celery worker` with two processes, as a team would start it."""
        environment = {"FLEET_BROKER": broker, "FLEET_DATABASE": database_url}
        options = ["--concurrency=2", "--loglevel=INFO", "--without-gossip", "--without-mingle"]
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "fleet", "worker", *options],
            cwd=Path(__file__).parent,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for line in worker.stdout:
            if " ready." in line:
                break
        assert worker.poll() is None
        reader = threading.Thread(target=worker.stdout.read)
        reader.start()
        yield worker
        worker.terminate()
        worker.wait(timeout=60)
        reader.join()
        worker.stdout.close()

    def test_is_rung_by_a_relay_for_commits_and_due_dates(self, engine, carrier):
        relay = Relay(engine, HANDLERS, SystemClock(), carrier, [QUEUE])
        due_at = SystemClock().now() + timedelta(seconds=1)
        stop = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            done = pool.submit(relay.run, stop)
            now = enqueued(engine, "now")
            later = enqueued(engine, "later", due_at=due_at)
            try:
                attempts = [eventually(engine, key, "done").attempt for key in (now, later)]
            finally:
                stop.set()
            done.result()

        assert attempts == [1, 1]


class TestAMessage:
    def test_says_only_which_queue_to_drain(self, app, broker):
        CeleryCarrier(app).ring(["mail"])

        with Redis.from_url(broker) as client:
            (message,) = client.lrange("celery", 0, -1)
        headers, body = opened(message)
        assert (headers["task"], body[:2]) == (DRAIN, [["mail"], {}])
        assert headers["eta"] is None
        assert headers["expires"] is not None


def opened(message: bytes):
    import base64
    import json

    envelope = json.loads(message)
    return envelope["headers"], json.loads(base64.b64decode(envelope["body"]))


def redis_at(port: int, folder: Path) -> subprocess.Popen | None:
    options = ["--port", str(port), "--dir", str(folder), "--save", "", "--bind", "127.0.0.1"]
    server = subprocess.Popen([REDIS, *options], stdout=subprocess.DEVNULL)
    with Redis(port=port) as client:
        until(lambda: answers(client, server) or server.poll() is not None)
    return server if server.poll() is None else None


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def answers(client: Redis, server: subprocess.Popen) -> bool:
    try:
        return client.info("server")["process_id"] == server.pid
    except RedisAway:
        return False


def until(condition) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
