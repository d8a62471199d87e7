"""Coupons, promotion codes, products and prices of the server, as the official SDK meets them."""

from __future__ import annotations

import pytest
import stripe
from stripe import StripeClient

from recoup.core.billing.requests import ItemWanted, StartSubscription
from recoup.core.money import Money
from recoup.processors.fake.model import Price
from recoup.processors.fake.terms import Coupon

BASIL = "2025-03-31.basil"
MONTH = {"currency": "eur", "unit_amount": 2900, "recurring": {"interval": "month"}}


@pytest.fixture
def old(server):
    """An SDK that asks for an older version."""
    return StripeClient(server.key, base_addresses={"api": server.url}, stripe_version=BASIL)


@pytest.fixture
def plan(sdk):
    return sdk.v1.products.create({"name": "Plan"}).id


@pytest.fixture
def ten(sdk):
    return sdk.v1.coupons.create({"id": "TEN", "percent_off": 10, "duration": "forever"}).id


def refused(call, *args):
    with pytest.raises(stripe.StripeError) as found:
        call(*args)
    return found.value


def said(error):
    return (error.http_status, error.code, error.param)


class TestACoupon:
    def test_is_made_with_an_id_or_gets_one(self, sdk, ten):
        other = sdk.v1.coupons.create({"amount_off": 500, "currency": "eur", "name": "Five"})

        assert ten == "TEN"
        assert other.id not in {"", ten}
        assert (other.amount_off, other.currency, other.duration) == (500, "eur", "once")
        assert sdk.v1.coupons.retrieve(other.id).name == "Five"

    def test_tells_its_products_only_when_asked(self, sdk, plan):
        made = sdk.v1.coupons.create({"percent_off": 10, "applies_to": {"products": [plan]}})

        assert "applies_to" not in made.to_dict()
        told = sdk.v1.coupons.retrieve(made.id, {"expand": ["applies_to"]})
        assert told.applies_to.products == [plan]

    def test_lowers_prices_that_its_product_gets_later(self, server, sdk, plan):
        sdk.v1.coupons.create(
            {
                "id": "P",
                "percent_off": 50,
                "duration": "forever",
                "applies_to": {"products": [plan]},
            }
        )
        later = sdk.v1.prices.create({**MONTH, "product": plan}).id
        other = sdk.v1.prices.create({**MONTH, "product_data": {"name": "Other"}}).id
        customer = server.fake.create_customer()
        server.fake.attach_method(customer)

        begun = server.fake.ask(
            StartSubscription(customer, (ItemWanted(later), ItemWanted(other)), coupon="P"),
            key="recoup:1",
        )

        (invoice,) = server.fake.invoices_of(begun.object)
        assert invoice.amount == 2900 + 1450

    def test_of_a_product_without_prices_lowers_nothing(self, server, sdk, plan):
        sdk.v1.coupons.create({"id": "P", "percent_off": 50, "applies_to": {"products": [plan]}})

        with server.fake._world.session() as s:
            assert not any(one.startswith("price_") for one in s.get(Coupon, "coupon_P").prices)
            assert s.get(Coupon, "coupon_P").prices

    def test_changes_its_name_and_metadata(self, server, sdk, ten):
        changed = sdk.v1.coupons.update(ten, {"name": "Ten", "metadata": {"a": "b"}})

        assert (changed.name, changed.metadata.to_dict()) == ("Ten", {"a": "b"})
        assert b'"coupon.updated"' in server.fake.events()[-1][1]

    def test_is_gone_once_it_is_deleted(self, sdk, ten):
        gone = sdk.v1.coupons.delete(ten)

        assert gone.to_dict() == {"id": ten, "object": "coupon", "deleted": True}
        for call in (sdk.v1.coupons.retrieve, sdk.v1.coupons.update, sdk.v1.coupons.delete):
            assert said(refused(call, ten)) == (404, "resource_missing", "id")
        assert sdk.v1.coupons.list().data == []

    @pytest.mark.parametrize(
        ("params", "told"),
        [
            ({"id": "TEN", "percent_off": 5}, (400, "resource_already_exists", "id")),
            ({"amount_off": 5}, (400, "parameter_missing", "currency")),
            (
                {"amount_off": 0, "currency": "eur"},
                (400, "parameter_invalid_integer", "amount_off"),
            ),
            ({"percent_off": 101}, (400, None, None)),
            ({"percent_off": 10, "duration": "ever"}, (400, None, "duration")),
            (
                {"percent_off": 10, "applies_to": {"products": ["prod_none"]}},
                (400, "resource_missing", "applies_to[products][0]"),
            ),
        ],
    )
    def test_is_refused_by_name(self, sdk, ten, params, told):
        assert said(refused(sdk.v1.coupons.create, params)) == told


