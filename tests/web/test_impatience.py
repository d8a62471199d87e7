from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from recoup.web import serving
from recoup.web.receiving import Receiving
from recoup.webhooks.post import Door
from recoup.webhooks.signature import sign

SECRET = "whsec_of_the_tests_0001"
SLOWEST = 0.5


class Hurried(serving.Impatient):
    """Half a second for headers."""

    slowest = SLOWEST


@pytest.fixture
def port(engine):
    """A server in a thread of this process, in more of a hurry than a real one."""
    door = Door(engine, "stripe", (SECRET,), live=False, now=lambda: datetime.now(UTC))
    receiving = Receiving(door, slowest=SLOWEST)
    app = Starlette(routes=[Route("/webhooks/stripe", receiving.__call__, methods=["POST"])])
    listener = serving.listening("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, http=Hurried, ws="none", log_config=None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join()
    listener.close()


def drip(port, head, *, every=0.05):
    """Send `head`, then a byte now and then; return what came back, and after how long."""
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(head)
        connection.settimeout(every)
        while time.monotonic() - begun < 60:
            try:
                answer = connection.recv(4096)
            except TimeoutError:
                connection.sendall(b"x")
            except ConnectionResetError:
                return b"", time.monotonic() - begun
            else:
                took = time.monotonic() - begun
                return answer + _rest(connection), took
    raise AssertionError("it waits for ever")


def _rest(connection):
    """What is still to come before the other end closes: an answer may come in parts."""
    rest = b""
    connection.settimeout(5)
    with suppress(TimeoutError, ConnectionResetError):
        while part := connection.recv(4096):
            rest += part
    return rest


def request(*headers, body=b""):
    lines = [b"POST /webhooks/stripe HTTP/1.1", b"Host: here", *headers]
    return b"\r\n".join([*lines, b"", body])


class TestASenderThatIsSlow:
    def test_with_its_body_is_told_so_and_cut_off(self, port):
        answer, took = drip(port, request(b"Content-Length: 100000"))

        assert answer.startswith(b"HTTP/1.1 408")
        assert b"too_slow" in answer
        assert SLOWEST <= took < 50

    @pytest.mark.parametrize("head", [b"", b"POST", b"POST /webhooks/stripe HTTP/1.1\r\nX: "])
    def test_with_its_headers_is_cut_off(self, port, head):
        answer, took = drip(port, head)

        assert b"HTTP/1.1 2" not in answer
        assert took < 50

    def test_with_its_next_request_is_cut_off_too(self, port):
        body = b'{"id":"evt_1","type":"x"}'
        signed = b"Stripe-Signature: " + sign(body, SECRET, at=datetime.now(UTC)).encode()
        length = b"Content-Length: %d" % len(body)
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(request(signed, length, body=body))
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
            begun = time.monotonic()
            connection.sendall(b"POST /webhooks")
            while connection.recv(4096):
                pass

        assert time.monotonic() - begun < 50

    def test_but_within_its_time_is_served(self, port):
        body = b'{"id":"evt_1","type":"x"}'
        signed = b"Stripe-Signature: " + sign(body, SECRET, at=datetime.now(UTC)).encode()
        length = b"Content-Length: %d" % len(body)
        whole = request(signed, length, b"Connection: close", body=body)
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            for part in (whole[:10], whole[10:-5], whole[-5:]):
                connection.sendall(part)
                time.sleep(SLOWEST / 5)
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
