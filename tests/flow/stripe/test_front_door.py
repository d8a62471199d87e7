"""Everything real: Stripe over HTTP, the webhook endpoint on its port, the settings, a worker."""

from __future__ import annotations

from datetime import timedelta

import pytest
from stripe_house import House
from stripe_truth import things

from recoup.core.money import Money
from recoup.processors.fake import LOST, NO_FUNDS, Asks, Broke, Declines, Pays
from recoup.processors.fake.model import Charge, Invoice

TEN = Money(1000, "EUR")


def buyer(house, token="pm_card_visa"):
    """Have Ada sign up through the verbs a host has; return what she has bought."""
    recoup = house.recoup
    ada = recoup.customers.get_or_create("user", "1", email="ada@example.com", name="Ada")
    recoup.methods.attach(ada.id, token, default=True)
    price = house.fake.create_price(TEN)
    started = recoup.subscriptions.start(ada.id, price)
    house.pace.settle()
    return ada, started.subscription


def bank_says(house, payer):
    """Have the bank of the only card answer so from now on."""
    (row,) = house.rows("SELECT processor_id FROM payment_methods WHERE NOT detached")
    house.fake.update_method(row["processor_id"], payer=payer)


def cases(house):
    return [row["ending"] for row in house.rows("SELECT ending FROM cases ORDER BY id")]


def due(house):
    """Live on until the renewal of the only subscription has failed; return the invoice's id."""
    house.live(days=32)
    assert cases(house) == [None]
    (row,) = house.rows("SELECT id FROM invoices WHERE first_failed_at IS NOT NULL")
    return row["id"]


def captured(house):
    return house.fake.books().captured_in("EUR")


class TestARenewalThatIsDeclined:
    def test_is_tried_again_through_stripe_and_recovered(self, database_url, home, server):
        """With the processor that the settings make, at the pace that Stripe bears."""
        with House.of(database_url, home, server, usual=True) as house:
            buyer(house)
            bank_says(house, Broke(payday=house.now + timedelta(days=35)))

            due(house)
            house.live(days=14)

            assert cases(house) == ["recovered"]
            tries = house.rows("SELECT origin, state FROM attempts ORDER BY id")
            assert [row["origin"] for row in tries[:2]] == ["customer", "processor"]
            assert {row["origin"] for row in tries[2:]} == {"retry"}
            assert tries[-1]["state"] == "succeeded"
            assert captured(house) == 2000
            assert house.differences() == []

    def test_for_good_is_not_tried_again_and_ends(self, house):
        _, bought = buyer(house)
        bank_says(house, Declines(LOST))

        due(house)
        house.live(days=40)

        assert cases(house) == ["exhausted"]
        origins = [row["origin"] for row in house.rows("SELECT origin FROM attempts")]
        assert "retry" not in origins
        assert house.recoup.subscriptions.get(bought.id).ended
        assert captured(house) == 1000
        assert house.differences() == []

    def test_is_recovered_at_once_by_another_card(self, house):
        ada, _ = buyer(house)
        bank_says(house, Declines(LOST))
        due(house)

        house.recoup.methods.attach(ada.id, "pm_card_mastercard", default=True)
        house.live(days=2)

        assert cases(house) == ["recovered"]
        assert captured(house) == 2000
        assert house.differences() == []


class TestARenewalThatNeedsItsCustomer:
    def test_is_recovered_once_they_have_authenticated(self, house):
        buyer(house)
        bank_says(house, Asks())
        invoice = due(house)

        waits = house.recoup.invoices.pay(invoice, origin="customer")
        assert waits.action is not None
        name = house.recoup.invoices.get(invoice).processor_id
        house.fake.customer_authenticates(house.fake.invoice(name).intent)
        house.live(days=1)

        assert cases(house) == ["recovered"]
        assert captured(house) == 2000
        assert house.differences() == []

    def test_is_not_recovered_by_a_challenge_that_is_not_passed(self, house):
        buyer(house)
        bank_says(house, Asks(then=Declines(NO_FUNDS)))
        due(house)

        (owed,) = [one for one in things(house.fake, Invoice) if one.remaining]
        house.fake.customer_authenticates(owed.intent, ok=False)
        house.live(days=1)

        assert cases(house) == [None]
        assert captured(house) == 1000
        assert house.differences() == []


class TestMoneyGivenBack:
    def test_is_what_stripe_gave_back(self, house):
        ada, _ = buyer(house)
        paid = house.recoup.payments.charge(ada.id, Money(2500, "EUR"), description="Book")

        some = house.recoup.payments.refund(paid.id, Money(700, "EUR"))
        rest = house.recoup.payments.refund(paid.id)
        house.live(days=1)

        assert (some.amount.minor, rest.amount.minor) == (700, 1800)
        assert house.fake.books().refunded_in("EUR") == 2500
        assert house.differences() == []

    def test_by_somebody_else_at_stripe_is_heard_of(self, house):
        ada, _ = buyer(house)
        paid = house.recoup.payments.charge(ada.id, Money(2500, "EUR"), description="Book")

        house.fake.refund(paid.processor_id, Money(900, "EUR"))
        house.live(hours=1)

        assert [one.amount.minor for one in house.recoup.payments.refunds(paid.id)] == [900]
        assert house.differences() == []


class TestAnInvoiceThatIsVoided:
    @pytest.mark.parametrize("by", ["recoup", "stripe"])
    def test_ends_its_case_and_is_not_tried_again(self, house, by):
        buyer(house)
        bank_says(house, Declines(NO_FUNDS))
        invoice = due(house)
        tries = len(things(house.fake, Charge))

        if by == "recoup":
            house.recoup.invoices.void(invoice, reason="a mistake")
        else:
            house.fake.void(house.recoup.invoices.get(invoice).processor_id)
        bank_says(house, Pays())
        house.live(days=10)

        assert cases(house) == ["superseded"]
        assert len(things(house.fake, Charge)) == tries
        assert house.differences() == []
