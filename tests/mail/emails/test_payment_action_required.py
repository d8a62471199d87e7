from dataclasses import replace
from datetime import timedelta

import pytest

from recoup.core.money import Money
from recoup.mail.base import Card
from recoup.mail.emails.payment_action_required.email import PaymentActionRequired
from recoup.mail.template import render


@pytest.fixture
def asked(facts):
    return replace(
        facts,
        amount=Money(4900, "EUR"),
        card=Card("visa", "4242"),
        decline="authentication_required",
        decline_class="action_required",
    )


def words(email) -> str:
    return " ".join(render(email).text.split())


class TestPaymentActionRequired:
    def test_says_who_asks_for_what(self, asked):
        email = PaymentActionRequired.about(asked)

        assert render(email).subject == "Please confirm your payment for your Team subscription"
        assert (
            "Your bank asks you to confirm the payment of €49.00 for your Team subscription."
        ) in words(email)

    @pytest.mark.parametrize(
        ("decline", "decline_class"),
        [
            pytest.param("authentication_required", "action_required", id="asked for"),
            pytest.param("authentication_not_handled", "action_required", id="not given"),
            pytest.param(None, "action_required", id="no code"),
            pytest.param(None, None, id="nothing known"),
        ],
    )
    def test_says_how_and_not_twice_that_the_bank_asks(
        self, asked, decline, decline_class, shared
    ):
        told = replace(asked, decline=decline, decline_class=decline_class)

        text = words(PaymentActionRequired.about(told))

        assert "your bank guides you from there" in text
        assert shared("declines.authentication_required") not in text

    def test_says_what_else_is_in_the_way(self, asked, shared):
        text = words(PaymentActionRequired.about(replace(asked, decline="incorrect_cvc")))

        assert shared("declines.incorrect_cvc") in text
        assert shared("helps.action_required") in text
        assert "your bank guides you" not in text

    @pytest.mark.parametrize("decline", ["expired_card", "insufficient_funds", None])
    @pytest.mark.parametrize("decline_class", ["soft", "hard", "fraud", "consent_withdrawn"])
    def test_names_no_refusal_after_which_confirming_would_not_help(
        self, asked, decline, decline_class, keys
    ):
        told = replace(asked, decline=decline, decline_class=decline_class)

        said = keys(PaymentActionRequired.about(told))

        assert "how" in said
        assert not [key for key in said if key.startswith(("declines.", "helps."))]

    def test_says_by_when_if_that_is_known(self, asked, noon):
        due = replace(asked, due_at=noon + timedelta(days=7))

        assert "Please confirm it by March 9, 2026." in words(PaymentActionRequired.about(due))
        assert "Please confirm it by" not in words(PaymentActionRequired.about(asked))

    def test_says_what_waits_for_it(self, asked, noon):
        waits = replace(asked, starts=True, due_at=noon + timedelta(hours=23))

        text = words(PaymentActionRequired.about(waits))

        assert "not active yet" in text
        assert "until March 3, 2026, 12:00" in text

    def test_says_when_it_is_tried_again_only_if_it_is(self, asked, noon):
        again = replace(asked, next_try_at=noon + timedelta(days=3))

        assert "automatically on March 5, 2026" in words(PaymentActionRequired.about(again))
        assert "automatically" not in words(PaymentActionRequired.about(asked))

    def test_leaves_out_what_is_not_known(self, asked):
        text = words(PaymentActionRequired.about(replace(asked, amount=None, card=None)))

        assert "asks you to confirm the payment for your Team subscription." in text
        assert "Payment method:" not in text

    def test_asks_for_one_thing(self, asked):
        text = words(PaymentActionRequired.about(asked))

        assert "Confirm payment: https://app.example.com/billing" in text
