"""Every documented event is made to happen here, and is posted once, with data of its types."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from everything import POLICIES, Story, outbox
from receiver import SETTINGS, receiving
from sqlalchemy import Boolean, DateTime, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from recoup import Money, PaymentGate
from recoup.effects._rounds import WAITS
from recoup.processors.fake import Slow
from recoup.store.events.catalogue import EVENTS
from recoup.store.ledgered import LEDGERED
from recoup.testing.scene import Scene

DAY = timedelta(days=1)
PAGE = (Path(__file__).parents[2] / "docs/webhooks-out.md").read_text()
#: The story tells of all but these.
ELSEWHERE = {"gate.satisfied", "gate.died", "payment.late", "refund.failed",
             "upgrade.withdrawn"}  # fmt: skip
FORMS = {"text": str, "integer": int, "boolean": bool, "instant": datetime.fromisoformat}


def form(column):
    if isinstance(column.type, ARRAY | JSONB):
        return None
    if isinstance(column.type, Boolean):
        return "boolean"
    if isinstance(column.type, DateTime):
        return "instant"
    return "text" if isinstance(column.type, Text) else "integer"


def typed():
    """Kind of subject -> field -> its form, as the ledger and the tables have it."""
    return {
        entry.kind: {
            name: form(entry.table.c[name]) for name in entry.columns if form(entry.table.c[name])
        }
        for entry in LEDGERED.values()
        if entry.kind in {public.kind for public in EVENTS.values()}
    }


def documented():
    """The same, as the page has it."""
    rows = re.findall(r"(?m)^\| (\w+) \| (.+) \| (.+) \| (.+) \| (.+) \|$", PAGE)
    return {
        kind: {
            field: word
            for word, cell in zip(FORMS, cells, strict=True)
            for field in re.findall(r"`(\w+)`", cell)
        }
        for kind, *cells in rows
        if kind != "about"
    }


@pytest.fixture
def receiver():
    with receiving() as made:
        yield made


@pytest.fixture
def scene(database_url, home, receiver):
    with Scene.open(database_url, home, outbox=outbox(), policies=POLICIES, **SETTINGS) as made:
        made.recoup.endpoints.create(receiver.url)
        yield made
        assert made.violations() == ()


class TestThePage:
    def test_shows_the_catalogue(self):
        shown = re.findall(r"(?m)^\| `([a-z_.]+)` \| \[(\w+)\]\(#data\) \| (.+) \|$", PAGE)

        assert shown == [(name, one.kind, one.meaning) for name, one in EVENTS.items()]

    def test_shows_the_type_of_everything_that_data_may_hold(self):
        assert documented() == typed()

    def test_shows_the_waits(self):
        units = {"second": 1, "minute": 60, "hour": 3600}
        shown = re.findall(r"(?m)^\| \d+ \| (\d+) (second|minute|hour)s? \|", PAGE)

        assert tuple(timedelta(seconds=int(n) * units[unit]) for n, unit in shown) == WAITS


class TestEveryEvent:
    def test_is_posted_once_with_data_of_its_documented_types(self, scene, receiver):
        Story(scene).tell()
        scene.pace.settle()

        assert set(EVENTS) - set(receiver.types) <= ELSEWHERE
        ids = Counter(event["id"] for event in receiver.events)
        kept = scene.rows("SELECT id FROM host_events")
        assert ids == Counter(row["id"] for row in kept)
        forms = documented()
        for event in receiver.events:
            fields = forms[EVENTS[event["type"]].kind]
            for name, value in event["data"].items():
                if value is None:
                    continue
                word = fields[name]
                if word == "instant":
                    assert datetime.fromisoformat(value).utcoffset() == timedelta(0)
                else:
                    assert type(value) is FORMS[word], (event["type"], name, value)

    def test_of_gates_and_of_late_money_is_posted_once(self, scene, receiver):
        price = scene.fake.create_price(Money(2000, "EUR"))
        for name, takes in (("ada", DAY), ("bob", 4 * DAY)):
            who = scene.recoup.customers.get_or_create("user", name, email=f"{name}@example.com")
            payer = Slow(takes=takes)
            card = scene.fake.attach_method(who.processor_id, payer, kind="sepa_debit", brand="")
            gate = PaymentGate(timeout=2 * DAY)
            scene.recoup.subscriptions.start(who.id, price, default_method=card, gate=gate)

        scene.live(days=6)

        told = Counter(receiver.types)
        assert [told[one] for one in ("gate.satisfied", "gate.died", "payment.late")] == [1, 1, 1]

    def test_of_a_refund_that_comes_back_is_posted_once(self, scene, receiver):
        price = scene.fake.create_price(Money(2000, "EUR"))
        who = scene.recoup.customers.get_or_create("user", "ada", email="ada@example.com")
        card = scene.fake.attach_method(who.processor_id)
        scene.recoup.subscriptions.start(who.id, price, default_method=card)
        (payment,) = scene.recoup.payments.list(customer=who.id)
        refund = scene.recoup.payments.refund(payment.id)

        scene.fake.send_back(refund.processor_id)
        scene.pace.settle()

        told = Counter(receiver.types)
        assert (told["refund.created"], told["refund.failed"]) == (1, 1)
