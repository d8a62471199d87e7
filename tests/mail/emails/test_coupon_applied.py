from dataclasses import replace

import pytest

from recoup.core.money import Money
from recoup.mail.emails.coupon_applied.email import CouponApplied
from recoup.mail.template import render


@pytest.fixture
def quarter(facts):
    return replace(facts, coupon="Spring", percent_off="25")


class TestCouponApplied:
    def test_says_which_coupon_applies_to_what_and_asks_for_nothing(self, quarter, read):
        email = CouponApplied.about(quarter)

        assert render(email).subject == "We have applied your coupon"
        words = read(email)
        assert "The coupon “Spring” now applies to your Team subscription." in words
        assert "The discount is applied automatically. You do not need to do" in words
        assert "View your subscription: https://app.example.com/billing" in words

    @pytest.mark.parametrize(
        ("lasts", "said"),
        [
            ({}, "It takes 25% off your next invoice."),
            ({"months": 1}, "It takes 25% off every invoice for 1 month."),
            ({"months": 3}, "It takes 25% off every invoice for 3 months."),
            ({"forever": True}, "It takes 25% off every invoice, without an end date."),
        ],
    )
    def test_says_how_long(self, quarter, lasts, said, read):
        assert said in read(CouponApplied.about(replace(quarter, **lasts)))

    def test_says_a_sum_where_it_is_one(self, facts, read):
        words = read(CouponApplied.about(replace(facts, amount_off=Money(500, "EUR"))))

        assert "It takes €5.00 off your next invoice." in words

    def test_names_neither_coupon_nor_discount_that_nobody_knows(self, facts, read):
        words = read(CouponApplied.about(facts))

        assert "A coupon now applies to your Team subscription. The discount is" in words

    def test_writes_the_share_as_the_language_does(self, quarter, read):
        half = CouponApplied.about(replace(quarter, percent_off="12.5"))

        assert "12.5%" in read(half)
        assert "12,5 %" in read(half, "de")

    @pytest.mark.parametrize(
        ("months", "said"), [(1, "شهر واحد"), (2, "شهرين"), (3, "أشهر"), (11, "شهرًا")]
    )
    def test_counts_months_as_arabic_does(self, quarter, months, said, read):
        assert f"{said}." in read(CouponApplied.about(replace(quarter, months=months)), "ar")

    def test_shows_a_name_from_outside_as_it_is(self, quarter):
        rendered = render(CouponApplied.about(replace(quarter, coupon="<b>{bought}</b>")))

        assert "“<b>{bought}</b>”" in rendered.text
        assert "<b>" not in rendered.html
