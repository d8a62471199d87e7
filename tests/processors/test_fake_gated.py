"""Changes that wait to be paid, and changes that begin a new period."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup.core.billing.requests import (
    ApplyDiscount,
    ChangeSubscription,
    CreateCoupon,
    ExtendTrial,
    ItemChange,
    ItemWanted,
    PauseSubscription,
    PreparePayment,
    VoidInvoice,
)
from recoup.core.facts import InvoiceFact
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


class TestAGatedChange:
    def test_is_made_at_once_when_its_bill_is_paid(self, wish, town):
        before = len(town.fake.events())

        answer = wish.ask()

        assert (wish.bought, wish.bill.amount, wish.bill.status) == ([wish.dear], 2100, "paid")
        assert answer.status == "active"
        assert wish.sub.offer is None
        told = town.told(before)
        assert told.count("customer.subscription.updated") == 1
        assert "customer.subscription.pending_update_applied" not in told

    def test_bills_what_one_without_a_gate_does(self, wish):
        wish.ask(payer=Declines(NO_FUNDS))
        gated = [(line.amount, line.start, line.end) for line in wish.bill.lines]

        wish.ask(payer=Pays(), gated=False)

        assert [(line.amount, line.start, line.end) for line in wish.bill.lines] == gated
        assert [amount for amount, _, _ in gated] == [-2100, 4200]

    def test_waits_when_the_card_is_declined(self, wish, town):
        answer = wish.ask(payer=Declines(NO_FUNDS))

        assert wish.bought == [wish.price]
        assert (wish.bill.status, wish.bill.amount, wish.bill.reason) == (
            "open",
            2100,
            "subscription_update",
        )
        assert (answer.status, wish.sub.status) == ("active", ACTIVE)
        shown = town.last()["data"]
        assert town.last()["type"] == "customer.subscription.updated"
        assert shown["previous_attributes"] == {"pending_update": None}
        waiting = shown["object"]["pending_update"]
        assert [i["price"]["id"] for i in waiting["subscription_items"]] == [wish.dear]
        assert [i["price"]["id"] for i in shown["object"]["items"]["data"]] == [wish.price]
        assert shown["object"]["latest_invoice"] == wish.bill.id

    def test_waits_for_a_challenge_and_says_where_it_is(self, wish):
        answer = wish.ask(payer=Asks())

        assert (answer.status, answer.action.kind) == ("requires_action", "authenticate")
        assert (wish.bought, wish.sub.status) == ([wish.price], ACTIVE)
        wish.fake.customer_authenticates(wish.bill.intent)
        assert (wish.bought, wish.bill.status) == ([wish.dear], "paid")

    def test_goes_on_waiting_after_a_challenge_that_was_not_passed(self, wish):
        wish.ask(payer=Asks())

        wish.fake.customer_authenticates(wish.bill.intent, ok=False)

        assert (wish.bought, wish.bill.status, wish.sub.status) == ([wish.price], "open", ACTIVE)
        wish.pay()
        assert wish.bought == [wish.dear]

    def test_is_made_when_its_bill_is_paid_later(self, wish, town):
        wish.ask(payer=Declines(NO_FUNDS))
        wish.host.wait(5 * HOUR)
        before = len(town.fake.events())

        wish.pay()

        assert wish.bought == [wish.dear]
        assert wish.sub.offer is None
        told = town.told(before)
        assert told[-2:] == [
            "customer.subscription.updated",
            "customer.subscription.pending_update_applied",
        ]
        assert town.last()["data"]["object"]["pending_update"] is None
        assert [p["quantity"] for p in town.last()["data"]["object"]["items"]["data"]] == [1]

    def test_keeps_its_time_through_a_second_failure(self, wish):
        wish.ask(payer=Declines(NO_FUNDS))
        until = wish.sub.offer.expires_at
        wish.host.wait(5 * HOUR)

        wish.fake.pay_invoice(wish.bill.id, method=None, key="again", off_session=False)

        assert (wish.sub.offer.expires_at, wish.sub.status) == (until, ACTIVE)

    def test_can_be_paid_from_the_intent_with_another_method(self, wish, host):
        wish.ask(payer=Declines(NO_FUNDS))
        intent = host.ask(PreparePayment(wish.bill.id)).object

        assert wish.fake.customer_confirms(intent, wish.fake.new_method()) == "succeeded"

        assert wish.bought == [wish.dear]

    def test_costs_what_was_asked_however_late_it_is_paid(self, wish):
        wish.ask(payer=Declines(NO_FUNDS))
        wish.host.wait(20 * HOUR)
        wish.pay()

        wish.host.wait(21 * DAY)

        assert [line.amount for line in wish.bill.lines] == [6200]

    def test_with_nothing_due_is_made_at_once(self, wish):
        wish.ask(payer=Declines(NO_FUNDS), proration="create")

        assert (wish.bought, len(wish.host.invoices(wish.begun))) == ([wish.dear], 1)

    def test_down_is_made_at_once_and_credited(self, wish, host):
        cheaper = host.fake.create_price(Money(310, "EUR"))

        wish.ask(cheaper, payer=Declines(NO_FUNDS))

        assert (wish.bought, wish.bill.amount, wish.bill.status) == ([cheaper], 0, "paid")
        assert wish.customer.credit == 1890

    def test_covered_by_credit_is_made_at_once(self, wish, host):
        cheaper = host.fake.create_price(Money(310, "EUR"))
        wish.ask(cheaper)
        wish.mood(Declines(NO_FUNDS))

        wish.ask(wish.price)

        assert (wish.bought, wish.bill.amount, wish.customer.credit) == ([wish.price], 0, 0)

    def test_takes_lines_along_that_waited_and_gives_them_back(self, wish, host):
        host.ask(host.change(wish.begun, (wish.price, 2)))
        waiting = [line.amount for line in wish.sub.pending]
        wish.ask(payer=Declines(NO_FUNDS))
        assert [line.amount for line in wish.bill.lines][:2] == waiting
        assert [line.amount for line in wish.sub.pending] == waiting

        host.ask(VoidInvoice(wish.bill.id))

        assert [line.amount for line in wish.sub.pending] == waiting
        host.wait(21 * DAY)
        assert [line.amount for line in wish.bill.lines] == [*waiting, 6200]

    def test_bills_lines_that_waited_only_once(self, wish, host):
        host.ask(host.change(wish.begun, (wish.price, 2)))
        wish.ask(payer=Declines(NO_FUNDS))
        wish.pay()

        host.wait(21 * DAY)

        assert [line.amount for line in wish.bill.lines] == [12400]

    def test_spends_a_discount_only_when_it_is_taken(self, wish, host):
        host.ask(CreateCoupon("ONCE", percent_off="50", duration="once"))
        host.ask(ApplyDiscount(wish.begun.object, "ONCE"))
        wish.ask(payer=Declines(NO_FUNDS), restart=True)
        host.ask(VoidInvoice(wish.bill.id))
        assert (wish.bill.amount, wish.sub.discount.spent) == (3100 - 2100, False)

        wish.ask(payer=Pays(), restart=True)

        assert (wish.bill.amount, wish.sub.discount.spent) == (3100 - 2100, True)

    def test_quotes_what_it_bills(self, wish, host):
        change = host.change(wish.begun, (wish.dear,), proration="invoice_now", gated=True)
        before = len(host.fake.events())

        quote = host.fake.quote(change)

        assert (quote.due_now.minor, quote.next_due.minor) == (2100, 6200)
        assert len(host.fake.events()) == before
        assert wish.sub.offer is None

    def test_is_found_with_its_bill_after_a_lost_reply(self, wish, host):
        since = host.fake.now
        change = host.change(wish.begun, (wish.dear,), proration="invoice_now", gated=True)
        wish.mood(Declines(NO_FUNDS))
        first = host.fake.ask(change, key="gated")

        found = host.fake.find(change, key="gated", since=since)

        assert found == first
        assert [f.due for f in found.facts if isinstance(f, InvoiceFact)][-1].minor == 2100


class TestANewPeriod:
    def test_begins_at_once_and_credits_what_is_left(self, wish):
        wish.ask(restart=True, gated=False)

        assert [line.amount for line in wish.bill.lines] == [-2100, 6200]
        now = wish.fake.now
        assert (instant(wish.sub.anchor), instant(wish.sub.period_start)) == (now, now)
        assert instant(wish.sub.period_end) == now + MONTH

    def test_can_begin_without_another_price(self, wish, host):
        host.ask(ChangeSubscription(wish.begun.object, (), "none", restart=True))

        assert [line.amount for line in wish.bill.lines] == [3100]
        assert instant(wish.sub.period_start) == wish.fake.now

    def test_bills_in_full_without_proration(self, wish):
        wish.ask(restart=True, proration="none")

        assert [line.amount for line in wish.bill.lines] == [6200]

    def test_began_when_it_was_asked_for_if_it_is_paid_later(self, wish, town):
        wish.ask(payer=Declines(NO_FUNDS), restart=True)
        asked = wish.fake.now
        assert instant(wish.sub.period_start) == asked - 10 * DAY
        update = town.last()["data"]["object"]["pending_update"]
        assert update["billing_cycle_anchor"] == int(asked.timestamp())
        wish.host.wait(22 * HOUR)

        wish.pay()

        assert (instant(wish.sub.anchor), instant(wish.sub.period_start)) == (asked, asked)
        wish.host.wait(asked + MONTH - wish.fake.now)
        assert [line.amount for line in wish.bill.lines] == [6200]
        assert instant(wish.bill.period_start) == asked + MONTH

    def test_leaves_the_old_one_when_it_is_not_paid(self, wish):
        wish.ask(payer=Declines(NO_FUNDS), restart=True)

        wish.host.wait(21 * DAY)

        assert [line.amount for line in wish.bill.lines] == [3100]
        assert instant(wish.bill.period_start) == wish.fake.now

    def test_an_hour_before_the_old_one_is_over_makes_one_paid_plan_for_every_hour(self, wish):
        wish.host.wait(21 * DAY - HOUR)

        wish.ask(restart=True)
        wish.host.wait(2 * HOUR)

        assert [i.reason for i in wish.host.invoices(wish.begun)][1:] == ["subscription_update"]
        assert [line.amount for line in wish.bill.lines] == [-4, 6200]

    def test_does_not_begin_in_a_trial(self, wish, host, town):
        host.ask(ExtendTrial(wish.begun.object, host.fake.now + 20 * DAY))

        with town.unchanged("trial"):
            wish.ask(restart=True)

    def test_is_quoted_as_it_is_billed(self, wish, host):
        change = host.change(wish.begun, (wish.dear,), gated=True, restart=True)

        quote = host.fake.quote(change)

        assert (quote.due_now.minor, quote.next_due.minor) == (4100, 6200)
        assert quote.next_at == wish.fake.now + MONTH


class TestAGate:
    def test_is_not_for_bank_debits(self, wish, host, town):
        debit = host.fake.attach_method(wish.customer.id, Slow(), kind="sepa_debit")
        assert debit == wish.customer.default_method

        with town.unchanged("sepa_debit"):
            wish.ask()

    def test_is_not_for_invoices_that_are_sent(self, host, cheap, dear, town):
        begun = host.start(ItemWanted(cheap), collection="send_invoice", days_until_due=7)

        with town.unchanged("charged automatically"):
            host.ask(host.change(begun, (dear,), gated=True, proration="invoice_now"))

    @pytest.mark.parametrize("how", [{"gated": True}, {"restart": True}])
    def test_is_not_for_the_end_of_the_period(self, wish, host, town, how):
        with town.unchanged("schedule"):
            host.ask(host.change(wish.begun, (wish.dear,), at_period_end=True, **how))

    def test_bills_nothing_while_collection_is_paused(self, wish, host, town):
        host.ask(PauseSubscription(wish.begun.object))

        with town.unchanged("paused"):
            wish.ask()

    def test_is_not_for_what_waits_for_its_first_payment(self, host, dear, town):
        begun = host.start(payer=Declines(NO_FUNDS))

        with town.unchanged("incomplete"):
            host.ask(host.change(begun, (dear,), gated=True))

    def test_needs_something_to_change(self, wish, host, town):
        with town.unchanged("at least one"):
            host.ask(ChangeSubscription(wish.begun.object, (), gated=True))

    def test_knows_its_items(self, wish, host, town):
        with town.unchanged("No such subscription item"):
            unknown = (ItemChange("si_nobody", quantity=2),)
            host.ask(ChangeSubscription(wish.begun.object, unknown, gated=True))
