"""
The news about what waits for its payment, in any order and told twice, ends in the same rows.

A flow is played once by the fake. Each order of its events is taken in under ids of its own, with
a gate of its own, so that one database holds them all. The clock stands still meanwhile, or moves
once, when the gates' time is up: what came before that, and what comes after, is shuffled.
"""

from __future__ import annotations

import json
import random
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from recoup import work
from recoup.billing import Recoup
from recoup.config import Config
from recoup.core.activation import GATE_MARK, PaymentGate
from recoup.core.money import Money
from recoup.jobs.clocks import TestClock
from recoup.jobs.loop import OurDesk
from recoup.processors.fake import NO_FUNDS, START, Declines, FakeProcessor, Pays
from recoup.store import observe
from recoup.store.records import activation as gates
from recoup.store.records import commands
from recoup.store.writer import Writer

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
MARK = "4242424242"
#: What must come out the same.
STATE = {
    "gates": """
        SELECT c.processor_id AS tag, g.status, g.reason, g.withdrawal, g.ended_at,
               i.processor_id AS bill
        FROM gates g JOIN customers c ON c.id = g.customer_id
        LEFT JOIN invoices i ON i.id = g.invoice_id""",
    "subscriptions": """
        SELECT c.processor_id AS tag, s.processor_id, status, processor_status, ended_at,
               end_reason, activated_at, end_requested_at IS NOT NULL AS ending
        FROM subscriptions s JOIN customers c ON c.id = s.customer_id""",
    "invoices": """
        SELECT c.processor_id AS tag, i.processor_id, i.status, amount_paid, amount_remaining,
               closed_at, resolved_as, gate_id IS NOT NULL AS hidden
        FROM invoices i JOIN customers c ON c.id = i.customer_id""",
    "attempts": """
        SELECT c.processor_id AS tag, a.processor_id, origin, state, amount, happened_at,
               a.ended_at, decline_code
        FROM attempts a JOIN customers c ON c.id = a.customer_id""",
    # Of two payments for one thing the one that is heard of last is for nothing.
    "unowed": """
        SELECT c.processor_id AS tag, i.processor_id, sum(amount) AS amount
        FROM attempts a JOIN customers c ON c.id = a.customer_id
        JOIN invoices i ON i.id = a.invoice_id
        WHERE unowed_at IS NOT NULL GROUP BY 1, 2""",
    "late_payments": """
        SELECT c.processor_id AS tag, l.amount, l.decision, l.state
        FROM late_payments l JOIN customers c ON c.id = l.customer_id""",
    "commands": """
        SELECT c.processor_id AS tag, k.kind
        FROM commands k JOIN customers c ON c.id = k.customer_id""",
    # The others are told apart when they go out: tests/flow/mails.
    "mails": """
        SELECT c.processor_id AS tag, m.type
        FROM mails m JOIN customers c ON c.id = m.customer_id
        WHERE m.key LIKE 'gate:%'""",
    "told": """
        SELECT c.processor_id AS tag, l.type, count(*)
        FROM ledger_entries l JOIN customers c ON c.id = l.customer_id
        WHERE l.type IN ('subscription.started', 'subscription.canceled', 'payment.late',
                         'gate.satisfied', 'gate.expired', 'gate.failed')
        GROUP BY 1, 2""",
}


class Story:
    """One customer of the fake who starts what its bank declines."""

    def __init__(self, payer=Declines(NO_FUNDS)):  # noqa: B008  it never changes
        self.fake = FakeProcessor(":memory:")
        self.customer = self.fake.create_customer(email="ada@example.com", country="DE")
        self.method = self.fake.attach_method(self.customer, payer)
        self.known = self._told()
        self.subscription = self.fake.subscribe(
            self.customer,
            self.fake.create_price(Money(1000, "EUR")),
            metadata={GATE_MARK: MARK},
        )
        (bill,) = self.fake.invoices_of(self.subscription)
        self.invoice = bill.id

    def later(self, **span):
        self.fake.advance(self.fake.now + timedelta(**span))
        self.fake.update_method(self.method, payer=Pays())
        return self.fake

    def _told(self):
        return [body for _, body in self.fake.events(limit=1000)]

    def so_far(self):
        """Return everything told since the customer was there."""
        return self._told()[len(self.known) :]


@dataclass(frozen=True)
class Flow:
    """What is known before, what is told while the gate waits, and after its time was up."""

    known: Sequence[bytes]
    first: Sequence[bytes]
    then: Sequence[bytes]
    now: datetime


