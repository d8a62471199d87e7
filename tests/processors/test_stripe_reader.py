"""Every event type that is read says the same in the shape of every API version."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from recoup.core.facts import (
    CustomerFact,
    FailureFact,
    InvoiceFact,
    ItemFact,
    MethodFact,
    PaymentLink,
    Seen,
    SubscriptionFact,
)
from recoup.core.money import Money
from recoup.core.states import INVOICE_RANK, InvoiceStatus
from recoup.processors.stripe.reader import read
from recoup.testing import events
from recoup.testing.events import NEW_YEAR, VERSIONS

START = datetime(2026, 1, 1, tzinfo=UTC)
LATER = START + timedelta(hours=1)
AT = NEW_YEAR + 3600

every_version = pytest.mark.parametrize("version", VERSIONS)


def told(type, object, **more):
    return read(events.event(type, object, id="evt_1", **{"at": AT} | more)).facts


class TestACustomer:
    @pytest.mark.parametrize("type", ["customer.created", "customer.updated"])
    def test_is_read_with_what_mails_and_charges_need(self, type):
        shown = events.customer("cus_1", metadata={"plan": "gold"})

        assert told(type, shown) == (
            CustomerFact(
                processor_id="cus_1",
                seen=Seen(0, LATER, 0, "evt_1"),
                email="cus_1@example.com",
                name="Ada",
                locale="de",
                country="DE",
                currency="EUR",
                default_method="pm_cus_1",
                metadata={"plan": "gold"},
                data={
                    "id": "cus_1",
                    "object": "customer",
                    "created": NEW_YEAR,
                    "currency": "eur",
                    "livemode": False,
                    "preferred_locales": ["de"],
                    "invoice_settings": {
                        "default_payment_method": "pm_cus_1",
                        "rendering_options": None,
                    },
                },
            ),
        )

    def test_needs_neither_address_nor_currency_nor_name(self):
        bare = {"id": "cus_1", "object": "customer"}

        (fact,) = told("customer.created", bare)

        assert (fact.email, fact.currency, fact.country, fact.metadata) == (None, None, None, {})

    @pytest.mark.parametrize(
        "shown",
        [events.customer("cus_1"), {"id": "cus_1", "object": "customer", "deleted": True}],
    )
    def test_once_deleted_outranks_all_other_news(self, shown):
        (fact,) = told("customer.deleted", shown)

        assert fact.deleted
        assert fact.seen.rank == 1


class TestAMethod:
    @pytest.mark.parametrize(
        "type",
        ["payment_method.attached", "payment_method.automatically_updated"],
    )
    def test_is_read_with_its_instrument(self, type):
        shown = events.payment_method("pm_1", "cus_1")
        shown["card"]["brand"] = "Visa"

        assert told(type, shown) == (
            MethodFact(
                processor_id="pm_1",
                customer="cus_1",
                seen=Seen(0, LATER, 0, "evt_1"),
                kind="card",
                fingerprint="fp_pm_1",
                brand="visa",
                last4="4242",
                country="DE",
                exp_year=2030,
                exp_month=8,
                changed_at=LATER,
            ),
        )

    def test_is_no_new_card_when_only_the_address_changed(self):
        shown = events.payment_method("pm_1", "cus_1")

        (moved,) = told("payment_method.updated", shown, previous={"billing_details": {}})
        (renewed,) = told("payment_method.updated", shown, previous={"card": {"exp_year": 2029}})

        assert (moved.changed_at, renewed.changed_at) == (START, LATER)

    def test_once_detached_has_no_customer_and_outranks_all_other_news(self):
        (fact,) = told("payment_method.detached", events.payment_method("pm_1", None))

        assert (fact.detached, fact.customer, fact.seen.rank) == (True, None, 1)

    def test_of_nobody_is_ignored_by_name(self):
        event = events.event(
            "payment_method.updated", events.payment_method("pm_1", None), id="evt_1"
        )

        assert read(event).ignored == "payment_method.updated is about nothing that is kept"


class TestASubscription:
    @every_version
    @pytest.mark.parametrize("kind", ["created", "updated", "paused", "resumed", "trial_will_end"])
    def test_is_read_from_every_shape(self, kind, version):
        shown = events.subscription("sub_1", "cus_1", version=version, trial_end=NEW_YEAR)

        assert told(f"customer.subscription.{kind}", shown, version=version) == (
            SubscriptionFact(
                processor_id="sub_1",
                customer="cus_1",
                seen=Seen(0, LATER, 0, "evt_1"),
                status="active",
                plan="price_basic",
                prices=("price_basic",),
                quantity=1,
                currency="EUR",
                period_start=START,
                period_end=START + timedelta(days=31),
                trial_end=START,
                cancel_at=None,
                canceled_at=None,
                ended_at=None,
                end_reason=None,
                collection_method="charge_automatically",
                default_method=None,
                items=(ItemFact("si_sub_1", "price_basic", 1),),
            ),
        )

    @pytest.mark.parametrize(
        ("theirs", "ours"),
        [
            ("cancellation_requested", "requested"),
            ("payment_failed", "payment_failed"),
            ("payment_disputed", "payment_disputed"),
            (None, "processor"),
        ],
    )
    def test_that_ended_says_why_and_outranks_all_other_news(self, theirs, ours):
        shown = events.subscription(
            "sub_1",
            "cus_1",
            status="canceled",
            ended_at=AT,
            canceled_at=NEW_YEAR,
            cancellation_details={"reason": theirs},
        )

        (fact,) = told("customer.subscription.deleted", shown)

        assert (fact.end_reason, fact.ended_at, fact.seen.rank) == (ours, LATER, 1)

    @pytest.mark.parametrize(
        ("previous", "tie"),
        [
            ({"status": "incomplete"}, 1),
            ({"status": "past_due", "latest_invoice": None}, 4),
            ({"status": "active"}, 0),
            ({"status": "unheard_of"}, 0),
            ({"metadata": {}}, 0),
        ],
    )
    def test_says_which_status_it_has_left(self, previous, tie):
        shown = events.subscription("sub_1", "cus_1")

        (fact,) = told("customer.subscription.updated", shown, previous=previous)

        assert fact.seen.tie == tie

    def test_that_will_end_has_no_reason_yet(self):
        shown = events.subscription(
            "sub_1", "cus_1", cancellation_details={"reason": "cancellation_requested"}
        )

        (fact,) = told("customer.subscription.updated", shown)

        assert (fact.end_reason, fact.seen.rank) == (None, 0)


class TestAnInvoice:
    @every_version
    def test_is_read_from_every_shape(self, version):
        shown = events.invoice(
            "in_1",
            "cus_1",
            subscription="sub_1",
            payment_intent="pi_1",
            version=version,
            attempt_count=2,
            next_payment_attempt=AT,
        )

        assert told("invoice.updated", shown, version=version) == (
            InvoiceFact(
                processor_id="in_1",
                customer="cus_1",
                subscription="sub_1",
                seen=Seen(INVOICE_RANK[InvoiceStatus.OPEN], LATER, 2, "evt_1"),
                status="open",
                number="R-in_1",
                due=Money(1000, "EUR"),
                paid=Money(0, "EUR"),
                remaining=Money(1000, "EUR"),
                reason="subscription_cycle",
                collection_method="charge_automatically",
                created_at=START,
                due_at=None,
                finalized_at=START,
                closed_at=None,
                next_try_at=LATER,
                tries=2,
                out_of_band=False,
            ),
            PaymentLink("pi_1", "in_1"),
        )

    @every_version
    @pytest.mark.parametrize("status", ["paid", "void", "uncollectible"])
    def test_that_is_closed_says_since_when(self, status, version):
        shown = events.invoice("in_1", "cus_1", status=status, at=AT, version=version)

        (fact,) = told(f"invoice.{status}", shown, version=version)

        assert (fact.status, fact.closed_at) == (status, LATER)

    @every_version
    def test_paid_elsewhere_says_so(self, version):
        shown = events.invoice("in_1", "cus_1", status="paid", out_of_band=True, version=version)

        (fact,) = told("invoice.paid", shown, version=version)

        assert fact.out_of_band
        assert fact.remaining == Money(0, "EUR")

    def test_that_was_a_draft_and_is_deleted_is_void(self):
        (fact,) = told("invoice.deleted", events.invoice("in_1", "cus_1", status="draft"))

        assert (fact.status, fact.closed_at) == ("void", LATER)

    def test_that_is_only_a_preview_is_ignored_by_name(self):
        preview = {"object": "invoice", "customer": "cus_1"}

        assert read(events.event("invoice.upcoming", preview, id="evt_1")).ignored


class TestAFailure:
    @every_version
    @pytest.mark.parametrize(
        "reason",
        [
            "subscription_cycle",
            "subscription_threshold",
            "automatic_pending_invoice_item_invoice",
            "manual",
        ],
    )
    def test_is_told_where_nobody_was_there_to_prevent_it(self, reason, version):
        shown = events.invoice("in_1", "cus_1", version=version, billing_reason=reason)

        facts = told("invoice.payment_failed", shown, version=version)

        assert FailureFact("in_1", LATER) in facts

    @pytest.mark.parametrize(
        "fields",
        [
            {"billing_reason": "subscription_create"},
            {"billing_reason": "subscription_update"},
            {"collection_method": "send_invoice"},
        ],
    )
    def test_in_front_of_the_customer_makes_no_debt(self, fields):
        facts = told("invoice.payment_failed", events.invoice("in_1", "cus_1", **fields))

        assert [type(fact) for fact in facts] == [InvoiceFact]

    @pytest.mark.parametrize("kind", ["payment_action_required", "updated", "finalized"])
    def test_is_told_by_no_other_event(self, kind):
        facts = told(f"invoice.{kind}", events.invoice("in_1", "cus_1"))

        assert [type(fact) for fact in facts] == [InvoiceFact]


class TestOtherEvents:
    @pytest.mark.parametrize("type", ["balance.available", "customer.discount.created", "x"])
    def test_are_ignored_by_name(self, type):
        assert read(events.event(type, {}, id="evt_1")).ignored == f"{type} is not read"
