"""What the fake shows of itself: its events of 30 days, and its objects as they are now."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from recoup.core.money import Money
from recoup.errors import Busy, InvalidValue, Unreachable
from recoup.processors.fake import NEWEST, START, FakeProcessor
from recoup.processors.fake.idempotency import Fault
from recoup.processors.fake.world import OLDEST
from recoup.processors.stripe import reader

KINDS = (
    "customer", "subscription", "invoice", "invoice_payment", "payment_intent", "charge", "refund",
    "dispute", "coupon", "promotion_code",
)  # fmt: skip


@pytest.fixture(params=[OLDEST, NEWEST])
def fake(request):
    with FakeProcessor(":memory:", api_version=request.param) as made:
        for _ in range(3):
            customer = made.create_customer(email="ada@example.com", country="DE")
            made.attach_method(customer)
            made.subscribe(customer, made.create_price(Money(4900, "EUR")))
        yield made


def objects(page):
    return [json.loads(line)["data"]["object"] for line in page.lines]


class TestEvents:
    def test_are_told_newest_first_and_page_after_page(self, fake):
        for n in range(150):
            fake.create_customer(email=f"{n}@example.com")
        lines, after = [], None
        while True:
            page = fake.event_page(START, after=after)
            lines += page.lines
            after = page.next
            if after is None:
                break

        assert lines == [body for _, body in fake.events(limit=10_000)][::-1]

    def test_are_forgotten_after_30_days(self, fake):
        old = len(fake.events(limit=10_000))
        fake.advance(START + timedelta(days=30))
        there = len(fake.event_page(START).lines)
        fake.advance(START + timedelta(days=30, seconds=1))

        assert there == old
        assert fake.event_page(START).lines == ()


class TestObjects:
    def test_can_all_be_read(self, fake):
        fake.advance(START + timedelta(days=40))
        for kind in KINDS:
            for line in fake.object_page(kind).lines:
                event = json.loads(line)
                assert reader.read(event).ignored in {
                    None,
                    f"{event['type']} is about nothing that is kept",
                }

    def test_are_shown_as_they_are_now(self, fake):
        (newest, *_) = objects(fake.object_page("customer"))
        fake.change_customer(newest["id"], email="countess@example.com")

        shown = json.loads(fake.look_up("customer", newest["id"]))

        assert shown["type"] == "customer.fetched"
        assert shown["data"]["object"]["email"] == "countess@example.com"

    def test_are_shown_under_a_later_name_when_something_changed_in_the_same_second(self, fake):
        (newest, *_) = objects(fake.object_page("customer"))
        names = [json.loads(fake.look_up("customer", newest["id"]))["id"]]
        names.append(json.loads(fake.look_up("customer", newest["id"]))["id"])
        fake.change_customer(newest["id"], email="countess@example.com")
        names.append(json.loads(fake.look_up("customer", newest["id"]))["id"])

        assert names[0] == names[1] < names[2]

    def test_are_those_of_one_customer_where_one_is_named(self, fake):
        (newest, *_) = objects(fake.object_page("customer"))

        (method,) = objects(fake.object_page("payment_method", of=newest["id"]))

        assert method["customer"] == newest["id"]
        with pytest.raises(InvalidValue):
            fake.object_page("payment_method")

    def test_that_are_deleted_are_not_listed_and_told_as_deleted(self, fake):
        (newest, *_) = objects(fake.object_page("customer"))
        fake.delete_customer(newest["id"])

        assert newest["id"] not in {one["id"] for one in objects(fake.object_page("customer"))}
        assert json.loads(fake.look_up("customer", newest["id"]))["type"] == "customer.deleted"

    def test_that_there_never_were_are_none(self, fake):
        assert fake.look_up("invoice", "in_of_nobody") is None

    def test_fail_as_scripted_by_name_and_use_up_nothing_else(self, fake):
        fake.add_fault(Fault("outage", call="pay_invoice"))
        fake.add_fault(Fault("outage", call="look_up"))
        fake.add_fault(Fault("busy", call="event_page"))

        with pytest.raises(Unreachable):
            fake.look_up("invoice", "in_1")
        with pytest.raises(Busy):
            fake.event_page(START)
        assert fake.look_up("invoice", "in_1") is None
