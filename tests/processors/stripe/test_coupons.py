"""Coupons and promotion codes at Stripe: as at the fake, and never for more than was asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from twins import twins

from recoup.core.billing.requests import (
    CreateCoupon,
    CreateCustomer,
    CreatePromotionCode,
    DeleteCoupon,
    UpdatePromotionCode,
)
from recoup.core.money import Money
from recoup.errors import KeyReused, Rejected, Unreachable
from recoup.processors.fake import NEWEST
from recoup.processors.fake.model import Coupon

DAY = timedelta(days=1)
KEY = "recoup:coupons"
IN_MARCH = datetime(2026, 3, 1, tzinfo=UTC)
BASIL = "2025-03-31.basil"


@pytest.fixture(params=[BASIL, NEWEST])
def town(line, request):
    with twins(line, request.param) as made:
        yield made


@pytest.fixture
def ten(town):
    return town.same(CreateCoupon("TEN", percent_off="10", duration="forever")).object


def price(town, product=None):
    """Make a price over the API, of a product of its own unless one is named."""
    of = {"product": product} if product else {"product_data": {"name": "Plan"}}
    params = {"currency": "eur", "unit_amount": 2900, "recurring": {"interval": "month"}, **of}
    made = town.client.do(lambda sdk, options: sdk.v1.prices.create(params, options)).body
    return made["id"], made["product"]


COUPONS = {
    "a share": {"percent_off": "12.5"},
    "a whole share": {"percent_off": "100", "name": "All of it"},
    "an amount": {"amount_off": Money(500, "EUR")},
    "an amount without a smaller unit": {"amount_off": Money(500, "JPY")},
    "an amount that Stripe counts finer": {"amount_off": Money(500, "ISK")},
    "an amount of thousandths": {"amount_off": Money(5000, "KWD")},
    "some months": {"percent_off": "10", "duration": "repeating", "months": 3},
    "limits": {"percent_off": "10", "max_redemptions": 7, "redeem_by": IN_MARCH},
}


class TestACoupon:
    @pytest.mark.parametrize("how", COUPONS.values(), ids=COUPONS)
    def test_is_made_as_at_the_fake(self, town, how):
        town.same(CreateCoupon("SAVE_10", **how))

    def test_bears_our_mark(self, town, ten):
        shown = town.client.do(lambda sdk, o: sdk.v1.coupons.retrieve(ten, None, o)).body

        assert shown["metadata"] == {"recoup_request": "recoup:twins:1"}

    @pytest.mark.parametrize(
        ("how", "why"),
        [
            ({}, "exactly one"),
            ({"percent_off": "0"}, "percent_off"),
            ({"percent_off": "10", "duration": "repeating"}, "duration_in_months"),
            ({"amount_off": Money(5, "MGA")}, "no unit"),
            ({"percent_off": "10", "prices": ("price_none",)}, "No such price"),
        ],
    )
    def test_that_can_not_be_is_refused_and_never_was(self, town, how, why):
        asked = CreateCoupon("NOT", **how)

        with pytest.raises(Rejected, match=why):
            town.ask(asked, key=KEY)
        assert town.find(asked, KEY) is None

    def test_of_another_by_the_same_name_is_not_ours(self, town, ten):
        asked = CreateCoupon(ten, percent_off="10", duration="forever")

        with pytest.raises(Rejected, match="already exists"):
            town.ask(asked, key=KEY)
        assert town.find(asked, KEY) is None

    def test_is_found_by_its_name_however_long_ago(self, town):
        asked = CreateCoupon("TEN", percent_off="10")
        town.lose("reply", to="POST /v1/coupons")
        with pytest.raises(Unreachable):
            town.ask(asked, key=KEY)

        town.wait(40 * DAY)

        assert town.find(asked, KEY, ago=40 * DAY).facts[0].percent_off == "10"


class TestACouponForPrices:
    def test_is_for_their_products(self, town):
        (one, first), (two, second) = price(town), price(town)

        town.ask(CreateCoupon("TWO", percent_off="10", prices=(one, two)))

        shown = town.client.do(
            lambda sdk, o: sdk.v1.coupons.retrieve("TWO", {"expand": ["applies_to"]}, o)
        ).body
        assert sorted(shown["applies_to"]["products"]) == sorted([first, second])
        with town.behind._world.session() as s:
            assert set(s.get(Coupon, "coupon_TWO").prices) == {one, two}

    def test_may_name_all_prices_of_one_product(self, town):
        one, product = price(town)
        two, _ = price(town, product)

        assert town.ask(CreateCoupon("ALL", percent_off="10", prices=(two, one))).object == "ALL"

    @pytest.mark.parametrize("archived", [True, False])
    def test_is_refused_where_it_would_lower_more(self, town, archived):
        one, product = price(town)
        other, _ = price(town, product)
        town.client.do(lambda sdk, o: sdk.v1.prices.update(other, {"active": not archived}, o))

        with pytest.raises(Rejected, match=f"{one} would lower {other} too") as refused:
            town.ask(CreateCoupon("ONE", percent_off="10", prices=(one,)))

        assert product in str(refused.value)
        assert town.events() == 0

    def test_looks_at_all_prices_of_a_product_with_many(self, town):
        one, product = price(town)
        named = [one, *(price(town, product)[0] for _ in range(104))]
        asked = CreateCoupon("MANY", percent_off="10", prices=tuple(named))

        assert town.ask(asked).object == "MANY"
        price(town, product)
        with pytest.raises(Rejected, match="too"):
            town.ask(CreateCoupon("MORE", percent_off="10", prices=tuple(named)))


class TestDeletingACoupon:
    def test_says_what_the_fake_says(self, town, ten):
        answer = town.same(DeleteCoupon(ten))

        assert answer.facts[0].deleted

    def test_is_the_same_for_the_same_key(self, town, ten):
        first = town.ask(DeleteCoupon(ten), key=KEY)
        before = town.events()

        again = town.ask(DeleteCoupon(ten), key=KEY)

        assert (again.object, again.facts[0].deleted) == (first.object, True)
        assert town.events() == before

    def test_with_another_key_finds_nothing_any_more(self, town, ten):
        town.ask(DeleteCoupon(ten), key=KEY)

        with pytest.raises(Rejected, match="No such coupon"):
            town.ask(DeleteCoupon(ten), key="recoup:else")

    def test_is_not_done_with_the_key_of_another(self, town, ten):
        town.ask(DeleteCoupon(ten), key=KEY)

        with pytest.raises(KeyReused):
            town.ask(CreateCustomer(), key=KEY)

    @pytest.mark.parametrize("to", ["POST /v1/coupons/*", "DELETE /v1/coupons/*"])
    def test_is_finished_when_a_reply_was_lost(self, town, ten, to):
        town.lose("reply", to=to)
        with pytest.raises(Unreachable):
            town.ask(DeleteCoupon(ten), key=KEY)

        found = town.find(DeleteCoupon(ten), KEY)

        assert (found.object, found.facts[0].deleted) == (ten, True)
        with pytest.raises(Rejected, match="No such coupon"):
            town.client.do(lambda sdk, o: sdk.v1.coupons.retrieve(ten, None, o))

    def test_is_found_by_its_absence_when_nobody_tells_of_it_any_more(self, town, ten):
        town.ask(DeleteCoupon(ten), key=KEY)
        town.wait(40 * DAY)

        found = town.find(DeleteCoupon(ten), KEY, ago=40 * DAY)

        assert (found.object, found.facts) == (ten, ())

    def test_that_was_never_begun_is_none(self, town, ten):
        assert town.find(DeleteCoupon(ten), KEY) is None


CODES = {
    "for everybody": {},
    "for somebody": {"customer": True},
    "for the first time": {"first_time": True},
    "from an amount on": {"minimum": Money(1000, "ISK")},
    "with limits": {"max_redemptions": 3, "expires_at": IN_MARCH},
}


class TestAPromotionCode:
    @pytest.mark.parametrize("how", CODES.values(), ids=CODES)
    def test_is_made_as_at_the_fake(self, town, ten, how):
        if "customer" in how:
            how = {"customer": town.same(CreateCustomer()).object}

        town.same(CreatePromotionCode(ten, "HELLO", **how))

    def test_is_switched_off_and_on_as_at_the_fake(self, town, ten):
        code = town.same(CreatePromotionCode(ten, "HELLO")).object

        for active in (False, True):
            assert town.same(UpdatePromotionCode(code, active)).facts[0].active is active

    def test_is_told_as_it_is_when_an_old_answer_is_given_again(self, town, ten):
        asked = CreatePromotionCode(ten, "HELLO")
        code = town.ask(asked, key=KEY).object
        town.ask(UpdatePromotionCode(code, active=False))

        assert not town.ask(asked, key=KEY).facts[0].active

    @pytest.mark.parametrize(
        ("how", "why"),
        [
            ({"coupon": "NEVER"}, "No such coupon"),
            ({"code": "HE LLO"}, "Invalid code"),
            ({"code": "taken"}, "already exists"),
            ({"customer": "cus_none"}, "No such customer"),
            ({"minimum": Money(5, "MGA")}, "no unit"),
        ],
    )
    def test_that_can_not_be_is_refused_and_never_was(self, town, ten, how, why):
        town.same(CreatePromotionCode(ten, "TAKEN"))
        asked = CreatePromotionCode(**{"coupon": ten, "code": "HELLO", **how})

        with pytest.raises(Rejected, match=why):
            town.ask(asked, key=KEY)
        assert town.find(asked, KEY) is None

    def test_is_found_by_its_mark_however_long_ago(self, town, ten):
        asked = CreatePromotionCode(ten, "HELLO")
        assert town.find(asked, KEY) is None
        town.lose("reply", to="POST /v1/promotion_codes")
        with pytest.raises(Unreachable):
            town.ask(asked, key=KEY)

        town.wait(40 * DAY)

        assert town.find(asked, KEY, ago=40 * DAY).facts[0].code == "HELLO"
        assert town.find(asked, "recoup:else", ago=40 * DAY) is None

    def test_is_found_switched_off(self, town, ten):
        code = town.same(CreatePromotionCode(ten, "HELLO")).object
        asked = UpdatePromotionCode(code, active=False)
        assert town.find(asked, KEY) is None

        town.ask(asked, key=KEY)

        assert town.find(asked, KEY, ago=40 * DAY).object == code
        assert town.find(UpdatePromotionCode("promo_none", active=False), KEY) is None
