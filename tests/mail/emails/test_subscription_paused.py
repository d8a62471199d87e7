from dataclasses import replace

from recoup.mail.emails.subscription_paused.email import SubscriptionPaused
from recoup.mail.template import render


class TestSubscriptionPaused:
    def test_says_what_rests_and_what_stays(self, facts, read):
        email = SubscriptionPaused.about(facts)

        assert render(email).subject == "Your Team subscription is paused"
        words = read(email)
        assert "From now on, your Team subscription is paused." in words
        assert "we collect no payments for it, and the features it includes are not" in words
        assert "You can still sign in and export your data." in words
        assert "Manage your subscription: https://app.example.com/billing" in words

    def test_says_on_which_day_it_goes_on_by_itself(self, facts, noon, read):
        words = read(SubscriptionPaused.about(replace(facts, resumes_at=noon)))

        assert "It resumes automatically on March 2, 2026. You do not need to do" in words
        assert "until it is resumed" not in words

    def test_says_how_it_goes_on_where_there_is_no_such_day(self, facts, read):
        words = read(SubscriptionPaused.about(facts))

        assert "It stays paused until it is resumed. You can do this at any time." in words
        assert "automatically" not in words
