"""What the fake tells: the same bytes for the same seed, in Stripe's shapes."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import timedelta

import pytest

from recoup.core import states
from recoup.core.facts import FailureFact, InvoiceFact, PaymentLink, SubscriptionFact
from recoup.core.money import Money
from recoup.errors import InvalidValue
from recoup.processors.fake import (
    NEWEST,
    NO_FUNDS,
    Asks,
    Declines,
    FakeProcessor,
    Pays,
    Slow,
    Sometimes,
)

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
OLD = "2024-06-20"
BASIL = "2025-03-31.basil"
PAYERS = (Pays(), Declines(NO_FUNDS, 1), Sometimes(500), Asks(), Slow(2 * DAY, NO_FUNDS))


def live(path=":memory:", *, seed=1, version=NEWEST):
    """Return a world after ninety days in which everything has happened."""
    fake = FakeProcessor(path, seed=seed, api_version=version)
    price = fake.create_price(Money(2900, "EUR"))
    for number in range(12):
        customer = fake.create_customer(email=f"c{number}@example.com", country="DE", locale="de")
        method = fake.attach_method(customer)
        fake.subscribe(customer, price)
        fake.update_method(method, payer=PAYERS[number % len(PAYERS)])
    fake.advance(fake.now + 40 * DAY)
    for number in range(1, 13):
        sub = fake.subscription(f"sub_fake_{number:06d}")
        invoice = fake.invoice(sub.latest_invoice)
        if invoice.remaining:
            fake.pay_invoice(invoice.id, method=None, key=f"recoup:{invoice.id}")
    fake.refund("ch_fake_000001", Money(100, "EUR"))
    fake.change_customer("cus_fake_000001", name="Ann")
    fake.update_method("pm_fake_000001", expires=(2050, 1))
    fake.detach_method("pm_fake_000002")
    fake.cancel_subscription("sub_fake_000003", reason="test", key="recoup:end")
    fake.delete_customer("cus_fake_000004")
    fake.advance(fake.now + 51 * DAY)
    subscriptions = [f"sub_fake_{number:06d}" for number in range(1, 13)]
    owed = [i.id for s in subscriptions for i in fake.invoices_of(s) if states.is_owed(i.status)]
    fake.void(owed[0])
    fake.mark_uncollectible(owed[1])
    return fake


def decoded(fake):
    return [json.loads(body) for _, body in fake.events(limit=100_000)]


def told(fake, type_):
    return [event for event in decoded(fake) if event["type"] == type_]


EXPECTED = """
    customer.created customer.updated customer.deleted
    payment_method.attached payment_method.updated payment_method.detached
    customer.subscription.created customer.subscription.updated customer.subscription.deleted
    invoice.created invoice.finalized invoice.paid invoice.payment_failed
    invoice.payment_action_required invoice.voided invoice.marked_uncollectible invoice.updated
    payment_intent.created payment_intent.succeeded payment_intent.payment_failed
    payment_intent.requires_action payment_intent.processing payment_intent.canceled
    charge.succeeded charge.failed charge.pending charge.refunded refund.created
