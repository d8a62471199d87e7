"""Calls: what is sent, what is sent again, and what the line hears of it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from tests.shared.scripted_server import KEY, QUICK, OpenLine, Script, error, whole

from recoup.errors import Busy, Rejected, Unreachable
from recoup.processors.stripe.calls.client import Client
from recoup.processors.stripe.calls.wire import endpoint

AGAIN = {"Stripe-Should-Retry": "true"}
NEVER = {"Stripe-Should-Retry": "false"}
#: Seconds; longer than any test waits.
SILENT = 600.0


def pay(client, key="recoup:1"):
    return client.do(lambda sdk, given: sdk.v1.invoices.pay("in_1", {}, given), key=key)


def look(client):
    return client.do(lambda sdk, _: sdk.v1.invoices.retrieve("in_1"))


def until_heard(script):
    """Who waits no longer may be ahead of the server that was asked."""
    until = time.monotonic() + 60
    while not script.asked:
        assert time.monotonic() < until, "nobody asked"
        time.sleep(0.01)


class TestACall:
    def test_returns_the_object_stripes_time_and_the_requests_id(self, scripted):
        client, _ = scripted(whole())

        reply = look(client)

        assert reply.body == {"id": "in_1", "object": "invoice"}
        assert reply.at == datetime(2026, 11, 21, 8, tzinfo=UTC)
        assert (reply.request_id, reply.replayed) == ("req_1", False)

    def test_says_when_the_answer_is_the_one_of_the_first_time(self, scripted):
        client, _ = scripted(whole(Idempotent_Replayed="true"))

        assert pay(client).replayed

    def test_carries_its_key_the_version_and_our_name(self, scripted):
        client, script = scripted(whole())

        pay(client)

        (head,) = script.asked
        assert "Idempotency-Key: recoup:1\r\n" in head
        assert f"Stripe-Version: {client.version}\r\n" in head
        assert f"Authorization: Bearer {KEY}\r\n" in head
        assert '"application": {"name": "recoup"}' in head

    def test_tells_nothing_of_the_machine_nor_of_earlier_calls(self, scripted):
        client, script = scripted(whole())

        look(client)
        look(client)

        told = "".join(script.asked).lower()
        for word in ("telemetry", "platform", "metrics", "uname"):
            assert word not in told

    @pytest.mark.parametrize("key", ["", "k" * 256, "recoup:é", "recoup:\n1"])
    def test_refuses_a_key_that_can_not_be_sent(self, scripted, key):
        client, script = scripted(whole())

        with pytest.raises(Rejected, match="idempotency key"):
            pay(client, key=key)

        assert script.asked == []

    @pytest.mark.parametrize("id_", ["", ".", ".."])
    def test_refuses_an_id_that_would_make_it_another_call(self, scripted, id_):
        client, script = scripted(whole())

        with pytest.raises(Rejected):
            client.do(lambda sdk, _: sdk.v1.invoices.retrieve(id_))

        assert script.asked == []

    def test_keeps_an_id_in_its_place(self, scripted):
        client, script = scripted(whole())

        client.do(lambda sdk, _: sdk.v1.invoices.retrieve("../customers?x=1"))

        assert script.asked[0].startswith("GET /v1/invoices/..%2Fcustomers%3Fx%3D1 ")

    def test_is_told_to_who_watches(self, scripted, line):
        seen = []
        _, script = scripted(whole())
        watched = Client(
            KEY, line=line, base=script.url, patience=QUICK, watch=lambda *one: seen.append(one)
        )

        watched.do(lambda sdk, given: sdk.v1.invoices.pay("in_1", {"off_session": True}, given))
        watched.do(lambda sdk, _: sdk.v1.invoices.list({"limit": 3}))
        watched.close()

        assert seen == [
            ("POST", "/v1/invoices/in_1/pay", "off_session=true"),
            ("GET", "/v1/invoices", "limit=3"),
        ]

    def test_keeps_a_notice_of_stripes_to_the_log(self, scripted, caplog):
        client, _ = scripted(whole(Stripe_Notice="Upgrade, please."))

        look(client)

        assert "Upgrade, please." in caplog.text

    def test_may_be_made_by_many_threads(self, scripted):
        client, script = scripted(whole())

        with ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda _: look(client), range(40)))

        assert len(replies) == len(script.asked) == 40


class TestAListing:
    def test_goes_on_until_there_is_no_more(self, scripted):
        def page(*ids, more):
            data = [{"id": one, "object": "invoice"} for one in ids]
            return whole(body={"object": "list", "data": data, "has_more": more, "url": "/v1/x"})

        client, script = scripted(page("in_1", "in_2", more=True), page("in_3", more=False))

        pages = client.all(
            lambda sdk, after: sdk.v1.invoices.list({"starting_after": after} if after else {})
        )

        assert [one["id"] for page in pages for one in page.body["data"]] == [
            "in_1",
            "in_2",
            "in_3",
        ]
        assert "starting_after=in_2" in script.asked[1]


class TestARequest:
    @pytest.mark.parametrize(
        "first",
        [
            error(500, headers=AGAIN),
            error(409, "idempotency_key_in_use", headers=AGAIN),
            error(400, "x", headers=AGAIN),
            error(429, "rate_limit"),
            error(429, "lock_timeout"),
            error(409, "lock_timeout"),
        ],
        ids="said said_409 said_400 rate lock lock_409".split(),
    )
    def test_is_sent_again_with_its_key_when_that_does_nothing_twice(self, scripted, first):
        client, script = scripted(first, whole())

        assert pay(client).body["id"] == "in_1"

        assert script.keys() == ["recoup:1", "recoup:1"]

    @pytest.mark.parametrize(
        "first",
        [
            error(500),
            error(503),
            error(500, headers=NEVER),
            error(429, "rate_limit", headers=NEVER),
            error(409, "lock_timeout", headers=NEVER),
            error(409, "idempotency_key_in_use"),
            error(402, "card_declined", "card_error"),
            error(400, "parameter_unknown"),
            whole()[:-5],
            None,
            SILENT,
        ],
        ids="500 503 500_no 429_no lock_no in_use declined wrong short closed slow".split(),
    )
    def test_is_not_sent_again_when_it_may_have_been_done(self, scripted, first):
        client, script = scripted(first, whole())

        with pytest.raises((Unreachable, Busy, Rejected)):
            pay(client)

        until_heard(script)
        assert len(script.asked) == 1

    @pytest.mark.parametrize("first", [error(429, "rate_limit"), error(500, headers=AGAIN)])
    def test_that_changes_something_is_never_sent_twice_without_a_key(self, scripted, first):
        client, script = scripted(first, whole())

        with pytest.raises((Busy, Unreachable)):
            pay(client, key=None)

        assert len(script.asked) == 1

    def test_that_only_looks_needs_no_key_to_be_sent_again(self, scripted):
        client, script = scripted(error(429, "rate_limit"), whole())

        look(client)

        assert len(script.asked) == 2

    def test_is_sent_three_times_at_most(self, scripted):
        client, script = scripted(error(429, "rate_limit"))

        with pytest.raises(Busy):
            pay(client)

        assert len(script.asked) == 3

    def test_is_not_sent_again_after_the_longest_time(self, scripted):
        client, script = scripted(
            error(429, "rate_limit", headers={"Retry-After": "0.1"}),
            error(429, "rate_limit", headers={"Retry-After": "59.95"}),
        )

        with pytest.raises(Busy):
            pay(client)

        assert len(script.asked) == 2

    def test_waits_for_as_long_as_it_is_asked_to(self, scripted):
        client, _ = scripted(error(429, "rate_limit", headers={"Retry-After": "0.12"}), whole())
        begun = time.monotonic()

        pay(client)

        assert time.monotonic() - begun >= 0.12

    def test_is_left_for_later_when_it_is_asked_to_wait_long(self, scripted):
        client, script = scripted(error(429, "rate_limit", headers={"Retry-After": "70"}))

        with pytest.raises(Busy) as raised:
            pay(client)

        assert (raised.value.after, len(script.asked)) == (70.0, 1)

    def test_is_sent_again_when_no_connection_was_made(self, scripted, line):
        client, script = scripted(whole())
        script.close()

        with pytest.raises(Unreachable):
            pay(client)

        assert line.turns == ["POST /v1/invoices/:id/pay"] * 3

    def test_does_not_wait_for_ever_for_an_answer(self, scripted):
        client, _ = scripted(SILENT)
        begun = time.monotonic()

        with pytest.raises(Unreachable, match="ReadTimeout"):
            look(client)

        assert time.monotonic() - begun < SILENT / 2


class TestTheLine:
    @pytest.mark.parametrize(
        ("answers", "said"),
        [
            ([whole()], ["answered"]),
            ([error(402, "card_declined")], ["answered"]),
            ([error(429, "rate_limit"), whole()], ["answered", "answered"]),
            ([error(500)], ["silent"]),
            ([error(500, headers={"Idempotent-Replayed": "true"})], ["answered"]),
            ([None], ["silent"]),
            ([SILENT], ["silent"]),
            ([b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"], ["silent"]),
        ],
        ids="fine declined busy broken replayed closed slow html".split(),
    )
    def test_hears_whether_anybody_answered(self, scripted, line, answers, said):
        client, _ = scripted(*answers)

        with suppress(Busy, Unreachable, Rejected):
            pay(client)

        assert line.said == said

    def test_that_sends_us_away_keeps_the_request_from_being_sent(self):
        class Closed(OpenLine):
            def turn(self, endpoint):
                raise Busy("nobody answers", after=42)

        script = Script(whole())
        client = Client(KEY, line=Closed(), base=script.url)

        with pytest.raises(Busy, match="nobody answers") as raised:
            pay(client)

        assert (raised.value.after, script.asked) == (42, [])
        client.close()
        script.close()

    def test_that_closes_between_two_tries_does_not_hide_what_the_first_came_to(self):
        class Closing(OpenLine):
            def turn(self, endpoint):
                if self.turns:
                    raise Busy("nobody answers")
                return super().turn(endpoint)

        script = Script(error(500, headers=AGAIN))
        client = Client(KEY, line=Closing(), base=script.url, patience=QUICK)

        with pytest.raises(Unreachable):
            pay(client)

        client.close()
        script.close()

    @pytest.mark.parametrize(
        ("method", "path", "name"),
        [
            ("get", "/v1/invoices", "GET /v1/invoices"),
            ("post", "/v1/invoices/in_1/pay", "POST /v1/invoices/:id/pay"),
            ("get", "/v1/coupons/invoices?x=1", "GET /v1/coupons/:id"),
            ("post", "/v1/invoices/create_preview", "POST /v1/invoices/create_preview"),
            ("get", "/v1/customers/cus_1/payment_methods/pm_1",
             "GET /v1/customers/:id/payment_methods/:id"),
            ("post", "/v1/billing_portal/sessions", "POST /v1/billing_portal/sessions"),
            ("get", "/v1/checkout/sessions/cs_1", "GET /v1/checkout/sessions/:id"),
        ],
    )  # fmt: skip
    def test_counts_by_endpoint_whatever_the_id(self, method, path, name):
        assert endpoint(method, f"https://api.stripe.com{path}") == name
