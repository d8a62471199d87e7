from dataclasses import replace

import pytest

from recoup.core.money import Money
from recoup.mail.base import Card
from recoup.mail.emails.refund_issued.email import RefundIssued
from recoup.mail.template import render


@pytest.fixture
def back(facts, noon):
    return replace(facts, amount=Money(4900, "EUR"), at=noon, card=Card("visa", "4242"), owed=())


@pytest.fixture
def late(back):
    return replace(back, unowed=True)


def words(email) -> str:
    return " ".join(render(email).text.split())


class TestRefundIssued:
    def test_says_how_much_went_back_for_what_to_what_and_when_it_arrives(self, back):
        email = RefundIssued.about(back)

        assert render(email).subject == "We have refunded €49.00"
        assert "We have refunded €49.00 for your Team subscription." in words(email)
        assert "Refunded to: Visa ending in 4242 Date: March 2, 2026 Invoice: INV-1" in words(
            email
        )
        assert "5 to 10 business days" in words(email)

    def test_says_of_a_part_what_the_whole_was(self, back):
        part = replace(back, amount=Money(500, "EUR"), whole=Money(4900, "EUR"))

        assert "You paid €49.00 for your Team subscription. We have refunded €5.00 of that." in (
            words(RefundIssued.about(part))
        )

    def test_calls_all_of_it_no_part(self, back):
        whole = words(RefundIssued.about(replace(back, whole=back.amount)))

        assert "We have refunded €49.00 for your Team subscription." in whole
        assert "of that" not in whole

    def test_says_of_late_money_when_it_came_and_why_it_went_back(self, late):
        text = words(RefundIssued.about(late))

        assert "arrived on March 2, 2026, when nothing was owed any more." in text
        assert "We have therefore refunded €49.00 to you." in text
        assert "Date:" not in text  # it would read as the day of the refund

    def test_says_of_late_money_how_to_start_what_was_wanted(self, late, back):
        anew = "If you would still like to have your Team subscription"

        assert anew in words(RefundIssued.about(late))
        assert "Start again: https://app.example.com/billing" in words(RefundIssued.about(late))
        assert anew not in words(RefundIssued.about(back))
        assert "View invoices: https://app.example.com/billing" in words(RefundIssued.about(back))

    def test_leaves_out_what_is_not_known(self, back, late):
        blank = {"amount": None, "at": None, "card": None, "invoices": ()}

        email = RefundIssued.about(replace(back, **blank))
        came = words(RefundIssued.about(replace(late, **blank)))

        assert render(email).subject == "We have refunded your payment"
        assert "We have refunded your payment for your Team subscription. The money" in words(
            email
        )
        assert (
            "arrived when nothing was owed any more. We have therefore refunded it to you." in came
        )
        assert "Refund" not in came.replace("Your refund", "")
