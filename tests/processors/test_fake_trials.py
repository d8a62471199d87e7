"""Trials of the fake that end later, and what is billed for which time."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recoup.core.billing.requests import (
    CreateCoupon,
    ExtendTrial,
    ItemWanted,
    StartSubscription,
)
from recoup.core.money import Money
from recoup.core.states import SubscriptionStatus
from recoup.errors import Rejected
from recoup.processors.fake import NO_FUNDS, Declines, FakeProcessor
from recoup.processors.fake.model import instant

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


class TestALongerTrial:
    def test_moves_the_first_bill_and_the_anchor(self, host):
        begun = host.start(trial_end=host.fake.now + 3 * DAY)
        until = host.fake.now + 10 * DAY

        told = host.newest(host.ask(ExtendTrial(begun.object, until)))
        host.wait(10 * DAY - SECOND)
        before = [i.amount for i in host.invoices(begun)]
        host.wait(SECOND + HOUR)

        assert (told.trial_end, told.anchor, told.period_end) == (until, until, until)
        assert (before, [i.amount for i in host.invoices(begun)]) == ([0], [0, 2900])

    def test_credits_who_pays_already_what_is_left_of_the_period(self, host):
        begun = host.start()
        host.wait(10 * DAY)

        host.ask(ExtendTrial(begun.object, host.fake.now + 7 * DAY))
        trialing = host.sub(begun).status
        host.wait(7 * DAY + HOUR)

        (_, bill) = host.invoices(begun)
        assert trialing == SubscriptionStatus.TRIALING
        assert [(line.amount, line.proration) for line in bill.lines] == [
            (-1965, True),  # 21 of the 31 days of January
            (2900, False),
        ]
        assert host.fake.books().captured_in("EUR") == 2900 + 935

    def test_is_credited_once_however_often_it_is_made_longer(self, host):
        begun = host.start()
        host.wait(10 * DAY)
        for days in (7, 9, 40):
            host.ask(ExtendTrial(begun.object, host.fake.now + days * DAY))

        host.wait(40 * DAY + HOUR)

        assert [i.amount for i in host.invoices(begun)] == [2900, 935]

    def test_credits_no_more_than_was_billed_after_a_discount(self, host):
        host.ask(CreateCoupon("HALF", percent_off="50", duration="once"))
        begun = host.start(coupon="HALF")

        host.ask(ExtendTrial(begun.object, host.fake.now + 7 * DAY))
        host.wait(7 * DAY + HOUR)

        assert [i.amount for i in host.invoices(begun)] == [1450, 1450]

    def test_that_comes_to_more_than_the_next_bill_is_to_the_customers_good(self, host):
        yearly = host.fake.create_price(Money(36500, "EUR"), interval="year")
        begun = host.start(ItemWanted(yearly))
        host.ask(ExtendTrial(begun.object, host.fake.now + DAY))

        host.ask(host.change(begun, (host.price,)))
        host.wait(DAY + HOUR)

        assert host.invoices(begun)[-1].amount == 0
        assert host.fake.books().balances["credit", "EUR"] == 2900 - 36500
        assert host.fake.books().imbalance() == {}

    def test_of_one_that_has_not_begun_is_refused(self, host):
        begun = host.start(payer=Declines(NO_FUNDS))

        with pytest.raises(Rejected, match="incomplete"):
            host.ask(ExtendTrial(begun.object, host.fake.now + DAY))


class TestTime:
    @settings(max_examples=60, deadline=None)
    @given(
        paid=st.integers(0, 30 * 24), free=st.integers(1, 90 * 24), again=st.integers(0, 40 * 24)
    )
    def test_is_billed_once_and_what_is_free_is_not(self, paid, free, again):
        """Every hour costs its part of its month, but those of the trial, which cost nothing."""
        with FakeProcessor(":memory:") as fake:
            customer = fake.create_customer()
            fake.attach_method(customer)
            items = (ItemWanted(fake.create_price(Money(3100, "EUR"))),)
            begun = fake.ask(StartSubscription(customer, items), key="start").object
            fake.advance(fake.now + paid * HOUR)
            fake.ask(ExtendTrial(begun, fake.now + free * HOUR), key="free")
            if again:
                fake.advance(fake.now + free * HOUR / 2)
                later = instant(fake.subscription(begun).trial_end) + again * HOUR
                fake.ask(ExtendTrial(begun, later), key="again")
            fake.advance(instant(fake.subscription(begun).trial_end) + HOUR)

            used = Fraction(paid, 31 * 24) * 3100
            assert abs(fake.books().captured_in("EUR") - used - 3100) <= Fraction(1, 2)
            assert fake.subscription(begun).status == SubscriptionStatus.ACTIVE
            assert fake.books().imbalance() == {}
