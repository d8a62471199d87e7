"""Whatever is changed and when: no unit is lost, and what was quoted is what is billed."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recoup.core import states
from recoup.core.billing.requests import (
    ChangeSubscription,
    ItemChange,
    ItemWanted,
    StartSubscription,
)
from recoup.core.money import Money
from recoup.processors.fake import FakeProcessor
from recoup.processors.fake.model import smallest

CURRENCIES = ("EUR", "JPY", "KWD", "UGX", "MGA")
INTERVALS = ("week", "month", "year")
SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

#: (price, quantity, seconds to wait before, seconds between quote and change, proration)
step = st.tuples(
    st.integers(0, 3),
    st.integers(1, 7),
    st.integers(0, 20 * 86_400),
    st.integers(0, 3_600),
    st.sampled_from(["invoice_now", "create", "none"]),
)


class Shop:
    """A fake with four prices of a currency, and one subscription to the first."""

    def __init__(self, fake, currency, units, interval, yearly=False):
        self.fake, self.currency, self.asked = fake, currency, 0
        self.amounts = [count * smallest(currency) for count in units]
        self.prices = [
            fake.create_price(
                Money(amount, currency),
                interval="year" if yearly and place == 3 else interval,
            )
            for place, amount in enumerate(self.amounts)
        ]
        customer = fake.create_customer()
        fake.attach_method(customer)
        items = (ItemWanted(self.prices[0]),)
        self.sub = self.ask(StartSubscription(customer, items)).object

    def ask(self, request):
        self.asked += 1
        return self.fake.ask(request, key=f"k{self.asked}")

    def to(self, price, quantity, **how):
        item = self.fake.subscription(self.sub).items[0].id
        change = (ItemChange(item, self.prices[price], quantity),)
        return ChangeSubscription(self.sub, change, **how)

    def wait(self, seconds):
        self.fake.advance(self.fake.now + timedelta(seconds=seconds))

    def invoices(self):
        return self.fake.invoices_of(self.sub)

    def check(self):
        books = self.fake.books()
        assert books.imbalance() == {}
        owed = sum(i.remaining for i in self.invoices() if states.is_owed(i.status))
        assert books.balances.get(("receivable", self.currency), 0) == owed
        assert books.balances.get(("credit", self.currency), 0) <= 0
        billed = sum(i.total for i in self.invoices() if i.finalized_at is not None)
        assert books.balances.get(("revenue", self.currency), 0) == -billed
        assert all(i.amount % smallest(self.currency) == 0 for i in self.invoices())


def shops(cheapest):
    units = st.lists(st.integers(cheapest, 100_000), min_size=4, max_size=4)
    return st.tuples(st.sampled_from(CURRENCIES), units, st.sampled_from(INTERVALS), st.booleans())


#: Where nothing is free; the step from what is begins a new period.
paid = shops(1)


class TestProration:
    @SETTINGS
    @given(shops(0), st.lists(step, min_size=1, max_size=6))
    def test_bills_exactly_what_was_quoted(self, shop, steps):
        with FakeProcessor(":memory:") as fake:
            shop = Shop(fake, *shop)
            for price, quantity, before, between, proration in steps:
                shop.wait(before)
                change = shop.to(price, quantity, proration=proration, prorate_at=fake.now)
                left = fake.subscription(shop.sub).period_end - int(fake.now.timestamp())
                events, quote = len(fake.events(limit=10_000)), fake.quote(change)
                assert len(fake.events(limit=10_000)) == events
                known = len(shop.invoices())
                shop.wait(min(between, left - 1))
                shop.ask(change)

                new = [i for i in shop.invoices()[known:] if i.reason == "subscription_update"]
                assert sum(i.amount for i in new) == quote.due_now.minor
                if new:
                    assert quote.credit.minor == new[-1].credit_before - new[-1].credit_used
                shop.check()

    @SETTINGS
    @given(shops(0), st.lists(step, min_size=1, max_size=5))
    def test_quotes_the_next_invoice_too(self, shop, steps):
        with FakeProcessor(":memory:") as fake:
            shop = Shop(fake, *shop)
            for price, quantity, before, _, proration in steps:
                shop.wait(before)
                if shop.invoices()[-1].finalized_at is None:
                    shop.wait(3600)  # a draft takes its part of the credit when it is final
                change = shop.to(price, quantity, proration=proration)
                quote = fake.quote(change)
                shop.ask(change)

            fake.advance(quote.next_at + timedelta(hours=1))

            renewal = shop.invoices()[-1]
            assert renewal.created == quote.next_at.timestamp()
            assert renewal.amount == quote.next_due.minor
            shop.check()

    @SETTINGS
    @given(paid, st.lists(st.integers(0, 2), min_size=1, max_size=6), st.integers(1, 600_000))
    def test_there_and_back_in_one_second_costs_nothing(self, shop, path, wait):
        with FakeProcessor(":memory:") as fake:
            shop = Shop(fake, *shop)
            shop.wait(wait)
            for price in (*path, 0):
                shop.ask(shop.to(price, 1))

            assert sum(line.amount for line in fake.subscription(shop.sub).pending) == 0

    @SETTINGS
    @given(paid, st.lists(st.tuples(st.integers(0, 2), st.integers(0, 90_000)), max_size=6))
    def test_costs_what_each_span_costs_to_within_a_unit_a_line(self, shop, path):
        with FakeProcessor(":memory:") as fake:
            shop = Shop(fake, *shop)
            first = fake.subscription(shop.sub)
            begun, whole = first.period_start, first.whole
            spans, price, since = [], 0, begun
            for to, wait in path:
                shop.wait(wait)
                now = int(fake.now.timestamp())
                spans.append((price, now - since))
                price, since = to, now
                shop.ask(shop.to(to, 1))
            spans.append((price, first.period_end - since))

            sub = fake.subscription(shop.sub)
            worth = shop.amounts
            exact = sum(worth[p] * seconds for p, seconds in spans)
            paid = worth[0] + sum(line.amount for line in sub.pending)
            off = abs(paid * whole - exact)
            assert 2 * off <= len(sub.pending) * whole * smallest(shop.currency)
