from dataclasses import replace

import pytest

from recoup.core.money import Money
from recoup.mail.base import Card
from recoup.mail.emails.receipt.email import Receipt
from recoup.mail.template import render


@pytest.fixture
def paid(facts, noon):
    return replace(
        facts, amount=Money(4900, "EUR"), at=noon, card=Card("visa", "4242"), owed=(), starts=True
    )


def words(email) -> str:
    return " ".join(render(email).text.split())


class TestReceipt:
    def test_says_what_was_received_for_what(self, paid):
        email = Receipt.about(paid)

        assert render(email).subject == "Receipt for your Team subscription"
        assert "We received €49.00 for your Team subscription." in words(email)

    def test_lists_invoice_day_amount_and_method(self, paid):
        lines = render(Receipt.about(paid)).text.splitlines()

        assert "Invoice: INV-1" in lines
        assert "Date: March 2, 2026" in lines
        assert "Amount: €49.00" in lines
        assert "Payment method: Visa ending in 4242" in lines

    def test_says_that_all_of_it_is_open_and_asks_for_nothing(self, paid):
        assert "is available to you now. There is nothing left to do." in words(
            Receipt.about(paid)
        )

    def test_opens_nothing_for_an_order_that_was_only_paid(self, paid):
        order = words(Receipt.about(replace(paid, recurring=False, plan=None, starts=False)))

        assert "We received €49.00 for your order." in order
        assert "There is nothing left to do." in order
        assert "available to you" not in order

    def test_leaves_out_what_is_not_known(self, paid):
        email = Receipt.about(replace(paid, amount=None, at=None, card=None, invoices=()))

        assert "We received your payment for your Team subscription. Everything" in words(email)
        assert not any(
            label in words(email) for label in ("Invoice", "Date:", "Amount:", "method:")
        )

    def test_names_several_invoices_in_one_row(self, paid):
        email = Receipt.about(replace(paid, invoices=("INV-1", "INV-2")))

        assert "Invoices: INV-1 and INV-2" in render(email).text.splitlines()

    def test_shows_the_day_where_the_customer_lives(self, paid, noon):
        night = replace(paid, at=noon.replace(hour=23, minute=30))

        assert "Date: March 3, 2026" in words(Receipt.about(night))

    def test_leads_to_the_billing_page(self, paid):
        assert "https://app.example.com/billing" in render(Receipt.about(paid)).text.splitlines()

    @pytest.mark.parametrize(
        ("card", "shown"),
        [
            pytest.param(Card("amex", "0005"), "American Express ending in 0005", id="a card"),
            pytest.param(
                Card("sepa_debit", "3000"),
                "SEPA Direct Debit, account ending in 3000",
                id="a debit",
            ),
            pytest.param(Card(None, "4242"), "Card ending in 4242", id="an unnamed card"),
            pytest.param(Card("paypal", None), "PayPal", id="a wallet"),
            pytest.param(Card("some_pay", "1"), "Some pay ending in 1", id="an unknown one"),
        ],
    )
    def test_names_the_method_as_its_owner_knows_it(self, paid, card, shown):
        lines = render(Receipt.about(replace(paid, card=card))).text.splitlines()

        assert f"Payment method: {shown}" in lines
