"""What is missing, wrong or impossible is refused by name; what Stripe itself samples is read."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from recoup.core.money import Money
from recoup.errors import InvalidMoney, Unreadable
from recoup.processors.stripe.amounts import money, stripe_amount
from recoup.processors.stripe.reader import read
from recoup.testing import events
from recoup.testing.events import OLDEST

SAMPLES = json.loads((files("recoup.data") / "stripe_fixtures.json").read_text())["resources"]

INVOICE_NEEDS = """
    id customer status currency amount_due amount_paid amount_remaining billing_reason
    collection_method created attempt_count status_transitions next_payment_attempt parent
"""
NEEDED = {
    "customer.created": (events.customer("cus_1"), "id object"),
    "payment_method.attached": (events.payment_method("pm_1", "cus_1"), "id customer type"),
    "customer.subscription.updated": (
        events.subscription("sub_1", "cus_1"),
        "id customer status items currency collection_method",
    ),
    "invoice.payment_failed": (
        events.invoice("in_1", "cus_1", subscription="sub_1"),
        INVOICE_NEEDS,
    ),
    "payment_intent.created": (
        events.payment_intent("pi_1", "cus_1", invoice="in_1", version=OLDEST),
        "id",
    ),
    "charge.failed": (
        events.charge("ch_1", "cus_1", status="failed"),
        "id status amount currency created payment_intent payment_method_details failure_code",
    ),
    "invoice_payment.paid": (events.invoice_payment("ip_1", "in_1", "pi_1"), "invoice payment"),
    "refund.created": (events.refund("re_1", "ch_1"), "id amount currency created status"),
    "charge.dispute.created": (
        events.dispute("dp_1", "ch_1"),
        "id charge amount currency created status",
    ),
}
MISSING = [(type, name) for type, (_, names) in NEEDED.items() for name in names.split()]


def refused(type, object):
    with pytest.raises(Unreadable) as caught:
        read(events.event(type, object, id="evt_1"))
    return str(caught.value)


class TestAnEventThatLacksAField:
    @pytest.mark.parametrize(("type", "name"), MISSING)
    def test_is_refused_with_its_type_and_the_field(self, type, name):
        whole = NEEDED[type][0]
        without = {field: value for field, value in whole.items() if field != name}
        read(events.event(type, whole, id="evt_1"))

        message = refused(type, without)

        assert type in message
        assert ("subscription" if name == "parent" else name) in message

    @pytest.mark.parametrize("name", ["id", "type", "created"])
    def test_is_refused_when_the_event_itself_lacks_it(self, name):
        event = events.event("customer.created", events.customer("cus_1"), id="evt_1")
        del event[name]

        with pytest.raises(Unreadable, match=name):
            read(event)

    def test_is_refused_when_the_period_is_nowhere(self):
        shown = events.subscription("sub_1", "cus_1")
        del shown["items"]["data"][0]["current_period_end"]

        assert "current_period" in refused("customer.subscription.updated", shown)


class TestAFieldOfTheWrongKind:
    @pytest.mark.parametrize(
        ("type", "object"),
        [
            ("customer.created", events.customer("cus_1", metadata={"a": {"b": "c"}})),
            ("customer.created", events.customer("cus_1", email=7)),
            ("customer.created", events.customer("c" * 256)),
            ("customer.created", events.customer("cus_1", currency="euro")),
            ("invoice.paid", events.invoice("in_1", "cus_1", amount_paid=1.5)),
            ("invoice.paid", events.invoice("in_1", "cus_1", amount_paid=True)),
            ("invoice.paid", events.invoice("in_1", "cus_1", amount_paid=-1)),
            ("invoice.paid", events.invoice("in_1", "cus_1", amount_paid=2**63)),
            ("invoice.paid", events.invoice("in_1", "cus_1", created=10**18)),
            ("invoice.paid", events.invoice("in_1", "cus_1", status="settled")),
            ("invoice.paid", events.customer("cus_1")),
            ("charge.failed", events.charge("ch_1", "cus_1", status="maybe")),
            ("charge.failed", events.charge("ch_1", "cus_1", amount=0)),
            ("charge.failed", [1, 2]),
            ("refund.created", events.refund("re_1", "ch_1", status="lost")),
            ("charge.dispute.created", events.dispute("dp_1", "ch_1", status="maybe")),
            ("customer.subscription.updated", events.subscription("s", "c", start=9, end=8)),
        ],
    )
    def test_is_refused_by_name(self, type, object):
        assert type in refused(type, object)


class TestStripesOwnSamples:
    @pytest.mark.parametrize(
        ("type", "kind", "fields"),
        [
            ("customer.created", "customer", {}),
            ("payment_method.attached", "payment_method", {"customer": "cus_1"}),
            ("invoice.created", "invoice", {}),
            ("charge.succeeded", "charge", {"invoice": "in_1"}),
            ("refund.created", "refund", {}),
            ("charge.dispute.created", "dispute", {}),
            ("payment_intent.created", "payment_intent", {"invoice": "in_1"}),
            (
                "invoice_payment.paid",
                "invoice_payment",
                {"payment": {"type": "payment_intent", "payment_intent": "pi_1"}},
            ),
            (
                "customer.subscription.created",
                "subscription",
                {"current_period_start": 1, "current_period_end": 2},
            ),
        ],
    )
    def test_are_read(self, type, kind, fields):
        assert read(events.event(type, SAMPLES[kind] | fields, id="evt_1")).facts


class TestAmounts:
    @pytest.mark.parametrize(
        ("theirs", "currency", "ours"),
        [
            (1050, "eur", Money(1050, "EUR")),
            (500, "jpy", Money(500, "JPY")),
            (5120, "kwd", Money(5120, "KWD")),
            (500, "isk", Money(5, "ISK")),
            (500, "ugx", Money(5, "UGX")),
            (5, "mga", Money(500, "MGA")),
        ],
    )
    def test_are_converted_exactly_both_ways(self, theirs, currency, ours):
        assert money(theirs, currency) == ours
        assert stripe_amount(ours) == theirs

    def test_that_have_no_exact_value_are_refused(self):
        with pytest.raises(InvalidMoney):
            money(501, "isk")
        with pytest.raises(InvalidMoney):
            stripe_amount(Money(501, "MGA"))
