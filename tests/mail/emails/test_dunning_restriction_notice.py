from dataclasses import replace
from datetime import timedelta

import pytest

from recoup.mail.base import Announced
from recoup.mail.emails.dunning_restriction_notice.email import DunningRestrictionNotice
from recoup.mail.template import render


@pytest.fixture
def warned(facts, noon):
    limited = Announced("limited", noon + timedelta(days=3), ("read_only",))
    return replace(facts, announced=(limited,))


class TestDunningRestrictionNotice:
    def test_names_the_restriction_and_its_day(self, warned, read, shared):
        email = DunningRestrictionNotice.about(warned)

        assert render(email).subject == (
            "Please pay before March 5, 2026 to keep using your Team subscription"
        )
        assert f"1:00 PM (UTC+1): {shared('consequences.read_only')}" in read(email)
        assert "without a break, please pay before March 5, 2026." in read(email)

    def test_says_what_stays_and_what_comes_back(self, warned, keys):
        assert {"safe", "deadline.back"} <= set(keys(DunningRestrictionNotice.about(warned)))

    def test_threatens_nothing_when_nothing_is_announced(self, facts, keys):
        told = keys(DunningRestrictionNotice.about(facts))

        assert {"subject_plain", "do_plain", "deadline.soon"} <= set(told)
        assert not {"subject", "do", "deadline.changes"} & set(told)

    def test_does_not_ask_to_use_an_order(self, warned):
        order = DunningRestrictionNotice.about(replace(warned, recurring=False))

        assert render(order).subject == "Please pay for your Team order before March 5, 2026"

    def test_names_each_consequence_of_a_rung(self, facts, noon, keys):
        both = Announced("dim", noon, ("restrict_features", "downgrade:price_small"))

        told = keys(DunningRestrictionNotice.about(replace(facts, announced=(both,))))

        assert told.count("deadline.from") == 2
        assert {"consequences.restrict_features", "consequences.downgrade"} <= set(told)

    def test_names_nothing_that_nobody_knows(self, warned, keys):
        told = keys(DunningRestrictionNotice.about(replace(warned, owed=(), invoices=())))

        assert "unpaid_plain" in told
        assert not [key for key in told if key.startswith("labels.")]
