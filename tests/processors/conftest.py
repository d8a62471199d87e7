"""A fake of its own for every test, and one way to bring an invoice into debt."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup.core.money import Money
from recoup.processors.fake import NO_FUNDS, Declines, FakeProcessor, Pays

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class Town:
    """A fake with a price of 29 euros, and people in it."""

    def __init__(self, fake):
        self.fake = fake
        self.price = fake.create_price(Money(2900, "EUR"))

    def subscriber(self, payer=None, **how):
        """Return (subscription, method) of somebody new, who pays the first invoice."""
        habits = how.pop("habits", ())
        customer = self.fake.create_customer(email="ann@example.com", habits=habits)
        method = self.fake.attach_method(customer, **how)
        subscription = self.fake.subscribe(customer, self.price)
        if payer is not None:
            self.fake.update_method(method, payer=payer)
        return subscription, method

    def debt(self, then=None, **how):
        """Return (invoice, subscription, method) after a renewal of 1 February that failed."""
        subscription, method = self.subscriber(Declines(NO_FUNDS, 1, then or Pays()), **how)
        self.wait(31 * DAY + HOUR)
        return self.fake.subscription(subscription).latest_invoice, subscription, method

    def wait(self, span):
        self.fake.advance(self.fake.now + span)


@pytest.fixture
def town():
    with FakeProcessor(":memory:") as fake:
        yield Town(fake)
