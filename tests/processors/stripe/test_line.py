"""Everything that is asked of Stripe stands in one line: the pace, and what an outage costs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text
from tests.shared.scripted_server import QUICK, error

from recoup.core import states
from recoup.errors import Busy, Unreachable
from recoup.processors.fake import FakeProcessor
from recoup.processors.stripe.calls.client import Client
from recoup.processors.stripe.processor import StripeProcessor
from recoup.store.line import DatabaseLine, Pace
from recoup.testing.stripe_server import Fault, Rates, StripeServer

OURS = "recoup:1"


@pytest.fixture
def line(engine):
    """The line of a database, in place of one that nobody stands in."""
    return DatabaseLine(engine, Pace(each=25, together=50, rest=timedelta(hours=1)))


def crowd(line):
    for _ in range(300):
        line.turn("POST /v1/invoices/:id/pay")


def probe(engine):
    """Let a minute pass for the line."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE line_silences SET probe_at = clock_timestamp()"))


class TestAnOutage:
    def test_stops_the_storm_after_five_silences(self, scripted, engine):
        client, script = scripted(error(500))
        processor = StripeProcessor(client)

        for _ in range(5):
            with pytest.raises(Unreachable):
                processor.cancel_subscription("sub_1", reason="r", key=OURS)
        for _ in range(50):
            with pytest.raises(Busy):
                processor.cancel_subscription("sub_1", reason="r", key=OURS)

        assert len(script.asked) == 5

    def test_lets_one_of_many_through_a_minute(self, scripted, engine):
        client, script = scripted(error(500))
        processor = StripeProcessor(client)
        for _ in range(5):
            with pytest.raises(Unreachable):
                processor.look_up("invoice", "in_1")
        probe(engine)

        def look(_):
            try:
                processor.look_up("invoice", "in_1")
            except (Busy, Unreachable) as problem:
                return type(problem)

        with ThreadPoolExecutor(8) as pool:
            came = list(pool.map(look, range(8)))

        assert sorted(came, key=str) == [Busy] * 7 + [Unreachable]
        assert len(script.asked) == 6

    def test_is_over_for_everybody_at_the_first_answer(self, stripe_town, engine):
        owed = stripe_town.owed("pays")
        stripe_town.server.add_fault(Fault("drop", times=5))
        for _ in range(5):
            with pytest.raises(Unreachable):
                stripe_town.processor.look_up("invoice", owed.invoice)
        probe(engine)
        stripe_town.processor.look_up("invoice", owed.invoice)

        paid = stripe_town.processor.pay_invoice(owed.invoice, method=None, key=OURS)

        assert states.succeeded(paid.state)

    def test_of_the_whole_server_is_one_too(self, stripe_town, line):
        with stripe_town.server.down():
            for _ in range(2):  # each is tried three times: nothing was begun
                with pytest.raises((Unreachable, Busy)):
                    stripe_town.processor.look_up("invoice", "in_1")

        with pytest.raises(Busy, match="no answer 5 times in a row"):
            stripe_town.processor.look_up("invoice", "in_1")


class TestBeingBusy:
    def test_is_an_answer_and_closes_nothing(self, scripted, engine):
        client, script = scripted(error(429, "rate_limit", headers={"Retry-After": "90"}))

        for _ in range(8):
            with pytest.raises(Busy):
                StripeProcessor(client).look_up("invoice", "in_1")

        assert len(script.asked) == 8


class TestThePace:
    def test_is_one_that_stripe_can_bear(self, engine):
        """A server that takes 25 a second of an endpoint refuses nobody for good."""
        rates = Rates(endpoint=25)
        engine.connect().close()  # what the engine learns of its first connection is no thread's
        with FakeProcessor(":memory:") as fake, StripeServer(fake, rates=rates) as server:
            customer = fake.create_customer(email="ann@example.com")
            lines = [DatabaseLine(engine, Pace.of(live=True)) for _ in range(2)]
            clients = [
                Client(server.key, line=one, base=server.url, patience=QUICK) for one in lines
            ]

            def look(n):
                return StripeProcessor(clients[n % 2]).look_up("customer", customer)

            with ThreadPoolExecutor(8) as pool:
                seen = list(pool.map(look, range(32)))
            for one in clients:
                one.close()

        # When each turn is granted is proven beside the line; how late a request then arrives is
        # this machine's affair, so a few may be told to come again. None is lost by that.
        assert (len(seen), None in seen) == (32, False)

    def test_sends_away_who_would_wait_too_long(self, engine):
        line = DatabaseLine(engine, Pace(each=3))  # a turn a second

        with pytest.raises(Busy) as stopped:
            crowd(line)

        assert 10 < stopped.value.after < 11.2
