"""The same request asked of the fake, and of the fake behind HTTP as Stripe, in equal worlds."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

from recoup.core.facts import PaymentLink, Seen
from recoup.core.money import Money
from recoup.processors.fake import FakeProcessor

NEVER = Seen(0, datetime.min.replace(tzinfo=UTC), 0, "")


def equal_to(town):
    """Return a fake whose world is equal to that of a new town."""
    fake = FakeProcessor(":memory:")
    assert fake.create_price(Money(2900, "EUR")) == town.price
    return fake


def newest(facts):
    """Return the newest fact about each subject, without how new it is."""
    found = {}
    for fact in facts:
        if isinstance(fact, PaymentLink):
            found["link", fact.payment_intent] = fact
            continue
        subject = type(fact).__name__, getattr(fact, "processor_id", None) or fact.invoice
        seen = getattr(fact, "seen", NEVER)
        if subject not in found or seen >= found[subject][0]:
            found[subject] = seen, fact
    return {
        subject: bare(fact[1]) if isinstance(fact, tuple) else fact
        for subject, fact in found.items()
    }


def bare(fact):
    """Return a fact without how new it is, and without what only a look tells."""
    looked = {"began": None} if hasattr(fact, "began") else {}
    return replace(fact, seen=NEVER, **looked) if hasattr(fact, "seen") else fact


def anyones(fact):
    """Return a fact without whose request made it so."""
    return replace(fact, idempotency_key=None) if hasattr(fact, "idempotency_key") else fact


def told(fake):
    """Return the newest facts of all events of a world."""
    events = (json.loads(body) for _, body in fake.events(limit=100_000))
    return newest(fact for event in events for fact in fake.read(event).facts)


def compared(fake, town, stage, *, key="recoup:both"):
    """
    Stage both worlds alike and ask both the same; return both answers.

    Asserts that Stripe's tells all that the fake's does, and nothing that is not so.
    """
    requests = [stage(one) for one in (fake, town.fake)]
    assert requests[0] == requests[1]
    expected = fake.ask(requests[0], key=key)
    answer = town.processor.ask(requests[1], key=key)
    assert (answer.object, answer.status) == (expected.object, expected.status)
    there, wanted, so = newest(answer.facts), newest(expected.facts), told(town.fake)
    for subject, fact in wanted.items():
        assert there.get(subject) == fact, f"{there.get(subject)}\nis not\n{fact}"
    for subject in there.keys() - wanted.keys():
        more, fact = anyones(there[subject]), anyones(so[subject])
        assert more == fact, f"{more}\nis not\n{fact}"
    assert town.fake.books() == fake.books()
    return expected, answer
