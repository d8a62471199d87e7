from dataclasses import replace

import pytest

from recoup.core.money import Money
from recoup.mail.base import Card
from recoup.mail.emails.payment_recovered.email import PaymentRecovered
from recoup.mail.template import render


@pytest.fixture
def paid(facts, noon):
    card = Card("visa", "4242")
    return replace(facts, owed=(), amount=Money(4900, "EUR"), at=noon, card=card)


class TestPaymentRecovered:
    def test_says_what_came_and_asks_for_nothing(self, paid, read, keys):
        email = PaymentRecovered.about(paid)

        assert "your Team subscription" in render(email).subject
        assert "€49.00 for your Team subscription" in read(email)
        assert "Visa ending in 4242" in read(email)
        assert "done" in keys(email)

    def test_says_that_what_was_closed_is_open(self, paid, keys):
        told = keys(PaymentRecovered.about(replace(paid, consequences=("read_only",))))

        assert "open" in told
        assert "goes_on" not in told

    def test_speaks_of_no_limits_that_nobody_noticed(self, paid, keys):
        told = keys(PaymentRecovered.about(replace(paid, consequences=("notify",))))

        assert told == keys(PaymentRecovered.about(paid))
        assert "goes_on" in told
        assert "open" not in told

    def test_goes_on_with_nothing_that_has_ended(self, paid, keys):
        told = keys(PaymentRecovered.about(replace(paid, consequences=("suspend",), ended=True)))

        assert not {"open", "open_plain", "goes_on"} & set(told)

    def test_opens_what_an_order_had_closed(self, paid, keys):
        order = replace(paid, recurring=False)
        closed = keys(PaymentRecovered.about(replace(order, consequences=("suspend",))))

        assert "open_plain" in closed
        assert not {"open", "open_plain", "goes_on"} & set(keys(PaymentRecovered.about(order)))

    def test_lists_every_invoice_of_the_case(self, paid, read):
        email = PaymentRecovered.about(replace(paid, invoices=("INV-1", "INV-2")))

        assert "Invoices: INV-1 and INV-2" in read(email)

    def test_leaves_out_what_is_not_known(self, facts, keys):
        told = keys(PaymentRecovered.about(replace(facts, owed=(), invoices=())))

        assert "received_plain" in told
        assert not [key for key in told if key.startswith("labels.")]
