"""What we send is what Stripe takes, by the SDK's own definitions of every parameter."""

from __future__ import annotations

from datetime import timedelta

import pytest
from stripe import params as sdk

from recoup.processors.stripe.calls.wire import endpoint
from recoup.testing.stripe_server import definitions, forms, resources
from recoup.testing.stripe_server.route import Refusal

KINDS = (
    "customer subscription invoice invoice_payment payment_intent charge refund dispute coupon "
    "promotion_code"
).split()


def checked(method, path, form):
    """
    Return what was sent, decoded.

    Raises:
        Refusal: a name that Stripe does not know, a value of another type, or one that is missing.
    """
    definition = resources.ROUTES[endpoint(method, path)].params
    known = definitions.fields(definition)
    return definitions.checked(forms.decoded(form), definition, played=frozenset(known.known))


class TestWhatIsSent:
    @pytest.fixture
    def sent(self, stripe_town):
        """Everything that collecting and showing send."""
        town, stripe = stripe_town, stripe_town.processor
        for mood in ("pays", "declines", "asks", "waits"):
            owed, since = town.owed(mood), town.now()
            stripe.pay_invoice(owed.invoice, method=owed.method, key=f"recoup:{mood}")
            stripe.find_payment(owed.invoice, key=f"recoup:{mood}", since=since)
            stripe.find_payment(owed.invoice, key="recoup:other", since=since)
        stripe.cancel_subscription(owed.subscription, reason="r", key="recoup:end")
        stripe.cancel_subscription(owed.subscription, reason="r", key="recoup:again")
        owner = town.fake.subscription(owed.subscription).customer
        for kind in KINDS:
            page = stripe.object_page(kind)
            stripe.object_page(kind, after=page.next)
            stripe.look_up(kind, "x")
        stripe.object_page("payment_method", of=owner)
        first = stripe.event_page(town.now() - timedelta(days=1))
        stripe.event_page(town.now(), after=first.next)
        return town.watched

    def test_is_known_to_the_sdk_of_the_right_type_and_complete(self, sent):
        for method, path, form in sent:
            checked(method, path, form)

        assert {"POST /v1/invoices/:id/pay", "GET /v1/events", "DELETE /v1/subscriptions/:id"} < {
            endpoint(method, path) for method, path, _ in sent
        }


class TestTheCheck:
    @pytest.mark.parametrize(
        ("method", "path", "form", "why"),
        [
            ("POST", "/v1/invoices/in_1/pay", "offsession=true", "unknown parameter"),
            ("POST", "/v1/invoices/in_1/pay", "off_session=perhaps", "Invalid boolean"),
            ("GET", "/v1/events", "limit=many", "Invalid integer"),
            ("GET", "/v1/events", "created[from]=1", "unknown parameter"),
            ("POST", "/v1/prices", "unit_amount=1", "Missing required"),
        ],
    )
    def test_finds_what_is_wrong(self, method, path, form, why):
        with pytest.raises(Refusal, match=why):
            checked(method, path, form)

    def test_is_by_the_sdks_own_definitions(self):
        assert resources.ROUTES["POST /v1/invoices/:id/pay"].params is sdk.InvoicePayParams
