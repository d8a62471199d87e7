"""Subscriptions and invoices of the fake, on its clock."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta

import pytest

from recoup.core.money import Money
from recoup.core.states import InvoiceStatus, SubscriptionStatus
from recoup.errors import InvalidValue, Rejected
from recoup.processors.fake import NO_FUNDS, Declines, FakeProcessor, Habit, Pays, Slow
from recoup.processors.fake.model import Price, instant

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
REFUSES = Declines(NO_FUNDS)


def month(index):
    year, place = divmod(index, 12)
    return year, place + 1


class TestTheAnchor:
    @pytest.mark.parametrize("day", [28, 29, 30, 31])
    @pytest.mark.parametrize("first", range(2024 * 12, 2025 * 12))
    def test_holds_in_every_month_to_2036(self, day, first):
        year, place = month(first)
        anchor = datetime(year, place, min(day, monthrange(year, place)[1]), 10, 30, tzinfo=UTC)
        price = Price("price_fake_1", 0, 2900, "EUR")
        start = int(anchor.timestamp())

        for index in range(first + 1, 2037 * 12):
            start = price.end_after(int(anchor.timestamp()), start)
            year, place = month(index)
            last = monthrange(year, place)[1]
            assert instant(start) == datetime(
                year, place, min(anchor.day, last), 10, 30, tzinfo=UTC
            )

    def test_of_a_leap_day_returns_every_fourth_year(self):
        price = Price("price_fake_1", 0, 2900, "EUR", "year")
        anchor = end = int(datetime(2024, 2, 29, tzinfo=UTC).timestamp())
        days = []

        for _ in range(8):
            end = price.end_after(anchor, end)
            days.append(instant(end).day)

        assert days == [28, 28, 28, 29, 28, 28, 28, 29]

    @pytest.mark.parametrize(
        ("interval", "count", "days"), [("day", 10, 10), ("week", 2, 14), ("week", 1, 7)]
    )
    def test_counts_days_and_weeks_exactly(self, interval, count, days):
        price = Price("price_fake_1", 0, 2900, "EUR", interval, count)

        assert price.end_after(1_000, 1_000) == 1_000 + days * 86_400

    def test_bills_january_31_then_february_28_then_march_31(self):
        with FakeProcessor(":memory:", start=datetime(2026, 1, 31, 9, tzinfo=UTC)) as fake:
            customer = fake.create_customer()
            fake.attach_method(customer)
            subscription = fake.subscribe(customer, fake.create_price(Money(100, "EUR")))
            fake.advance(datetime(2026, 4, 1, tzinfo=UTC))
            created = [instant(i.created) for i in fake.invoices_of(subscription)]

        assert [(at.month, at.day, at.hour) for at in created] == [
            (1, 31, 9),
            (2, 28, 9),
            (3, 31, 9),
        ]

    def test_in_the_future_shortens_and_prorates_the_first_period(self, town):
        customer = town.fake.create_customer()
        town.fake.attach_method(customer)
        anchor = datetime(2026, 1, 16, 12, tzinfo=UTC)

        subscription = town.fake.subscribe(customer, town.price, anchor=anchor)

        (first,) = town.fake.invoices_of(subscription)
        assert first.amount == 1450  # half of January's 31 days
        assert instant(town.fake.subscription(subscription).period_end) == anchor

    def test_later_than_the_first_period_is_refused(self, town):
        customer = town.fake.create_customer()
        town.fake.attach_method(customer)
        too_late = datetime(2026, 2, 1, 0, 0, 1, tzinfo=UTC)

        with pytest.raises(Rejected, match="billing_cycle_anchor"):
            town.fake.subscribe(customer, town.price, anchor=too_late)


class TestARenewal:
    def test_is_a_draft_for_an_hour_and_is_then_tried_once(self, town):
        subscription, _ = town.subscriber(REFUSES)
        end = instant(town.fake.subscription(subscription).period_end)

        town.fake.advance(end + HOUR - SECOND)
        draft = town.fake.invoice(town.fake.subscription(subscription).latest_invoice)
        town.fake.advance(end + HOUR)

        assert (draft.status, draft.reason) == (InvoiceStatus.DRAFT, "subscription_cycle")
        failed = town.fake.invoice(draft.id)
        assert (failed.status, failed.attempt_count) == (InvoiceStatus.OPEN, 1)
        assert town.fake.subscription(subscription).status == SubscriptionStatus.PAST_DUE

    def test_that_failed_is_never_tried_again_by_itself(self, town):
        invoice, _, _ = town.debt(Pays())

        town.wait(27 * DAY)

        assert len(town.fake.charges_of(invoice)) == 1
        assert town.fake.invoice(invoice).next_try is None

    def test_does_not_count_the_tries_of_others(self, town):
        invoice, _, _ = town.debt(REFUSES)

        town.fake.pay_invoice(invoice, method=None, key="k1")

        assert town.fake.invoice(invoice).attempt_count == 1

    def test_goes_on_while_the_subscription_is_past_due(self, town):
        _, subscription, _ = town.debt(REFUSES)

        town.wait(28 * DAY + HOUR)

        statuses = [i.status for i in town.fake.invoices_of(subscription)]
        assert statuses == [InvoiceStatus.PAID, InvoiceStatus.OPEN, InvoiceStatus.OPEN]

    def test_fails_without_a_charge_when_there_is_nothing_to_charge(self, town):
        subscription, method = town.subscriber()
        town.fake.detach_method(method)
        town.wait(31 * DAY + HOUR)

        invoice = town.fake.subscription(subscription).latest_invoice
        assert town.fake.charges_of(invoice) == []
        assert town.fake.subscription(subscription).status == SubscriptionStatus.PAST_DUE

    def test_of_a_subscription_that_ended_meanwhile_stays_a_draft(self, town):
        subscription, _ = town.subscriber()
        town.wait(31 * DAY)
        town.fake.cancel_subscription(subscription, reason="test", key="k1")

        town.wait(40 * DAY)

        assert [i.status for i in town.fake.invoices_of(subscription)] == [
            InvoiceStatus.PAID,
            InvoiceStatus.DRAFT,
        ]


class TestASubscription:
    @pytest.mark.parametrize("how", ["our try", "hosted page", "void", "uncollectible", "cash"])
    def test_is_good_again_when_its_latest_invoice_is_settled(self, town, how):
        invoice, subscription, _ = town.debt()

        settle = {
            "our try": lambda: town.fake.pay_invoice(invoice, method=None, key="k1"),
            "hosted page": lambda: town.fake.customer_pays(invoice),
            "void": lambda: town.fake.void(invoice),
            "uncollectible": lambda: town.fake.mark_uncollectible(invoice),
            "cash": lambda: town.fake.mark_paid_out_of_band(invoice),
        }
        settle[how]()

        assert town.fake.subscription(subscription).status == SubscriptionStatus.ACTIVE
        assert town.fake.books().imbalance() == {}

    def test_stays_past_due_when_only_an_older_invoice_is_paid(self, town):
        older, subscription, method = town.debt(REFUSES)
        town.wait(28 * DAY + HOUR)
        town.fake.update_method(method, payer=Pays())

        town.fake.pay_invoice(older, method=None, key="k1")

        assert town.fake.subscription(subscription).status == SubscriptionStatus.PAST_DUE

    def test_whose_first_payment_fails_is_over_after_23_hours(self, town):
        customer = town.fake.create_customer()
        town.fake.attach_method(customer, REFUSES)
        subscription = town.fake.subscribe(customer, town.price)

        town.wait(23 * HOUR - SECOND)
        before = town.fake.subscription(subscription)
        town.wait(SECOND)
        after = town.fake.subscription(subscription)

        assert before.status == SubscriptionStatus.INCOMPLETE
        assert after.status == SubscriptionStatus.INCOMPLETE_EXPIRED
        assert town.fake.invoice(after.latest_invoice).status == InvoiceStatus.VOID

    @pytest.mark.parametrize("close", ["void", "mark_uncollectible"])
    def test_is_over_then_too_when_its_invoice_was_closed_before(self, town, close):
        customer = town.fake.create_customer()
        town.fake.attach_method(customer, REFUSES)
        subscription = town.fake.subscribe(customer, town.price)
        getattr(town.fake, close)(town.fake.subscription(subscription).latest_invoice)
        closed = town.fake.invoice(town.fake.subscription(subscription).latest_invoice)

        town.wait(23 * HOUR)

        over = town.fake.subscription(subscription)
        assert over.status == SubscriptionStatus.INCOMPLETE_EXPIRED
        assert town.fake.invoice(over.latest_invoice).status == closed.status

    def test_in_a_trial_owes_nothing_until_the_trial_ends(self, town):
        customer = town.fake.create_customer()
        town.fake.attach_method(customer, REFUSES)
        subscription = town.fake.subscribe(customer, town.price, trial=14 * DAY)

        trial = town.fake.subscription(subscription)
        town.wait(14 * DAY + HOUR)

        assert trial.status == SubscriptionStatus.TRIALING
        assert [i.amount for i in town.fake.invoices_of(subscription)] == [0, 2900]
        assert town.fake.subscription(subscription).status == SubscriptionStatus.PAST_DUE

    def test_that_is_sent_invoices_falls_past_due_on_the_due_date(self, town):
        customer = town.fake.create_customer()
        subscription = town.fake.subscribe(
            customer, town.price, collection="send_invoice", days_until_due=14
        )

        town.wait(14 * DAY - SECOND)
        before = town.fake.subscription(subscription).status
        town.wait(SECOND)

        assert before == SubscriptionStatus.ACTIVE
        assert town.fake.subscription(subscription).status == SubscriptionStatus.PAST_DUE

    def test_that_is_left_ends_with_its_period(self, town):
        subscription, _ = town.subscriber()
        town.fake.cancel_at_period_end(subscription, comment="too dear")

        town.wait(31 * DAY - SECOND)
        before = town.fake.subscription(subscription).status
        town.wait(SECOND)

        assert before == SubscriptionStatus.ACTIVE
        assert town.fake.subscription(subscription).status == SubscriptionStatus.CANCELED
        assert len(town.fake.invoices_of(subscription)) == 1

    def test_ends_with_its_customer(self, town):
        subscription, _ = town.subscriber()

        town.fake.delete_customer(town.fake.subscription(subscription).customer)

        assert town.fake.subscription(subscription).status == SubscriptionStatus.CANCELED

    def test_needs_something_to_pay_with(self, town):
        with pytest.raises(Rejected, match="no attached payment source"):
            town.fake.subscribe(town.fake.create_customer(), town.price)


class TestAnInvoice:
    def test_with_a_payment_on_its_way_can_not_be_closed(self, town):
        invoice, _, _ = town.debt(Slow())
        town.fake.pay_invoice(invoice, method=None, key="k1")

        for close in (town.fake.void, town.fake.mark_uncollectible):
            with pytest.raises(Rejected, match="processing"):
                close(invoice)

    def test_that_was_given_up_can_still_be_paid_by_the_customer_only(self, town):
        invoice, _, _ = town.debt()
        town.fake.mark_uncollectible(invoice)

        with pytest.raises(Rejected, match="not open"):
            town.fake.pay_invoice(invoice, method=None, key="k1")
        town.fake.customer_pays(invoice)

        assert town.fake.invoice(invoice).status == InvoiceStatus.PAID

    @pytest.mark.parametrize("currency", ["KWD", "MGA"])
    def test_can_not_ask_for_less_than_stripe_charges(self, town, currency):
        with pytest.raises(Rejected, match="Invalid amount"):
            town.fake.create_price(Money(1001, currency))


class TestTheClock:
    def test_never_goes_back(self, town):
        before = town.fake.now

        town.fake.advance(before - DAY)

        assert town.fake.now == before

    def test_keeps_fractions_of_a_second(self, town):
        to = town.fake.now + timedelta(microseconds=1)

        assert town.fake.advance(to) == town.fake.now == to

    def test_comes_to_the_same_in_one_step_or_in_many(self):
        bodies = []
        for steps in (1, 97):
            with FakeProcessor(":memory:", seed=7) as fake:
                customer = fake.create_customer(habits=(Habit(3 * DAY),))
                method = fake.attach_method(customer)
                fake.subscribe(customer, fake.create_price(Money(2900, "EUR")))
                fake.update_method(method, payer=Declines(NO_FUNDS, 1))
                start = fake.now
                for step in range(1, steps + 1):
                    fake.advance(start + 97 * DAY * step / steps)
                bodies.append(fake.events())

        assert bodies[0] == bodies[1]
        assert len(bodies[0]) > 30

    def test_says_what_comes_next(self, town):
        assert town.fake.next_event_at() is None

        town.subscriber()

        assert town.fake.next_event_at() == datetime(2026, 2, 1, tzinfo=UTC)

    def test_is_refused_without_a_zone(self, town):
        with pytest.raises(InvalidValue):
            town.fake.advance(datetime(2026, 5, 1))  # noqa: DTZ001  that is the point
