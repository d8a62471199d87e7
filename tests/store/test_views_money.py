"""What is seen of money: invoices paid or only resolved, payments, and what may be given back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from recoup.core.billing.views import Outcome, Pay
from recoup.core.money import Money
from recoup.processors.stripe.reader import read
from recoup.store import views
from recoup.store.absorb import absorb
from recoup.store.writer import Writer
from recoup.testing import events
from recoup.testing.events import NEW_YEAR

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def euros(minor):
    return Money(minor, "EUR")


@pytest.fixture
def connection(engine):
    with engine.begin() as connection:
        yield connection


def take(connection, *told):
    """Absorb objects with their types, one event each, a second apart."""
    facts = [
        read(events.event(type, object, id=f"evt_{n}", at=NEW_YEAR + n)).facts
        for n, (type, object) in enumerate(told, 1)
    ]
    absorb(Writer(connection, now=NOW, actor="test", cause="test"), "stripe", facts)


def customer(name="cus_1", **fields):
    return "customer.created", events.customer(name, **fields)


def invoice(name="in_1", status="open", owner="cus_1", **fields):
    fields = {"payment_intent": f"pi_{name}"} | fields
    return f"invoice.{status}", events.invoice(name, owner, status=status, **fields)


def charge(name="ch_1", of="in_1", status="succeeded", owner="cus_1", **fields):
    shown = events.charge(name, owner, payment_intent=f"pi_{of}", status=status, **fields)
    return f"charge.{status}", shown


def refund(name, charge="ch_1", **fields):
    return "refund.created", events.refund(name, charge, **fields)


def dispute(status):
    return "charge.dispute.closed", events.dispute("dp_1", "ch_1", status=status)


def command(connection, key, *, subject, amount, kind="payments.refund", state="recorded"):
    over = state in {"done", "refused"}
    connection.execute(
        text(
            "INSERT INTO commands (kind, key, request_hash, subject, state, processor_key, "
            "amount, currency, actor, recorded_at, ended_at, error) VALUES (:kind, :key, 'x', "
            ":subject, :state, :key, :amount, 'EUR', 'ann', :now, :ended, :error)"
        ),
        {
            "kind": kind,
            "key": key,
            "subject": subject,
            "state": state,
            "amount": amount,
            "now": NOW,
            "ended": NOW if over else None,
            "error": "{}" if state == "refused" else None,
        },
    )


class TestAnInvoice:
    def test_that_was_paid_says_by_which_payment_and_what_was_given_back(self, connection):
        take(
            connection,
            customer(),
            invoice(status="paid", description="Seats"),
            charge("ch_0", status="failed"),
            charge("ch_1"),
            refund("re_1"),
            refund("re_2", amount=100),
            refund("re_3", amount=500, status="failed"),
        )

        shown = views.read_invoice(connection, "in_1", now=NOW)

        payment = views.read_payment(connection, "ch_1")
        assert (shown.outcome, shown.resolved_as) == (Outcome.PAID, None)
        assert (shown.due, shown.paid, shown.remaining) == (euros(1000), euros(1000), euros(0))
        assert (shown.refunded, shown.paid_by) == (euros(500), payment.id)
        assert shown.description == "Seats"

    def test_is_paid_by_the_last_payment_of_several(self, connection):
        take(
            connection,
            customer(),
            invoice(status="paid"),
            charge("ch_1", amount=600, at=NEW_YEAR + 9),
            charge("ch_2", amount=400, at=NEW_YEAR),
        )

        shown = views.read_invoice(connection, "in_1", now=NOW)

        # The second was told to have ended later.
        assert shown.paid_by == views.read_payment(connection, "ch_2").id

    @pytest.mark.parametrize(
        ("fields", "how"),
        [
            ({"status": "void"}, "voided"),
            ({"status": "uncollectible"}, "written_off"),
            ({"status": "paid", "out_of_band": True}, "paid_out_of_band"),
            ({"status": "paid", "amount": 0}, "nothing_due"),
            (
                {"status": "paid", "amount": 0, "pre_payment_credit_notes_amount": 1000},
                "credited",
            ),
        ],
    )
    def test_that_was_closed_without_money_is_never_shown_as_paid(self, connection, fields, how):
        take(connection, customer(), invoice(**fields))

        shown = views.read_invoice(connection, "in_1", now=NOW)

        assert (shown.outcome, shown.resolved_as, shown.paid_by) == (Outcome.RESOLVED, how, None)

    @pytest.mark.parametrize(
        ("late", "expected"),
        [(timedelta(microseconds=-1), Outcome.OPEN), (timedelta(0), Outcome.OVERDUE)],
    )
    def test_is_overdue_from_the_instant_it_is_due(self, connection, late, expected):
        take(connection, customer(), invoice(due_date=NEW_YEAR))

        assert views.read_invoice(connection, "in_1", now=START + late).outcome == expected

    def test_is_owed_again_when_a_dispute_is_lost_and_paid_again_when_it_is_won(self, connection):
        paid = [customer(), invoice(status="paid"), charge()]
        take(connection, *paid, dispute("needs_response"))
        open_ = views.read_invoice(connection, "in_1", now=NOW)
        take(connection, *paid, dispute("needs_response"), dispute("lost"))
        lost = views.read_invoice(connection, "in_1", now=NOW)

        assert (open_.outcome, open_.disputed) == (Outcome.PAID, True)
        assert (lost.outcome, lost.disputed) == (Outcome.OVERDUE, False)
        assert (lost.remaining, lost.paid, lost.paid_by) == (euros(1000), euros(1000), None)


class TestAPayment:
    @pytest.fixture
    def paid(self, connection):
        take(connection, customer(), invoice(status="paid"), charge())
        return views.read_payment(connection, "ch_1")

    def test_can_be_given_back_whole(self, paid):
        assert (paid.outcome, paid.amount, paid.refundable) == (
            Pay.SUCCEEDED,
            euros(1000),
            euros(1000),
        )

    def test_can_be_given_back_but_for_what_was_and_what_will_be(self, connection, paid):
        whole = [customer(), invoice(status="paid"), charge()]
        failed = refund("re_2", amount=300, status="failed")
        take(connection, *whole, refund("re_1", amount=100), failed)
        of = {"subject": f"payment:{paid.id}"}
        command(connection, "k1", amount=20, **of)
        command(connection, "k2", amount=30, state="refused", **of)
        command(connection, "k3", amount=40, kind="payments.other", **of)
        command(connection, "k4", amount=50, subject=f"payment:{paid.id}0")

        shown = views.read_payment(connection, paid.id)

        assert (shown.refunded, shown.refundable) == (euros(100), euros(880))
        assert views.list_payments(connection) == (shown,)
        assert [r.amount for r in views.list_refunds(connection, paid.id)] == [
            euros(100),
            euros(300),
        ]

    def test_never_owes_more_than_it_took(self, connection, paid):
        command(connection, "k1", amount=1001, subject=f"payment:{paid.id}")

        assert views.read_payment(connection, paid.id).refundable == euros(0)

    @pytest.mark.parametrize(
        ("status", "left", "disputed"),
        [("needs_response", 0, True), ("lost", 0, False), ("won", 1000, False)],
    )
    def test_is_not_given_back_while_a_dispute_may_take_it(
        self, connection, status, left, disputed
    ):
        take(connection, customer(), invoice(status="paid"), charge(), dispute(status))

        shown = views.read_payment(connection, "ch_1")

        assert (shown.refundable, shown.disputed) == (euros(left), disputed)

    def test_that_took_nothing_has_nothing_to_give_back(self, connection):
        take(connection, customer(), invoice(), charge(status="failed"))

        shown = views.read_payment(connection, "ch_1")

        assert (shown.outcome, shown.refundable) == (Pay.DECLINED, euros(0))
        assert shown.decline_code == "insufficient_funds"
