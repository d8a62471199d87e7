"""The mails about a first payment: to whom, when, once, and only while they are true."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup import Money, PaymentGate
from recoup.errors import MailUnreachable
from recoup.processors.fake import EXPIRED, Declines, Pays, Slow

DAY = timedelta(days=1)
GATE = PaymentGate(timeout=2 * DAY)


@pytest.fixture
def price(world):
    return world.fake.create_price(Money(2000, "EUR"))


@pytest.fixture
def start(world, price):
    """Start a subscription behind a gate, for somebody who pays so."""

    def begin(payer, *, gate=GATE, email="ada@example.com", **card):
        ada = world.recoup.customers.get_or_create("user", "ada", email=email)
        method = world.fake.attach_method(ada.processor_id, payer, **card)
        begun = world.recoup.subscriptions.start(ada.id, price, default_method=method, gate=gate)
        world.pace.settle()
        return begun

    return begin


def debit(takes):
    return {"payer": Slow(takes=takes), "kind": "sepa_debit", "brand": ""}


#: What these stories are about; what other mails follow is told of in tests/flow/mails.
ABOUT = ["receipt", "activation_expired", "refund_issued"]


def mails(world):
    sql = "SELECT type, state, reason FROM mails WHERE type = ANY(:types) ORDER BY id"
    rows = world.rows(sql, types=ABOUT)
    return [(row["type"], row["state"], row["reason"]) for row in rows]


def text(message):
    return " ".join(message.get_body(("plain",)).get_content().split())


class TestAReceipt:
    def test_is_sent_once_when_the_gate_is_satisfied(self, world, start):
        start(Pays())
        world.recoup.ingest(body for _, body in world.fake.events())
        world.live(days=1)

        (message,) = world.outbox.messages
        assert mails(world) == [("receipt", "sent", None)]
        assert message["To"] == "ada@example.com"
        assert message["Subject"] == "Receipt for your subscription"
        assert "We received €20.00" in text(message)
        assert "Payment method: Visa ending in" in text(message)
        (invoice,) = world.rows("SELECT number FROM invoices")
        assert f"Invoice: {invoice['number']}" in text(message)

    def test_is_sent_at_any_hour(self, world, start):
        world.pace.at(world.now + timedelta(hours=3))

        start(Pays())

        assert mails(world) == [("receipt", "sent", None)]

    def test_is_sent_by_nobody_for_what_has_no_gate(self, world, start):
        start(Pays(), gate=None)

        assert mails(world) == []

    def test_comes_again_when_the_server_is_away_and_then_only_once(self, world, start):
        world.outbox.script(MailUnreachable("down"), None)
        start(Pays())
        assert mails(world) == [("receipt", "queued", None)]

        world.pace.at(world.now + timedelta(minutes=1))

        assert mails(world) == [("receipt", "sent", None)]
        assert len(world.outbox.messages) == 1

    def test_to_nobody_is_skipped_with_that_reason(self, world, start):
        start(Pays(), email=None)

        assert mails(world) == [("receipt", "skipped", "the customer has no address")]
        assert world.effect("send_mail")["state"] == "canceled"


class TestActivationExpired:
    def test_is_sent_once_when_nothing_came_in_time(self, world, start):
        start(**debit(20 * DAY))

        world.live(days=4)

        (message,) = world.outbox.messages
        assert mails(world) == [("activation_expired", "sent", None)]
        assert "We did not receive the payment of €20.00 for your subscription" in text(message)
        assert "we will refund it" in text(message)
        assert "Invoice" not in text(message)

    def test_says_why_where_that_may_be_told(self, world, start):
        start(Declines(EXPIRED), gate=PaymentGate(tries=1))

        (message,) = world.outbox.messages
        assert mails(world) == [("activation_expired", "sent", None)]
        assert "did not go through" in text(message)
        assert "The reason we were given: the card has expired." in text(message)

    def test_is_not_sent_to_whom_asked_for_the_end(self, world, start):
        begun = start(**debit(20 * DAY))

        world.recoup.subscriptions.cancel(begun.subscription.id)
        world.live(days=4)

        assert mails(world) == []

    def test_is_not_sent_when_late_money_has_started_it_after_all(self, world, start):
        world.outbox.script(*[MailUnreachable("down")] * 30)
        start(**debit(3 * DAY), gate=PaymentGate(timeout=2 * DAY, late="reactivate"))
        world.live(days=2.1)
        assert mails(world) == [("activation_expired", "queued", None)]

        world.do("UPDATE effects SET due_at = due_at + interval '2 days' WHERE kind = 'send_mail'")
        world.live(days=1)
        world.outbox.script(*[None] * 30)
        world.live(days=2)

        states = world.rows("SELECT decision, state FROM late_payments")
        assert states == [{"decision": "reactivate", "state": "reactivated"}]
        assert mails(world)[0] == ("activation_expired", "skipped", "it was started after all")


class TestARefund:
    def test_of_late_money_is_told_once_with_what_and_when(self, world, start):
        start(**debit(4 * DAY))

        world.live(days=6)

        assert [one[:2] for one in mails(world)] == [
            ("activation_expired", "sent"),
            ("refund_issued", "sent"),
        ]
        message = world.outbox.messages[-1]
        assert message["Subject"] == "We have refunded €20.00"
        assert "arrived on January 5, 2026" in text(message)

    def test_that_failed_before_it_was_told_is_not_told(self, world, start):
        start(**debit(4 * DAY))
        world.live(days=3)
        world.outbox.script(*[MailUnreachable("down")] * 10)
        world.live(days=1.01)
        assert mails(world)[-1] == ("refund_issued", "queued", None)

        (refund,) = world.rows("SELECT processor_id FROM refunds")
        world.fake.send_back(refund["processor_id"])
        world.pace.listen()
        assert world.rows("SELECT state FROM late_payments") == [{"state": "stuck"}]
        world.outbox.script(*[None] * 5)
        world.pace.at(world.now + timedelta(hours=2))

        assert mails(world)[-1] == ("refund_issued", "skipped", "the money has not gone back")
