from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from recoup.core.billing.views import Start
from recoup.core.money import Money
from recoup.errors import (
    CouponRefused,
    InvalidPeriod,
    InvalidValue,
    NotFound,
    NotPossible,
    Rejected,
    UnknownOption,
)
from recoup.processors.fake import Declines
from recoup.testing.scene import Scene

DAY = timedelta(days=1)


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


@pytest.fixture
def scene(database_url, home):
    with Scene.open(database_url, home) as scene:
        yield scene
        assert scene.violations() == ()


@pytest.fixture
def coupons(scene):
    return scene.recoup.coupons


@pytest.fixture
def subscriptions(scene):
    return scene.recoup.subscriptions


@pytest.fixture
def price(scene):
    return scene.fake.create_price(eur(1000))


def somebody(scene, payer=None) -> int:
    who = scene.fake.create_customer(email="ada@example.com", country="DE")
    scene.fake.attach_method(who, payer, country="DE")
    scene.pace.settle()
    return scene.recoup.customers.get(who).id


@pytest.fixture
def ada(scene):
    return somebody(scene)


def uses(scene) -> list[tuple[bool, str | None]]:
    """Return of each use whether it is given back, and why."""
    rows = scene.rows("SELECT given_back_at, reason FROM redemptions ORDER BY id")
    return [(row["given_back_at"] is not None, row["reason"]) for row in rows]


class TestCreating:
    @pytest.mark.parametrize(
        "options",
        [
            {"percent_off": Decimal("12.50")},
            {"percent_off": 100},
            {"percent_off": "0.01", "duration": "forever"},
            {"amount_off": Money(500, "EUR")},
            {"percent_off": 5, "duration": "repeating", "months": 3},
            {"percent_off": 5, "max_redemptions": 1, "name": "Spring"},
        ],
    )
    def test_gives_the_coupon_as_it_was_asked_for(self, coupons, options):
        made = coupons.create("SPRING", **options)

        assert made.processor_id == "SPRING"
        for name, value in options.items():
            found = getattr(made, name)
            given = Decimal(value) if name == "percent_off" else value
            assert (Decimal(found) if name == "percent_off" else found) == given
        assert coupons.get("SPRING") == made
        assert coupons.list() == (made,)

    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"percent_off": 5, "amount_off": Money(500, "EUR")},
            {"percent_off": 0},
            {"percent_off": "100.01"},
            {"percent_off": "0.001"},
            {"amount_off": Money(0, "EUR")},
            {"percent_off": 5, "months": 3},
            {"percent_off": 5, "duration": "repeating"},
            {"percent_off": 5, "max_redemptions": 0},
        ],
    )
    def test_refuses_what_can_not_be(self, coupons, options):
        with pytest.raises(InvalidValue):
            coupons.create("SPRING", **options)

    def test_takes_no_floats(self, coupons):
        with pytest.raises(UnknownOption, match="percent_off"):
            coupons.create("SPRING", percent_off=12.5)

    def test_needs_an_id_that_can_be_one(self, coupons):
        with pytest.raises(InvalidValue, match="coupon"):
            coupons.create("spring sale", percent_off=5)

    def test_happens_once_for_each_id(self, coupons):
        coupons.create("SPRING", percent_off=5)

        with pytest.raises(NotPossible, match="already"):
            coupons.create("SPRING", percent_off=6)

    def test_needs_an_end_that_is_to_come(self, scene, coupons):
        with pytest.raises(InvalidValue, match="redeem_by"):
            coupons.create("SPRING", percent_off=5, redeem_by=scene.now)
        with pytest.raises((InvalidPeriod, UnknownOption)):
            coupons.create("SPRING", percent_off=5, redeem_by=datetime(2099, 1, 1))  # noqa: DTZ001


