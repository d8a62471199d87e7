from dataclasses import replace
from datetime import timedelta

import pytest

from recoup.mail.base import Announced
from recoup.mail.emails.dunning_action_required.email import DunningActionRequired
from recoup.mail.template import render


@pytest.fixture
def warned(facts, noon):
    soft = Announced("soft", noon + timedelta(days=3), ("restrict_features",))
    return replace(facts, announced=(soft,))


class TestDunningActionRequired:
    def test_says_what_is_still_unpaid(self, warned, read):
        email = DunningActionRequired.about(warned)

        assert "your Team subscription" in render(email).subject
        assert "€49.00 for your Team subscription" in read(email)

    def test_says_what_changes_and_from_when(self, warned, read, keys, shared):
        email = DunningActionRequired.about(warned)

        closes = shared("consequences.restrict_features")
        assert f"- From March 5, 2026, 1:00 PM (UTC+1): {closes}" in read(email)
        assert "payment method before March 5, 2026." in read(email)
        assert "deadline.changes" in keys(email)

    def test_promises_that_all_comes_back_and_what_stays_open(self, warned, keys):
        told = keys(DunningActionRequired.about(warned))

        assert {"deadline.back", "deadline.stays"} <= set(told)

    def test_threatens_nothing_when_nothing_is_announced(self, facts, keys):
        told = keys(DunningActionRequired.about(facts))

        assert "deadline.changes" not in told
        assert "deadline.soon" in told

    def test_leaves_out_rungs_that_take_nothing_away(self, facts, noon, keys):
        reminded = Announced("reminded", noon, ("notify", "write_off"))
        silent = DunningActionRequired.about(replace(facts, announced=(reminded,)))

        assert keys(silent) == keys(DunningActionRequired.about(facts))

    def test_says_what_is_closed_already(self, warned, keys):
        told = keys(DunningActionRequired.about(replace(warned, consequences=("suspend",))))

        assert told.index("deadline.now") < told.index("consequences.suspend")
        assert told.index("consequences.suspend") < told.index("deadline.changes")

    def test_tells_why_it_was_refused_and_what_helps(self, warned, read, shared):
        refused = replace(warned, decline="insufficient_funds", decline_class="soft")

        reason, helps = shared("declines.insufficient_funds"), shared("helps.soft")
        assert f"{reason} {helps}" in read(DunningActionRequired.about(refused))

    def test_has_confirmed_what_only_lacks_that(self, warned, keys):
        told = keys(
            DunningActionRequired.about(replace(warned, decline="authentication_not_handled"))
        )

        assert "confirm" in told
        assert "button" not in told

    def test_names_no_sum_that_nobody_knows(self, warned, keys):
        assert "unpaid_plain" in keys(DunningActionRequired.about(replace(warned, owed=())))