class TestAPromotionCode:
    def test_names_its_coupon_where_the_version_has_it(self, sdk, old, ten):
        promised = {"type": "coupon", "coupon": ten}

        new = sdk.v1.promotion_codes.create({"code": "NEW", "promotion": promised})
        was = old.v1.promotion_codes.create({"code": "OLD", "coupon": ten})

        assert new.promotion.to_dict() == promised
        assert was.coupon.id == ten
        assert sdk.v1.promotion_codes.retrieve(was.id).promotion.coupon == ten
        assert old.v1.promotion_codes.retrieve(new.id).coupon.percent_off == 10

    def test_is_refused_with_the_words_of_another_version(self, sdk, old, ten):
        promised = {"promotion": {"type": "coupon", "coupon": ten}}

        new = refused(sdk.v1.promotion_codes.create, {"coupon": ten})
        was = refused(old.v1.promotion_codes.create, promised)
        none = refused(sdk.v1.promotion_codes.create, {"code": "X"})

        assert said(new) == (400, "parameter_unknown", "coupon")
        assert said(was) == (400, "parameter_unknown", "promotion")
        assert said(none) == (400, "parameter_missing", "promotion")

    def test_is_made_up_where_none_is_said(self, sdk, ten):
        promised = {"promotion": {"type": "coupon", "coupon": ten}}

        codes = {sdk.v1.promotion_codes.create(promised).code for _ in range(3)}

        assert len(codes) == 3
        assert all(len(code) == 8 and code.isalnum() for code in codes)

    def test_tells_its_limits(self, sdk, ten):
        made = sdk.v1.promotion_codes.create(
            {
                "promotion": {"type": "coupon", "coupon": ten},
                "max_redemptions": 2,
                "restrictions": {
                    "first_time_transaction": True,
                    "minimum_amount": 1000,
                    "minimum_amount_currency": "eur",
                },
            }
        )

        assert made.max_redemptions == 2
        limits = made.restrictions
        assert (limits.minimum_amount, limits.minimum_amount_currency) == (1000, "eur")
        assert limits.first_time_transaction is True

    def test_is_switched_off_and_found(self, sdk, ten):
        one, two = (
            sdk.v1.promotion_codes.create(
                {"code": code, "promotion": {"type": "coupon", "coupon": ten}}
            ).id
            for code in ("One", "Two")
        )

        changed = sdk.v1.promotion_codes.update(one, {"active": False, "metadata": {"a": "b"}})

        def ids(**params):
            return [each.id for each in sdk.v1.promotion_codes.list(params).data]

        assert (changed.active, changed.metadata.to_dict()) == (False, {"a": "b"})
        assert ids() == [two, one]
        assert ids(active=True) == [two]
        assert ids(code="one") == [one]
        assert ids(coupon="ELSE") == []


class TestAPrice:
    def test_is_of_a_product_that_is_named_or_new(self, sdk, plan):
        of_old = sdk.v1.prices.create({**MONTH, "product": plan})
        of_new = sdk.v1.prices.create({**MONTH, "product_data": {"name": "Extra"}})

        assert of_old.product == plan
        assert sdk.v1.products.retrieve(of_new.product).name == "Extra"
        told = sdk.v1.prices.retrieve(of_old.id, {"expand": ["product"]})
        assert told.product.name == "Plan"

    def test_is_counted_as_stripe_counts_its_currency(self, server, sdk, plan):
        made = sdk.v1.prices.create(
            {"currency": "isk", "unit_amount": 500_00, "product": plan,
                "recurring": {"interval": "week", "interval_count": 2}}
        )  # fmt: skip

        with server.fake._world.session() as s:
            kept = s.get(Price, made.id)
        assert (kept.amount, kept.currency, kept.rhythm) == (500, "ISK", ("week", 2))
        assert made.unit_amount == 500_00

    def test_can_be_subscribed_to(self, server, sdk, plan):
        made = sdk.v1.prices.create({**MONTH, "product": plan}).id
        customer = server.fake.create_customer()
        server.fake.attach_method(customer)

        begun = server.fake.subscribe(customer, made)

        assert server.fake.invoices_of(begun)[0].amount == 2900

    def test_is_listed_while_it_is_active(self, sdk, plan):
        one, two, other = (
            sdk.v1.prices.create({**MONTH, **of}).id
            for of in ({"product": plan}, {"product": plan}, {"product_data": {"name": "B"}})
        )
        sdk.v1.prices.update(one, {"active": False, "nickname": "old"})

        def ids(**params):
            return [each.id for each in sdk.v1.prices.list(params).data]

        assert ids() == [other, two]
        assert ids(product=plan) == [two]
        assert ids(product=plan, active=False) == [one]
        assert ids(currency="usd") == ids(type="one_time") == []
        assert sdk.v1.prices.retrieve(one).nickname == "old"

    @pytest.mark.parametrize(
        ("params", "told"),
        [
            ({"unit_amount": None}, (400, "parameter_missing", "unit_amount")),
            ({"unit_amount": -1}, (400, "parameter_invalid_integer", "unit_amount")),
            (
                {"currency": "kwd", "unit_amount": 5},
                (400, "parameter_invalid_integer", "unit_amount"),
            ),
            ({"currency": "euros"}, (400, None, None)),
            ({"product": "prod_none"}, (400, "resource_missing", "product")),
            ({"product": None}, (400, "parameter_missing", "product")),
            ({"recurring": None}, (400, "not_played", "recurring")),
            (
                {"recurring": {"interval": "year", "interval_count": 4}},
                (400, None, "recurring[interval_count]"),
            ),
        ],
    )
    def test_is_refused_by_name(self, sdk, plan, params, told):
        asked = {**MONTH, "product": plan, **params}
        asked = {name: value for name, value in asked.items() if value is not None}

        assert said(refused(sdk.v1.prices.create, asked)) == told


class TestAProduct:
    def test_is_changed_and_listed(self, sdk, plan):
        other = sdk.v1.products.create({"name": "B", "active": False, "metadata": {"a": "b"}})
        changed = sdk.v1.products.update(plan, {"name": "Better"})

        def ids(**params):
            return [each.id for each in sdk.v1.products.list(params).data]

        assert (changed.name, other.metadata.to_dict()) == ("Better", {"a": "b"})
        assert ids() == [other.id, plan]
        assert ids(active=True) == ids(ids=[plan]) == [plan]

    def test_of_prices_that_name_none_is_there(self, server, sdk):
        price = server.fake.create_price(Money(100, "EUR"))

        product = sdk.v1.prices.retrieve(price).product

        assert sdk.v1.products.retrieve(product).id == product

    def test_that_never_was_is_missing(self, sdk):
        error = refused(sdk.v1.products.retrieve, "prod_none")
        assert said(error) == (404, "resource_missing", "id")
