"""
Any order of the same news ends in the same state, decisions included.

A flow is played once by the fake. Each of the 720 orders of its last six events is taken in under
ids of its own, so that one database holds them all: together, or one event at a time with a
recompute after each. Whatever is decided on the way, where it leads must be the same.
"""

from __future__ import annotations

import json
import random
import re
from collections import defaultdict
from datetime import timedelta
from itertools import permutations

import pytest
from sqlalchemy import text

from recoup.billing import Recoup
from recoup.config import Config
from recoup.core.money import Money
from recoup.jobs.clocks import TestClock
from recoup.processors.fake import NO_FUNDS, START, Declines, FakeProcessor, Pays

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
RENEWAL = START + 31 * DAY
FAILED = RENEWAL + HOUR

#: The domain state. What was only ever meant to happen and was called off is left out: a try
#: that was never asked for, a notice that was never sent, and when something was decided on.
STATE = {
    "customers": """
        SELECT c.processor_id AS tag, default_method, deleted, standing, run_state, next_wake_at
        FROM customers c JOIN standings s ON s.customer_id = c.id""",
    "subscriptions": """
        SELECT c.processor_id AS tag, s.processor_id, status, ended_at, end_reason
        FROM subscriptions s JOIN customers c ON c.id = s.customer_id""",
    "invoices": """
        SELECT c.processor_id AS tag, i.processor_id, i.status, amount_paid, amount_remaining,
               first_failed_at, closed_at, disputed, k.opened_at
        FROM invoices i JOIN customers c ON c.id = i.customer_id
        LEFT JOIN cases k ON k.id = i.case_id""",
    "attempts": """
        SELECT c.processor_id AS tag, a.processor_id, ordinal, origin, state, amount, method,
               a.instrument, off_session, happened_at, ended_at, decline_code
        FROM attempts a JOIN customers c ON c.id = a.customer_id
        WHERE NOT (state = 'canceled' AND requested_at IS NULL AND ordinal IS NOT NULL)""",
    "refunds": """
        SELECT c.processor_id AS tag, r.processor_id, r.amount, r.status
        FROM refunds r JOIN customers c ON c.id = r.customer_id""",
    "cases": """
        SELECT c.processor_id AS tag, anchor, opened_at, rung, ending, ended_at, settled_at
        FROM cases k JOIN customers c ON c.id = k.customer_id""",
    "notices": """
        SELECT c.processor_id AS tag, anchor, step, state, due_at
        FROM notices n JOIN customers c ON c.id = n.customer_id WHERE state <> 'canceled'""",
    "restrictions": """
        SELECT c.processor_id AS tag, consequence, rung, since
        FROM restrictions r JOIN customers c ON c.id = r.customer_id WHERE lifted_at IS NULL""",
    "tasks": """
        SELECT c.processor_id AS tag, t.kind FROM tasks t JOIN customers c ON c.id = t.customer_id
        WHERE closed_at IS NULL""",
}


class Story:
    """One subscriber of the fake whose renewal meets `payer`, and what was told of it."""

    def __init__(self, payer):
        self.fake = FakeProcessor(":memory:")
        self.customer = self.fake.create_customer(email="ada@example.com", country="DE")
        self.method = self.fake.attach_method(self.customer)
        self.subscription = self.fake.subscribe(
            self.customer, self.fake.create_price(Money(4900, "EUR"))
        )
        self.fake.update_method(self.method, payer=payer)
        (first,) = self.fake.invoices_of(self.subscription)
        self._early = (first.id, first.intent)
        self.fake.advance(FAILED)
        self.invoice = self.fake.invoices_of(self.subscription)[-1].id

    def later(self, **span):
        self.fake.advance(self.fake.now + timedelta(**span))
        return self.fake

    def told(self):
        """Return everything told but what concerns the first payment, as (type, line)."""
        found = []
        for _, body in self.fake.events():
            event = json.loads(body)
            if self._concerns_first(event["data"]["object"]):
                continue
            found.append((event["type"], body))
        return found

    def _concerns_first(self, thing):
        named = {thing["id"], thing.get("payment_intent")}
        return bool(named & set(self._early)) or self._early[1] in json.dumps(
            thing.get("payments") or {}
        )


