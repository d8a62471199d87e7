from dataclasses import replace
from datetime import timedelta

from recoup.mail.base import Announced
from recoup.mail.emails.dunning_restriction_notice.email import DunningRestrictionNotice


class TestDunningRestrictionNotice:
    def test_names_the_restriction_and_its_day(self, facts, noon):
        limited = Announced("limited", noon + timedelta(days=3), ("read_only",))

        email = DunningRestrictionNotice.about(replace(facts, announced=(limited,)))

        assert email.subject == (
            "Pay before 5 March 2026 to keep full access to your Team subscription"
        )
        assert "you can see everything but change nothing" in " ".join(email.text.split())

    def test_says_what_stays(self, facts):
        text = " ".join(DunningRestrictionNotice.about(facts).text.split())

        assert "You can always sign in, export it and pay." in text
