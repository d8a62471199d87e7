"""What becomes of invoices while collection of a subscription of the fake is paused."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup.core.billing.requests import (
    FinalizeInvoice,
    ItemWanted,
    PauseSubscription,
    UnpauseSubscription,
)
from recoup.core.money import Money
from recoup.core.states import InvoiceStatus, SubscriptionStatus
from recoup.errors import Rejected

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
FIRST_OF_FEBRUARY = 31 * DAY  # after the fake's first instant
BEHAVIORS = {
    "void": InvoiceStatus.VOID,
    "mark_uncollectible": InvoiceStatus.UNCOLLECTIBLE,
    "keep_as_draft": InvoiceStatus.DRAFT,
}


def renewal(host, begun):
    """Return the invoice of the first renewal."""
    return host.invoices(begun)[1]


def taken(host):
    """Return all the money that the fake has taken."""
    assert host.fake.books().imbalance() == {}
    return host.fake.books().captured_in("EUR")


class TestAPause:
    @pytest.mark.parametrize(
        ("behavior", "status"),
        [
            ("void", InvoiceStatus.VOID),
            ("mark_uncollectible", InvoiceStatus.UNCOLLECTIBLE),
            ("keep_as_draft", InvoiceStatus.DRAFT),
        ],
    )
    def test_says_what_becomes_of_invoices_meanwhile(self, host, behavior, status):
        begun = host.start()

        told = host.newest(host.ask(PauseSubscription(begun.object, behavior)))
        host.wait(FIRST_OF_FEBRUARY + HOUR)

        assert told.pause_behavior == behavior
        assert [i.status for i in host.invoices(begun)] == [InvoiceStatus.PAID, status]
        assert host.sub(begun).status == SubscriptionStatus.ACTIVE
        assert host.fake.books().imbalance() == {}

    def test_ends_by_itself_at_its_instant(self, host):
        begun = host.start()
        until = host.fake.now + 5 * DAY
        told = host.newest(host.ask(PauseSubscription(begun.object, "void", until)))

        host.wait(5 * DAY - SECOND)
        before = host.sub(begun).pause
        host.wait(SECOND)

        assert (told.resumes_at, before is None) == (until, False)
        assert host.sub(begun).pause is None

    def test_that_was_made_longer_outlives_its_first_instant(self, host):
        begun = host.start()
        host.ask(PauseSubscription(begun.object, "void", host.fake.now + 5 * DAY))
        host.ask(PauseSubscription(begun.object, "void", host.fake.now + 9 * DAY))

        host.wait(9 * DAY - SECOND)

        assert host.sub(begun).pause is not None

    def test_ends_when_told(self, host):
        begun = host.start()
        host.ask(PauseSubscription(begun.object))

        told = host.newest(host.ask(UnpauseSubscription(begun.object)))
        host.wait(FIRST_OF_FEBRUARY + HOUR)

        assert told.pause_behavior is None
        assert host.invoices(begun)[-1].status == InvoiceStatus.PAID

    @pytest.mark.parametrize(
        ("how", "words"), [({"behavior": "forget"}, "behavior"), ({"resumes_at": 0}, "future")]
    )
    def test_is_refused_in_words_stripe_does_not_know(self, host, how, words):
        begun = host.start()
        if "resumes_at" in how:
            how = {"resumes_at": host.fake.now}

        with pytest.raises(Rejected, match=words):
            host.ask(PauseSubscription(begun.object, **how))

    @pytest.mark.parametrize("then", BEHAVIORS)
    @pytest.mark.parametrize("first", BEHAVIORS)
    def test_that_changes_before_a_renewal_is_final_collects_nothing(self, host, first, then):
        begun = host.start()
        host.ask(PauseSubscription(begun.object, first))
        host.wait(FIRST_OF_FEBRUARY + HOUR / 2)
        host.ask(PauseSubscription(begun.object, then))
        host.wait(DAY)

        assert renewal(host, begun).status == BEHAVIORS[first]
        assert taken(host) == 2900
        assert host.sub(begun).status == SubscriptionStatus.ACTIVE

    @pytest.mark.parametrize(("behavior", "status"), BEHAVIORS.items())
    def test_that_begins_before_a_renewal_is_final_collects_nothing(self, host, behavior, status):
        begun = host.start()
        host.wait(FIRST_OF_FEBRUARY + HOUR - SECOND)
        host.ask(PauseSubscription(begun.object, behavior))
        host.wait(DAY)

        assert renewal(host, begun).status == status
        assert taken(host) == 2900

    @pytest.mark.parametrize(("behavior", "status"), BEHAVIORS.items())
    def test_that_is_over_before_a_renewal_is_final_brings_no_money_back(
        self, host, behavior, status
    ):
        begun = host.start()
        host.ask(PauseSubscription(begun.object, behavior))
        host.wait(FIRST_OF_FEBRUARY + HOUR / 2)
        host.ask(UnpauseSubscription(begun.object))
        host.wait(DAY)

        assert renewal(host, begun).status == status
        assert taken(host) == 2900

    def test_that_is_over_lets_the_next_renewal_be_paid(self, host):
        begun = host.start()
        host.ask(PauseSubscription(begun.object, "keep_as_draft"))
        host.wait(FIRST_OF_FEBRUARY + HOUR)
        host.ask(UnpauseSubscription(begun.object))
        host.wait(28 * DAY)

        assert [i.status for i in host.invoices(begun)] == [
            InvoiceStatus.PAID,
            InvoiceStatus.DRAFT,
            InvoiceStatus.PAID,
        ]
        assert taken(host) == 2 * 2900

    def test_leaves_a_draft_that_the_host_finalises_to_the_host(self, host):
        begun = host.start()
        host.wait(FIRST_OF_FEBRUARY)
        host.ask(PauseSubscription(begun.object, "keep_as_draft"))

        host.ask(FinalizeInvoice(renewal(host, begun).id))
        host.wait(DAY)
        before = taken(host)
        host.fake.pay_invoice(renewal(host, begun).id, method=None, key="k", off_session=False)

        assert (before, taken(host)) == (2900, 2 * 2900)

    @pytest.mark.parametrize(("behavior", "status"), list(BEHAVIORS.items())[:2])
    def test_uses_no_credit_of_the_customers(self, host, behavior, status):
        begun = host.start(ItemWanted(host.fake.create_price(Money(9000, "EUR"))))
        cheap = host.fake.create_price(Money(1000, "EUR"))
        host.ask(host.change(begun, (cheap,)))
        host.wait(FIRST_OF_FEBRUARY + HOUR)
        credit = host.fake.books().balances["credit", "EUR"]
        host.ask(PauseSubscription(begun.object, behavior))
        host.wait(28 * DAY + HOUR)

        assert credit == 1000 - 9000 + 1000
        assert host.invoices(begun)[-1].status == status
        assert host.fake.books().balances["credit", "EUR"] == credit
        assert host.fake.books().imbalance() == {}
