"""What is signed may still be wrong: it settles nothing, and a person sees it."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from recoup.processors.stripe.reader import read
from recoup.testing import events
from recoup.testing.events import NEW_YEAR
from recoup.webhooks.receive import ingest

DUE = 1000
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def nothing(_connection, _ids, _trigger):
    pass


def take(engine, told, *, live=None):
    lines = [events.line(one) for one in told]
    return ingest(engine, "stripe", lines, read=read, now=NOW, on_absorbed=nothing, live=live)


def rows(engine, sql):
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


def told(type, thing, n, **more):
    return events.event(type, thing, id=f"evt_{n}", at=NEW_YEAR + n) | more


def owed(number, **fields):
    return events.invoice(
        f"in_{number}", f"cus_{number}", payment_intent=f"pi_{number}", attempt_count=1, **fields
    )


@pytest.fixture
def debts(engine):
    """Two customers who owe an invoice each; the first one's charge was refused."""
    take(
        engine,
        [
            told("customer.created", events.customer("cus_1"), 1),
            told("customer.created", events.customer("cus_2"), 2),
            told("invoice.finalized", owed(1), 3),
            told("invoice.finalized", owed(2), 4),
            told("charge.failed", charge(1, status="failed", id="ch_0"), 5),
        ],
    )
    return engine


def charge(number, id="ch_1", **fields):
    given = {"payment_intent": f"pi_{number}", "status": "succeeded"} | fields
    return events.charge(id, f"cus_{number}", **given)


def unpaid(engine):
    return rows(engine, "SELECT DISTINCT status FROM invoices") == [("open",)]


def paid(number, **fields):
    """Return the invoice as a payment in full leaves it, but for `fields`."""
    shown = json.loads(json.dumps(owed(number)))
    due = shown["amount_due"]
    shown |= {"status": "paid", "amount_paid": due, "amount_remaining": 0}
    shown["status_transitions"] |= {"paid_at": NEW_YEAR + 10}
    return shown | fields


class TestASignedSuccess:
    def test_that_fits_settles_the_invoice(self, debts):
        summary = take(
            debts, [told("charge.succeeded", charge(1), 10), told("invoice.paid", paid(1), 11)]
        )

        assert summary.applied == 2
        assert rows(debts, "SELECT status FROM invoices ORDER BY id") == [("paid",), ("open",)]

    @pytest.mark.parametrize(
        "wrong",
        [
            pytest.param(charge(1, currency="usd"), id="currency"),
            pytest.param(charge(1) | {"customer": "cus_2"}, id="customer"),
            pytest.param(charge(1) | {"amount": 10**9}, id="more than was asked for"),
            pytest.param(charge(2, id="ch_0") | {"customer": "cus_1"}, id="another's charge"),
            pytest.param(charge(1, id="ch_0") | {"amount": 1}, id="another sum of one charge"),
        ],
    )
    def test_of_a_charge_that_does_not_fit_is_parked(self, debts, wrong):
        summary = take(debts, [told("charge.succeeded", wrong, 10)])

        assert (summary.applied, sum(summary.parked.values())) == (0, 1)
        assert rows(debts, "SELECT processor_id, state FROM attempts") == [("ch_0", "declined")]
        assert unpaid(debts)

    @pytest.mark.parametrize(
        "wrong",
        [
            pytest.param(paid(1, amount_paid=DUE - 1, amount_due=DUE), id="less than is due"),
            pytest.param(paid(1, amount_paid=1, amount_due=1), id="less than was asked for"),
            pytest.param(paid(1, currency="usd"), id="currency"),
            pytest.param(paid(1, customer="cus_2"), id="customer"),
        ],
    )
    def test_of_an_invoice_that_does_not_fit_is_parked(self, debts, wrong):
        summary = take(debts, [told("invoice.paid", wrong, 10)])

        assert (summary.applied, sum(summary.parked.values())) == (0, 1)
        assert unpaid(debts)

    def test_of_one_payment_settles_one_invoice(self, debts):
        take(debts, [told("charge.succeeded", charge(1), 10), told("invoice.paid", paid(1), 11)])
        second = json.loads(json.dumps(paid(2)).replace("pi_2", "pi_1"))

        summary = take(debts, [told("invoice.paid", second, 12)])

        (why,) = summary.parked
        assert why == "pi_1 pays for in_1, not in_2"
        assert rows(debts, "SELECT status FROM invoices ORDER BY id") == [("paid",), ("open",)]

    def test_made_wrong_at_random_settles_nothing(self, debts):
        """Five hundred of them, each wrong in one thing or in several."""
        dice = random.Random(4)
        lies = {
            "currency": lambda: dice.choice(["usd", "gbp", "jpy"]),
            "customer": lambda: dice.choice(["cus_2", "cus_3", "cus_of_nobody"]),
            "amount": lambda: dice.choice([DUE * 2, DUE * 100, 10**9]),
            "amount_paid": lambda: dice.randrange(DUE - 1),
        }
        wrong = []
        for n in range(500):
            if dice.random() < 0.5:
                names = dice.sample(["currency", "customer", "amount"], dice.randint(1, 3))
                thing, type = charge(1, id=f"ch_wrong_{n}"), "charge.succeeded"
            else:
                names = dice.sample(["currency", "customer", "amount_paid"], dice.randint(1, 3))
                thing, type = paid(1), "invoice.paid"
            wrong.append(told(type, thing | {name: lies[name]() for name in names}, 100 + n))

        summary = take(debts, wrong)

        assert summary.applied == 0
        assert sum(summary.parked.values()) == 500
        assert unpaid(debts)
        assert rows(debts, "SELECT count(*) FROM attempts") == [(1,)]


class TestAnEventOfElsewhere:
    @pytest.mark.parametrize(
        ("live", "fields", "reason"),
        [
            (False, {"livemode": True}, "an event of live mode does not belong here"),
            (True, {"livemode": False}, "an event of test mode does not belong here"),
            (False, {"account": "acct_1"}, "an event of another account does not belong here"),
        ],
    )
    def test_is_kept_and_parked_and_changes_nothing(self, engine, live, fields, reason):
        event = told("customer.created", events.customer("cus_1"), 1, livemode=False) | fields

        summary = take(engine, [event], live=live)

        assert summary.parked == {reason: 1}
        assert rows(engine, "SELECT count(*) FROM customers") == [(0,)]

    @pytest.mark.parametrize("live", [True, False])
    def test_is_none_of_the_mode_that_belongs_here(self, engine, live):
        event = told("customer.created", events.customer("cus_1"), 1, livemode=live, account=None)

        assert take(engine, [event], live=live).applied == 1
