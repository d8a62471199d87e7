"""Webhooks out of the server: signed, retried, and brought by a bad postman if asked."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from receiver import Answer, receiving

from recoup.errors import InvalidValue
from recoup.processors.fake import FakeProcessor
from recoup.testing.stripe_server import StripeServer
from recoup.testing.stripe_server.sending import BACKOFF
from recoup.webhooks.signature import HEADER, fault

SECRET = "whsec_of_this_test"


@pytest.fixture
def receiver():
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def endpoint(server, receiver):
    return server.endpoint(receiver.url, secret=SECRET)


def ids(receiver):
    return [heard.event["id"] for heard in receiver.heard]


def numbers(receiver):
    return [int(id_.rpartition("_")[2]) for id_ in ids(receiver)]


def wait(server, **span):
    server.fake.advance(server.fake.now + timedelta(**span))
    return server.deliver()


class TestADelivery:
    def test_is_the_events_very_bytes(self, server, endpoint, receiver):
        server.fake.create_customer(email="ada@example.com")
        (sent,) = server.deliver()
        ((_, body),) = server.fake.events()
        (heard,) = receiver.heard
        assert heard.body == body
        assert (sent.endpoint, sent.event, sent.status) == (endpoint.id, 1, 200)
        assert sent.delivered

    def test_is_signed_with_the_secret_at_the_worlds_time(self, server, endpoint, receiver):
        server.fake.create_customer()
        server.deliver()
        (heard,) = receiver.heard
        signature = heard.headers[HEADER]
        now = server.fake.now
        assert fault(heard.body, signature, secrets=[SECRET], now=now) is None
        assert fault(heard.body, signature, secrets=["whsec_of_another"], now=now) is not None
        assert (
            fault(heard.body, signature, secrets=[SECRET], now=now + timedelta(minutes=6))
            is not None
        )

    def test_may_be_signed_at_the_receivers_time(self, server, endpoint, receiver):
        now = datetime.now(UTC)
        server.fake.create_customer()
        server.deliver(now=lambda: now)
        (heard,) = receiver.heard
        assert fault(heard.body, heard.headers[HEADER], secrets=[SECRET], now=now) is None

    def test_is_of_what_happens_after_the_endpoint_was_made(self, server, receiver):
        server.fake.create_customer()
        server.endpoint(receiver.url)
        assert server.deliver() == []
        server.fake.create_customer()
        assert [one.event for one in server.deliver()] == [2]

    def test_is_made_once(self, server, endpoint, receiver):
        server.fake.create_customer()
        server.deliver()
        assert server.deliver() == []
        assert wait(server, days=4) == []

    def test_is_of_the_types_asked_for(self, server, receiver, subscribed):
        server.endpoint(receiver.url, events=("invoice.*", "customer.created"))
        subscribed()
        server.deliver()
        kinds = {heard.event["type"] for heard in receiver.heard}
        assert "customer.created" in kinds
        assert {kind for kind in kinds if not kind.startswith("invoice.")} == {"customer.created"}

    def test_goes_to_every_endpoint(self, server, endpoint, receiver):
        server.endpoint(receiver.url + "/two")
        server.fake.create_customer()
        assert len(server.deliver()) == 2

    def test_is_shown_by_the_event(self, server, sdk, endpoint, receiver):
        receiver.script = [Answer(500)]
        server.fake.create_customer()
        assert sdk.v1.events.list().data[0].pending_webhooks == 1
        server.deliver()
        assert len(sdk.v1.events.list({"delivery_success": False}).data) == 1
        assert sdk.v1.events.list({"delivery_success": True}).data == []
        wait(server, minutes=5)
        assert sdk.v1.events.list({"delivery_success": False}).data == []
        assert sdk.v1.events.retrieve("evt_fake_000000001").pending_webhooks == 0

    def test_is_made_by_itself_while_delivering(self, server, endpoint, receiver):
        with server.delivering():
            server.fake.create_customer()
        assert numbers(receiver) == [1]


class TestAFailedDelivery:
    @pytest.mark.parametrize("status", [300, 400, 404, 500, 503])
    def test_is_anything_but_a_2xx(self, server, endpoint, receiver, status):
        receiver.script = [Answer(status)]
        server.fake.create_customer()
        (sent,) = server.deliver()
        assert (sent.status, sent.delivered) == (status, False)
        assert wait(server, minutes=5)[0].delivered

    def test_is_nobodys_answer(self, server, endpoint, receiver):
        receiver.script = [Answer(hang_up=True)]
        server.fake.create_customer()
        (sent,) = server.deliver()
        assert (sent.status, sent.delivered) == (None, False)
        assert sent.error

    def test_is_signed_anew_when_it_is_retried(self, server, endpoint, receiver):
        receiver.script = [Answer(500)]
        server.fake.create_customer()
        server.deliver()
        wait(server, minutes=5)
        first, second = receiver.heard
        assert first.body == second.body
        assert first.headers[HEADER] != second.headers[HEADER]
        later = server.fake.now
        assert fault(second.body, second.headers[HEADER], secrets=[SECRET], now=later) is None

    def test_is_retried_ever_later_for_three_days(self, server, endpoint, receiver):
        receiver.usually = Answer(500)
        server.fake.create_customer()
        begun = server.fake.now
        server.deliver()
        for after in BACKOFF:
            server.fake.advance(begun + after - timedelta(seconds=1))
            assert server.deliver() == []
            server.fake.advance(begun + after)
            assert len(server.deliver()) == 1
        assert BACKOFF[-1] == timedelta(days=3)
        assert wait(server, days=30) == []
        assert len(receiver.heard) == 1 + len(BACKOFF)

    def test_does_not_hold_up_the_others(self, server, endpoint, receiver):
        receiver.choose = lambda heard: Answer(500) if heard.event["id"].endswith("1") else None
        for _ in range(3):
            server.fake.create_customer()
        assert [one.delivered for one in server.deliver()] == [False, True, True]

    def test_is_not_retried_to_an_endpoint_that_was_disabled(self, server, endpoint, receiver):
        receiver.script = [Answer(500)]
        server.fake.create_customer()
        server.deliver()
        server.change_endpoint(endpoint.id, enabled=False)
        server.fake.create_customer()
        assert wait(server, days=1) == []
        server.change_endpoint(endpoint.id, enabled=True)
        server.fake.create_customer()
        assert [one.event for one in wait(server, days=1)] == [3]


class TestASecret:
    def test_signs_beside_the_old_one_while_that_lasts(self, server, endpoint, receiver):
        server.roll_secret(endpoint.id, "whsec_the_new_one", lasts=timedelta(hours=2))
        for span in ({"hours": 0}, {"hours": 2, "seconds": -1}, {"seconds": 1}):
            server.fake.create_customer()
            wait(server, **span)
        old, new = ([SECRET], ["whsec_the_new_one"])
        signed = [heard.headers[HEADER].count("v1=") for heard in receiver.heard]
        assert signed == [2, 2, 1]
        last = receiver.heard[-1]
        now = server.fake.now
        assert fault(last.body, last.headers[HEADER], secrets=new, now=now) is None
        assert fault(last.body, last.headers[HEADER], secrets=old, now=now) is not None

    def test_lasts_a_day_at_most(self, server, endpoint):
        rolled = server.roll_secret(endpoint.id, "whsec_the_new_one", lasts=timedelta(days=9))
        assert rolled.old_until == int(server.fake.now.timestamp()) + 86_400

    def test_of_nobody_is_not_rolled(self, server):
        with pytest.raises(LookupError, match="we_nobody"):
            server.roll_secret("we_nobody", "whsec_the_new_one")


class TestABadPost:
    def test_brings_some_twice(self, server, receiver):
        server.endpoint(receiver.url, twice=1000)
        server.fake.create_customer()
        server.deliver()
        assert numbers(receiver) == [1, 1]

    def test_loses_some_and_stripe_knows(self, server, sdk, receiver):
        server.endpoint(receiver.url, lost=500)
        for _ in range(40):
            server.fake.create_customer()
        server.deliver()
        wait(server, days=3)
        missing = sdk.v1.events.list({"delivery_success": False, "limit": 100}).data
        assert 5 < len(missing) < 35
        assert sorted([*ids(receiver), *(one.id for one in missing)]) == [
            f"evt_fake_{n:09d}" for n in range(1, 41)
        ]

    def test_brings_some_late(self, server, receiver):
        server.endpoint(receiver.url, late=500, delay=timedelta(hours=10))
        for _ in range(40):
            server.fake.create_customer()
        server.deliver()
        at_once = numbers(receiver)
        assert 5 < len(at_once) < 35
        wait(server, hours=10)
        assert sorted(numbers(receiver)) == list(range(1, 41))
        assert numbers(receiver) != sorted(numbers(receiver))

    def test_brings_them_in_any_order(self, server, receiver):
        server.endpoint(receiver.url, shuffled=True)
        for _ in range(20):
            server.fake.create_customer()
        server.deliver()
        assert sorted(numbers(receiver)) == list(range(1, 21)) != numbers(receiver)

    def test_is_the_same_for_the_same_seed(self, receiver):
        orders = []
        for seed in (1, 1, 2):
            receiver.heard.clear()
            with FakeProcessor(":memory:", seed=seed) as fake, StripeServer(fake) as server:
                server.endpoint(receiver.url, shuffled=True, twice=300, lost=100)
                for _ in range(20):
                    fake.create_customer()
                server.deliver()
            orders.append(numbers(receiver))
        assert orders[0] == orders[1] != orders[2]


class TestAnEndpointsVersion:
    def test_shapes_what_it_is_sent(self, server, receiver, subscribed):
        server.endpoint(receiver.url, version="2024-06-20", events=("customer.subscription.*",))
        server.endpoint(receiver.url, events=("customer.subscription.*",))
        subscribed()
        server.deliver()
        old, new = (
            next(one for one in receiver.heard if one.event["api_version"] == version).event
            for version in ("2024-06-20", server._answering._version)
        )
        assert old["id"] == new["id"]
        assert "current_period_end" in old["data"]["object"]
        assert "current_period_end" not in new["data"]["object"]

    def test_is_one_that_there_is(self, server, receiver):
        with pytest.raises(InvalidValue, match=r"2024-06-20\.basil"):
            server.endpoint(receiver.url, version="2024-06-20.basil")

    def test_has_no_events_that_it_does_not_know(self, server, receiver, subscribed):
        kinds = ("invoice_payment.paid", "invoice.paid")
        server.endpoint(receiver.url, version="2024-06-20", events=kinds)
        subscribed()
        server.deliver()
        assert [heard.event["type"] for heard in receiver.heard] == ["invoice.paid"]


class TestAServerThatEnds:
    def test_leaves_its_post_to_the_next_one(self, tmp_path, receiver):
        with StripeServer(tmp_path / "w") as server:
            server.endpoint(receiver.url, secret=SECRET)
            receiver.script = [Answer(500)]
            server.fake.create_customer()
            server.deliver()
        with StripeServer(tmp_path / "w") as server:
            (sent,) = wait(server, minutes=5)
            assert sent.delivered
            assert [one.status for one in server.sent()] == [500, 200]
            assert json.loads(receiver.heard[-1].body)["type"] == "customer.created"
