from dataclasses import replace

import pytest

from recoup.core.money import Money
from recoup.mail.emails.receipt.email import Receipt


@pytest.fixture
def paid(facts, noon):
    return replace(
        facts, amount=Money(4900, "EUR"), at=noon, method="Visa ending in 4242", owed=()
    )


def words(email) -> str:
    return " ".join(email.text.split())


class TestReceipt:
    def test_says_what_was_received_for_what_when_and_how(self, paid):
        email = Receipt.about(paid)

        assert email.subject == "Receipt for your Team subscription"
        assert (
            "We received 49.00 EUR for your Team subscription, on 2 March 2026, with Visa ending "
            "in 4242."
        ) in words(email)
        assert "Invoice: INV-1" in email.text

    def test_says_that_all_of_it_is_open_and_asks_for_nothing(self, paid):
        assert "is open for you now. There is nothing left to do." in words(Receipt.about(paid))

    def test_leaves_out_what_is_not_known(self, paid):
        email = Receipt.about(replace(paid, at=None, method=None))

        assert "We received 49.00 EUR for your Team subscription. Everything" in words(email)

    def test_shows_the_day_where_the_customer_lives(self, paid, noon):
        night = replace(paid, at=noon.replace(hour=23, minute=30))

        assert "on 3 March 2026" in words(Receipt.about(night))
