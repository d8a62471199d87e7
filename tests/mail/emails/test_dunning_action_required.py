from dataclasses import replace
from datetime import timedelta

from recoup.mail.base import Announced
from recoup.mail.emails.dunning_action_required.email import DunningActionRequired


class TestDunningActionRequired:
    def test_says_what_changes_and_from_when(self, facts, noon):
        soft = Announced("soft", noon + timedelta(days=3), ("restrict_features",))

        text = " ".join(
            DunningActionRequired.about(replace(facts, announced=(soft,))).text.split()
        )

        assert "From 5 March 2026, 13:00 (Europe/Berlin): new seats, new projects" in text
        assert "Please pay or change your payment method before 5 March 2026:" in text

    def test_threatens_nothing_when_nothing_is_announced(self, facts):
        text = DunningActionRequired.about(facts).text

        assert "this changes" not in text
        assert "payment method soon:" in text

    def test_leaves_out_rungs_that_take_nothing_away(self, facts, noon):
        reminded = Announced("reminded", noon, ("notify",))

        email = DunningActionRequired.about(replace(facts, announced=(reminded,)))

        assert email == DunningActionRequired.about(facts)