def _flow(story: Story, cut: int | None = None) -> Flow:
    told, now = story.so_far(), story.fake.now + MINUTE
    story.fake.close()
    cut = len(told) if cut is None else cut
    return Flow(story.known, told[:cut], told[cut:], now)


def paid_at_once():
    return _flow(Story(Pays()))


def declined_then_paid():
    story = Story()
    story.later(minutes=7).customer_pays(story.invoice)
    return _flow(story)


def challenged_then_paid():
    story = Story()
    story.later(minutes=7)
    story.fake.customer_pays(story.invoice, story.fake.attach_method(story.customer))
    return _flow(story)


def expired():
    story = Story()
    cut = len(story.so_far())
    story.later(hours=1).cancel_subscription(story.subscription, reason="timeout", key="k")
    return _flow(story, cut)


def paid_too_late():
    story = Story()
    cut = len(story.so_far())
    story.later(hours=1).cancel_subscription(story.subscription, reason="timeout", key="k")
    story.later(minutes=5).pay_anyway(story.invoice)
    return _flow(story, cut)


def given_up_there_then_paid():
    story = Story()
    story.later(hours=23)
    story.later(minutes=5).pay_anyway(story.invoice)
    return _flow(story)


def paid_twice():
    story = Story(Pays())
    story.later(minutes=5).pay_anyway(story.invoice)
    return _flow(story)


def paid_then_left():
    story = Story(Pays())
    story.later(minutes=5).cancel_subscription(story.subscription, reason="left", key="k")
    return _flow(story)


FLOWS = (
    paid_at_once,
    declined_then_paid,
    challenged_then_paid,
    expired,
    paid_too_late,
    paid_twice,
)


def tagged(line: bytes, order: int, gate: int | None = None, copy: str = "") -> bytes:
    """Return an event of this order's own; `copy` makes it another event about the same thing."""
    line = line.replace(b"_fake_", b"_o%d_" % order)
    if gate is not None:
        line = line.replace(MARK.encode(), b"%d" % gate)
    return re.sub(rb'("id":"evt_[^"]*)"', rb"\g<1>%s" % copy.encode() + b'"', line, count=1)


class Desk:
    """A Recoup, and what it made of every order. Nobody carries out what it decides."""

    def __init__(self, recoup: Recoup) -> None:
        self.recoup = recoup
        self.marks: dict[int, int] = {}

    def begin(self, flow: Flow, orders: int) -> None:
        """Take in what is known before, and make each order's gate."""
        self.take([tagged(line, n) for n in range(orders) for line in flow.known])
        with self.recoup.database.begin() as connection:
            found = connection.execute(text("SELECT id, processor_id FROM customers")).all()
            ours = {int(re.search(r"_o(\d+)_", name)[1]): id for id, name in found}
            observe.lock(connection, ours.values())
            now = self.recoup.clock.now()
            writer = Writer(connection, now=now, actor="host", cause="command")
            for order, id in sorted(ours.items()):
                self.marks[order] = gates.make(
                    writer,
                    customer_id=id,
                    purpose="start",
                    command_id=commands.reserve(writer),
                    gate=PaymentGate(timeout=HOUR),
                )

    def take(self, lines: Sequence[bytes]) -> None:
        summary = self.recoup.ingest(lines)
        assert (summary.failed, summary.parked) == (0, {})

    def expire(self, now: datetime) -> None:
        """Move the clock, and end what was not paid in time."""
        self.recoup.clock.set(now)
        work.expire_all(OurDesk(self.recoup.database, self.recoup.clock, self.recoup.handlers))
        with self.recoup.database.connect() as connection:
            keys = connection.scalars(text("SELECT key FROM effects WHERE kind = 'expire'")).all()
        for key in keys:
            self.recoup.office.carry_out(key)

    def states(self) -> dict[int, tuple[str, ...]]:
        """Return the state that each order ended in."""
        self.recoup.absorb_stored()
        while self.recoup.sweep().seen:
            pass
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
    clock = TestClock(START + MINUTE)
    config = Config.load(database_url=database_url, home=home)
    with (
        FakeProcessor(":memory:") as fake,
        Recoup(config, processor=fake, clock=clock) as recoup,
    ):
        yield Desk(recoup)


def together(desk: Desk, lines: Sequence[Sequence[bytes]]) -> None:
    """Take in every order whole, many of them in one transaction."""
    for start in range(0, len(lines), 40):
        desk.take([line for order in lines[start : start + 40] for line in order])


def one_by_one(desk: Desk, lines: Sequence[Sequence[bytes]]) -> None:
    """Take in every order event by event, deciding after each."""
    for step in range(max(map(len, lines))):
        desk.take([order[step] for order in lines if step < len(order)])


