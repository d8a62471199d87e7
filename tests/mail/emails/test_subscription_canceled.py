from dataclasses import replace

import pytest

from recoup.core.money import Money
from recoup.mail.emails.subscription_canceled.email import SubscriptionCanceled
from recoup.mail.template import render

OTHERS = ("timeout", "processor", "fraud", "payment_disputed", "anything", "", None)


@pytest.fixture
def over(facts, noon):
    return replace(facts, owed=(), ended=True, ends_at=noon, why="requested")


@pytest.fixture
def coming(over):
    return replace(over, ended=False)


class TestOneThatHasEnded:
    def test_says_so_and_since_when_and_what_it_means(self, over, read):
        email = SubscriptionCanceled.about(over)

        assert render(email).subject == "Your Team subscription has ended"
        words = read(email)
        assert "As requested, your Team subscription has ended." in words
        assert "It ended on March 2, 2026, and so did the access that came with it." in words
        assert "Subscribe again: https://app.example.com/billing" in words

    def test_leaves_out_a_day_that_nobody_knows(self, over, read):
        words = read(SubscriptionCanceled.about(replace(over, ends_at=None)))

        assert "has ended. The access that came with it has ended." in words

    @pytest.mark.parametrize(
        ("why", "said"),
        [
            ("requested", "As requested, your Team subscription has ended."),
            ("payment_failed", "The payment for your Team subscription did not go through, so"),
            ("dunning_exhausted", "The amount due for your Team subscription was not paid, so"),
        ],
    )
    def test_says_why_where_that_may_be_said(self, over, why, said, read):
        assert said in read(SubscriptionCanceled.about(replace(over, why=why)))

    @pytest.mark.parametrize("why", OTHERS)
    def test_gives_no_reason_for_any_other(self, over, why, read):
        words = read(SubscriptionCanceled.about(replace(over, why=why)))

        assert "This is to confirm that your Team subscription has ended." in words

    @pytest.mark.parametrize("why", ["fraud", "processor", "payment_disputed", None])
    def test_invites_nobody_back_who_may_not_come(self, over, why, read):
        words = read(SubscriptionCanceled.about(replace(over, why=why)))

        assert "again" not in words
        assert "Go to billing: https://app.example.com/billing" in words

    @pytest.mark.parametrize("why", ["payment_failed", "dunning_exhausted"])
    def test_says_what_is_still_unpaid_and_asks_for_that_alone(self, over, why, read):
        owed = (Money(4900, "EUR"), Money(500, "USD"))

        words = read(SubscriptionCanceled.about(replace(over, why=why, owed=owed)))

        assert "Still unpaid: €49.00 and $5.00." in words
        assert "Pay now: https://app.example.com/billing" in words
        assert "subscribe again" not in words.lower()

    def test_asks_for_no_money_of_who_only_wanted_to_leave(self, over, read):
        words = read(SubscriptionCanceled.about(replace(over, owed=(Money(4900, "EUR"),))))

        assert "unpaid" not in words


class TestOneThatIsToEnd:
    def test_says_when_what_stays_until_then_and_how_to_undo_it(self, coming, read):
        email = SubscriptionCanceled.about(coming)

        assert render(email).subject == "Your Team subscription ends on March 2, 2026"
        words = read(email)
        assert "As requested, your Team subscription ends on March 2, 2026." in words
        assert "Until then you can use everything it includes." in words
        assert "Keep your subscription: https://app.example.com/billing" in words
        assert "came with it" not in words

    def test_promises_no_access_while_it_is_restricted(self, coming, read):
        words = read(SubscriptionCanceled.about(replace(coming, consequences=("read_only",))))

        assert "Until then" not in words
        assert "the access that comes with it ends on that day" in words

    @pytest.mark.parametrize("why", ["payment_failed", "dunning_exhausted"])
    def test_says_that_a_payment_is_missing(self, coming, why, read):
        owed = (Money(4900, "EUR"),)

        words = read(SubscriptionCanceled.about(replace(coming, why=why, owed=owed)))

        assert "A payment for your Team subscription is missing, so the subscription" in words
        assert "Still unpaid: €49.00." in words
        assert "undo" not in words

    @pytest.mark.parametrize("why", OTHERS)
    def test_gives_no_reason_for_any_other(self, coming, why, read):
        words = read(SubscriptionCanceled.about(replace(coming, why=why)))

        assert "This is to confirm that your Team subscription ends on" in words
        assert "undo" not in words

    def test_names_no_day_that_nobody_knows(self, coming, read):
        email = SubscriptionCanceled.about(replace(coming, ends_at=None))

        assert render(email).subject == "Your Team subscription was canceled"
        assert "As requested, your Team subscription was canceled." in read(email)


class TestEveryOne:
    @pytest.mark.parametrize("locale", ["de", "fr", "es", "pt-BR", "ja", "ar"])
    @pytest.mark.parametrize("why", ["requested", "payment_failed", "dunning_exhausted", None])
    def test_gives_another_reason_in_other_words(self, over, coming, why, locale, read):
        neutral = replace(over, why="fraud"), replace(coming, why="fraud")

        said = [read(SubscriptionCanceled.about(f), locale) for f in neutral]
        words = [
            read(SubscriptionCanceled.about(replace(f, why=why)), locale) for f in (over, coming)
        ]

        assert (words == said) is (why is None)
