from dataclasses import replace
from datetime import timedelta

import pytest

from recoup.core.collection.rules import DeclineClass
from recoup.core.money import Money
from recoup.mail.base import Card
from recoup.mail.emails.invoice_payment_failed.email import InvoicePaymentFailed
from recoup.mail.template import render


@pytest.fixture
def refused(facts):
    return replace(
        facts,
        amount=Money(4900, "EUR"),
        card=Card("visa", "4242"),
        decline="expired_card",
        decline_class="hard",
    )


def words(email) -> str:
    return " ".join(render(email).text.split())


class TestInvoicePaymentFailed:
    def test_says_what_we_tried_and_why_it_was_refused(self, refused, shared):
        email = InvoicePaymentFailed.about(refused)

        assert render(email).subject == "A payment for your Team subscription did not go through"
        assert "We tried to collect €49.00 for your Team subscription" in words(email)
        assert shared("declines.expired_card") in words(email)
        assert "Invoice: INV-1" in words(email)

    @pytest.mark.parametrize("decline_class", DeclineClass)
    def test_advises_what_helps_against_such_a_refusal(self, refused, decline_class, shared):
        told = replace(refused, decline=None, decline_class=decline_class)

        assert shared(f"helps.{decline_class}") in words(InvoicePaymentFailed.about(told))

    def test_advises_against_a_dead_card_otherwise_than_against_an_empty_account(self, refused):
        soft, hard = (replace(refused, decline_class=one) for one in ("soft", "hard"))

        assert words(InvoicePaymentFailed.about(soft)) != words(InvoicePaymentFailed.about(hard))

    def test_says_no_more_of_suspected_fraud_than_of_a_refusal_nobody_explained(self, refused):
        silent = replace(refused, decline=None)
        fraud, unknown = (
            InvoicePaymentFailed.about(replace(silent, decline_class=one))
            for one in ("fraud", "unknown")
        )

        assert words(fraud) == words(unknown)

    def test_names_no_day_that_had_passed_when_it_was_refused(self, refused, noon):
        past, ahead = (replace(refused, at=noon, due_at=noon + timedelta(days=d)) for d in (0, 1))

        assert "The amount is still unpaid." in words(InvoicePaymentFailed.about(past))
        assert "Please pay by" not in words(InvoicePaymentFailed.about(past))
        assert "Please pay by March 3, 2026." in words(InvoicePaymentFailed.about(ahead))

    def test_says_when_it_is_tried_again_only_if_it_is(self, refused, noon):
        again = replace(refused, next_try_at=noon + timedelta(days=3))

        assert "again automatically on March 5, 2026" in words(InvoicePaymentFailed.about(again))
        assert "automatically" not in words(InvoicePaymentFailed.about(refused))

    def test_says_what_waits_for_it_and_that_nothing_changes_meanwhile(self, refused):
        text = words(InvoicePaymentFailed.about(replace(refused, starts=True)))

        assert "becomes active as soon as this payment arrives" in text
        assert "everything stays as it is" in text
        assert "still open" not in text

    def test_says_by_when_or_only_that_it_is_open(self, refused, noon):
        due = replace(refused, due_at=noon + timedelta(days=3))

        assert "Please pay by March 5, 2026." in words(InvoicePaymentFailed.about(due))
        assert "The amount is still unpaid." in words(InvoicePaymentFailed.about(refused))

    def test_leaves_out_what_is_not_known(self, refused, shared):
        blank = replace(
            refused, amount=None, card=None, decline=None, decline_class=None, invoices=()
        )

        text = words(InvoicePaymentFailed.about(blank))

        assert "We tried to collect the amount due for your Team subscription" in text
        assert shared("declines.expired_card") not in text
        assert "Invoice:" not in text

    def test_asks_for_one_thing(self, refused):
        text = words(InvoicePaymentFailed.about(refused))

        assert "Pay invoice: https://app.example.com/billing" in text
