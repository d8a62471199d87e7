from dataclasses import replace

from recoup.core.money import Money
from recoup.mail.emails.activation_expired.email import ActivationExpired
from recoup.mail.template import render


class TestActivationExpired:
    def test_says_that_it_has_not_started_that_nothing_is_owed_and_where_to_go(self, facts, read):
        email = ActivationExpired.about(replace(facts, amount=Money(4900, "EUR")))

        assert render(email).subject == "We could not activate your Team subscription"
        words = read(email)
        assert "The payment of €49.00 for your Team subscription did not go through" in words
        assert "You owe nothing." in words
        assert "Start again: https://app.example.com/billing" in words

    def test_tells_what_was_refused_from_what_did_not_come_in_time(self, facts, read):
        facts = replace(facts, decline="expired_card")

        refused, late = (
            read(ActivationExpired.about(replace(facts, timed_out=late))) for late in (False, True)
        )

        assert "did not go through" in refused
        assert "the card has expired." in refused
        assert "in time" in late
        assert "card" not in late

    def test_tells_no_reason_that_no_catalogue_has(self, facts, read):
        told, untold = (
            read(ActivationExpired.about(replace(facts, decline=code)))
            for code in ("stolen_card", None)
        )

        assert told == untold

    def test_names_no_sum_that_nobody_knows(self, facts, read):
        missed, refused = (
            read(ActivationExpired.about(replace(facts, timed_out=late))) for late in (True, False)
        )

        assert "We did not receive the first payment for your Team subscription in time" in missed
        assert "The first payment for your Team subscription did not go through" in refused

    def test_says_what_becomes_of_money_that_comes_after_all(self, facts, read):
        back, used = (
            read(ActivationExpired.about(replace(facts, late_buys=buys))) for buys in (False, True)
        )

        assert "If your payment arrives after all, we will refund it." in back
        assert "we will activate what you ordered or refund" in used

    def test_speaks_of_an_order_when_nothing_recurs(self, facts, read):
        email = ActivationExpired.about(replace(facts, plan=None, recurring=False))

        assert render(email).subject == "We could not activate your order"
        assert "subscription" not in read(email)
