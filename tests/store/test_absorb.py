"""What facts do to rows: ours and the processor's attempts, failures, parents, endings."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from recoup.processors.stripe.reader import read
from recoup.store.absorb import absorb
from recoup.store.writer import Writer
from recoup.testing import events
from recoup.testing.events import NEW_YEAR

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEY = "recoup:in_1:retry:1"


@pytest.fixture
def connection(engine):
    with engine.begin() as connection:
        yield connection


def take(connection, *told):
    writer = Writer(connection, now=NOW, actor="test", cause="test")
    return absorb(writer, "stripe", [read(event).facts for event in told])


def event(type, object, n=1, **more):
    return events.event(type, object, id=f"evt_{type}_{n}", **{"at": NEW_YEAR + n} | more)


def rows(connection, sql):
    return connection.execute(text(sql)).all()


def customer():
    return event("customer.created", events.customer("cus_1"))


def invoice(**fields):
    shown = events.invoice("in_1", "cus_1", payment_intent="pi_1", **fields)
    return event("invoice.finalized", shown)


def charge(name="ch_1", status="failed", n=2, key=None, **fields):
    shown = events.charge(name, "cus_1", payment_intent="pi_1", status=status, **fields)
    return event(f"charge.{status}", shown, n, key=key)


def intend(connection, state="requested"):
    """Make an attempt of ours on the invoice."""
    connection.execute(
        text(
            "INSERT INTO attempts (customer_id, invoice_id, ordinal, origin, state, amount, "
            "currency, processor, idempotency_key, off_session, happened_at) "
            "SELECT customer_id, id, 1, 'retry', :state, 1000, 'EUR', 'stripe', :key, true, :now "
            "FROM invoices"
        ),
        {"state": state, "key": KEY, "now": NOW},
    )


def attempts(connection):
    return rows(
        connection,
        "SELECT ordinal, origin, state, processor_id FROM attempts ORDER BY ordinal, id",
    )


class TestACustomer:
    def test_starts_with_a_standing_in_which_nothing_is_due(self, connection):
        take(connection, customer())

        assert rows(
            connection, "SELECT standing, next_wake_at, run_state, failures FROM standings"
        ) == [("current", None, "ok", 0)]

    def test_is_named_as_touched_once_and_not_when_nothing_is_new(self, connection):
        first = take(connection, customer(), invoice())
        again = take(connection, customer(), invoice())

        assert len(first.customers) == 1
        assert again.customers == frozenset()

    def test_that_is_deleted_stays_so_whatever_is_told_later(self, connection):
        take(connection, customer(), event("customer.deleted", events.customer("cus_1"), 2))
        take(connection, event("customer.updated", events.customer("cus_1"), 3))

        assert rows(connection, "SELECT deleted FROM customers") == [(True,)]


class TestAnEventWithoutItsParent:
    @pytest.mark.parametrize(
        ("told", "parent"),
        [
            (invoice(), "customer:cus_1"),
            (
                event("payment_method.attached", events.payment_method("pm_1", "cus_1")),
                "customer:cus_1",
            ),
            (
                event("payment_method.detached", events.payment_method("pm_1", None)),
                "payment_method:pm_1",
            ),
            (charge(), "payment_intent:pi_1"),
            (event("refund.created", events.refund("re_1", "ch_1")), "charge:ch_1"),
            (event("charge.dispute.created", events.dispute("dp_1", "ch_1")), "charge:ch_1"),
        ],
    )
    def test_waits_for_it_by_name(self, connection, told, parent):
        assert take(connection, told).waiting == {0: parent}

    def test_waits_for_its_subscription_too(self, connection):
        assert take(connection, customer(), invoice(subscription="sub_1")).waiting == {
            1: "subscription:sub_1"
        }

    def test_waits_for_the_invoice_its_payment_is_known_to_be_for(self, connection):
        link = event("invoice_payment.paid", events.invoice_payment("ip", "in_1", "pi_1"))

        assert take(connection, charge(), link).waiting == {0: "invoice:in_1"}

    def test_is_named_by_its_parent_when_that_arrives(self, connection):
        assert {"customer:cus_1", "invoice:in_1", "payment_intent:pi_1"} <= take(
            connection, customer(), invoice()
        ).arrived


class TestAChargeOfTheProcessors:
    def test_dates_the_default_of_an_invoice_nobody_was_there_for(self, connection):
        take(connection, customer(), invoice(), charge(at=NEW_YEAR - 60))

        assert rows(
            connection,
            "SELECT origin, off_session, extract(epoch FROM first_failed_at)::bigint "
            "FROM attempts JOIN invoices ON invoices.id = invoice_id",
        ) == [("processor", True, NEW_YEAR - 60)]

    @pytest.mark.parametrize(
        "fields",
        [{"billing_reason": "subscription_create"}, {"collection_method": "send_invoice"}],
    )
    def test_makes_no_debt_of_what_the_customer_tried(self, connection, fields):
        take(connection, customer(), invoice(**fields), charge())

        assert rows(
            connection,
            "SELECT origin, off_session, first_failed_at "
            "FROM attempts JOIN invoices ON invoices.id = invoice_id",
        ) == [("customer", False, None)]

    def test_never_goes_back(self, connection):
        take(connection, customer(), invoice(), charge(status="succeeded", n=2))
        take(connection, charge(status="pending", n=9))

        assert attempts(connection) == [(None, "processor", "succeeded", "ch_1")]


class TestAnAttemptOfOurs:
    @pytest.mark.parametrize(
        ("status", "state"),
        [("failed", "declined"), ("succeeded", "succeeded"), ("pending", "processing")],
    )
    def test_is_filled_by_the_charge_that_carries_its_key(self, connection, status, state):
        take(connection, customer(), invoice())
        intend(connection)

        take(connection, charge(status=status, key=KEY))

        assert attempts(connection) == [(1, "retry", state, "ch_1")]

    def test_keeps_when_it_was_decided_and_learns_when_it_ended(self, connection):
        take(connection, customer(), invoice())
        intend(connection)

        take(connection, charge(key=KEY))

        ((decided, ended),) = rows(connection, "SELECT happened_at, ended_at FROM attempts")
        assert decided == NOW
        assert ended.timestamp() == NEW_YEAR + 2

    def test_makes_a_charge_without_a_key_wait_until_it_is_settled(self, connection):
        take(connection, customer(), invoice())
        intend(connection)
        ((invoice_id,),) = rows(connection, "SELECT id FROM invoices")

        waits = take(connection, charge("ch_1", "failed"))
        told = take(connection, charge("ch_1", "failed", n=3, key=KEY))

        assert waits.waiting == {0: f"attempt:{invoice_id}"}
        assert f"attempt:{invoice_id}" in told.arrived
        assert attempts(connection) == [(1, "retry", "declined", "ch_1")]

    def test_is_known_by_its_charge_even_without_the_key(self, connection):
        take(connection, customer(), invoice())
        intend(connection)
        take(connection, charge(status="pending", key=KEY))

        take(connection, charge(status="succeeded", n=9))

        assert attempts(connection) == [(1, "retry", "succeeded", "ch_1")]

    def test_under_way_makes_another_open_charge_wait_but_not_a_closed_one(self, connection):
        take(connection, customer(), invoice())
        intend(connection)
        take(connection, charge(status="pending", key=KEY))

        open_ = take(connection, charge("ch_2", "pending"))
        closed = take(connection, charge("ch_3", "failed"))

        assert list(open_.waiting) == [0]
        assert not closed.waiting
        assert attempts(connection)[1:] == [(None, "processor", "declined", "ch_3")]

    def test_that_was_given_up_keeps_its_end_and_the_money_is_recorded_apart(self, connection):
        take(connection, customer(), invoice())
        intend(connection, "canceled")

        take(connection, charge(status="succeeded", key=KEY))

        assert attempts(connection) == [
            (1, "retry", "canceled", None),
            (None, "processor", "succeeded", "ch_1"),
        ]


class TestADispute:
    def test_marks_the_invoice_while_it_is_open(self, connection):
        dispute = event("charge.dispute.created", events.dispute("dp_1", "ch_1"), 3)
        closed = events.dispute("dp_1", "ch_1", status="won")
        take(connection, customer(), invoice(), charge(status="succeeded"), dispute)
        during = rows(connection, "SELECT disputed FROM invoices")

        take(connection, event("charge.dispute.closed", closed, 4))

        assert (during, rows(connection, "SELECT disputed FROM invoices")) == (
            [(True,)],
            [(False,)],
        )

    def test_that_is_closed_leaves_the_mark_while_another_is_open(self, connection):
        take(connection, customer(), invoice(), charge(status="succeeded"))
        for n, name in enumerate(("dp_1", "dp_2"), start=3):
            take(connection, event("charge.dispute.created", events.dispute(name, "ch_1"), n))

        closed = events.dispute("dp_1", "ch_1", status="lost")
        take(connection, event("charge.dispute.closed", closed, 9))

        assert rows(connection, "SELECT disputed FROM invoices") == [(True,)]


class TestASubscription:
    def test_that_we_ended_keeps_our_reason(self, connection):
        take(
            connection,
            customer(),
            event("customer.subscription.created", events.subscription("sub_1", "cus_1")),
        )
        connection.execute(
            text(
                "UPDATE subscriptions "
                "SET end_reason = 'dunning_exhausted', end_requested_at = :now"
            ),
            {"now": NOW},
        )
        ended = events.subscription("sub_1", "cus_1", status="canceled", ended_at=NEW_YEAR + 5)

        take(connection, event("customer.subscription.deleted", ended, 5))

        assert rows(connection, "SELECT status, end_reason FROM subscriptions") == [
            ("canceled", "dunning_exhausted")
        ]

    def test_changes_its_prices(self, connection):
        shown = events.subscription("sub_1", "cus_1")
        take(connection, customer(), event("customer.subscription.created", shown))
        shown["items"]["data"][0]["price"] = "price_gold"

        take(connection, event("customer.subscription.updated", shown, 2))

        assert rows(connection, "SELECT plan, prices FROM subscriptions") == [
            ("price_gold", ["price_gold"])
        ]


class TestTheLedger:
    def test_calls_each_change_by_its_name_in_the_order_it_happened(self, connection):
        paid = events.invoice("in_1", "cus_1", payment_intent="pi_1", status="paid")
        take(connection, charge(n=2), invoice(), customer())
        take(connection, event("invoice.paid", paid, 5), charge("ch_2", "succeeded", n=4))

        assert [type for (type,) in rows(connection, "SELECT type FROM ledger_entries")] == [
            "customer.created",
            "invoice.opened",
            "attempt.declined",
            "standing.created",
            "attempt.succeeded",
            "invoice.paid",
        ]