""".split()


class TestTheStream:
    def test_is_the_same_to_the_byte_for_the_same_seed(self, tmp_path):
        with live() as one, live(tmp_path / "world.db") as other:
            assert one.events(limit=100_000) == other.events(limit=100_000)

    def test_differs_with_the_seed(self):
        with live(seed=1) as one, live(seed=2) as other:
            assert one.events(limit=100_000) != other.events(limit=100_000)

    @pytest.mark.parametrize("version", [OLD, BASIL, NEWEST])
    def test_tells_of_everything(self, version):
        with live(version=version) as fake:
            types = {event["type"] for event in decoded(fake)}

        new = set() if version == OLD else {"invoice_payment.paid"}
        assert types == set(EXPECTED) | new

    @pytest.mark.parametrize("version", ["2022-11-15", OLD, BASIL, NEWEST])
    def test_is_understood_wholly(self, version):
        with live(version=version) as fake:
            readings = {e["id"]: (e["type"], fake.read(e)) for e in decoded(fake)}

        silent = {type_ for type_, reading in readings.values() if not reading.facts}
        assert silent <= {type_ for type_ in EXPECTED if type_.startswith("payment_intent.")}

    def test_comes_in_pages(self, town):
        town.debt()
        everything = town.fake.events()

        first = town.fake.events(limit=3)
        rest = town.fake.events(after=first[-1][0])

        assert first + rest == everything
        assert [number for number, _ in everything] == list(range(1, len(everything) + 1))

    def test_says_which_of_our_requests_caused_it(self, town):
        invoice, _, _ = town.debt()
        before = len(town.fake.events())
        town.fake.pay_invoice(invoice, method=None, key="recoup:k1")

        ours = [json.loads(body) for _, body in town.fake.events(after=before)]
        others = [json.loads(body) for _, body in town.fake.events(limit=before)]

        assert {e["request"]["idempotency_key"] for e in ours} == {"recoup:k1"}
        assert {e["request"]["idempotency_key"] for e in others} == {None}

    def test_says_nothing_when_a_key_is_repeated(self, town):
        invoice, _, _ = town.debt()
        town.fake.pay_invoice(invoice, method=None, key="k1")
        before = town.fake.events()

        town.fake.pay_invoice(invoice, method=None, key="k1")

        assert town.fake.events() == before

    def test_tells_a_renewal_in_its_order(self, town):
        town.subscriber()
        before = len(town.fake.events())
        town.wait(31 * DAY + HOUR)

        assert [json.loads(body)["type"] for _, body in town.fake.events(after=before)] == [
            "invoice.created",
            "customer.subscription.updated",
            "payment_intent.created",
            "invoice.finalized",
            "charge.succeeded",
            "payment_intent.succeeded",
            "invoice_payment.paid",
            "invoice.paid",
        ]

    def test_tells_our_failed_try_in_its_order(self, town):
        invoice, _, _ = town.debt(Declines(NO_FUNDS))
        before = len(town.fake.events())
        town.fake.pay_invoice(invoice, method=None, key="k1")

        # Its count is of Stripe's own tries and does not change, so no invoice.updated.
        assert [json.loads(body)["type"] for _, body in town.fake.events(after=before)] == [
            "charge.failed",
            "payment_intent.payment_failed",
            "invoice.payment_failed",
        ]


class TestTheShapes:
    def test_before_basil_link_payments_to_invoices_directly(self):
        with live(version=OLD) as fake:
            invoice = told(fake, "invoice.paid")[0]["data"]["object"]
            charge = told(fake, "charge.succeeded")[0]["data"]["object"]
            intent = told(fake, "payment_intent.succeeded")[0]["data"]["object"]
            subscription = told(fake, "customer.subscription.created")[0]["data"]["object"]

        assert invoice["subscription"] == subscription["id"]
        assert (invoice["payment_intent"], invoice["charge"]) == (intent["id"], charge["id"])
        assert charge["invoice"] == intent["invoice"] == invoice["id"]
        assert subscription["current_period_end"] > subscription["current_period_start"]
        assert not {"parent", "payments"} & set(invoice)

    def test_from_basil_on_link_them_by_payments(self):
        with live(version=BASIL) as fake:
            invoice = told(fake, "invoice.paid")[0]["data"]["object"]
            charge = told(fake, "charge.succeeded")[0]["data"]["object"]
            intent = told(fake, "payment_intent.succeeded")[0]["data"]["object"]
            payment = told(fake, "invoice_payment.paid")[0]["data"]["object"]
            subscription = told(fake, "customer.subscription.created")[0]["data"]["object"]

        parent = invoice["parent"]["subscription_details"]
        assert parent["subscription"] == subscription["id"]
        assert invoice["payments"]["data"][0]["payment"]["payment_intent"] == intent["id"]
        assert (payment["invoice"], payment["status"]) == (invoice["id"], "paid")
        assert not {"subscription", "charge", "payment_intent", "paid"} & set(invoice)
        assert "invoice" not in charge
        assert "invoice" not in intent
        assert "current_period_end" not in subscription
        assert "current_period_end" in subscription["items"]["data"][0]

    def test_give_the_same_facts_in_every_version(self):
        kinds = (SubscriptionFact, InvoiceFact, FailureFact)
        facts = []
        for version in (OLD, NEWEST):
            with live(version=version) as fake:
                readings = [fake.read(event) for event in decoded(fake)]
            found = [fact for reading in readings for fact in reading.facts]
            counts = Counter(type(fact).__name__ for fact in found if isinstance(fact, kinds))
            links = {fact for fact in found if isinstance(fact, PaymentLink)}
            facts.append((counts, links))

        assert facts[0] == facts[1]

    @pytest.mark.parametrize(
        ("amount", "wire"),
        [
            (Money(500, "JPY"), 500),
            (Money(500, "UGX"), 50_000),
            (Money(500, "ISK"), 50_000),
            (Money(500, "MGA"), 5),
            (Money(5000, "KWD"), 5000),
        ],
    )
    def test_count_money_as_stripe_does(self, town, amount, wire):
        customer = town.fake.create_customer()
        town.fake.attach_method(customer)
        town.fake.subscribe(customer, town.fake.create_price(amount))

        event = told(town.fake, "charge.succeeded")[-1]

        assert event["data"]["object"]["amount"] == wire
        assert event["data"]["object"]["currency"] == amount.currency.lower()
        assert town.fake.read(event).facts[0].amount == amount

    def test_of_versions_nobody_speaks_are_refused(self):
        with pytest.raises(InvalidValue, match="2022-11-15"):
            FakeProcessor(":memory:", api_version="2020-08-27")


class TestSpeed:
    def test_renews_hundreds_in_a_second(self, tmp_path):
        with FakeProcessor(tmp_path / "world.db") as fake:
            with fake.batch():
                price = fake.create_price(Money(2900, "EUR"))
                for _ in range(1000):
                    customer = fake.create_customer()
                    fake.attach_method(customer)
                    fake.subscribe(customer, price)
            began = time.process_time()

            fake.advance(fake.now + 31 * DAY + HOUR)

            # Some 2,000 a second on two shared cores; this is the alarm, not the figure.
            assert 1000 / (time.process_time() - began) > 500
            assert len(fake.books().captured) == 2000
