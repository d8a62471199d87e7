"""What billing needs of Stripe's objects, in the shapes of old and new API versions."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import pytest

from recoup.core.billing.sensitive import stripped
from recoup.core.facts import (
    CouponFact,
    DiscountFact,
    ItemFact,
    PromotionCodeFact,
    Seen,
)
from recoup.core.money import Money
from recoup.errors import Unreadable
from recoup.processors.stripe.reader import read
from recoup.testing import events
from recoup.testing.events import NEW_YEAR, VERSIONS

START = datetime(2026, 1, 1, tzinfo=UTC)
AT = NEW_YEAR + 3600
LATER = START + timedelta(hours=1)
every_version = pytest.mark.parametrize("version", VERSIONS)


def told(type, object, **more):
    return read(events.event(type, object, id="evt_1", at=AT, **more)).facts


def subscription(version=VERSIONS[-1], **fields):
    shown = events.subscription("sub_1", "cus_1", version=version, **fields)
    (fact,) = told("customer.subscription.updated", shown, version=version)
    return fact


def invoice(**fields):
    return told("invoice.updated", events.invoice("in_1", "cus_1", **fields))[0]


class TestASubscription:
    @every_version
    def test_is_read_with_its_items(self, version):
        listed = events.subscription("sub_1", "cus_1", version=version)["items"]["data"][0]
        several = [
            listed | {"quantity": 3},
            listed | {"id": "si_2", "price": "price_seat", "quantity": 0},
            listed | {"id": "si_3", "price": "price_metered", "quantity": None},
        ]

        fact = subscription(version, items={"object": "list", "data": several})

        assert fact.items == (
            ItemFact("si_sub_1", "price_basic", 3),
            ItemFact("si_2", "price_seat", 0),
            ItemFact("si_3", "price_metered", 1),
        )
        assert (fact.quantity, fact.prices[1:]) == (3, ("price_seat", "price_metered"))

    def test_is_read_with_what_was_agreed(self):
        fact = subscription(
            metadata={"team": "7"},
            billing_cycle_anchor=AT,
            pause_collection={"behavior": "keep_as_draft", "resumes_at": AT},
            cancellation_details={"reason": None, "comment": "x", "feedback": "too_expensive"},
        )

        assert fact.metadata == {"team": "7"}
        assert fact.anchor == LATER
        assert (fact.pause_behavior, fact.resumes_at) == ("keep_as_draft", LATER)
        assert fact.feedback == "too_expensive"

    @every_version
    def test_needs_nothing_of_that(self, version):
        shown = events.subscription("sub_1", "cus_1", version=version)
        del shown["metadata"], shown["cancellation_details"]

        (fact,) = told("customer.subscription.updated", shown, version=version)

        assert (fact.metadata, fact.anchor, fact.feedback) == ({}, None, None)
        assert (fact.pause_behavior, fact.resumes_at, fact.discount) == (None, None, None)

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"discount": None}, DiscountFact()),
            ({"discount": {"coupon": {"id": "ten"}}}, DiscountFact("ten")),
            (
                {"discount": {"coupon": {"id": "ten"}, "promotion_code": "promo_1"}},
                DiscountFact("ten", "promo_1"),
            ),
            ({"discounts": []}, DiscountFact()),
            ({"discount": None, "discounts": []}, DiscountFact()),
            ({"discounts": ["di_1"]}, None),
            ({"discount": None, "discounts": ["di_1", "di_2"]}, None),
            (
                {"discounts": [{"source": {"coupon": "ten"}, "promotion_code": {"id": "p_1"}}]},
                DiscountFact("ten", "p_1"),
            ),
            ({}, None),
        ],
    )
    def test_says_what_lowers_it_or_that_nobody_said(self, fields, expected):
        assert subscription(**fields).discount == expected


class TestAnInvoice:
    @pytest.mark.parametrize(
        ("fields", "tax"),
        [
            ({}, 0),
            ({"tax": None}, 0),
            ({"tax": 190}, 190),
            ({"tax": 190, "total_tax_amounts": [{"amount": 100}, {"amount": 90}]}, 190),
            ({"total_taxes": [{"amount": 100}, {"amount": -10}]}, 90),
            ({"total_taxes": None}, 0),
        ],
    )
    def test_is_read_with_its_taxes_wherever_they_stand(self, fields, tax):
        assert invoice(**fields).tax == tax

    def test_counts_taxes_and_credits_in_minor_units_of_the_currency(self):
        fields = {"amount": 120000, "currency": "isk", "total_taxes": [{"amount": 1900}]}

        fact = invoice(pre_payment_credit_notes_amount=200, **fields)

        assert (fact.due, fact.tax, fact.credited) == (Money(1200, "ISK"), 19, 2)

    @pytest.mark.parametrize(
        ("fields", "credited"),
        [
            ({}, 0),
            ({"pre_payment_credit_notes_amount": 300}, 300),
            ({"post_payment_credit_notes_amount": 200}, 200),
            (
                {"pre_payment_credit_notes_amount": 3, "post_payment_credit_notes_amount": 2},
                5,
            ),
        ],
    )
    def test_is_read_with_what_credit_notes_gave_back(self, fields, credited):
        assert invoice(**fields).credited == credited

    def test_is_read_with_its_description(self):
        assert invoice(description="Seats").description == "Seats"


class TestARefund:
    def test_is_read_with_its_reason(self):
        (given,) = told("refund.created", events.refund("re_1", "ch_1", reason="duplicate"))
        (bare,) = told("refund.created", events.refund("re_1", "ch_1"))

        assert (given.reason, bare.reason) == ("duplicate", None)


class TestWhatIsKeptOfACustomer:
    secret = "Ada Lovelace"

    def test_is_nothing_about_the_person(self):
        personal = {
            "name": self.secret,
            "email": self.secret,
            "phone": self.secret,
            "description": self.secret,
            "address": {"line1": self.secret, "country": "DE"},
            "shipping": {"name": self.secret},
            "tax": {"ip_address": self.secret},
            "tax_ids": {"data": [{"value": self.secret}]},
            "tax_exempt": self.secret,
            "sources": {"data": [{"name": self.secret}]},
            "default_source": {"id": "card_1", "name": self.secret},
            "discount": {"name": self.secret},
            "metadata": {"who": self.secret},
            "invoice_settings": {
                "custom_fields": [{"name": "x", "value": self.secret}],
                "default_payment_method": {"id": "pm_1", "name": self.secret},
                "footer": self.secret,
                "rendering_options": {"template": "t_1", "note": self.secret},
            },
            "something_new": self.secret,
        }

        (fact,) = told("customer.updated", events.customer("cus_1", balance=-500, **personal))

        assert self.secret not in json.dumps(fact.data)
        assert fact.data["balance"] == -500
        assert fact.data["invoice_settings"] == {
            "default_payment_method": "pm_1",
            "rendering_options": {"template": "t_1"},
        }

    def test_holds_no_field_that_may_never_be_kept(self):
        (fact,) = told("customer.updated", fixture("customer"))

        assert stripped(fact.data) == fact.data
        assert {"id", "balance", "delinquent", "invoice_prefix"} <= set(fact.data)

    def test_is_never_shown_by_accident(self):
        (fact,) = told("customer.updated", events.customer("cus_1", balance=12345))

        assert "12345" not in repr(fact)


class TestACoupon:
    def test_is_read_from_created_and_updated(self):
        shown = events.coupon(
            "TEN",
            percent_off=12.5,
            duration="repeating",
            duration_in_months=3,
            max_redemptions=9,
            redeem_by=AT,
        )

        for type in ("coupon.created", "coupon.updated"):
            assert told(type, shown) == (
                CouponFact(
                    processor_id="TEN",
                    seen=Seen(0, LATER, 0, "evt_1"),
                    name="Ten off",
                    percent_off="12.5",
                    amount_off=None,
                    duration="repeating",
                    months=3,
                    max_redemptions=9,
                    redeem_by=LATER,
                    prices=None,
                ),
            )

    @pytest.mark.parametrize(
        ("percent", "text"), [(10, "10"), (100, "100"), (100.0, "100"), (33.33, "33.33")]
    )
    def test_gives_a_share_as_decimal_text(self, percent, text):
        (fact,) = told("coupon.created", events.coupon("TEN", percent_off=percent))

        assert fact.percent_off == text

    @pytest.mark.parametrize("percent", [0, -1, 100.01, "10", True])
    def test_with_no_share_in_percent_is_unreadable(self, percent):
        with pytest.raises(Unreadable, match=r"coupon\.created: .*percent_off"):
            told("coupon.created", events.coupon("TEN", percent_off=percent))

    def test_gives_an_amount_in_our_minor_units(self):
        shown = events.coupon("X", percent_off=None, amount_off=50000, currency="isk")

        (fact,) = told("coupon.created", shown)

        assert (fact.percent_off, fact.amount_off) == (None, Money(500, "ISK"))

    def test_once_deleted_outranks_all_other_news(self):
        (fact,) = told("coupon.deleted", events.coupon("TEN"))

        assert (fact.deleted, fact.seen.rank) == (True, 1)

    def test_is_read_as_stripe_documents_it(self):
        (fact,) = told("coupon.created", fixture("coupon"))

        assert (fact.percent_off, fact.duration) == ("25.5", "forever")


class TestAPromotionCode:
    @every_version
    def test_is_read_from_every_shape(self, version):
        limits = {
            "first_time_transaction": True,
            "minimum_amount": 500,
            "minimum_amount_currency": "eur",
        }
        shown = events.promotion_code(
            "promo_1",
            events.coupon("TEN"),
            "SPRING",
            version=version,
            customer="cus_1",
            max_redemptions=1,
            expires_at=AT,
            restrictions=limits,
        )

        assert told("promotion_code.created", shown, version=version) == (
            PromotionCodeFact(
                processor_id="promo_1",
                coupon="TEN",
                seen=Seen(0, LATER, 0, "evt_1"),
                code="SPRING",
                active=True,
                customer="cus_1",
                max_redemptions=1,
                expires_at=LATER,
                first_time=True,
                minimum=Money(500, "EUR"),
            ),
        )

    def test_may_be_closed_and_opened_within_a_second(self):
        closed, opened = (
            told(
                "promotion_code.updated",
                events.promotion_code("promo_1", events.coupon("TEN"), "SPRING", active=active),
            )[0]
            for active in (False, True)
        )

        assert (closed.active, opened.active) == (False, True)
        assert closed.seen.tie == opened.seen.tie

    def test_without_its_coupon_is_unreadable(self):
        shown = events.promotion_code("promo_1", events.coupon("TEN"), "SPRING")
        del shown["promotion"]

        with pytest.raises(Unreadable, match="coupon is missing"):
            told("promotion_code.created", shown)


def fixture(name):
    """Return an object as Stripe's own fixtures hold it."""
    stored = files("recoup.data").joinpath("stripe_fixtures.json").read_text(encoding="utf-8")
    return json.loads(stored)["resources"][name]
