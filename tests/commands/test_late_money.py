"""Money that comes when nothing is owed any more: given back once, or it buys after all."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup import PaymentGate
from recoup.core.money import Money
from recoup.processors.fake import NO_FUNDS, Declines, Fault, Slow

TEN = Money(1000, "EUR")
DAY = timedelta(days=1)
GATE = PaymentGate()
AGAIN = PaymentGate(late="reactivate")


@pytest.fixture
def price(scene):
    return scene.fake.create_price(TEN)


@pytest.fixture
def subscriptions(scene):
    return scene.recoup.subscriptions


def debited(scene, takes=5 * DAY) -> int:
    """Return our id of a customer with a bank account whose debits take so long."""
    who = scene.fake.create_customer(email="ada@example.com", country="DE")
    scene.fake.attach_method(who, Slow(takes=takes), kind="sepa_debit", country="DE")
    scene.pace.settle()
    return scene.recoup.customers.get(who).id


def told(scene, type) -> int:
    """Return how often the ledger tells of `type`."""
    return len(scene.rows("SELECT FROM ledger_entries WHERE type = :type", type=type))


class TestLateMoney:
    def test_goes_back_once(self, scene, subscriptions, price):
        ada = debited(scene)
        started = subscriptions.start(ada, price, gate=GATE)
        scene.live(days=2)
        assert subscriptions.get(started.subscription.id).gate.withdrawal == "unsupported"

        scene.live(days=5)

        (late,) = scene.recoup.payments.late(ada)
        assert (late.decision, late.state, late.amount) == ("refund", "refunded", TEN)
        assert (late.invoice_id, late.subscription_id) == (started.invoice_id, None)
        assert late.ended_at is not None
        payment = scene.recoup.payments.get(late.payment_id)
        assert (payment.refunded, payment.refundable) == (TEN, Money(0, "EUR"))
        assert len(scene.recoup.payments.refunds(payment.id)) == 1
        assert (told(scene, "payment.late"), told(scene, "late_payment.refunded")) == (1, 1)
        assert subscriptions.get(started.subscription.id).status == "canceled"

    @pytest.mark.parametrize("kind", ["outage", "busy", "lost_reply"])
    def test_goes_back_once_however_the_asking_fails(self, scene, subscriptions, price, kind):
        ada = debited(scene)
        subscriptions.start(ada, price, gate=GATE)
        scene.live(days=4.9)
        scene.fake.add_fault(Fault(kind, call="refund"))

        scene.live(days=2)

        (late,) = scene.recoup.payments.late(ada)
        assert late.state == "refunded"
        assert scene.fake.books().refunded_in("EUR") == 1000

    def test_goes_back_after_a_cancel_too(self, scene, subscriptions, price):
        ada = debited(scene)
        started = subscriptions.start(ada, price, gate=PaymentGate(timeout=10 * DAY))
        subscriptions.cancel(started.subscription.id)

        scene.live(days=7)

        (late,) = scene.recoup.payments.late(ada)
        assert late.state == "refunded"

    def test_is_nobody_elses(self, scene, subscriptions, price):
        ada, bob = debited(scene), debited(scene, takes=DAY / 2)
        for who in (ada, bob):
            subscriptions.start(who, price, gate=GATE)

        scene.live(days=7)

        assert len(scene.recoup.payments.late()) == 1
        assert scene.recoup.payments.late(bob) == ()


class TestLateMoneyThatReactivates:
    def test_buys_what_it_was_for(self, scene, subscriptions, price):
        ada = debited(scene)
        first = subscriptions.start(ada, price, gate=AGAIN, metadata={"team": "a"}).subscription

        scene.live(days=7)

        (late,) = scene.recoup.payments.late(ada)
        assert (late.decision, late.state) == ("reactivate", "reactivated")
        new = subscriptions.get(late.subscription_id)
        assert (new.id != first.id, new.active, new.metadata) == (True, True, {"team": "a"})
        assert [item.price for item in new.items] == [price]
        assert scene.fake.books().refunded_in("EUR") == 0
        assert new.period_end - late.found_at == timedelta(days=31)

    def test_bills_the_next_period_once(self, scene, subscriptions, price):
        ada = debited(scene)
        subscriptions.start(ada, price, gate=AGAIN)
        scene.live(days=7)
        (late,) = scene.recoup.payments.late(ada)

        scene.live(days=37)

        due = [one.due.minor for one in scene.recoup.invoices.list(customer=ada)]
        assert sorted(due) in ([0, 1000], [1000])
        assert subscriptions.get(late.subscription_id).active

    def test_goes_back_where_something_has_replaced_it(self, scene, subscriptions, price):
        ada = debited(scene)
        subscriptions.start(ada, price, gate=AGAIN)
        scene.live(days=2)
        card = scene.fake.attach_method(scene.recoup.customers.get(ada).processor_id)
        scene.pace.settle()
        subscriptions.start(ada, price, default_method=card)

        scene.live(days=5)

        (late,) = scene.recoup.payments.late(ada)
        assert (late.decision, late.state) == ("refund", "refunded")

    def test_goes_back_where_it_can_not_begin_again(self, scene, subscriptions, price):
        ada = debited(scene)
        started = subscriptions.start(ada, price, gate=AGAIN).subscription
        scene.live(days=2)
        self_made = "UPDATE subscriptions SET items = :items WHERE id = :id"
        items = '[{"id": "si", "price": "price_gone", "quantity": 1}]'
        with scene.recoup.database.begin() as connection:
            connection.exec_driver_sql(
                self_made.replace(":items", "%s").replace(":id", "%s"), (items, started.id)
            )

        scene.live(days=5)

        (late,) = scene.recoup.payments.late(ada)
        assert (late.decision, late.state, late.subscription_id) == ("refund", "refunded", None)
        assert scene.fake.books().refunded_in("EUR") == 1000


class TestAWithdrawal:
    def test_says_what_became_of_it(self, scene, subscriptions, price):
        who = scene.fake.create_customer(email="ada@example.com", country="DE")
        scene.fake.attach_method(who, Declines(NO_FUNDS), country="DE")
        scene.pace.settle()
        gate = PaymentGate(timeout=timedelta(hours=3))
        started = subscriptions.start(who, price, gate=gate)

        scene.live(days=2)

        gate = subscriptions.get(started.subscription.id).gate
        assert (gate.status, gate.reason, gate.withdrawal) == ("expired", "timeout", "canceled")