class TestACode:
    @pytest.fixture
    def spring(self, coupons):
        return coupons.create("SPRING", percent_off=20)

    def test_is_found_by_its_text_in_any_case(self, coupons, spring):
        made = coupons.create_promotion_code("SPRING", "Hello")

        assert coupons.get_promotion_code("hELLO") == made
        assert coupons.list_promotion_codes("SPRING") == (made,)

    def test_can_be_switched_off_and_on(self, scene, coupons, spring):
        coupons.create_promotion_code("SPRING", "HELLO")

        assert coupons.set_active("HELLO", False).active is False
        scene.live(hours=1)
        assert coupons.set_active("HELLO", True).active is True

    def test_needs_a_coupon_that_is_there(self, coupons, spring):
        with pytest.raises(NotFound):
            coupons.create_promotion_code("AUTUMN", "HELLO")
        coupons.delete("SPRING")
        with pytest.raises(NotPossible, match="deleted"):
            coupons.create_promotion_code("SPRING", "HELLO")

    def test_is_spelled_like_no_other_active_one(self, coupons, spring):
        coupons.create_promotion_code("SPRING", "HELLO")

        with pytest.raises(Rejected, match="already exists"):
            coupons.create_promotion_code("SPRING", "hello")


class TestRedeeming:
    def test_lowers_the_first_invoice(self, scene, coupons, subscriptions, ada, price):
        coupons.create("SPRING", percent_off=20)

        started = subscriptions.start(ada, price, coupon="SPRING")

        assert started.subscription.coupon == "SPRING"
        assert scene.recoup.invoices.get(started.invoice_id).paid == eur(800)
        assert (coupons.get("SPRING").redemptions, uses(scene)) == (1, [(False, None)])
        linked = scene.rows("SELECT subscription_id FROM redemptions")
        assert linked == [{"subscription_id": started.subscription.id}]

    def test_of_all_of_it_costs_nothing(self, scene, coupons, subscriptions, ada, price):
        coupons.create("GIFT", percent_off=100)

        started = subscriptions.start(ada, price, coupon="GIFT")

        assert started.outcome == Start.ACTIVE
        assert scene.recoup.invoices.get(started.invoice_id).paid == eur(0)

    def test_by_its_code_counts_both(self, scene, coupons, subscriptions, ada, price):
        coupons.create("SPRING", amount_off=eur(300))
        coupons.create_promotion_code("SPRING", "HELLO")

        started = subscriptions.start(ada, price, promotion_code="hello")

        assert started.subscription.promotion_code is not None
        assert coupons.get("SPRING").redemptions == 1
        assert coupons.get_promotion_code("HELLO").redemptions == 1

    def test_may_come_later(self, scene, coupons, subscriptions, ada, price):
        coupons.create("SPRING", percent_off=50)
        running = subscriptions.start(ada, price).subscription

        assert subscriptions.apply_discount(running.id, coupon="SPRING").coupon == "SPRING"
        scene.live(days=32)
        assert scene.rows("SELECT sum(amount_paid)::int AS paid FROM invoices") == [{"paid": 1500}]
        assert subscriptions.remove_discount(running.id).coupon is None
        assert uses(scene) == [(False, None)]

    def test_outlives_the_coupon(self, coupons, subscriptions, ada, price):
        coupons.create("SPRING", percent_off=50, duration="forever")
        running = subscriptions.start(ada, price, coupon="SPRING").subscription

        assert coupons.delete("SPRING").deleted
        assert subscriptions.get(running.id).coupon == "SPRING"


