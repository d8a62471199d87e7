from dataclasses import replace
from datetime import timedelta

import pytest

from recoup.core.collection.rules import DeclineClass
from recoup.core.money import Money
from recoup.mail.base import Card
from recoup.mail.emails.payment_failed.email import PaymentFailed
from recoup.mail.template import render


@pytest.fixture
def refused(facts):
    return replace(
        facts,
        amount=Money(4900, "EUR"),
        card=Card("visa", "4242"),
        decline="insufficient_funds",
        decline_class="soft",
    )


def words(email) -> str:
    return " ".join(render(email).text.split())


class TestPaymentFailed:
    def test_says_what_did_not_go_through_and_why(self, refused, shared):
        email = PaymentFailed.about(refused)

        assert (
            render(email).subject == "Your payment for your Team subscription did not go through"
        )
        assert "of €49.00 for your Team subscription did not go through." in words(email)
        assert shared("declines.insufficient_funds") in words(email)

    @pytest.mark.parametrize("decline_class", DeclineClass)
    def test_advises_what_helps_against_such_a_refusal(self, refused, decline_class, shared):
        told = replace(refused, decline=None, decline_class=decline_class)

        assert shared(f"helps.{decline_class}") in words(PaymentFailed.about(told))

    def test_advises_against_a_dead_card_otherwise_than_against_an_empty_account(self, refused):
        soft, hard = (replace(refused, decline_class=one) for one in ("soft", "hard"))

        assert words(PaymentFailed.about(soft)) != words(PaymentFailed.about(hard))

    def test_says_no_more_of_suspected_fraud_than_of_a_refusal_nobody_explained(self, refused):
        silent = replace(refused, decline=None)
        fraud, unknown = (
            PaymentFailed.about(replace(silent, decline_class=one)) for one in ("fraud", "unknown")
        )

        assert words(fraud) == words(unknown)

    def test_says_that_the_order_is_not_active_and_until_when_it_can_be_paid(self, refused, noon):
        waits = replace(refused, starts=True, due_at=noon + timedelta(hours=23))

        text = words(PaymentFailed.about(waits))

        assert "not active yet" in text
        assert "until March 3, 2026, 12:00" in text
        assert "you owe nothing" in text

    def test_names_no_end_of_the_wait_that_is_not_known(self, refused):
        text = words(PaymentFailed.about(replace(refused, starts=True)))

        assert "not active yet" in text
        assert "until" not in text

    def test_says_that_what_began_long_ago_is_still_unpaid(self, refused, noon):
        text = words(PaymentFailed.about(refused))

        assert "The amount is still unpaid." in text
        assert "not active yet" not in text
        due = words(PaymentFailed.about(replace(refused, due_at=noon + timedelta(days=3))))
        assert "Please pay by March 5, 2026." in due

    def test_names_no_day_that_had_passed_when_it_was_refused(self, refused, noon):
        past, ahead = (replace(refused, at=noon, due_at=noon + timedelta(days=d)) for d in (0, 1))

        assert "The amount is still unpaid." in words(PaymentFailed.about(past))
        assert "Please pay by" not in words(PaymentFailed.about(past))
        assert "Please pay by March 3, 2026." in words(PaymentFailed.about(ahead))

    def test_says_when_it_is_tried_again_only_if_it_is(self, refused, noon):
        again = replace(refused, next_try_at=noon + timedelta(days=3))

        assert "again automatically on March 5, 2026" in words(PaymentFailed.about(again))
        assert "automatically" not in words(PaymentFailed.about(refused))

    def test_leaves_out_what_is_not_known(self, refused, shared):
        blank = replace(
            refused, amount=None, card=None, decline=None, decline_class=None, invoices=()
        )

        text = words(PaymentFailed.about(blank))

        assert "Your payment for your Team subscription did not go through. The amount" in text
        assert shared("declines.insufficient_funds") not in text
        assert "Payment method:" not in text

    def test_says_that_nothing_is_owed_for_what_was_not_ordered_in_the_end(self, refused, noon):
        over = replace(refused, unowed=True, due_at=noon + timedelta(days=3))

        text = words(PaymentFailed.about(over))

        assert "You owe nothing for it." in text
        assert "Go to billing: https://app.example.com/billing" in text
        assert not [said for said in ("unpaid", "Please pay by", "Pay now") if said in text]

    def test_asks_for_one_thing(self, refused):
        assert "Pay now: https://app.example.com/billing" in words(PaymentFailed.about(refused))
