"""Stripe, played over HTTP by the fake, and the processor that asks it by the official SDK."""

from __future__ import annotations

import json
from dataclasses import replace

from recoup.core.facts import SubscriptionFact
from recoup.processors.fake import NO_FUNDS, Asks, Declines, FakeProcessor, Pays
from recoup.processors.stripe.calls.client import PINNED, Client
from recoup.processors.stripe.calls.wire import Patience
from recoup.processors.stripe.processor import StripeProcessor
from recoup.testing.stripe_server import Fault, StripeServer

VERSIONS = ("2025-03-31.basil", PINNED)
MOODS = {"pays": Pays(), "declines": Declines(NO_FUNDS), "asks": Asks()}
#: Requests that change something, by what a fault is told.
CHANGES = "[PD][OE][SL]*"


class OpenLine:
    """Nobody is before us."""

    def turn(self, endpoint):
        return 0.0

    def answered(self):
        pass

    def silent(self):
        pass


class Shop:
    """
    The seam of `BillsConformance`; `skips` are the steps of a request before the one that is lost.
    """

    def __init__(self, version=PINNED, *, skips=0):
        self.fake = FakeProcessor(":memory:", api_version=version)
        self.server = StripeServer(self.fake)
        self.skips = skips
        self.asked = []
        self.client = Client(
            self.server.key,
            line=OpenLine(),
            base=self.server.url,
            version=version,
            patience=Patience(read=60.0, pause=0.01, total=60.0),
            watch=lambda *told: self.asked.append(told),
        )
        self.processor = StripeProcessor(self.client)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()
        self.server.close()
        self.fake.close()

    def customer(self, mood="pays"):
        customer = self.fake.create_customer(email="ada@example.com")
        self.fake.attach_method(customer, MOODS[mood])
        return customer

    def price(self, amount, interval="month"):
        return self.fake.create_price(amount, interval=interval)

    def lose(self, what):
        if what == "request":
            self.server.add_fault(Fault("drop", to=CHANGES))
        else:
            self.server.add_fault(Fault("lost_reply", to=CHANGES, skip=self.skips))

    def now(self):
        return self.fake.now

    def wait(self, span):
        self.fake.advance(self.fake.now + span)

    def events(self):
        return [json.loads(body) for _, body in self.fake.events(limit=100_000)]

    def forms(self, start):
        """Return the forms of the requests that changed something, by how their path begins."""
        return [form for method, path, form in self.asked if f"{method} {path}".startswith(start)]


class Plain(Shop):
    """The same world, asked without HTTP: the fake itself is the processor."""

    def __init__(self, version=PINNED):
        super().__init__(version)
        self.processor = self.fake


def newest(facts):
    """Return what facts say in the end, by subject, without how new each is."""
    seen, said = {}, {}
    for fact in facts:
        if not hasattr(fact, "seen"):
            said[fact] = fact
            continue
        name = (type(fact).__name__, fact.processor_id)
        if name not in seen or seen[name] < fact.seen:
            seen[name], said[name] = fact.seen, bare(fact)
    return said


def bare(fact):
    """Return a fact without what only a look says, and without how new it is."""
    if isinstance(fact, SubscriptionFact):
        fact = replace(fact, began=None)
    return replace(fact, seen=None)


def both(make, version=PINNED):
    """Make `make(shop)`'s request in two equal worlds, by the fake and by HTTP; return both."""
    answers = []
    for kind in (Plain, Shop):
        with kind(version) as shop:
            request = make(shop)
            answers.append(shop.processor.ask(request, key="recoup:both:1"))
    return answers


def gist(answer):
    """Return all that an answer says, but not when and by which request."""
    return answer.object, answer.status, answer.action, newest(answer.facts)
