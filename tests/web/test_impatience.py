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


LONG = 120.0  #: seconds that no test waits


@pytest.fixture
def hurried():
    """The server's protocol; how long it gives for headers may be changed at any time."""

    class Hurried(serving.Impatient):
        slowest = LONG

    return Hurried


@pytest.fixture
def slowest():
    """Seconds for a body."""
    return LONG


@pytest.fixture
def port(engine, hurried, slowest):
    """A server in a thread of this process, in more of a hurry than a real one where wanted."""
    door = Door(engine, "stripe", (SECRET,), live=False, now=lambda: datetime.now(UTC))
    receiving = Receiving(door, slowest=slowest)
    app = Starlette(routes=[Route("/webhooks/stripe", receiving.__call__, methods=["POST"])])
    listener = serving.listening("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, http=hurried, ws="none", log_config=None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join()
    listener.close()


def drip(port, head, *, every=0.05):
    """Send `head`, then a byte now and then; return what came back, and after how long."""
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=LONG) as connection:
        connection.sendall(head)
        connection.settimeout(every)
        while time.monotonic() - begun < 100:
            try:
                answer = connection.recv(4096)
            except TimeoutError:
                with suppress(OSError):  # it may have been cut just now: the next look says so
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
    connection.settimeout(60)
    with suppress(TimeoutError, ConnectionResetError):
        while part := connection.recv(4096):
            rest += part
    return rest


def request(*headers, body=b""):
    lines = [b"POST /webhooks/stripe HTTP/1.1", b"Host: here", *headers]
    return b"\r\n".join([*lines, b"", body])


class TestASenderThatIsSlow:
    @pytest.mark.parametrize("slowest", [SLOWEST])
    def test_with_its_body_is_told_so_and_cut_off(self, port):
        answer, took = drip(port, request(b"Content-Length: 100000"))

        assert answer.startswith(b"HTTP/1.1 408")
        assert b"too_slow" in answer
        assert SLOWEST <= took < 100

    @pytest.mark.parametrize("head", [b"", b"POST", b"POST /webhooks/stripe HTTP/1.1\r\nX: "])
    def test_with_its_headers_is_cut_off(self, hurried, port, head):
        hurried.slowest = SLOWEST
        answer, took = drip(port, head)

        assert b"HTTP/1.1 2" not in answer
        assert took < 100

    def test_with_its_next_request_is_cut_off_too(self, hurried, port):
        body = b'{"id":"evt_1","type":"x"}'
        signed = b"Stripe-Signature: " + sign(body, SECRET, at=datetime.now(UTC)).encode()
        length = b"Content-Length: %d" % len(body)
        with socket.create_connection(("127.0.0.1", port), timeout=LONG) as connection:
            connection.sendall(request(signed, length, body=body))
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
            begun, hurried.slowest = time.monotonic(), SLOWEST
            connection.sendall(b"POST /webhooks")
            while connection.recv(4096):
                pass

        assert time.monotonic() - begun < 100

    def test_but_within_its_time_is_served(self, port):
        body = b'{"id":"evt_1","type":"x"}'
        signed = b"Stripe-Signature: " + sign(body, SECRET, at=datetime.now(UTC)).encode()
        length = b"Content-Length: %d" % len(body)
        whole = request(signed, length, b"Connection: close", body=body)
        with socket.create_connection(("127.0.0.1", port), timeout=LONG) as connection:
            for part in (whole[:10], whole[10:-5], whole[-5:]):
                connection.sendall(part)
                time.sleep(0.1)
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
