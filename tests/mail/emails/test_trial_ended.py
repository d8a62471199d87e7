from dataclasses import replace

import pytest

from recoup.core.money import Money
from recoup.mail.base import Card
from recoup.mail.emails.trial_ended.email import TrialEnded
from recoup.mail.template import render


@pytest.fixture
def paid(facts):
    return replace(facts, owed=(), amount=Money(4900, "EUR"), card=Card("visa", "4242"))


class TestTrialEnded:
    def test_says_that_it_goes_on_what_is_due_and_that_it_stays_open(self, paid, read):
        email = TrialEnded.about(paid)

        assert render(email).subject == "Your trial has ended"
        words = read(email)
        assert "your Team subscription has ended, and it now continues as a paid" in words
        assert "A payment of €49.00 is due. We will charge Visa ending in 4242." in words
        assert "Everything it includes stays available to you." in words

    def test_asks_for_a_payment_method_where_there_is_none_and_promises_nothing(self, paid, read):
        words = read(TrialEnded.about(replace(paid, card=None)))

        assert "There is no payment method on file. Please add one now" in words
        assert "Add a payment method: https://app.example.com/billing" in words
        assert "stays available" not in words

    def test_promises_no_access_while_it_is_restricted(self, paid, read):
        words = read(TrialEnded.about(replace(paid, consequences=("read_only",))))

        assert "stays available" not in words

    def test_leaves_out_what_is_not_known(self, paid, read):
        words = read(TrialEnded.about(replace(paid, amount=None, card=Card(None, None))))

        assert (
            "at the agreed price. We will charge the payment method that you have saved." in words
        )

    def test_asks_for_nothing_where_nothing_is_due(self, paid, read):
        words = read(TrialEnded.about(replace(paid, amount=Money(0, "EUR"), card=None)))

        assert "Nothing is due for now, and you do not need to do anything." in words
        assert "payment method" not in words

    def test_says_that_the_subscription_ended_with_it_and_where_to_start_again(self, paid, read):
        words = read(TrialEnded.about(replace(paid, ended=True)))

        assert "has ended, and the subscription with it." in words
        assert "The access that came with it has ended too." in words
        assert "Subscribe again: https://app.example.com/billing" in words
        assert "€49.00" not in words
