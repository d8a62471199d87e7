from dataclasses import replace

from recoup.mail.emails.dunning_reminder.email import DunningReminder


class TestDunningReminder:
    def test_says_what_happened_and_where_to_go(self, facts):
        email = DunningReminder.about(facts)

        assert email.subject == "Your payment for your Team subscription did not go through"
        assert "Hello Grace Hopper," in email.text
        assert "49.00 EUR" in email.text
        assert "https://app.example.com/billing" in email.text.splitlines()
        assert "Invoice: INV-1" in email.text

    def test_says_that_nothing_has_changed(self, facts):
        assert "works as before" in DunningReminder.about(facts).text

    def test_tells_the_reason_only_when_there_is_one_to_tell(self, facts):
        told = DunningReminder.about(replace(facts, decline="the card has expired."))

        assert "The reason we were given: the card has expired." in " ".join(told.text.split())
        assert "reason" not in DunningReminder.about(facts).text

    def test_speaks_of_an_order_when_nothing_recurs(self, facts):
        email = DunningReminder.about(replace(facts, plan=None, recurring=False))

        assert "your order" in email.subject
        assert "subscription" not in email.text