def failed_then_paid():
    story = Story(Declines(NO_FUNDS))
    fake = story.later(minutes=7)
    fake.update_method(story.method, payer=Pays())
    fake.customer_pays(story.invoice)
    return story, (
        "charge.failed invoice.payment_failed customer.subscription.updated "
        "charge.succeeded invoice.paid customer.subscription.updated"
    )


def failed_retried_paid():
    story = Story(Declines(NO_FUNDS))
    fake = story.later(minutes=3)
    fake.pay_invoice(story.invoice, method=None, key="elsewhere 1")
    fake = story.later(minutes=3)
    fake.update_method(story.method, payer=Pays())
    fake.pay_invoice(story.invoice, method=None, key="elsewhere 2")
    return story, (
        "charge.failed invoice.payment_failed charge.failed invoice.payment_failed "
        "charge.succeeded invoice.paid"
    )


def created_then_voided():
    story = Story(Declines(NO_FUNDS))
    story.later(minutes=5).void(story.invoice)
    return story, (
        "invoice.created invoice.finalized charge.failed invoice.payment_failed "
        "customer.subscription.updated invoice.voided"
    )


def failed_then_canceled():
    story = Story(Declines(NO_FUNDS))
    story.later(minutes=5).cancel_subscription(story.subscription, reason="left", key="k")
    return story, (
        "invoice.finalized invoice.updated charge.failed invoice.payment_failed "
        "customer.subscription.updated customer.subscription.deleted"
    )


def replaced_and_paid():
    story = Story(Declines(NO_FUNDS))
    fresh = story.later(minutes=5).attach_method(story.customer)
    story.later(minutes=2).customer_pays(story.invoice, fresh)
    return story, (
        "charge.failed invoice.payment_failed payment_method.attached customer.updated "
        "charge.succeeded invoice.paid"
    )


def paid_then_refunded():
    story = Story(Declines(NO_FUNDS))
    fake = story.later(minutes=5)
    fake.update_method(story.method, payer=Pays())
    charge = fake.customer_pays(story.invoice).processor_id
    story.later(minutes=4).refund(charge, Money(900, "EUR"))
    return story, (
        "charge.failed invoice.payment_failed charge.succeeded invoice.paid "
        "refund.created charge.refunded"
    )


FLOWS = (
    failed_then_paid,
    failed_retried_paid,
    created_then_voided,
    failed_then_canceled,
    replaced_and_paid,
    paid_then_refunded,
)


class Flow:
    """What comes before, the six events that come in any order, and what time it is."""

    def __init__(self, play):
        story, types = play()
        told = story.told()
        self.six = []
        # The last six of these types; on the way back, because renewals come last.
        wanted = types.split()
        for type, line in reversed(told):
            if type in wanted:
                wanted.remove(type)
                self.six.append(line)
        assert wanted == [], f"{wanted} not among {[type for type, _ in told]}"
        self.six.reverse()
        self.before = [line for _, line in told if line not in self.six]
        self.now = story.fake.now + timedelta(minutes=1)
        story.fake.close()


def tagged(line, order, copy=""):
    """Return an event of this order's own; `copy` makes it another event about the same thing."""
    line = line.replace(b"_fake_", b"_o%d_" % order)
    return re.sub(rb'("id":"evt_[^"]*)"', rb"\g<1>%s" % copy.encode() + b'"', line, count=1)