def one_by_one_and_again(desk: Desk, lines: Sequence[Sequence[bytes]]) -> None:
    """Take in every order event by event, each followed by two copies of an earlier one."""
    for step in range(max(map(len, lines))):
        told = []
        for n, order in enumerate(lines):
            if step < len(order):
                earlier = order[(n + step) % (step + 1)]
                copy = re.sub(rb'("id":"evt_[^"]*)"', rb'\g<1>_%d"' % step, earlier, count=1)
                told += [order[step], earlier, copy]
        desk.take(told)


def shuffled(desk: Desk, told: Sequence[bytes], count: int) -> list[list[bytes]]:
    """Return `count` orders of what was told; the first one is as it was told."""
    orders = []
    for n in range(count):
        mine = [tagged(line, n, desk.marks[n]) for line in told]
        if n:
            random.Random(n).shuffle(mine)
        orders.append(mine)
    return orders


def assert_one_end(
    desk: Desk, play: Callable[[], Flow], deliver: Callable[..., None], count: int
) -> None:
    flow = play()
    desk.begin(flow, count)
    deliver(desk, shuffled(desk, flow.first, count))
    if flow.then:
        desk.expire(flow.now + HOUR)
        again = random.Random(0).sample(list(flow.first), 2)
        deliver(desk, shuffled(desk, [*flow.then, *again], count))
    states = desk.states()
    assert len(states) == count
    expected = states[0]
    differing = {n: state for n, state in states.items() if state != expected}
    for n, state in differing.items():
        lacks, has = sorted(set(expected) - set(state)), sorted(set(state) - set(expected))
        order = shuffled(desk, flow.first, n + 1)[n]
        types = " ".join(json.loads(line)["type"] for line in order)
        told = "\n".join(("lacks:", *lacks, "has instead:", *has))
        raise AssertionError(f"{len(differing)} of {count} orders differ; {types}\n{told}")


class TestMoneyForWhatTheProcessorGaveUp:
    @pytest.mark.parametrize("deliver", [together, one_by_one, one_by_one_and_again])
    def test_goes_back_and_opens_nothing_whatever_is_heard_first(self, desk, deliver):
        """Heard before the end it seemed to be in time, so what was told meanwhile differs."""
        flow = given_up_there_then_paid()
        desk.begin(flow, 100)
        deliver(desk, shuffled(desk, flow.first, 100))

        ended = [
            {row.split()[0]: row for row in state if not row.startswith(("told", "mails"))}
            for state in desk.states().values()
        ]

        assert len(ended) == 100
        for state in ended:
            assert "'canceled'" in state["subscriptions"]
            assert "'pending'" not in state["gates"]
            assert "1000, 'refund', 'asked'" in state["late_payments"]
            assert "'void'" in state["invoices"] or "'closed'" in state["invoices"]


class TestMoneyOfSomebodyWhoLeft:
    def test_is_kept_when_all_is_heard_together(self, desk):
        assert_one_end(desk, paid_then_left, together, 100)

    @pytest.mark.parametrize("deliver", [one_by_one, one_by_one_and_again])
    def test_is_kept_or_goes_back_as_it_is_heard_before_the_leaving(self, desk, deliver):
        """Where the end is heard first nothing was ever open, and nothing is to be paid for."""
        flow = paid_then_left()
        desk.begin(flow, 100)
        deliver(desk, shuffled(desk, flow.first, 100))

        states = desk.states().values()

        bought = [state for state in states if any("'satisfied'" in row for row in state)]
        back = [state for state in states if any("'refund', 'asked'" in row for row in state)]
        assert len(bought) + len(back) == len(states) == 100
        assert all("subscription.started" in " ".join(state) for state in bought)
        assert not any("subscription.started" in " ".join(state) for state in back)


@pytest.mark.parametrize("play", FLOWS)
class TestTheNewsOfAGatedStart:
    def test_ends_in_one_state_when_it_comes_together(self, desk, play):
        assert_one_end(desk, play, together, 100)

    def test_ends_in_one_state_when_each_event_is_decided_on(self, desk, play):
        assert_one_end(desk, play, one_by_one, 100)

    def test_ends_in_one_state_when_it_is_repeated(self, desk, play):
        assert_one_end(desk, play, one_by_one_and_again, 60)

    @pytest.mark.long
    @pytest.mark.parametrize("deliver", [together, one_by_one, one_by_one_and_again])
    def test_ends_in_one_state_however_it_comes(self, desk, play, deliver):
        assert_one_end(desk, play, deliver, 700)
