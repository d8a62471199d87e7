from dataclasses import replace

import pytest

from recoup.core.money import Money
from recoup.mail.emails.refund_issued.email import RefundIssued


@pytest.fixture
def back(facts, noon):
    return replace(
        facts, amount=Money(4900, "EUR"), at=noon, method="Visa ending in 4242", owed=()
    )


def words(email) -> str:
    return " ".join(email.text.split())


class TestRefundIssued:
    def test_says_how_much_went_back_to_what_and_when_it_arrives(self, back):
        email = RefundIssued.about(back)

        assert email.subject == "We have given back 49.00 EUR"
        assert "arrived on 2 March 2026, when it was not owed any more" in words(email)
        assert "given back 49.00 EUR, to Visa ending in 4242." in words(email)
        assert "5 to 10 business days" in words(email)

    def test_leaves_out_what_is_not_known(self, back):
        email = RefundIssued.about(replace(back, at=None, method=None))

        assert "arrived, when it was not owed any more" in words(email)
        assert "to what you paid with." in words(email)

    def test_says_where_to_start_what_was_wanted(self, back):
        assert "https://app.example.com/billing" in RefundIssued.about(back).text.splitlines()
