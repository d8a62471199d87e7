from dataclasses import replace
from datetime import timedelta

import pytest

from recoup.core.money import Money
from recoup.mail.base import Card
from recoup.mail.emails.invoice_finalized.email import InvoiceFinalized
from recoup.mail.template import render


@pytest.fixture
def issued(facts, noon):
    return replace(facts, amount=Money(4900, "EUR"), at=noon, due_at=noon + timedelta(days=14))


def words(email) -> str:
    return " ".join(render(email).text.split())


class TestInvoiceFinalized:
    def test_lists_number_day_amount_and_what_is_due_when(self, issued):
        email = InvoiceFinalized.about(issued)

        lines = render(email).text.splitlines()
        assert render(email).subject == "Invoice for your Team subscription"
        assert "Invoice: INV-1" in lines
        assert "Date: March 2, 2026" in lines
        assert "Amount: €49.00" in lines
        assert "Due on: March 16, 2026" in lines

    def test_asks_to_pay_in_time_where_nothing_is_charged(self, issued):
        text = words(InvoiceFinalized.about(issued))

        assert "Please pay it by March 16, 2026. Pay invoice: https://" in text

    def test_asks_for_nothing_where_a_card_is_charged(self, issued):
        text = words(InvoiceFinalized.about(replace(issued, card=Card("visa", "4242"))))

        assert "Payment method: Visa ending in 4242" in text
        assert "There is nothing for you to do. View invoice: https://" in text
        assert "Please pay" not in text

    def test_promises_and_asks_nothing_where_neither_is_known(self, issued):
        text = words(InvoiceFinalized.about(replace(issued, due_at=None)))

        assert "Please pay" not in text
        assert "nothing for you to do" not in text
        assert "View invoice: https://" in text

    def test_leaves_out_what_is_not_known(self, issued):
        blank = replace(issued, amount=None, at=None, due_at=None, invoices=())

        text = words(InvoiceFinalized.about(blank))

        assert "We have issued an invoice for your Team subscription. View invoice:" in text
