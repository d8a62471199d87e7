"""Each request is answered in the shapes of the version it asks for."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import stripe
from sdk_shapes import strangers

from recoup.core.billing.requests import (
    ApplyDiscount,
    CreateCoupon,
    CreateInvoice,
    CreatePromotionCode,
    LineWanted,
)
from recoup.core.money import Money
from recoup.processors.fake import NEWEST, NO_FUNDS, Asks, Declines, FakeProcessor, Pays
from recoup.testing.events import VERSIONS
from recoup.testing.stripe_server import StripeServer


class TestAVersion:
    @pytest.mark.parametrize(
        "version", [*VERSIONS, "2024-09-30.acacia", "2025-12-15.clover", "2026-03-25.dahlia"]
    )
    def test_is_taken_and_said_again(self, server, client, version):
        answer = client(server, stripe_version=version).v1.events.list().last_response
        assert answer.headers["Stripe-Version"] == version

    @pytest.mark.parametrize(
        "version",
        ["2025-03-31", "2024-06-20.basil", "2025-09-30.basil", "2025-13-31.basil", "newest", "v1"],
    )
    def test_that_never_was_is_refused(self, server, client, version):
        with pytest.raises(stripe.InvalidRequestError, match="Invalid Stripe API version"):
            client(server, stripe_version=version).v1.events.list()

    @pytest.mark.parametrize("version", ["2020-08-27", "2027-01-01.endive"])
    def test_that_is_not_played_is_refused_by_name(self, server, client, version):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            client(server, stripe_version=version).v1.events.list()
        assert caught.value.code == "not_played"

    def test_is_the_accounts_where_none_is_asked_for(self, ask):
        assert ask("GET", "/v1/events")[1]["Stripe-Version"] == NEWEST

    def test_of_the_account_is_that_of_its_world(self):
        with (
            FakeProcessor(":memory:", api_version="2024-06-20") as fake,
            StripeServer(fake) as old,
        ):
            assert old._answering._version == "2024-06-20"

    def test_decides_where_a_period_is(self, server, client, subscribed):
        *_, subscription = subscribed()

        def seen(version):
            sdk = client(server, stripe_version=version)
            return json.loads(sdk.v1.subscriptions.retrieve(subscription).last_response.body)

        old, new = seen("2024-06-20"), seen("2025-03-31.basil")
        assert "current_period_end" in old
        assert "current_period_end" not in new
        assert new["items"]["data"][0]["current_period_end"] == old["current_period_end"]

    def test_decides_how_an_invoice_names_its_subscription(self, server, client, subscribed):
        *_, subscription = subscribed()
        invoice = server.fake.invoices_of(subscription)[0].id

        def seen(version):
            sdk = client(server, stripe_version=version)
            return json.loads(sdk.v1.invoices.retrieve(invoice).last_response.body)

        assert seen("2022-11-15")["subscription"] == subscription
        named = seen(NEWEST)["parent"]["subscription_details"]["subscription"]
        assert named == subscription
        assert "subscription" not in seen(NEWEST)


def history():
    """A world where everything that is shown happened."""
    fake = FakeProcessor(":memory:")
    price = fake.create_price(Money(4900, "EUR"))
    ada = fake.create_customer(email="ada@example.com", country="DE", locale="de")
    card = fake.attach_method(ada)
    subscription = fake.subscribe(ada, price)
    fake.update_method(card, payer=Declines(NO_FUNDS))
    fake.advance(fake.now + timedelta(days=33))
    fake.update_method(card, payer=Pays())
    owed = fake.invoices_of(subscription)[-1].id
    fake.customer_pays(owed)
    charge = fake.charges_of(owed)[-1].id
    fake.refund(charge, Money(100, "EUR"))
    fake.close_dispute(fake.open_dispute(charge), won=False)
    bob = fake.create_customer()
    fake.attach_method(bob, Asks())
    fake.subscribe(bob, price)
    fake.ask(CreateCoupon("HEAT", percent_off="10", duration="repeating", months=3), key="k1")
    fake.ask(CreatePromotionCode("HEAT", "SUMMER"), key="k2")
    fake.ask(ApplyDiscount(subscription, coupon="HEAT"), key="k3")
    lines = (LineWanted("Setup", Money(1000, "EUR"), 2, 100),)
    fake.ask(CreateInvoice(ada, lines), key="k4")
    fake.advance(fake.now + timedelta(days=40))
    return fake


class TestTheNewestShapes:
    def test_have_no_field_that_the_sdk_does_not_know(self):
        with history() as fake:
            told = [json.loads(body)["data"]["object"] for _, body in fake.events(limit=10_000)]
        assert {one["object"] for one in told} >= {"invoice", "charge", "refund", "dispute"}
        assert {found for one in told for found in strangers(one)} == set()

    def test_of_answers_have_none_either(self, client):
        shown = []
        with history() as fake, StripeServer(fake) as server:
            v1 = client(server).v1
            v1.products.create({"name": "Pro"})
            lists = (
                *(v1.customers, v1.invoices, v1.invoice_payments, v1.invoice_items, v1.charges),
                *(v1.payment_intents, v1.refunds, v1.disputes, v1.coupons, v1.promotion_codes),
                *(v1.prices, v1.products, v1.subscriptions),
            )
            for one in lists:
                found = json.loads(one.list({"limit": 100}).last_response.body)["data"]
                assert found, one
                shown += found
        assert {found for one in shown for found in strangers(one)} == set()

    def test_are_told_from_old_ones(self):
        with FakeProcessor(":memory:", api_version="2024-06-20") as fake:
            customer = fake.create_customer()
            fake.attach_method(customer)
            fake.subscribe(customer, fake.create_price(Money(4900, "EUR")))
            told = [json.loads(body)["data"]["object"] for _, body in fake.events()]
        found = {name for one in told for name in strangers(one)}
        assert "subscription.current_period_end" in found