class TestARefusal:
    def refused(self, scene, ada, price, says, **options):
        with pytest.raises(CouponRefused, match=says):
            scene.recoup.subscriptions.start(ada, price, **options)
        assert scene.recoup.subscriptions.list(ada) == ()
        assert uses(scene) in ([], [(True, "the processor refused what it was for")])

    def test_comes_at_the_instant_it_expires(self, scene, coupons, ada, price):
        coupons.create("SPRING", percent_off=5, redeem_by=scene.now + DAY)
        scene.live(days=1)

        self.refused(scene, ada, price, "has expired", coupon="SPRING")

    def test_comes_when_it_is_deleted(self, scene, coupons, ada, price):
        coupons.create("SPRING", percent_off=5)
        coupons.delete("SPRING")

        self.refused(scene, ada, price, "is deleted", coupon="SPRING")

    def test_comes_when_it_is_used_up(self, scene, coupons, subscriptions, ada, price):
        coupons.create("SPRING", percent_off=5, max_redemptions=1)
        subscriptions.start(somebody(scene), price, coupon="SPRING")

        with pytest.raises(CouponRefused, match="used up"):
            subscriptions.start(ada, price, coupon="SPRING")
        assert coupons.get("SPRING").redemptions == 1

    def test_comes_for_another_price(self, scene, coupons, ada, price):
        other = scene.fake.create_price(eur(700))
        coupons.create("SPRING", percent_off=5, prices=other)

        self.refused(scene, ada, price, "is not for", coupon="SPRING")

    def test_comes_for_another_currency(self, scene, coupons, subscriptions, price):
        coupons.create("SPRING", amount_off=Money(100, "USD"))
        payer = somebody(scene)
        running = subscriptions.start(payer, price).subscription
        scene.pace.settle()

        with pytest.raises(CouponRefused, match="in USD"):
            subscriptions.apply_discount(running.id, coupon="SPRING")

    @pytest.mark.parametrize("limit", ["customer", "expires_at", "minimum", "inactive"])
    def test_comes_for_each_bound_of_a_code(self, scene, coupons, ada, price, limit):
        coupons.create("SPRING", percent_off=5)
        bounds = {
            "customer": ({"customer": somebody(scene)}, "another customer"),
            "expires_at": ({"expires_at": scene.now + DAY}, "has expired"),
            "minimum": ({"minimum": eur(1001)}, "minimum amount"),
            "inactive": ({}, "is inactive"),
        }
        options, says = bounds[limit]
        coupons.create_promotion_code("SPRING", "HELLO", **options)
        if limit == "inactive":
            coupons.set_active("HELLO", False)
        scene.live(days=1)

        self.refused(scene, ada, price, says, promotion_code="HELLO")

    def test_comes_below_a_codes_minimum_and_not_at_it(self, scene, coupons, ada, price):
        coupons.create("SPRING", percent_off=5)
        coupons.create_promotion_code("SPRING", "HELLO", minimum=eur(1000))

        started = scene.recoup.subscriptions.start(ada, price, promotion_code="HELLO")

        assert started.outcome == Start.ACTIVE

    def test_comes_for_who_has_paid_before(self, scene, coupons, subscriptions, ada, price):
        coupons.create("SPRING", percent_off=5)
        coupons.create_promotion_code("SPRING", "WELCOME", first_time=True)
        running = subscriptions.start(ada, price).subscription

        with pytest.raises(CouponRefused, match="paid before"):
            subscriptions.apply_discount(running.id, promotion_code="WELCOME")


class TestGivingBack:
    def test_happens_once_when_the_processor_refuses(self, scene, coupons, subscriptions, ada):
        coupons.create("SPRING", percent_off=5, max_redemptions=1)

        for _ in range(2):
            with pytest.raises(Rejected, match="price_nowhere"):
                subscriptions.start(ada, "price_nowhere", coupon="SPRING", key="k")

        assert coupons.get("SPRING").redemptions == 0
        assert uses(scene) == [(True, "the processor refused what it was for")]

    @pytest.mark.parametrize("how", ["expires", "is cancelled"])
    def test_happens_once_when_it_never_began(self, scene, coupons, subscriptions, price, how):
        coupons.create("SPRING", percent_off=5)
        coupons.create_promotion_code("SPRING", "HELLO")
        unlucky = somebody(scene, Declines())
        started = subscriptions.start(unlucky, price, promotion_code="HELLO")
        assert started.outcome == Start.INCOMPLETE
        assert coupons.get("SPRING").redemptions == 1

        if how == "expires":
            scene.live(days=2)
        else:
            subscriptions.cancel(started.subscription.id)
        scene.live(days=1)

        assert coupons.get("SPRING").redemptions == 0
        assert coupons.get_promotion_code("HELLO").redemptions == 0
        assert uses(scene) == [(True, "the subscription ended before its first payment")]

    def test_does_not_happen_when_what_was_paid_ends(self, scene, coupons, subscriptions, price):
        coupons.create("SPRING", percent_off=5)
        late = somebody(scene, Declines(times=1))
        started = subscriptions.start(late, price, coupon="SPRING")
        invoice = scene.recoup.invoices.get(started.invoice_id)
        scene.fake.customer_pays(invoice.processor_id)
        scene.fake.cancel_subscription(
            started.subscription.processor_id, reason="requested", key="end"
        )
        scene.pace.settle()  # paid and ended are heard of together

        assert subscriptions.get(started.subscription.id).ended
        assert uses(scene) == [(False, None)]
