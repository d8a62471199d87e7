"""A whole Recoup that asks Stripe: charges, invoices and refunds, and what is told of them."""

from __future__ import annotations

import pytest

from recoup.billing import Recoup
from recoup.config import Config
from recoup.core.billing.requests import LineWanted
from recoup.core.billing.views import Outcome, Pay
from recoup.core.money import Money
from recoup.jobs.clocks import TestClock
from recoup.processors.fake import LOST, Asks, Declines
from recoup.testing.mail import Outbox
from recoup.testing.scene import Scene

TEN = Money(1000, "EUR")


@pytest.fixture
def scene(stripe_town, database_url, home):
    clock, outbox = TestClock(stripe_town.now()), Outbox()
    config = Config.load(database_url=database_url, home=home)
    with Recoup(config, processor=stripe_town.processor, sender=outbox, clock=clock) as recoup:
        yield Scene(recoup, stripe_town.fake, clock, outbox)


@pytest.fixture
def payer(scene):
    """Make a customer whose bank answers as told; returns our id and the method's."""

    def make(payer=None):
        customer = scene.recoup.customers.get_or_create("user", "1", email="ann@example.com")
        method = scene.fake.new_method(payer)
        scene.recoup.methods.attach(customer.id, method, default=True)
        return customer.id

    return make


class TestARecoupThatAsksStripe:
    def test_charges_and_gives_back(self, scene, payer):
        paid = scene.recoup.payments.charge(payer(), TEN, description="A day")

        refund = scene.recoup.payments.refund(paid.id, Money(400, "EUR"))
        scene.live(hours=1)

        assert (paid.outcome, refund.amount) == (Pay.SUCCEEDED, Money(400, "EUR"))
        found = scene.recoup.payments.get(paid.id)
        assert (found.refunded, found.refundable) == (Money(400, "EUR"), Money(600, "EUR"))
        assert scene.fake.books().captured_in("EUR") == 1000
        assert scene.violations() == ()

    def test_owes_nothing_for_a_charge_that_was_declined(self, scene, payer):
        declined = scene.recoup.payments.charge(payer(Declines(LOST)), TEN, description="A day")
        scene.live(days=2)

        invoice = scene.recoup.invoices.get(declined.invoice_id)
        assert (declined.outcome, declined.decline_code) == (Pay.DECLINED, "lost_card")
        assert invoice.outcome is Outcome.RESOLVED
        assert scene.violations() == ()

    def test_is_paid_once_the_customer_has_passed_the_challenge(self, scene, payer):
        asked = scene.recoup.payments.charge(payer(Asks()), TEN, description="A day", key="once")

        intent, _, _ = asked.processor_id.partition("/")
        scene.fake.customer_authenticates(intent)
        scene.live(hours=1)

        assert asked.outcome is Pay.REQUIRES_ACTION
        assert asked.action.client_secret.startswith(intent)
        invoice = scene.recoup.invoices.get(asked.invoice_id)
        assert (invoice.outcome, invoice.paid) == (Outcome.PAID, TEN)
        assert scene.violations() == ()

    def test_bills_once_and_takes_it_back(self, scene, payer):
        lines = [LineWanted("A day", Money(900, "EUR"), tax=100)]
        customer = payer()

        made = [scene.recoup.invoices.create(customer, lines, key="once") for _ in range(2)]
        closed = scene.recoup.invoices.void(made[0].id, reason="a mistake")
        scene.live(hours=1)

        assert made[0] == made[1]
        assert (made[0].due, closed.outcome) == (TEN, Outcome.RESOLVED)
        assert scene.violations() == ()
