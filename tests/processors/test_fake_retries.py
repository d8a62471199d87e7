"""Smart Retries: the fake tries failed renewals again by itself, if it is told to."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from recoup.core.money import Money
from recoup.core.states import SubscriptionStatus
from recoup.errors import Rejected
from recoup.processors.fake import NO_FUNDS, Asks, Declines, FakeProcessor, Pays
from recoup.processors.fake.model import instant

TWO_WEEKS = timedelta(days=14)


@pytest.fixture
def fake():
    with FakeProcessor(":memory:") as fake:
        yield fake


def failing(fake, payer=None):
    """A subscription whose renewal has just failed; its id, its card's and its invoice's."""
    customer = fake.create_customer()
    method = fake.attach_method(customer)
    subscription = fake.subscribe(customer, fake.create_price(Money(4900, "EUR")))
    fake.update_method(method, payer=payer or Declines(NO_FUNDS))
    over = instant(fake.subscription(subscription).period_end)
    fake.advance(over + timedelta(hours=1))
    return subscription, method, fake.invoices_of(subscription)[-1].id


def told(fake, kind, invoice):
    found = [json.loads(body) for _, body in fake.events(limit=10_000)]
    objects = [event["data"]["object"] for event in found if event["type"] == kind]
    return [one for one in objects if one["id"] == invoice]


class TestAFailedRenewal:
    def test_is_not_tried_again_unless_that_is_switched_on(self, fake):
        _, _, invoice = failing(fake)
        fake.advance(fake.now + TWO_WEEKS)
        assert len(fake.charges_of(invoice)) == 1
        assert fake.invoice(invoice).next_try is None

    def test_says_when_it_is_tried_again_and_is(self, fake):
        fake.smart_retries()
        _, _, invoice = failing(fake)
        (failed,) = told(fake, "invoice.payment_failed", invoice)
        at = instant(failed["next_payment_attempt"])
        fake.advance(at - timedelta(seconds=1))
        assert len(fake.charges_of(invoice)) == 1
        fake.advance(at)
        assert len(fake.charges_of(invoice)) == 2
        assert fake.invoice(invoice).attempt_count == 2

    def test_is_tried_eight_times_more_within_two_weeks(self, fake):
        fake.smart_retries()
        _, _, invoice = failing(fake)
        fake.advance(fake.now + TWO_WEEKS)
        tries = [charge.created for charge in fake.charges_of(invoice)]
        assert len(tries) == 9
        assert tries == sorted(set(tries))
        assert tries[-1] - tries[0] <= TWO_WEEKS.total_seconds()
        assert told(fake, "invoice.payment_failed", invoice)[-1]["next_payment_attempt"] is None

    def test_is_tried_as_often_as_the_account_says(self, fake):
        fake.smart_retries(tries=3, within=timedelta(days=6))
        _, _, invoice = failing(fake)
        fake.advance(fake.now + timedelta(days=6))
        assert len(fake.charges_of(invoice)) == 4

    def test_is_left_alone_once_it_is_paid(self, fake):
        fake.smart_retries()
        subscription, method, invoice = failing(fake)
        fake.update_method(method, payer=Pays())
        fake.customer_pays(invoice)
        assert fake.invoice(invoice).next_try is None
        fake.advance(fake.now + TWO_WEEKS)
        assert len(fake.charges_of(invoice)) == 2
        assert fake.subscription(subscription).status is SubscriptionStatus.ACTIVE

    def test_is_paid_by_a_retry_that_works(self, fake):
        fake.smart_retries()
        subscription, method, invoice = failing(fake)
        fake.update_method(method, payer=Pays())
        fake.advance(fake.now + TWO_WEEKS)
        assert len(fake.charges_of(invoice)) == 2
        assert fake.subscription(subscription).status is SubscriptionStatus.ACTIVE
        assert not fake.books().imbalance()

    def test_keeps_its_next_try_when_somebody_else_tries_meanwhile(self, fake):
        fake.smart_retries()
        _, _, invoice = failing(fake)
        planned = fake.invoice(invoice).next_try
        fake.pay_invoice(invoice, method=None, key="k1")
        assert fake.invoice(invoice).next_try == planned

    def test_that_awaits_its_customer_is_tried_again_too(self, fake):
        fake.smart_retries(tries=2)
        _, _, invoice = failing(fake, Asks())
        fake.advance(fake.now + TWO_WEEKS)
        assert fake.invoice(invoice).attempt_count == 3

    def test_without_a_method_counts_its_tries(self, fake):
        fake.smart_retries(tries=2)
        _, method, invoice = failing(fake)
        fake.detach_method(method)
        fake.advance(fake.now + TWO_WEEKS)
        assert fake.invoice(invoice).attempt_count == 3
        assert len(fake.charges_of(invoice)) == 1

    def test_is_given_up_when_its_subscription_ends(self, fake):
        fake.smart_retries()
        subscription, _, invoice = failing(fake)
        fake.cancel_subscription(subscription, reason="enough", key="k1")
        fake.advance(fake.now + TWO_WEEKS)
        assert len(fake.charges_of(invoice)) == 1


class TestAFirstPayment:
    def test_is_never_tried_again(self, fake):
        fake.smart_retries()
        customer = fake.create_customer()
        fake.attach_method(customer, Declines(NO_FUNDS))
        subscription = fake.subscribe(customer, fake.create_price(Money(4900, "EUR")))
        fake.advance(fake.now + TWO_WEEKS)
        (invoice,) = fake.invoices_of(subscription)
        assert len(fake.charges_of(invoice.id)) == 1


class TestTheEnd:
    @pytest.mark.parametrize(
        ("ends", "status"),
        [
            ("cancel", SubscriptionStatus.CANCELED),
            ("unpaid", SubscriptionStatus.UNPAID),
            ("past_due", SubscriptionStatus.PAST_DUE),
        ],
    )
    def test_is_the_accounts_choice(self, fake, ends, status):
        fake.smart_retries(ends)
        subscription, _, invoice = failing(fake)
        fake.advance(fake.now + TWO_WEEKS)
        assert fake.subscription(subscription).status is status
        assert fake.invoice(invoice).status == "open"

    def test_as_canceled_says_why(self, fake):
        fake.smart_retries("cancel")
        subscription, _, _ = failing(fake)
        fake.advance(fake.now + TWO_WEEKS)
        assert fake.subscription(subscription).end_reason == "payment_failed"

    def test_as_unpaid_leaves_its_invoices_drafts(self, fake):
        fake.smart_retries("unpaid")
        subscription, *_ = failing(fake)
        fake.advance(fake.now + timedelta(days=40))
        draft = fake.invoices_of(subscription)[-1]
        assert (draft.status, draft.auto_advance) == ("draft", False)


class TestTheSetting:
    def test_has_bounds(self, fake):
        fake.smart_retries(tries=1, within=timedelta(days=60))
        for tries, days in ((0, 14), (9, 14), (8, 61)):
            with pytest.raises(Rejected):
                fake.smart_retries(tries=tries, within=timedelta(days=days))

    def test_is_of_the_world(self, tmp_path):
        with FakeProcessor(tmp_path / "w") as fake:
            fake.smart_retries()
        with FakeProcessor(tmp_path / "w") as fake:
            _, _, invoice = failing(fake)
            assert fake.invoice(invoice).next_try is not None

    def test_gives_the_same_instants_for_the_same_seed(self):
        def tries(seed):
            with FakeProcessor(":memory:", seed=seed) as fake:
                fake.smart_retries()
                _, _, invoice = failing(fake)
                fake.advance(fake.now + TWO_WEEKS)
                return [charge.created for charge in fake.charges_of(invoice)]

        assert tries(1) == tries(1) != tries(2)
