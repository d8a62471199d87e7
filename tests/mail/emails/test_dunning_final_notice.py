from dataclasses import replace
from datetime import timedelta

import pytest

from recoup.mail.base import Announced
from recoup.mail.emails.dunning_final_notice.email import DunningFinalNotice
from recoup.mail.template import render


@pytest.fixture
def warned(facts, noon):
    suspended = Announced("suspended", noon + timedelta(days=3), ("suspend",))
    ended = Announced("ended", noon + timedelta(days=7), ("cancel",))
    return replace(facts, announced=(suspended, ended))


class TestDunningFinalNotice:
    def test_names_every_rung_that_is_left(self, warned, read, shared):
        told = read(DunningFinalNotice.about(warned))

        suspends, ends = shared("consequences.suspend"), shared("consequences.cancel")
        assert f"- From March 5, 2026, 1:00 PM (UTC+1): {suspends}" in told
        assert f"- On March 9, 2026, 1:00 PM (UTC+1): {ends}" in told

    def test_counts_to_the_first_of_them(self, warned, read):
        email = DunningFinalNotice.about(warned)

        assert render(email).subject == (
            "Last notice: please pay for your Team subscription before March 5, 2026"
        )
        assert "please pay before March 5, 2026." in read(email)

    def test_tells_the_hour_in_the_customers_zone(self, facts, noon, read):
        ended = Announced("ended", noon, ("cancel",))
        tokyo = replace(facts, announced=(ended,), time_zone="Asia/Tokyo")

        assert "On March 2, 2026, 9:00 PM (UTC+9)" in read(DunningFinalNotice.about(tokyo))

    def test_does_not_promise_that_a_payment_brings_back_what_has_ended(self, warned, keys):
        told = keys(DunningFinalNotice.about(warned))

        assert "deadline.over" in told
        assert "deadline.back" not in told

    def test_promises_that_where_nothing_ends(self, warned, keys):
        suspended = replace(warned, announced=warned.announced[:1])

        told = keys(DunningFinalNotice.about(suspended))

        assert "deadline.back" in told
        assert "deadline.over" not in told

    @pytest.mark.parametrize("debt", [{"recurring": False}, {"part": True}])
    def test_ends_no_subscription_for_an_order_or_a_part(self, warned, keys, debt):
        told = keys(DunningFinalNotice.about(replace(warned, **debt)))

        assert "deadline.closed" in told
        assert not {"consequences.cancel", "deadline.over", "deadline.on"} & set(told)

    def test_asks_nobody_to_stay_who_only_ordered_something(self, warned, keys):
        ordered = keys(DunningFinalNotice.about(replace(warned, recurring=False)))

        assert "do" in keys(DunningFinalNotice.about(warned))
        assert "do_plain" in ordered
        assert "do" not in ordered

    def test_says_whom_to_ask_for_time(self, warned, read, keys):
        brand = replace(warned.brand, support="help@example.com")
        asked = DunningFinalNotice.about(replace(warned, brand=brand))

        assert "more time, please get in touch: help@example.com" in read(asked)
        assert "write" in keys(DunningFinalNotice.about(warned))

    def test_promises_what_stays_open(self, warned, keys):
        assert "deadline.stays" in keys(DunningFinalNotice.about(warned))

    def test_threatens_nothing_when_nothing_is_announced(self, facts, keys):
        told = keys(DunningFinalNotice.about(facts))

        assert "deadline.changes" not in told
        assert "deadline.soon" in told
