from dataclasses import replace

from recoup.core.money import Money
from recoup.mail.emails.activation_expired.email import ActivationExpired


def words(email) -> str:
    return " ".join(email.text.split())


class TestActivationExpired:
    def test_says_that_it_has_not_started_that_nothing_is_owed_and_where_to_go(self, facts):
        email = ActivationExpired.about(replace(facts, amount=Money(4900, "EUR")))

        assert email.subject == "We could not start your Team subscription"
        assert "The payment of 49.00 EUR for your Team subscription did not go" in words(email)
        assert "You owe nothing." in email.text
        assert "https://app.example.com/billing" in email.text.splitlines()

    def test_tells_what_was_refused_from_what_did_not_come_in_time(self, facts):
        facts = replace(facts, decline="the card has expired")

        refused, late = (
            ActivationExpired.about(replace(facts, timed_out=late)) for late in (False, True)
        )

        assert "did not go through" in words(refused)
        assert "The reason we were given: the card has expired." in words(refused)
        assert "in time" in words(late)
        assert "reason" not in late.text

    def test_names_no_sum_that_nobody_knows(self, facts):
        email = ActivationExpired.about(replace(facts, timed_out=True))

        assert "We did not receive the first payment in time" in words(email)

    def test_says_what_becomes_of_money_that_comes_after_all(self, facts):
        back, used = (
            ActivationExpired.about(replace(facts, late_buys=buys)) for buys in (False, True)
        )

        assert "If your payment arrives after all, we give it back." in words(back)
        assert "we start it or give the money back" in words(used)
