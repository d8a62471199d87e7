"""Coupons and promotion codes of the fake: what they take off, from whom, and for how long."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.core.billing.requests import (
    ApplyDiscount,
    CancelSubscription,
    CreateCoupon,
    CreatePromotionCode,
    DeleteCoupon,
    ItemChange,
    ItemWanted,
    RemoveDiscount,
    StartSubscription,
    UpdatePromotionCode,
)
from recoup.core.facts import CouponFact, DiscountFact, PromotionCodeFact
from recoup.core.money import Money
from recoup.processors.fake import NEWEST, NO_FUNDS, Declines, FakeProcessor
from recoup.processors.fake.billing.lines import discounted
from recoup.processors.fake.model import Line, smallest
from recoup.processors.fake.terms import Coupon

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
FIVE = Money(500, "EUR")


@pytest.fixture
def coupon(host):
    """Make a coupon; ten percent, once, unless said otherwise."""

    def one(id="TEN", *, percent_off="10", **how):
        if "amount_off" in how:
            percent_off = None
        return host.ask(CreateCoupon(id, percent_off=percent_off, **how)).object

    return one


@pytest.fixture
def code(host, coupon):
    """Make a promotion code of a coupon of ten percent."""

    def one(code="HELLO", **how):
        return host.ask(CreatePromotionCode(coupon(f"FOR_{code}"), code, **how)).object

    return one


def due(host, begun):
    return [invoice.amount for invoice in host.invoices(begun)]


class TestACoupon:
    @pytest.mark.parametrize(
        ("how", "amounts"),
        [
            ({"percent_off": "10"}, [2610, 2900, 2900, 2900]),
            ({"percent_off": "12.5"}, [2537, 2900, 2900, 2900]),  # 362.5 goes up to 363
            ({"percent_off": "100"}, [0, 2900, 2900, 2900]),
            ({"amount_off": FIVE}, [2400, 2900, 2900, 2900]),
            ({"amount_off": Money(9900, "EUR")}, [0, 2900, 2900, 2900]),
            ({"duration": "forever"}, [2610, 2610, 2610, 2610]),
            ({"duration": "repeating", "months": 2}, [2610, 2610, 2900, 2900]),
        ],
    )
    def test_lowers_as_many_invoices_as_it_is_for(self, host, coupon, how, amounts):
        begun = host.start(coupon=coupon(**how))

        host.wait(100 * DAY)

        assert due(host, begun) == amounts
        assert host.fake.books().imbalance() == {}

    def test_for_one_invoice_waits_for_the_first_that_costs_something(self, host, coupon):
        begun = host.start(coupon=coupon(), trial_end=host.fake.now + 3 * DAY)

        host.wait(60 * DAY)

        assert due(host, begun) == [0, 2610, 2900]

    def test_is_shown_until_it_lowers_nothing_more(self, host, coupon):
        begun = host.start(coupon=coupon())
        shown = host.newest(begun).discount

        host.wait(31 * DAY + HOUR)

        assert shown == DiscountFact("TEN", None)
        assert host.sub(begun).discount is None

    def test_for_some_prices_leaves_the_others(self, host, coupon):
        other = host.fake.create_price(Money(1000, "EUR"))
        made = coupon(percent_off="50", prices=(other,))

        begun = host.start(ItemWanted(host.price), ItemWanted(other, 2), coupon=made)

        (invoice,) = host.invoices(begun)
        assert [line.discount for line in invoice.lines] == [0, 1000]
        assert invoice.amount == 3900

    def test_that_was_deleted_goes_on_for_who_has_it(self, host, town, coupon):
        begun = host.start(coupon=coupon(duration="forever"))

        host.ask(DeleteCoupon("TEN"))
        host.wait(40 * DAY)

        assert due(host, begun) == [2610, 2610]
        with town.unchanged("No such coupon"):
            host.ask(ApplyDiscount(begun.object, "TEN"))

    def test_is_told_in_every_shape(self):
        for version in ("2022-11-15", "2025-03-31.basil", NEWEST):
            with FakeProcessor(":memory:", api_version=version) as fake:
                made = CreateCoupon("A", percent_off="12.5", duration="repeating", months=3)
                coupon = fake.ask(made, key="k1").facts[0]
                code = fake.ask(CreatePromotionCode("A", "HELLO", minimum=FIVE), key="k2").facts[0]
                gone = fake.ask(DeleteCoupon("A"), key="k3").facts[0]

            assert isinstance(coupon, CouponFact)
            assert (coupon.percent_off, coupon.months, coupon.deleted) == ("12.5", 3, False)
            assert isinstance(code, PromotionCodeFact)
            assert (code.coupon, code.code, code.minimum) == ("A", "HELLO", FIVE)
            assert gone.deleted

    @pytest.mark.parametrize(
        ("how", "words"),
        [
            ({}, "exactly one"),
            ({"percent_off": "10", "amount_off": FIVE}, "exactly one"),
            ({"percent_off": "0"}, "percent_off"),
            ({"percent_off": "100.01"}, "percent_off"),
            ({"percent_off": "1.234"}, "percent_off"),
            ({"percent_off": "-1"}, "percent_off"),
            ({"amount_off": Money(0, "EUR")}, "Invalid amount"),
            ({"amount_off": Money(1001, "KWD")}, "Invalid amount"),
            ({"percent_off": "10", "duration": "always"}, "Invalid duration"),
            ({"percent_off": "10", "duration": "repeating"}, "duration_in_months"),
            ({"percent_off": "10", "duration": "repeating", "months": 0}, "duration_in_months"),
            ({"percent_off": "10", "months": 2}, "duration_in_months"),
            ({"percent_off": "10", "max_redemptions": 0}, "max_redemptions"),
            ({"percent_off": "10", "redeem_by": timedelta(0)}, "redeem_by"),
            ({"percent_off": "10", "prices": ("price_none",)}, "No such price"),
            ({"percent_off": "10", "name": "n" * 41}, "Invalid name"),
            ({"percent_off": "10", "coupon": ""}, "Invalid coupon id"),
            ({"percent_off": "10", "coupon": "TAKEN"}, "already exists"),
        ],
    )
    def test_is_refused_when_stripe_would_not_take_it(self, host, town, coupon, how, words):
        coupon("TAKEN")
        given = {"coupon": "NEW"} | how
        if "redeem_by" in given:
            given["redeem_by"] = host.fake.now + given["redeem_by"]

        with town.unchanged(words):
            host.ask(CreateCoupon(**given))


class TestRedeeming:
    @pytest.mark.parametrize("how", ["start", "apply"])
    def test_is_counted_up_to_the_last_use(self, host, town, coupon, how):
        coupon(max_redemptions=2)
        begun = [host.start() for _ in range(3)]

        def redeem(place):
            if how == "apply":
                return host.ask(ApplyDiscount(begun[place].object, "TEN"))
            return host.start(coupon="TEN")

        redeem(0)
        redeem(1)

        customer, items = host.customer(), (ItemWanted(host.price),)
        with town.unchanged("used up"):
            if how == "apply":
                redeem(2)
            else:
                host.ask(StartSubscription(customer, items, coupon="TEN"))

    @pytest.mark.parametrize("canceled", [False, True])
    def test_gives_nothing_back_when_the_subscription_never_begins(
        self, host, town, coupon, canceled
    ):
        coupon(max_redemptions=1)
        waiting = host.start(coupon="TEN", payer=Declines(NO_FUNDS))
        if canceled:
            host.ask(CancelSubscription(waiting.object))
        host.wait(DAY)

        request = StartSubscription(host.customer(), (ItemWanted(host.price),), coupon="TEN")
        with town.unchanged("used up"):
            host.ask(request)

    def test_is_possible_until_the_second_before_its_end(self, host, town, coupon):
        coupon(redeem_by=host.fake.now + DAY)
        begun = host.start()

        host.wait(DAY - SECOND)
        host.ask(ApplyDiscount(begun.object, "TEN"))
        host.wait(SECOND)

        with town.unchanged("expired"):
            host.ask(ApplyDiscount(begun.object, "TEN"))

    def test_counts_no_use_that_was_refused(self, host, town, coupon):
        coupon(max_redemptions=1, prices=(host.fake.create_price(FIVE),))
        begun = host.start()

        with town.unchanged("does not apply"):
            host.ask(ApplyDiscount(begun.object, "TEN"))

        with host.fake._world.session() as s:
            assert s.get(Coupon, "coupon_TEN").redeemed == 0

    def test_in_another_currency_is_refused(self, host, town, coupon):
        coupon(amount_off=Money(500, "USD"))
        begun = host.start()

        with town.unchanged("in USD, the subscription in EUR"):
            host.ask(ApplyDiscount(begun.object, "TEN"))

    @pytest.mark.parametrize(("both", "words"), [(False, "pass one of"), (True, "only specify")])
    def test_names_exactly_one_thing(self, host, town, coupon, code, both, words):
        named = (coupon(), code()) if both else (None, None)
        begun = host.start()

        with town.unchanged(words):
            host.ask(ApplyDiscount(begun.object, *named))


class TestADiscount:
    def test_applied_later_lowers_the_next_invoice_and_replaces_the_other(self, host, coupon):
        begun = host.start(coupon=coupon("HALF", percent_off="50", duration="forever"))

        told = host.newest(host.ask(ApplyDiscount(begun.object, coupon())))
        host.wait(31 * DAY)

        assert told.discount == DiscountFact("TEN", None)
        assert due(host, begun) == [1450, 2610]

    def test_can_be_taken_away_once(self, host, town, coupon):
        begun = host.start(coupon=coupon(duration="forever"))

        told = host.newest(host.ask(RemoveDiscount(begun.object)))
        host.wait(31 * DAY)

        assert told.discount == DiscountFact(None, None)
        assert due(host, begun) == [2610, 2900]
        with town.unchanged("No active discount"):
            host.ask(RemoveDiscount(begun.object))

    def test_lowers_credits_and_charges_of_a_change_alike(self, host, coupon):
        price = host.fake.create_price(Money(3100, "EUR"))
        begun = host.start(ItemWanted(price), coupon=coupon(duration="forever"))

        quote = host.fake.quote(host.change(begun, (None, 2), proration="invoice_now"))

        assert [line.amount.minor for line in quote.lines] == [-2790, 5580]
        assert (quote.due_now.minor, quote.next_due.minor) == (2790, 5580)

    def test_that_is_gone_still_lowers_the_credit_of_what_it_lowered(self, host, coupon):
        price, other = (host.fake.create_price(Money(3100, "EUR")) for _ in range(2))
        begun = host.start(ItemWanted(price), coupon=coupon(duration="forever"))
        host.ask(RemoveDiscount(begun.object))
        host.ask(host.change(begun, ItemChange(price=other)))

        quote = host.fake.quote(host.change(begun, (None, 2)))

        assert [line.amount.minor for line in quote.lines] == [-2790, 6200]

    @given(
        st.lists(st.integers(0, 10_000), min_size=1, max_size=6),
        st.sampled_from(["EUR", "JPY", "KWD", "MGA"]),
        st.integers(1, 10_000),
        st.booleans(),
    )
    def test_takes_off_exactly_its_share_and_never_more(self, units, currency, off, percent):
        unit = smallest(currency)
        lines = [Line(f"{n}", amount * unit, 0, 1) for n, amount in enumerate(units)]
        text = f"{off / 100:.2f}"
        terms = {"percent_off": text} if percent else {"amount_off": off * unit}

        after = discounted(lines, Coupon("coupon_A", 0, "A", **terms), currency)

        total = sum(units)
        exact = (2 * total * off + 10_000) // 20_000 if percent else min(off, total)
        assert sum(line.discount for line in after) == exact * unit
        assert all(0 <= line.discount <= line.amount for line in after)


class TestAPromotionCode:
    def test_gives_what_its_coupon_gives(self, host, code):
        begun = host.start(promotion_code=code())

        assert due(host, begun) == [2610]
        assert host.newest(begun).discount == DiscountFact("FOR_HELLO", "promo_fake_000001")

    @pytest.mark.parametrize(
        ("how", "words"),
        [
            ({"max_redemptions": 1}, "used up"),
            ({"expires_at": DAY}, "expired"),
            ({"customer": "other"}, "different customer"),
            ({"first_time": True}, "prior transactions"),
            ({"minimum": Money(2901, "EUR")}, "minimum amount"),
            ({"minimum": Money(100, "USD")}, "minimum amount"),
        ],
    )
    def test_is_refused_to_whom_it_is_not_for(self, host, town, code, how, words):
        how = dict(how)
        if "expires_at" in how:
            how["expires_at"] = host.fake.now + how["expires_at"]
        if "customer" in how:
            how["customer"] = host.customer()
        made, begun = code(**how), host.start()
        if "max_redemptions" in how:
            host.start(promotion_code=made)
        host.wait(DAY)

        with town.unchanged(words):
            host.ask(ApplyDiscount(begun.object, promotion_code=made))

    @pytest.mark.parametrize(
        "how",
        [{"first_time": True}, {"minimum": Money(2900, "EUR")}, {"max_redemptions": 1}],
    )
    def test_is_taken_from_whom_it_is_for(self, host, code, how):
        assert due(host, host.start(promotion_code=code(**how))) == [2610]

    def test_for_the_first_time_is_refused_after_a_subscription_that_ended(self, host, town, code):
        begun = host.start()
        host.ask(CancelSubscription(begun.object))
        made, items = code(first_time=True), (ItemWanted(host.price),)
        request = StartSubscription(host.sub(begun).customer, items, promotion_code=made)

        with town.unchanged("prior transactions"):
            host.ask(request)

    def test_can_be_switched_off_and_on(self, host, town, code):
        made, begun = code(), host.start()

        off = host.ask(UpdatePromotionCode(made, active=False))
        with town.unchanged("inactive"):
            host.ask(ApplyDiscount(begun.object, promotion_code=made))
        host.ask(UpdatePromotionCode(made, active=True))

        assert [fact.active for fact in off.facts] == [False]
        assert host.ask(ApplyDiscount(begun.object, promotion_code=made)).facts

    def test_ends_with_its_coupon(self, host, town, code):
        made = code()
        host.ask(UpdatePromotionCode(made, active=False))
        host.ask(DeleteCoupon("FOR_HELLO"))

        with town.unchanged("No such coupon"):
            host.ask(UpdatePromotionCode(made, active=True))

    @pytest.mark.parametrize(
        ("how", "words"),
        [
            ({"coupon": "NONE"}, "No such coupon"),
            ({"code": "with space"}, "Invalid code"),
            ({"code": "hello"}, "already exists"),
            ({"customer": "cus_none"}, "No such customer"),
            ({"expires_at": timedelta(0)}, "in the future"),
            ({"expires_at": 3 * DAY}, "redeem_by"),
            ({"max_redemptions": 0}, "at least 1"),
            ({"max_redemptions": 6}, "more than the coupon's"),
            ({"minimum": Money(0, "EUR")}, "Invalid amount"),
        ],
    )
    def test_is_not_made_when_stripe_would_not_take_it(self, host, town, code, coupon, how, words):
        code("HELLO")
        coupon(max_redemptions=5, redeem_by=host.fake.now + 2 * DAY)
        given = {"coupon": "TEN", "code": "OTHER"} | how
        if "expires_at" in given:
            given["expires_at"] = host.fake.now + given["expires_at"]

        with town.unchanged(words):
            host.ask(CreatePromotionCode(**given))
