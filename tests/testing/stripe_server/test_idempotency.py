"""Idempotency keys, exactly as Stripe's API v1 keeps them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace

import pytest
import stripe

from recoup.processors.fake import NO_FUNDS, Declines, FakeProcessor, Pays
from recoup.testing.stripe_server import Fault, StripeServer, answering, faults
from recoup.testing.stripe_server.keeping import KEPT

INVOICES = "POST /v1/invoices"
PATIENCE = 60  # seconds a test waits for what comes about


@pytest.fixture
def create(ask, subscribed):
    """Create a draft invoice for the same customer, with a key."""
    customer, *_ = subscribed()

    def send(key="k1", path="/v1/invoices", **params):
        status, headers, body = ask("POST", path, {"customer": customer} | params, key=key)
        return status, headers, json.loads(body)

    return send


def made(server):
    return sum(b'"type":"invoice.created"' in body for _, body in server.fake.events()) - 1


class TestTheSameKey:
    def test_gives_the_same_answer_and_does_it_once(self, server, create):
        first, second = create(), create()
        assert first[2] == second[2]
        assert made(server) == 1

    def test_is_said_to_be_a_replay_of_the_first_request(self, create):
        first, second = create()[1], create()[1]
        assert "Idempotent-Replayed" not in first
        assert second["Idempotent-Replayed"] == "true"
        assert second["Original-Request"] == first["Request-Id"] != second["Request-Id"]
        assert first["Idempotency-Key"] == second["Idempotency-Key"] == "k1"

    def test_with_other_parameters_is_an_error(self, server, create):
        create()
        status, _, body = create(description="another")
        assert (status, body["error"]["type"]) == (400, "idempotency_error")
        assert "same parameters" in body["error"]["message"]
        assert made(server) == 1

    def test_with_the_parameters_in_another_order_is_the_same(self, server, ask, create):
        first = create(description="x", auto_advance="false")
        assert create(auto_advance="false", description="x")[2] == first[2]

    def test_on_another_path_is_an_error(self, create):
        invoice = create()[2]["id"]
        status, _, body = create(path=f"/v1/invoices/{invoice}/finalize")
        assert status == 400
        # The parameters are looked at first: this endpoint takes no customer.
        assert body["error"]["code"] == "parameter_unknown"

    def test_on_another_path_with_good_parameters_is_an_error(self, ask, create):
        first, second = create()[2]["id"], create("k2")[2]["id"]
        ask("POST", f"/v1/invoices/{first}/finalize", {}, key="k3")
        status, _, body = ask("POST", f"/v1/invoices/{second}/finalize", {}, key="k3")
        assert (status, json.loads(body)["error"]["type"]) == (400, "idempotency_error")

    def test_means_nothing_to_a_get(self, server, ask):
        before = ask("GET", "/v1/events", key="k1")[2]
        server.fake.create_customer()
        assert ask("GET", "/v1/events", key="k1")[2] != before

    def test_is_forgotten_after_a_day_of_the_world(self, server, create):
        first = create()[2]["id"]
        server.fake.advance(server.fake.now + KEPT - timedelta(seconds=1))
        assert create()[2]["id"] == first
        server.fake.advance(server.fake.now + timedelta(seconds=1))
        assert create()[2]["id"] != first

    def test_may_have_255_characters(self, create):
        assert create("k" * 255)[0] == 200
        status, _, body = create("k" * 256)
        assert (status, body["error"]["type"]) == (400, "idempotency_error")


class TestWhatIsSaved:
    def test_is_a_decline_and_the_next_key_asks_the_bank_again(self, server, sdk, subscribed):
        _, method, subscription = subscribed(Declines(NO_FUNDS))
        server.fake.advance(server.fake.now + timedelta(days=33))
        invoice = server.fake.invoices_of(subscription)[-1].id

        def pay(key):
            return sdk.v1.invoices.pay(invoice, {}, {"idempotency_key": key})

        for _ in range(2):
            with pytest.raises(stripe.CardError) as caught:
                pay("k1")
            assert caught.value.http_status == 402
        assert len(server.fake.charges_of(invoice)) == 2  # the renewal's own, and one
        server.fake.update_method(method, payer=Pays())
        with pytest.raises(stripe.CardError):
            pay("k1")
        assert pay("k2").status == "paid"

    def test_is_a_refusal_of_the_execution(self, server, ask):
        status, *_ = ask("POST", "/v1/invoices", {"customer": "cus_x"}, key="k1")
        again = ask("POST", "/v1/invoices", {"customer": "cus_x"}, key="k1")
        assert status == again[0] == 400
        assert again[1]["Idempotent-Replayed"] == "true"

    @pytest.mark.parametrize(("kind", "done"), [("error", 0), ("error_after", 1)])
    def test_is_a_500_with_and_without_its_effect(self, server, create, kind, done):
        server.add_fault(Fault(kind, to=INVOICES))
        answers = [create() for _ in range(3)]
        assert [status for status, *_ in answers] == [500] * 3
        assert answers[1][1]["Idempotent-Replayed"] == "true"
        assert answers[0][1]["Stripe-Should-Retry"] == "false"
        assert made(server) == done
        assert create("k2")[0] == 200

    def test_is_not_what_was_refused_before(self, server, create):
        assert create(nonsense=1)[0] == 400
        server.add_fault(Fault("busy", to=INVOICES))
        assert create()[0] == 429
        server.add_fault(Fault("locked", to=INVOICES))
        assert create()[0] == 429
        status, headers, _ = create()
        assert status == 200
        assert "Idempotent-Replayed" not in headers


class TestTwoAtOnce:
    def test_are_a_conflict_that_is_not_saved(self, server, create, monkeypatch):
        second_was_answered = threading.Event()
        held = SimpleNamespace(sleep=lambda _: second_was_answered.wait(PATIENCE))
        monkeypatch.setattr(answering, "time", held)
        server.add_fault(Fault("delay", to=INVOICES, seconds=1))
        with ThreadPoolExecutor(1) as threads:
            first = threads.submit(create)
            while not first.done() and not rows(server, "SELECT 1 FROM http_keys"):
                time.sleep(0.01)
            status, _, body = create()
            second_was_answered.set()
        assert (status, body["error"]["code"]) == (409, "idempotency_key_in_use")
        assert first.result()[0] == 200
        assert create()[0] == 200
        assert made(server) == 1

    def test_with_keys_of_their_own_are_none(self, server, create):
        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(create, [f"k{n}" for n in range(8)]))
        assert {status for status, *_ in answers} == {200}
        assert made(server) == 8


class TestAServerThatIsKilled:
    def test_forgets_nothing_that_it_answered(self, tmp_path):
        world = tmp_path / "world"
        with FakeProcessor(world) as fake:
            customer = fake.create_customer()
            with serving(world) as url:
                first = invoice_of(url, customer)
            with serving(world) as url:
                assert invoice_of(url, customer) == first

    def test_has_not_done_what_it_was_about_to_do(self, tmp_path):
        world = tmp_path / "world"
        with StripeServer(world) as server, FakeProcessor(world) as fake:
            customer = fake.create_customer()
            faults.add(server._world, Fault("delay", to=INVOICES, seconds=600))
            with serving(world) as url, ThreadPoolExecutor(1) as threads:
                lost = threads.submit(invoice_of, url, customer)
                while not lost.done() and not rows(server, "SELECT 1 FROM http_keys"):
                    time.sleep(0.01)
                serving.process.send_signal(signal.SIGKILL)
                assert isinstance(lost.exception(), stripe.APIConnectionError)
            assert made(server) == -1
            assert invoice_of(server.url, customer)
            assert made(server) == 0


def rows(server, sql):
    with server._world.reading() as connection:
        return connection.execute(sql).fetchall()


class serving:  # noqa: N801  read as a verb
    """A server of its own process on a world's file."""

    process: subprocess.Popen

    def __init__(self, world):
        self.world = world

    def __enter__(self):
        command = [sys.executable, "-m", "recoup.testing.stripe_server"]
        serving.process = subprocess.Popen(
            [*command, "--world", str(self.world)], stdout=subprocess.PIPE, text=True
        )
        return serving.process.stdout.readline().strip()

    def __exit__(self, *_):
        serving.process.kill()
        serving.process.communicate()


def invoice_of(url, customer):
    sdk = stripe.StripeClient(
        "sk_test_of_recoup", base_addresses={"api": url}, max_network_retries=0
    )
    return sdk.v1.invoices.create({"customer": customer}, {"idempotency_key": "k1"}).id
