from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from recoup.core.billing.discounts import percent, refusal
from recoup.core.billing.terms import at_most_one, trial_end, whole
from recoup.core.billing.views import Coupon, PromotionCode
from recoup.core.money import Money
from recoup.errors import InvalidPeriod, InvalidValue

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)

COUPON = Coupon(1, "SPRING", None, "20", None, "once", None, None, 0, None, (), False)
CODE = PromotionCode(7, "promo_7", 1, "HELLO", True, None, None, 0, None, False, None)


def refused(coupon=COUPON, code=None, **but):
    asked = {
        "customer_id": 5,
        "currency": "EUR",
        "prices": ["price_a"],
        "first": True,
        "now": NOON,
    }
    return refusal(coupon, code, **asked | but)


class TestRefusing:
    def test_lets_pass_what_has_no_bounds(self):
        assert refused() is None
        assert refused(code=CODE) is None

    @pytest.mark.parametrize(
        ("bound", "good", "bad", "says"),
        [
            ("deleted", False, True, "deleted"),
            ("redeem_by", NOON + TICK, NOON, "expired"),
            ("prices", ("price_a", "price_b"), ("price_b",), "not for price_a"),
            ("amount_off", Money(5, "EUR"), Money(5, "USD"), "in USD"),
        ],
    )
    def test_keeps_to_each_bound_of_a_coupon(self, bound, good, bad, says):
        assert refused(replace(COUPON, **{bound: good})) is None
        assert says in refused(replace(COUPON, **{bound: bad}))

    @pytest.mark.parametrize(
        ("bound", "good", "bad", "says"),
        [
            ("active", True, False, "inactive"),
            ("customer_id", 5, 6, "another customer"),
            ("expires_at", NOON + TICK, NOON, "expired"),
            ("minimum", Money(500, "EUR"), Money(500, "USD"), "5.00 USD at least"),
        ],
    )
    def test_keeps_to_each_bound_of_a_code(self, bound, good, bad, says):
        assert refused(code=replace(CODE, **{bound: good})) is None
        assert says in refused(code=replace(CODE, **{bound: bad}))

    def test_knows_a_last_use_from_one_too_many(self):
        assert refused(replace(COUPON, max_redemptions=3, redemptions=2)) is None
        assert "used up" in refused(replace(COUPON, max_redemptions=3, redemptions=3))
        assert refused(code=replace(CODE, max_redemptions=3, redemptions=2)) is None
        assert "used up" in refused(code=replace(CODE, max_redemptions=3, redemptions=3))

    def test_tells_a_first_purchase_from_a_later_one(self):
        welcome = replace(CODE, first_time=True)

        assert refused(code=welcome, first=True) is None
        assert "paid before" in refused(code=welcome, first=False)

    def test_knows_no_wrong_currency_before_the_customer_has_one(self):
        assert refused(replace(COUPON, amount_off=Money(5, "USD")), currency=None) is None


class TestPercentages:
    @pytest.mark.parametrize(
        ("given", "text"),
        [(20, "20"), ("12.50", "12.5"), (Decimal("0.01"), "0.01"), (100, "100"), ("1e1", "10")],
    )
    def test_are_text_without_idle_zeros(self, given, text):
        assert percent(given) == text

    @pytest.mark.parametrize(
        "given", [0, -1, "100.01", "0.001", 12.5, True, "much", "NaN", "Infinity"]
    )
    def test_are_over_0_up_to_100_and_never_floats(self, given):
        with pytest.raises(InvalidValue, match="percent_off"):
            percent(given)


class TestTerms:
    def test_know_no_fractions_of_a_second(self):
        assert whole(NOON + TICK) == NOON

    def test_need_a_time_zone(self):
        with pytest.raises(InvalidPeriod):
            whole(NOON.replace(tzinfo=None))

    def test_let_a_trial_last_up_to_two_years(self):
        assert trial_end(730, None, NOON) == NOON + timedelta(days=730)
        with pytest.raises(InvalidValue, match="730 days"):
            trial_end(731, None, NOON)

    def test_let_no_trial_be_over_before_it_begins(self):
        second = timedelta(seconds=1)

        assert trial_end(None, NOON + second, NOON) == NOON + second
        with pytest.raises(InvalidValue, match="730 days"):
            trial_end(None, NOON, NOON)

    def test_exclude_one_another(self):
        at_most_one(coupon="A", promotion_code=None)
        with pytest.raises(InvalidValue, match="coupon and promotion_code"):
            at_most_one(coupon="A", promotion_code="B")
