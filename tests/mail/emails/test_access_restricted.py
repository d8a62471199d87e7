from dataclasses import replace
from datetime import timedelta

import pytest

from recoup.mail.base import Announced
from recoup.mail.emails.access_restricted.email import AccessRestricted
from recoup.mail.template import render


@pytest.fixture
def closed(facts):
    return replace(facts, consequences=("read_only",))


class TestAccessRestricted:
    def test_says_why_and_what_is_closed_now(self, closed, read, keys, shared):
        email = AccessRestricted.about(closed)

        assert render(email).subject == "Access to your Team subscription is limited"
        assert "€49.00 for your Team subscription" in read(email)
        assert f"- {shared('consequences.read_only')}" in read(email)
        assert "deadline.now" in keys(email)

    @pytest.mark.parametrize(
        "named", ["restrict_features", "suspend", "pause_collection", "downgrade:price_small"]
    )
    def test_has_words_for_each_consequence(self, facts, read, shared, named):
        email = AccessRestricted.about(replace(facts, consequences=(named,)))

        assert shared(f"consequences.{named.partition(':')[0]}") in read(email)

    def test_asks_for_one_thing_and_says_what_that_brings(self, closed, keys):
        told = keys(AccessRestricted.about(closed))

        assert told.index("button") == told.index("deadline.back") + 1
        assert "deadline.stays" in told

    def test_promises_nothing_of_a_subscription_that_has_ended(self, closed, keys):
        told = keys(AccessRestricted.about(replace(closed, ended=True)))

        assert "ended" in told
        assert "deadline.back" not in told

    def test_does_not_end_a_subscription_for_a_part_of_it(self, facts, keys):
        told = keys(AccessRestricted.about(replace(facts, consequences=("cancel",), part=True)))

        assert "deadline.closed" in told
        assert "consequences.cancel" not in told

    def test_says_what_comes_next_where_that_is_known(self, closed, noon, keys):
        suspended = Announced("suspended", noon + timedelta(days=3), ("suspend",))
        ahead = AccessRestricted.about(replace(closed, announced=(suspended,)))

        assert "deadline.changes" in keys(ahead)
        assert "deadline.changes" not in keys(AccessRestricted.about(closed))

    def test_tells_why_it_was_refused(self, closed, read, shared):
        refused = replace(closed, decline="expired_card", decline_class="hard")

        reason, helps = shared("declines.expired_card"), shared("helps.hard")
        assert f"{reason} {helps}" in read(AccessRestricted.about(refused))

    def test_leaves_out_what_is_not_known(self, facts, keys):
        told = keys(AccessRestricted.about(replace(facts, owed=(), invoices=())))

        assert "unpaid_plain" in told
        assert "deadline.now" not in told
        assert not [key for key in told if key.startswith("labels.")]
