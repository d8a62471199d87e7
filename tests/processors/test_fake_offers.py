"""What becomes of changes that wait to be paid, and are not at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup.core.billing.requests import (
    CancelSubscription,
    ExtendTrial,
    VoidInvoice,
    WithdrawPayment,
)
from recoup.core.money import Money
from recoup.core.states import SubscriptionStatus
from recoup.processors.fake import NO_FUNDS, Asks, Declines, Pays, Slow
from recoup.processors.fake.model import instant

pytestmark = pytest.mark.usefixtures("books_agree")

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
MONTH = 31 * DAY
ACTIVE, PAST_DUE = SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE
EXPIRED = "customer.subscription.pending_update_expired"


class TestAnOffer:
    @pytest.mark.parametrize("late", [False, True], ids=["just before", "at the instant"])
    def test_expires_after_twenty_three_hours(self, wish, town, late):
        wish.ask(payer=Declines(NO_FUNDS))
        before = len(town.fake.events())

        wish.host.wait(23 * HOUR - (timedelta(0) if late else SECOND))

        assert (wish.sub.offer is None) is late
        assert wish.bill.status == ("void" if late else "open")
        assert (EXPIRED in town.told(before)) is late
        assert (wish.bought, wish.sub.status) == ([wish.price], ACTIVE)

    def test_expires_with_the_period(self, wish, town):
        wish.host.wait(21 * DAY - 2 * HOUR)
        wish.ask(payer=Declines(NO_FUNDS))
        asked = wish.bill.id
        assert instant(wish.sub.offer.expires_at) == wish.fake.now + 2 * HOUR

        wish.host.wait(2 * HOUR)

        assert wish.fake.invoice(asked).status == "void"
        told = [type_ for type_ in town.told() if type_ in {EXPIRED, "invoice.created"}]
        assert told[-2:] == [EXPIRED, "invoice.created"]
        assert [line.amount for line in wish.bill.lines] == [3100]

    def test_gives_way_to_a_newer_one(self, wish, host):
        wish.ask(payer=Declines(NO_FUNDS))
        first = wish.bill.id
        host.wait(HOUR)
        dearer = host.fake.create_price(Money(9300, "EUR"))

        wish.ask(dearer)

        assert (wish.fake.invoice(first).status, wish.bill.status) == ("void", "open")
        assert wish.sub.offer.invoice == wish.bill.id
        host.wait(22 * HOUR)
        assert wish.sub.offer is not None
        wish.pay()
        assert wish.bought == [dearer]

    def test_gives_way_to_a_change_without_a_gate(self, wish, host):
        wish.ask(payer=Declines(NO_FUNDS))
        first = wish.bill.id

        host.ask(host.change(wish.begun, (wish.price, 3)))

        assert (wish.fake.invoice(first).status, wish.sub.offer) == ("void", None)
        assert wish.sub.items[0].quantity == 3

    def test_is_discarded_when_its_invoice_is_voided(self, wish, host, town):
        wish.ask(payer=Declines(NO_FUNDS))

        host.ask(VoidInvoice(wish.bill.id))

        assert (wish.sub.offer, wish.bought, wish.sub.status) == (None, [wish.price], ACTIVE)
        assert town.last()["data"]["object"]["pending_update"] is None

    def test_is_withdrawn_with_its_payment(self, wish, host):
        wish.ask(payer=Asks())

        answer = host.ask(WithdrawPayment(wish.bill.id))

        assert (answer.status, wish.bill.status, wish.sub.offer) == ("canceled", "void", None)

    def test_is_discarded_when_the_subscription_ends(self, wish, host):
        wish.ask(payer=Declines(NO_FUNDS))

        host.ask(CancelSubscription(wish.begun.object))

        assert (wish.bill.status, wish.sub.offer, wish.sub.status) == ("void", None, "canceled")

    def test_is_discarded_when_a_trial_begins(self, wish, host):
        wish.ask(payer=Declines(NO_FUNDS))

        host.ask(ExtendTrial(wish.begun.object, host.fake.now + 10 * DAY))

        assert (wish.bill.status, wish.sub.offer) == ("void", None)

    def test_gives_credit_back_that_its_bill_used(self, wish, host):
        cheaper = host.fake.create_price(Money(2100, "EUR"))
        wish.ask(cheaper)
        credit = wish.customer.credit
        wish.ask(payer=Declines(NO_FUNDS))
        assert wish.customer.credit == 0

        wish.host.wait(23 * HOUR)

        assert wish.customer.credit == credit > 0

    def test_hides_no_debt(self, wish, host):
        wish.mood(Declines(NO_FUNDS))
        host.wait(21 * DAY + HOUR)
        debt = wish.bill.id
        assert wish.sub.status == PAST_DUE
        wish.ask()

        host.ask(VoidInvoice(wish.bill.id))

        assert wish.sub.status == PAST_DUE
        wish.mood(Pays())
        wish.fake.customer_pays(debt)
        assert wish.sub.status == ACTIVE

    def test_drops_what_was_scheduled_only_when_it_is_taken(self, wish, host):
        host.ask(host.change(wish.begun, (wish.price, 5), at_period_end=True))
        wish.ask(payer=Declines(NO_FUNDS))
        assert wish.sub.next_items is not None

        wish.pay()

        assert wish.sub.next_items is None


class TestAnOfferWhosePaymentIsOnItsWay:
    def test_is_taken_when_it_arrives_in_time(self, wish):
        wish.ask(payer=Slow(5 * HOUR))
        assert wish.bought == [wish.price]

        wish.host.wait(5 * HOUR)

        assert (wish.bought, wish.bill.status) == ([wish.dear], "paid")

    def test_can_not_be_replaced(self, wish, host, town):
        wish.ask(payer=Slow(5 * HOUR))

        with town.unchanged("processing"):
            host.ask(host.change(wish.begun, (wish.price, 3), gated=True))

    def test_is_gone_when_it_arrives_too_late(self, wish):
        wish.ask(payer=Slow(2 * DAY))
        wish.host.wait(23 * HOUR)
        assert (wish.sub.offer, wish.bill.status) == (None, "open")

        wish.host.wait(DAY + HOUR)

        assert (wish.bought, wish.bill.status) == ([wish.price], "paid")

    def test_is_gone_when_it_arrives_at_the_instant_of_the_renewal(self, wish):
        wish.host.wait(21 * DAY - 2 * HOUR)
        wish.ask(payer=Slow(2 * HOUR))

        wish.host.wait(2 * HOUR)

        assert wish.bought == [wish.price]
        assert [line.amount for line in wish.bill.lines] == [3100]
        assert instant(wish.sub.period_start) == wish.fake.now

    def test_leaves_a_void_bill_when_it_fails_too_late(self, wish):
        wish.ask(payer=Slow(2 * DAY, NO_FUNDS))

        wish.host.wait(3 * DAY)

        assert (wish.bought, wish.bill.status, wish.sub.status) == ([wish.price], "void", ACTIVE)

    def test_goes_on_waiting_when_it_fails_in_time(self, wish):
        wish.ask(payer=Slow(5 * HOUR, NO_FUNDS, then=Pays()))
        wish.host.wait(5 * HOUR)
        assert (wish.bill.status, wish.sub.status) == ("open", ACTIVE)

        wish.fake.customer_pays(wish.bill.id)

        assert wish.bought == [wish.dear]
