"""What goes wrong on the way: at the socket, in the answer, and by a killed client."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
import stripe

from recoup.processors.fake import FakeProcessor
from recoup.testing.stripe_server import Fault, StripeServer, faults

INVOICES = "POST /v1/invoices"


@pytest.fixture
def create(sdk, subscribed):
    customer, *_ = subscribed()

    def send(key="k1"):
        return sdk.v1.invoices.create({"customer": customer}, {"idempotency_key": key})

    return send


def made(server):
    return sum(b'"type":"invoice.created"' in body for _, body in server.fake.events()) - 1


class TestAFault:
    @pytest.mark.parametrize(
        ("kind", "done"), [("refuse", 0), ("drop", 0), ("lost_reply", 1), ("reset", 1)]
    )
    def test_breaks_the_connection_before_or_after_the_effect(self, server, create, kind, done):
        server.add_fault(Fault(kind, to=INVOICES))
        with pytest.raises(stripe.APIConnectionError):
            create()
        assert made(server) == done
        assert create()
        assert made(server) == 1

    def test_cuts_the_json_short(self, server, create):
        server.add_fault(Fault("truncated", to=INVOICES))
        with pytest.raises(stripe.APIError, match="Invalid response body"):
            create()
        assert made(server) == 1
        assert create().object == "invoice"

    @pytest.mark.parametrize(
        ("kind", "status", "code"),
        [
            ("busy", 429, "rate_limit"),
            ("locked", 429, "lock_timeout"),
            ("conflict", 409, "idempotency_key_in_use"),
        ],
    )
    def test_refuses_without_effect(self, server, create, kind, status, code):
        server.add_fault(Fault(kind, to=INVOICES))
        with pytest.raises(stripe.StripeError) as caught:
            create()
        assert caught.value.http_status == status
        assert caught.value.json_body["error"]["code"] == code
        assert made(server) == 0
        assert create()

    def test_says_whether_to_repeat(self, server, ask):
        server.add_fault(Fault("locked"))
        assert ask("GET", "/v1/events")[1]["Stripe-Should-Retry"] == "true"
        server.add_fault(Fault("locked", should_retry=False, seconds=3))
        headers = ask("GET", "/v1/events")[1]
        assert (headers["Stripe-Should-Retry"], headers["Retry-After"]) == ("false", "3")
        server.add_fault(Fault("header", should_retry=True))
        status, headers, _ = ask("GET", "/v1/events")
        assert (status, headers["Stripe-Should-Retry"]) == (200, "true")

    def test_delays(self, server, ask):
        server.add_fault(Fault("delay", seconds=0.1))
        begun = time.monotonic()
        assert ask("GET", "/v1/events")[0] == 200
        assert time.monotonic() - begun >= 0.1

    def test_is_for_the_requests_it_names(self, server, ask):
        server.add_fault(Fault("busy", to="GET /v1/invoices/*"))
        assert ask("GET", "/v1/invoices")[0] == 200
        assert ask("GET", "/v1/invoices/in_1")[0] == 429
        assert ask("GET", "/v1/invoices/in_1")[0] == 404

    def test_skips_some_and_happens_so_often(self, server, ask):
        server.add_fault(Fault("busy", skip=1, times=2))
        assert [ask("GET", "/v1/events")[0] for _ in range(4)] == [200, 429, 429, 200]

    def test_may_happen_until_it_is_cleared(self, server, ask):
        server.add_fault(Fault("busy", times=None))
        assert [ask("GET", "/v1/events")[0] for _ in range(3)] == [429] * 3
        server.clear_faults()
        assert ask("GET", "/v1/events")[0] == 200

    def test_comes_in_the_order_of_the_script(self, server, ask):
        for kind in ("busy", "conflict"):
            server.add_fault(Fault(kind))
        assert [ask("GET", "/v1/events")[0] for _ in range(3)] == [429, 409, 200]

    def test_is_shared_by_the_servers_of_a_world(self, tmp_path, client):
        with StripeServer(tmp_path / "w") as one, StripeServer(tmp_path / "w") as other:
            one.add_fault(Fault("busy"))
            with pytest.raises(stripe.RateLimitError):
                client(other).v1.events.list()
            assert client(one).v1.events.list().data == []

    def test_resets_a_connection_as_soon_as_it_is_there(self, server):
        server.add_fault(Fault("refuse"))
        address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        with pytest.raises(ConnectionResetError), socket.create_connection(address) as connection:
            connection.recv(1)


class TestAServerThatIsDown:
    def test_refuses_connections_and_comes_back(self, server, sdk):
        sdk.v1.events.list()  # a connection that the client keeps
        with server.down():
            address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(address)
            with pytest.raises(stripe.APIConnectionError):
                sdk.v1.events.list()
        assert sdk.v1.events.list().data == []


WORKER = """
import sys, time
from stripe import StripeClient
sdk = StripeClient(sys.argv[1], base_addresses={"api": sys.argv[2]}, max_network_retries=0)
sdk.v1.invoices.create({"customer": sys.argv[3]}, {"idempotency_key": "k1"})
time.sleep(600)
"""


class TestAWatch:
    def test_sees_every_step_in_order(self, client):
        seen = []
        with StripeServer(watch=lambda step, request: seen.append((step, request.what))) as server:
            client(server).v1.events.list()
        assert seen == [(step, "GET /v1/events") for step in ("received", "done", "replied")]

    def test_sees_no_answer_that_never_went_out(self, client):
        seen = []
        with StripeServer(watch=lambda step, _: seen.append(step)) as server:
            for kind in ("drop", "lost_reply", "reset"):
                server.add_fault(Fault(kind))
                with pytest.raises(stripe.APIConnectionError):
                    client(server).v1.events.list()
        assert seen == ["received"] + ["received", "done"] * 2

    @pytest.mark.parametrize("step", ["received", "done", "replied"])
    def test_can_kill_its_client_there_and_the_server_goes_on(self, step):
        worker, begun = None, threading.Event()

        def watch(at, request):
            if at == step and request.key == "k1":
                begun.wait(60)
                os.kill(worker.pid, signal.SIGKILL)
                worker.wait()

        with FakeProcessor(":memory:") as fake, StripeServer(fake, watch=watch) as server:
            customer = fake.create_customer()
            worker = subprocess.Popen(
                [sys.executable, "-c", WORKER, server.key, server.url, customer]
            )
            begun.set()
            assert worker.wait() == -signal.SIGKILL
            while made(server) + 1 < 1:
                time.sleep(0.01)


class TestFaultsInAWorld:
    def test_are_kept_in_its_file(self, tmp_path):
        with StripeServer(tmp_path / "w") as server:
            server.add_fault(Fault("busy"))
        with StripeServer(tmp_path / "w") as server:
            assert faults.take(server._world, "GET /v1/events").kind == "busy"
            assert faults.take(server._world, "GET /v1/events") is None
