from dataclasses import replace

from recoup.mail.emails.subscription_resumed.email import SubscriptionResumed
from recoup.mail.template import render


class TestSubscriptionResumed:
    def test_says_that_it_is_open_and_billed_again_and_asks_for_nothing(self, facts, read):
        email = SubscriptionResumed.about(facts)

        assert render(email).subject == "Your Team subscription continues"
        words = read(email)
        assert "The pause is over, and your Team subscription continues." in words
        assert "Everything it includes is available to you again." in words
        assert "payments are collected when they are due. You do not need to do" in words

    def test_promises_no_access_while_it_is_restricted(self, facts, read):
        words = read(SubscriptionResumed.about(replace(facts, consequences=("read_only",))))

        assert "available to you" not in words

    def test_names_no_plan_that_nobody_knows(self, facts):
        email = SubscriptionResumed.about(replace(facts, plan=None))

        assert render(email).subject == "Your subscription continues"
