"""Usage is billed of a subscription that runs, and of no other."""

from __future__ import annotations

import pytest

from recoup.core.money import Money
from recoup.errors import Rejected
from recoup.processors.fake import LOST, Declines, FakeProcessor, Pays

SOME = Money(700, "EUR")


@pytest.fixture
def fake(tmp_path):
    with FakeProcessor(tmp_path / "books.sqlite3") as made:
        yield made


def subscribed(fake, payer):
    """Return a new subscription, and its price."""
    customer = fake.create_customer(email="ada@example.com")
    fake.attach_method(customer, payer)
    price = fake.create_price(Money(4900, "EUR"))
    return fake.subscribe(customer, price), price


class TestUsage:
    def test_is_billed_of_what_runs(self, fake):
        sub, price = subscribed(fake, Pays())

        bill = fake.invoice(fake.bill_usage(sub, price, SOME))

        assert (bill.subscription, bill.total) == (sub, SOME.minor)

    def test_is_not_billed_of_what_has_not_begun(self, fake):
        sub, price = subscribed(fake, Declines(LOST))

        with pytest.raises(Rejected, match="bills no usage"):
            fake.bill_usage(sub, price, SOME)

    def test_is_not_billed_of_what_is_over(self, fake):
        sub, price = subscribed(fake, Pays())
        fake.cancel_subscription(sub, reason="left", key="left")

        with pytest.raises(Rejected, match="bills no usage"):
            fake.bill_usage(sub, price, SOME)
