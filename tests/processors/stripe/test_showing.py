"""What Stripe shows, told as events that are read like any other."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from recoup.core.billing.requests import CreateCoupon, CreatePromotionCode
from recoup.core.facts import CustomerFact, InvoiceFact, PaymentLink, SubscriptionFact
from recoup.errors import InvalidValue
from recoup.processors.base import Shows
from recoup.testing.stripe_server import Fault

DAY = timedelta(days=1)
#: Kinds that Stripe lists for one customer, and those that it lists for all of them only.
OF_ONE = "subscription invoice payment_intent charge".split()
OF_ALL = "invoice_payment refund dispute coupon".split()


@pytest.fixture
def town(stripe_town):
    return stripe_town


@pytest.fixture
def stripe(town):
    return town.processor


@pytest.fixture
def ann(town):
    """A customer with a subscription whose renewal was paid in the end, refunded and disputed."""
    owed = town.owed("pays")
    paid = town.processor.pay_invoice(owed.invoice, method=None, key="recoup:1")
    return owed, paid


def all_of(page_after):
    """Return the events of all pages, decoded."""
    events, after = [], None
    while True:
        page = page_after(after)
        events += [json.loads(line) for line in page.lines]
        if page.next is None:
            return events
        after = page.next


def ids(page):
    return [json.loads(line)["data"]["object"]["id"] for line in page.lines]


class TestTheEvents:
    def test_are_those_it_sent_newest_first(self, town, stripe, ann):
        shown = all_of(lambda after: stripe.event_page(town.now() - 40 * DAY, after=after))

        recent = [e for e in town.events() if e["created"] >= (town.now() - 30 * DAY).timestamp()]
        assert sorted(event["id"] for event in shown) == sorted(event["id"] for event in recent)
        assert [e["created"] for e in shown] == sorted((e["created"] for e in shown), reverse=True)

    def test_come_in_pages(self, town, stripe):
        for _ in range(101):
            town.fake.create_customer(email="ann@example.com")

        first = stripe.event_page(town.now() - DAY)
        second = stripe.event_page(town.now() - DAY, after=first.next)

        assert (len(first.lines), second.next) == (100, None)
        assert len({*first.lines, *second.lines}) == len(first.lines) + len(second.lines)

    def test_begin_at_the_instant_asked_for(self, town, stripe):
        town.fake.create_customer(email="ann@example.com")
        created = town.now()
        town.wait(DAY)

        assert len(stripe.event_page(created).lines) > 0
        assert stripe.event_page(created + timedelta(seconds=1)).lines == ()

    def test_keep_the_key_of_the_request(self, town, stripe, ann):
        shown = all_of(lambda after: stripe.event_page(town.now() - DAY, after=after))

        assert "recoup:1" in {(e.get("request") or {}).get("idempotency_key") for e in shown}


class TestAnObject:
    @pytest.mark.parametrize("kind", ["customer", *OF_ONE, "payment_method"])
    def test_of_a_customer_is_listed_with_it(self, town, stripe, ann, kind):
        other = town.owed("pays")
        owner = town.fake.subscription(ann[0].subscription).customer

        mine = ids(stripe.object_page(kind, of=owner))

        theirs = ids(
            stripe.object_page(kind, of=town.fake.subscription(other.subscription).customer)
        )
        assert mine
        assert theirs
        assert not {*mine} & {*theirs}

    @pytest.mark.parametrize("kind", ["customer", *OF_ONE])
    def test_is_listed_with_those_of_everybody(self, town, stripe, ann, kind):
        town.owed("pays")
        owner = town.fake.subscription(ann[0].subscription).customer

        everybodys = ids(stripe.object_page(kind))

        assert {*ids(stripe.object_page(kind, of=owner))} < {*everybodys}

    @pytest.mark.parametrize("kind", OF_ALL)
    def test_is_not_listed_by_customer_where_stripe_does_not(self, stripe, kind):
        assert stripe.object_page(kind).next is None
        with pytest.raises(InvalidValue, match=kind):
            stripe.object_page(kind, of="cus_1")

    def test_that_is_a_method_is_listed_by_customer_only(self, stripe):
        with pytest.raises(InvalidValue, match="one customer"):
            stripe.object_page("payment_method")

    def test_is_listed_after_its_end(self, town, stripe, ann):
        owed, _ = ann
        stripe.cancel_subscription(owed.subscription, reason="r", key="recoup:end")

        assert owed.subscription in ids(stripe.object_page("subscription"))

    def test_comes_in_pages(self, town, stripe):
        for _ in range(101):
            town.fake.create_customer(email="ann@example.com")

        first = stripe.object_page("customer")
        second = stripe.object_page("customer", after=first.next)

        assert (len(first.lines), len(second.lines), second.next) == (100, 1, None)

    def test_is_told_as_it_is_now(self, town, stripe, ann):
        owed, paid = ann

        (invoice, *links) = stripe.read(json.loads(stripe.look_up("invoice", owed.invoice))).facts
        (subscription,) = stripe.read(
            json.loads(stripe.look_up("subscription", owed.subscription))
        ).facts

        assert isinstance(invoice, InvoiceFact)
        assert invoice.seen.at == town.now().replace(microsecond=0)
        assert links == [PaymentLink(paid.payment_intent, owed.invoice)]
        assert isinstance(subscription, SubscriptionFact)
        assert subscription.discount is not None  # said, where it is only an id in an event

    @pytest.mark.parametrize("kind", [*OF_ONE, "customer", "invoice_payment", "payment_method"])
    def test_is_found_by_its_id(self, town, stripe, ann, kind):
        owner = town.fake.subscription(ann[0].subscription).customer
        listed = stripe.object_page(kind, of=None if kind == "invoice_payment" else owner)
        (id_, *_) = ids(listed)

        assert json.loads(stripe.look_up(kind, id_))["data"]["object"]["id"] == id_

    def test_that_is_promised_is_found_too(self, town, stripe):
        coupon = town.fake.ask(CreateCoupon("TENOFF", percent_off="10"), key="c").object
        code = town.fake.ask(CreatePromotionCode(coupon, "TEN"), key="p").object

        assert ids(stripe.object_page("coupon")) == [coupon]
        assert ids(stripe.object_page("promotion_code")) == [code]
        assert stripe.look_up("coupon", coupon) is not None

    def test_that_money_was_taken_back_from_is_found_too(self, town, stripe, ann):
        refund = town.fake.refund(ann[1].processor_id)

        assert ids(stripe.object_page("refund")) == [refund]
        assert stripe.look_up("refund", refund) is not None

    @pytest.mark.parametrize(
        ("kind", "id_"),
        [("customer", "cus_1"), ("invoice", "in_1"), ("coupon", "x"), ("charge", "ch_1")],
    )
    def test_that_is_nowhere_is_none(self, stripe, kind, id_):
        assert stripe.look_up(kind, id_) is None

    def test_that_was_deleted_is_told_as_deleted(self, town, stripe):
        customer = town.fake.create_customer(email="ann@example.com")
        town.fake.delete_customer(customer)

        (told,) = stripe.read(json.loads(stripe.look_up("customer", customer))).facts

        assert isinstance(told, CustomerFact)
        assert told.deleted

    def test_is_not_none_because_nobody_answers(self, town, stripe):
        town.server.add_fault(Fault("error"))

        with pytest.raises(Exception, match="500"):
            stripe.look_up("invoice", "in_1")


def test_stripe_has_the_capability(stripe):
    assert isinstance(stripe, Shows)
