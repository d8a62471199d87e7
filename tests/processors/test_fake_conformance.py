"""The fake keeps what every processor promises, in old shapes and new."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from recoup.core import states
from recoup.core.money import Money
from recoup.processors.fake import (
    NEWEST,
    NO_FUNDS,
    Asks,
    Declines,
    FakeProcessor,
    Fault,
    Pays,
    Slow,
)
from recoup.testing.conformance import Owed, ProcessorConformance

MOODS = {"pays": Pays(), "declines": Declines(NO_FUNDS), "asks": Asks(), "waits": Slow()}


class Script:
    """The seam, played by the fake itself."""

    def __init__(self, processor):
        self.processor = processor
        self.price = processor.create_price(Money(2900, "EUR"))

    def owed(self, mood):
        fake = self.processor
        customer = fake.create_customer(email="ann@example.com")
        method = fake.attach_method(customer)
        subscription = fake.subscribe(customer, self.price)
        fake.update_method(method, payer=Declines(NO_FUNDS, 1, MOODS[mood]))
        self.wait(timedelta(days=31, hours=1))
        invoice = fake.subscription(subscription).latest_invoice
        return Owed(invoice, subscription, method, Money(2900, "EUR"))

    def lose(self, what):
        kind = {"request": "outage", "reply": "lost_reply"}[what]
        self.processor.add_fault(Fault(kind, "pay_invoice"))

    def now(self):
        return self.processor.now

    def wait(self, span):
        self.processor.advance(self.processor.now + span)

    def captured(self, invoice):
        found = self.processor.books().captured.get(invoice)
        return found.minor if found else 0

    def tries(self, invoice):
        return len(self.processor.charges_of(invoice))

    def ended(self, subscription):
        return states.has_ended(self.processor.subscription(subscription).status)

    def events(self):
        return [json.loads(body) for _, body in self.processor.events(limit=100_000)]


class TestFakeProcessor(ProcessorConformance):
    @pytest.fixture(params=["2022-11-15", "2024-06-20", "2025-03-31.basil", NEWEST])
    def merchant(self, request):
        with FakeProcessor(":memory:", api_version=request.param) as fake:
            yield Script(fake)
