from dataclasses import replace
from datetime import timedelta

import pytest

from recoup.core.money import Money
from recoup.mail.base import Card
from recoup.mail.emails.trial_ending.email import TrialEnding
from recoup.mail.template import render


@pytest.fixture
def trial(facts, noon):
    return replace(
        facts,
        trial_ends_at=noon + timedelta(days=3),
        amount=Money(4900, "EUR"),
        card=Card("visa", "4242"),
    )


class TestTrialEnding:
    def test_says_what_is_charged_when_and_to_what(self, trial, read):
        email = TrialEnding.about(trial)

        assert render(email).subject == "Your trial ends on March 5, 2026"
        words = read(email)
        assert "The trial of your Team subscription ends on March 5, 2026." in words
        assert "a payment of €49.00 is due. We will charge Visa ending in 4242 then." in words
        assert "You do not need to do anything." in words

    def test_says_how_to_leave_before_anything_is_charged(self, trial, read):
        words = read(TrialEnding.about(trial))

        assert "please cancel before the trial ends. Nothing is charged then." in words
        assert "Manage your subscription: https://app.example.com/billing" in words

    def test_asks_for_a_payment_method_where_there_is_none(self, trial, read):
        words = read(TrialEnding.about(replace(trial, card=None)))

        assert "There is no payment method on file yet. Please add one" in words
        assert "Add a payment method: https://app.example.com/billing" in words
        assert "do not need to do anything" not in words

    def test_names_no_method_of_which_nothing_is_known(self, trial, read):
        words = read(TrialEnding.about(replace(trial, card=Card(None, None))))

        assert "We will charge the payment method that you have saved." in words

    def test_names_neither_day_nor_sum_that_nobody_knows(self, trial, read):
        email = TrialEnding.about(replace(trial, trial_ends_at=None, amount=None))

        assert render(email).subject == "Your trial ends soon"
        assert "a paid subscription, at the agreed price. We will charge" in read(email)

    @pytest.mark.parametrize("card", [Card("visa", "4242"), None])
    def test_asks_for_nothing_where_nothing_is_due(self, trial, card, read):
        words = read(TrialEnding.about(replace(trial, amount=Money(0, "EUR"), card=card)))

        assert "nothing is due for now. You do not need to do anything." in words
        assert "payment method" not in words
        assert "€" not in words

    def test_one_minor_unit_is_a_sum_that_is_due(self, trial, read):
        assert "€0.01 is due" in read(TrialEnding.about(replace(trial, amount=Money(1, "EUR"))))

    def test_speaks_of_the_end_where_the_subscription_ends_with_it(self, trial, read):
        email = TrialEnding.about(replace(trial, ends_at=trial.trial_ends_at))

        words = read(email)
        assert "Your subscription ends with it, as planned, and nothing is charged." in words
        assert "Keep your subscription: https://app.example.com/billing" in words
        assert "€49.00" not in words

    def test_an_end_that_comes_later_does_not_spare_the_payment(self, trial, read):
        later = replace(trial, ends_at=trial.trial_ends_at + timedelta(seconds=1))

        assert "€49.00 is due" in read(TrialEnding.about(later))

    def test_shows_the_day_where_the_customer_lives(self, trial, noon):
        night = replace(trial, trial_ends_at=noon.replace(hour=23, minute=30))

        assert render(TrialEnding.about(night)).subject == "Your trial ends on March 3, 2026"

    def test_writes_day_and_sum_as_the_language_does(self, trial, read):
        words = read(TrialEnding.about(trial), "de")

        assert "Die Testphase für Ihr Abo „Team“ endet am 5. März 2026." in words
        assert "Fällig wird dann ein Betrag von 49,00 €." in words
