from dataclasses import replace

import pytest

from recoup.core.money import Money
from recoup.mail.base import Card
from recoup.mail.emails.invoice_paid.email import InvoicePaid
from recoup.mail.template import render


@pytest.fixture
def paid(facts, noon):
    return replace(facts, amount=Money(4900, "EUR"), at=noon, card=Card("visa", "4242"), owed=())


def words(email) -> str:
    return " ".join(render(email).text.split())


class TestInvoicePaid:
    def test_says_what_was_received_and_that_the_invoice_is_paid(self, paid):
        email = InvoicePaid.about(paid)

        assert render(email).subject == "Payment received for your Team subscription"
        assert "We received €49.00 for your Team subscription." in words(email)
        assert "The invoice is paid, and there is nothing left to do." in words(email)

    def test_lists_invoice_day_amount_and_method(self, paid):
        lines = render(InvoicePaid.about(paid)).text.splitlines()

        assert "Invoice: INV-1" in lines
        assert "Date: March 2, 2026" in lines
        assert "Amount: €49.00" in lines
        assert "Payment method: Visa ending in 4242" in lines

    def test_says_nothing_of_access_that_it_does_not_know_of(self, paid):
        assert "open" not in words(InvoicePaid.about(paid))

    def test_leaves_out_what_is_not_known(self, paid):
        blank = replace(paid, amount=None, at=None, card=None, invoices=())

        text = words(InvoicePaid.about(blank))

        assert "We received your payment for your Team subscription. The invoice is paid" in text
