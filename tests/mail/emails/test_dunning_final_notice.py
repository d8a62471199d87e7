from dataclasses import replace
from datetime import timedelta

from recoup.mail.base import Announced
from recoup.mail.emails.dunning_final_notice.email import DunningFinalNotice


class TestDunningFinalNotice:
    def test_names_every_rung_that_is_left(self, facts, noon):
        suspended = Announced("suspended", noon + timedelta(days=3), ("suspend",))
        ended = Announced("ended", noon + timedelta(days=7), ("cancel",))

        email = DunningFinalNotice.about(replace(facts, announced=(suspended, ended)))

        text = " ".join(email.text.split())
        assert "From 5 March 2026, 13:00 (Europe/Berlin): you can sign in, export" in text
        assert "From 9 March 2026, 13:00 (Europe/Berlin): your subscription ends." in text

    def test_counts_to_the_first_of_them(self, facts, noon):
        suspended = Announced("suspended", noon + timedelta(days=3), ("suspend",))
        ended = Announced("ended", noon + timedelta(days=7), ("cancel",))

        email = DunningFinalNotice.about(replace(facts, announced=(suspended, ended)))

        assert email.subject == (
            "Last notice: please pay for your Team subscription before 5 March 2026"
        )

    def test_tells_the_hour_in_the_customers_zone(self, facts, noon):
        ended = Announced("ended", noon, ("cancel",))
        tokyo = replace(facts, announced=(ended,), time_zone="Asia/Tokyo")

        assert "2 March 2026, 21:00 (Asia/Tokyo)" in DunningFinalNotice.about(tokyo).text