class Desk:
    """A Recoup, and what it made of every order. Its processor knows nothing of the stories."""

    def __init__(self, recoup):
        self.recoup = recoup

    def take(self, lines):
        lines = list(lines)
        summary = self.recoup.ingest(lines)
        assert (summary.failed, summary.parked) == (0, {})

    def come_to_rest(self):
        """Do what a worker does in the next minute: drop what nobody needs, look again."""
        self.recoup.worker(["billing"]).drain()
        self.recoup.absorb_stored()
        while self.recoup.sweep().seen:
            pass

    def states(self):
        """Return the state that each order ended in."""
        found = defaultdict(list)
        with self.recoup.database.connect() as connection:
            for table, sql in STATE.items():
                for row in connection.execute(text(sql)):
                    number = re.search(r"_o(\d+)_", row.tag)[1]
                    found[int(number)].append(f"{table} {row}".replace(f"_o{number}_", "_"))
            trouble = (
                "SELECT state, waiting_for FROM inbox WHERE state NOT IN ('applied', 'ignored')"
            )
            assert connection.execute(text(trouble)).all() == []
        return {order: tuple(sorted(rows)) for order, rows in found.items()}


@pytest.fixture
def desk(database_url, home):
    home.mkdir()
    clock = TestClock(START)
    config = Config.load(database_url=database_url, home=home)
    with (
        FakeProcessor(":memory:") as fake,
        Recoup(config, processor=fake, clock=clock) as recoup,
    ):
        yield Desk(recoup)


def together(desk, flow, orders):
    """Take in every order whole, a hundred and more of them in one transaction."""
    for start in range(0, len(orders), 160):
        some = range(start, min(start + 160, len(orders)))
        desk.take(tagged(flow.six[place], n) for n in some for place in orders[n])


def one_by_one(desk, flow, orders):
    """Take in every order event by event, deciding after each."""
    for step in range(6):
        desk.take(tagged(flow.six[order[step]], n) for n, order in enumerate(orders))


def one_by_one_and_again(desk, flow, orders):
    """Take in every order event by event, each followed by two copies of an earlier one."""
    for step in range(6):
        lines = []
        for n, order in enumerate(orders):
            earlier = flow.six[order[(n + step) % (step + 1)]]
            lines.append(tagged(flow.six[order[step]], n))
            lines.append(tagged(earlier, n))
            lines.append(tagged(earlier, n, copy=f"_{step}"))
        desk.take(lines)


def assert_one_end(desk, play, deliver, orders):
    flow = Flow(play)
    desk.recoup.clock.set(flow.now)
    for start in range(0, len(orders), 100):
        some = range(start, min(start + 100, len(orders)))
        desk.take(tagged(line, n) for n in some for line in flow.before)
    deliver(desk, flow, orders)
    desk.come_to_rest()
    states = desk.states()
    assert len(states) == len(orders)
    expected = states[orders.index(tuple(range(6)))]
    differing = {orders[n]: state for n, state in states.items() if state != expected}
    for order, state in differing.items():
        lacks, has = sorted(set(expected) - set(state)), sorted(set(state) - set(expected))
        told = "\n".join(("lacks:", *lacks, "has instead:", *has))
        raise AssertionError(f"{len(differing)} of {len(orders)} orders differ; {order}\n{told}")


ALL = list(permutations(range(6)))


def some(count):
    """Return the order of events as told, and others."""
    return [ALL[0], *random.Random(1).sample(ALL[1:], count - 1)]


class TestSixEventsInAnyOrder:
    @pytest.mark.parametrize("play", FLOWS[:3])
    def test_end_in_one_state_when_they_come_together(self, desk, play):
        assert_one_end(desk, play, together, ALL)

    @pytest.mark.parametrize("play", FLOWS)
    def test_end_in_one_state_when_each_is_decided_on(self, desk, play):
        assert_one_end(desk, play, one_by_one, some(120))

    @pytest.mark.parametrize("play", FLOWS)
    def test_end_in_one_state_when_they_are_repeated(self, desk, play):
        assert_one_end(desk, play, one_by_one_and_again, some(60))

    @pytest.mark.long
    @pytest.mark.parametrize("deliver", [together, one_by_one, one_by_one_and_again])
    @pytest.mark.parametrize("play", FLOWS)
    def test_end_in_one_state_however_they_come(self, desk, play, deliver):
        assert_one_end(desk, play, deliver, ALL)
