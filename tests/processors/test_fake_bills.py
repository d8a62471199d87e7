"""The fake is one of the processors that do what people ask for."""

from __future__ import annotations

import json

import pytest

from recoup.processors.fake import NEWEST, NO_FUNDS, Asks, Declines, FakeProcessor, Fault, Pays
from recoup.testing.bills import BillsConformance

MOODS = {"pays": Pays(), "declines": Declines(NO_FUNDS), "asks": Asks()}


class Script:
    """The seam, played by the fake itself."""

    def __init__(self, processor):
        self.processor = processor

    def customer(self, mood="pays"):
        customer = self.processor.create_customer(email="ada@example.com")
        self.processor.attach_method(customer, MOODS[mood])
        return customer

    def price(self, amount, interval="month"):
        return self.processor.create_price(amount, interval=interval)

    def lose(self, what):
        kind = {"request": "outage", "reply": "lost_reply"}[what]
        self.processor.add_fault(Fault(kind))

    def now(self):
        return self.processor.now

    def wait(self, span):
        self.processor.advance(self.processor.now + span)

    def events(self):
        return [json.loads(body) for _, body in self.processor.events(limit=100_000)]


class TestFakeProcessor(BillsConformance):
    @pytest.fixture(params=["2022-11-15", "2025-03-31.basil", NEWEST])
    def shop(self, request):
        with FakeProcessor(":memory:", api_version=request.param) as fake:
            yield Script(fake)
