"""Subscriptions that began a while ago, or whose first stretch costs nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from recoup.core.billing.requests import CreateCoupon, ItemWanted, StartSubscription
from recoup.core.facts import SubscriptionFact
from recoup.core.money import Money
from recoup.core.states import SubscriptionStatus
from recoup.processors.fake import NO_FUNDS, Declines
from recoup.processors.fake.billing.lines import stretch
from recoup.processors.fake.model import instant
from recoup.processors.fake.terms import Price

pytestmark = pytest.mark.usefixtures("books_agree")

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
MONTHLY = Price("price_1", 0, 2800, "EUR")


def at(*when):
    return int(datetime(*when, tzinfo=UTC).timestamp())


class TestAStretch:
    @pytest.mark.parametrize(
        ("start", "end", "cost"),
        [
            pytest.param((2026, 2, 15), (2026, 3, 1), 1400, id="half a month of 28 days"),
            pytest.param((2026, 1, 15), (2026, 2, 1), 1535, id="17 of 31 days"),
            pytest.param((2025, 12, 1), (2026, 1, 1), 2800, id="a month"),
            pytest.param((2025, 9, 1), (2025, 11, 1), 5600, id="two months"),
            pytest.param((2025, 9, 1), (2025, 10, 15), 4065, id="a month and 14 of 31 days"),
            pytest.param((2026, 1, 1), (2026, 1, 1), 0, id="no time"),
        ],
    )
    def test_costs_its_periods_and_a_part_of_the_last(self, start, end, cost):
        assert stretch(MONTHLY, 2800, at(*start), at(*end)) == cost


class TestABackdatedStart:
    def test_bills_what_has_run_and_the_first_period(self, host):
        since = host.fake.now - 14 * DAY

        begun = host.start(backdate=since)

        (bill,) = host.invoices(begun)
        assert [line.amount for line in bill.lines] == [1310, 2900]
        assert (bill.amount, bill.status, bill.reason) == (4210, "paid", "subscription_create")
        assert instant(bill.lines[0].start) == since
        sub = host.sub(begun)
        assert instant(sub.anchor) == instant(sub.period_start) == host.fake.now

    def test_says_when_it_began(self, host, town):
        since = host.fake.now - 14 * DAY

        host.start(backdate=since)

        (told,) = [e for e in town.events() if e["type"] == "customer.subscription.created"]
        assert told["data"]["object"]["start_date"] == int(since.timestamp())
        assert told["data"]["object"]["created"] == int(host.fake.now.timestamp())

    def test_bills_one_stretch_up_to_an_anchor(self, host):
        since, anchor = host.fake.now - 31 * DAY, host.fake.now + 14 * DAY

        begun = host.start(backdate=since, anchor=anchor)

        (bill,) = host.invoices(begun)
        assert [line.amount for line in bill.lines] == [2900 + 1310]
        assert instant(host.sub(begun).period_end) == anchor
        host.wait(14 * DAY)
        assert [line.amount for line in host.invoices(begun)[-1].lines] == [2900]

    def test_costs_nothing_for_the_past_without_proration(self, host):
        begun = host.start(backdate=host.fake.now - 14 * DAY, prorate=False)

        (bill,) = host.invoices(begun)
        assert [line.amount for line in bill.lines] == [2900]

    def test_is_lowered_as_a_whole_by_a_coupon(self, host):
        host.ask(CreateCoupon("OFF", amount_off=Money(1000, "EUR"), duration="once"))

        begun = host.start(backdate=host.fake.now - 14 * DAY, coupon="OFF")

        (bill,) = host.invoices(begun)
        assert (bill.amount, bill.sums[1]) == (3210, 1000)

    def test_is_incomplete_when_it_is_not_paid(self, host):
        begun = host.start(backdate=host.fake.now - 14 * DAY, payer=Declines(NO_FUNDS))

        assert host.sub(begun).status == SubscriptionStatus.INCOMPLETE

    @pytest.mark.parametrize("ahead", [timedelta(0), SECOND], ids=["now", "later"])
    def test_was_in_the_past(self, host, town, ahead):
        customer = host.customer()

        with town.unchanged("in the past"):
            start(host, customer, backdate=host.fake.now + ahead)

    def test_has_no_trial_here(self, host, town):
        customer, now = host.customer(), host.fake.now

        with town.unchanged("left out"):
            start(host, customer, backdate=now - DAY, trial_end=now + DAY)


class TestAStretchForNothing:
    @pytest.fixture
    def begun(self, host):
        return host.start(payer=Declines(NO_FUNDS), anchor=host.fake.now + 10 * DAY, prorate=False)

    def test_is_active_at_once_and_has_no_invoice(self, host, begun, town):
        assert (begun.status, host.invoices(begun)) == ("active", [])
        assert [type(fact) for fact in begun.facts] == [SubscriptionFact]
        assert town.last()["data"]["object"]["latest_invoice"] is None

    def test_is_followed_by_whole_periods(self, host, begun):
        anchor = host.fake.now + 10 * DAY

        host.wait(10 * DAY)

        (bill,) = host.invoices(begun)
        assert [line.amount for line in bill.lines] == [2900]
        assert instant(host.sub(begun).anchor) == anchor

    def test_is_not_over_when_the_time_for_a_first_payment_is(self, host, begun):
        host.wait(23 * HOUR)

        assert host.sub(begun).status == SubscriptionStatus.ACTIVE

    def test_gives_no_credit_for_what_was_free(self, host, begun):
        dear = host.fake.create_price(Money(6200, "EUR"))

        quote = host.fake.quote(host.change(begun, (dear,), proration="invoice_now"))

        assert all(line.amount.minor > 0 for line in quote.lines)

    def test_can_be_a_whole_period_long(self, host):
        begun = host.start(anchor=host.fake.now + 31 * DAY, prorate=False)

        host.wait(31 * DAY + HOUR)

        assert [bill.paid for bill in host.invoices(begun)] == [2900]

    def test_is_no_longer_than_a_period(self, host, town):
        customer = host.customer()

        with town.unchanged("natural billing date"):
            start(host, customer, anchor=host.fake.now + 31 * DAY + SECOND, prorate=False)


def start(host, customer, **how):
    return host.ask(StartSubscription(customer, (ItemWanted(host.price),), **how))
