"""Clients of a server that follows a script, and of Stripe's, which the fake plays."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from tests.shared.scripted_server import HASTY, KEY, QUICK, OpenLine, Script

from recoup.core import states
from recoup.core.money import Money
from recoup.processors.fake import NO_FUNDS, Asks, Declines, FakeProcessor, Pays, Slow
from recoup.processors.stripe.calls.client import PINNED, Client
from recoup.processors.stripe.calls.wire import Patience
from recoup.processors.stripe.processor import StripeProcessor
from recoup.testing.conformance import Owed
from recoup.testing.stripe_server import Fault, StripeServer

MOODS = {"pays": Pays(), "declines": Declines(NO_FUNDS), "asks": Asks(), "waits": Slow()}


@pytest.fixture
def line():
    return OpenLine()


@pytest.fixture
def scripted(line):
    """Make a client of a server that follows a script: returns both."""
    made = []

    def make(*answers, patience=None):
        if patience is None:  # a number is how long the server is silent
            patience = HASTY if isinstance(answers[0], float) else QUICK
        script = Script(*answers)
        client = Client(KEY, line=line, base=script.url, patience=patience)
        made.append((script, client))
        return client, script

    yield make
    for script, client in made:
        client.close()
        script.close()


class Town:
    """Stripe, played by the fake over HTTP, and a merchant's side of it."""

    def __init__(self, server, line, *, version):
        self.server, self.fake = server, server.fake
        self.watched = []
        self.client = Client(
            server.key,
            line=line,
            base=server.url,
            version=version,
            patience=Patience(read=60.0, pause=0.01, total=60.0),
            watch=lambda *told: self.watched.append(told),
        )
        self.processor = StripeProcessor(self.client, retries_itself=False)
        self.price = self.fake.create_price(Money(2900, "EUR"))

    def owed(self, mood):
        customer = self.fake.create_customer(email="ann@example.com")
        method = self.fake.attach_method(customer)
        subscription = self.fake.subscribe(customer, self.price)
        self.fake.update_method(method, payer=Declines(NO_FUNDS, 1, MOODS[mood]))
        self.wait(timedelta(days=31, hours=1))
        invoice = self.fake.subscription(subscription).latest_invoice
        return Owed(invoice, subscription, method, Money(2900, "EUR"))

    def lose(self, what):
        kind = {"request": "drop", "reply": "lost_reply"}[what]
        self.server.add_fault(Fault(kind, to="POST /v1/invoices/*/pay"))

    def now(self):
        return self.fake.now

    def wait(self, span):
        self.fake.advance(self.fake.now + span)

    def captured(self, invoice):
        found = self.fake.books().captured.get(invoice)
        return found.minor if found else 0

    def tries(self, invoice):
        return len(self.fake.charges_of(invoice))

    def ended(self, subscription):
        return states.has_ended(self.fake.subscription(subscription).status)

    def events(self):
        return [json.loads(body) for _, body in self.fake.events(limit=100_000)]


@pytest.fixture
def version():
    """The version that is asked for."""
    return PINNED


@pytest.fixture
def stripe_town(line, version):
    with FakeProcessor(":memory:", api_version=version) as fake, StripeServer(fake) as server:
        town = Town(server, line, version=version)
        yield town
        town.client.close()
