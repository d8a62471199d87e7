from dataclasses import replace

from recoup.core.money import Money
from recoup.mail.emails.upgrade_withdrawn.email import UpgradeWithdrawn
from recoup.mail.template import render


class TestUpgradeWithdrawn:
    def test_says_that_the_old_plan_stays_that_nothing_is_owed_and_where_to_go(self, facts, read):
        email = UpgradeWithdrawn.about(replace(facts, amount=Money(4900, "EUR")))

        assert render(email).subject == (
            "We could not complete the change of your Team subscription"
        )
        words = read(email)
        assert "The payment of €49.00 for the change of your plan did not go through" in words
        assert "Nothing else changes: your Team subscription stays as it was." in words
        assert "You owe nothing for the change." in words
        assert "Change your plan: https://app.example.com/billing" in words

    def test_tells_what_was_refused_from_what_did_not_come_in_time(self, facts, read):
        facts = replace(facts, decline="expired_card")

        refused, late = (
            read(UpgradeWithdrawn.about(replace(facts, timed_out=late))) for late in (False, True)
        )

        assert "the card has expired." in refused
        assert "in time, so we have withdrawn the change" in late
        assert "card" not in late

    def test_names_no_sum_that_nobody_knows(self, facts, read):
        words = read(UpgradeWithdrawn.about(facts))

        assert "The payment for the change of your plan did not go through" in words

    def test_says_what_becomes_of_money_that_comes_after_all(self, facts, read):
        back, used = (
            read(UpgradeWithdrawn.about(replace(facts, late_buys=buys))) for buys in (False, True)
        )

        assert "If a payment for it still arrives, we will refund it." in back
        assert "we will make the change or refund the money" in used
