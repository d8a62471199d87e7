"""First payments that take days, and first payments that are not made at once."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from recoup.core.billing.requests import (
    CancelSubscription,
    ItemWanted,
    PauseSubscription,
    PreparePayment,
    StartSubscription,
    UpdateSubscription,
    WithdrawPayment,
)
from recoup.core.states import SubscriptionStatus
from recoup.processors.fake import NO_FUNDS, Asks, Declines, Pays, Refusal, Slow

pytestmark = pytest.mark.usefixtures("books_agree")

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
RETURNED = Refusal("insufficient_funds")
ACTIVE, INCOMPLETE, CANCELED, EXPIRED, PAST_DUE = (
    SubscriptionStatus.ACTIVE,
    SubscriptionStatus.INCOMPLETE,
    SubscriptionStatus.CANCELED,
    SubscriptionStatus.INCOMPLETE_EXPIRED,
    SubscriptionStatus.PAST_DUE,
)


class Purchase:
    """A subscription of 29 euros that somebody begins with one method."""

    def __init__(self, host, payer, kind="card"):
        self.host, self.fake = host, host.fake
        customer = self.fake.create_customer(email="ada@example.com")
        self.fake.attach_method(customer, payer, kind=kind)
        wanted = StartSubscription(customer, (ItemWanted(host.price),))
        self.answer = host.ask(wanted)
        self.id = self.answer.object

    @property
    def status(self):
        return self.fake.subscription(self.id).status

    @property
    def bill(self):
        return self.fake.invoices_of(self.id)[0]

    def wait(self, span):
        self.host.wait(span)

    def ask(self, request):
        return self.host.ask(request)

    def told(self, type_):
        return [e for e in events(self.fake) if e["type"] == type_]


def events(fake):
    return [json.loads(body) for _, body in fake.events(limit=100_000)]


@pytest.fixture
def buy(host):
    return lambda payer, **how: Purchase(host, payer, **how)


class TestABankDebit:
    @pytest.fixture(params=["sepa_debit", "us_bank_account"])
    def debit(self, buy, request):
        return lambda fails=None: buy(Slow(5 * DAY, fails), kind=request.param)

    def test_lets_the_subscription_begin_while_it_is_on_its_way(self, debit):
        bought = debit()

        assert (bought.answer.status, bought.status) == ("active", ACTIVE)
        assert (bought.bill.status, bought.bill.paid) == ("open", 0)
        (charge,) = bought.fake.charges_of(bought.bill.id)
        assert charge.state == "processing"

    def test_pays_after_its_days(self, debit):
        bought = debit()

        bought.wait(5 * DAY - SECOND)
        assert bought.bill.status == "open"
        bought.wait(SECOND)

        assert (bought.bill.status, bought.bill.paid, bought.status) == ("paid", 2900, ACTIVE)

    def test_is_not_over_after_twenty_three_hours(self, debit):
        bought = debit()

        bought.wait(2 * DAY)

        assert (bought.status, bought.bill.status) == (ACTIVE, "open")

    def test_that_fails_leaves_a_void_invoice_and_an_active_subscription(self, debit):
        bought = debit(RETURNED)

        bought.wait(5 * DAY)

        assert (bought.bill.status, bought.status) == ("void", ACTIVE)
        assert len(bought.told("invoice.payment_failed")) == 1
        statuses = {
            e["data"]["object"]["status"] for e in bought.told("customer.subscription.updated")
        }
        assert statuses == {"active"}

    def test_that_fails_for_a_renewal_makes_a_debt(self, debit, host):
        bought = debit()
        bought.wait(5 * DAY)
        customer = bought.fake.subscription(bought.id).customer
        bought.fake.attach_method(customer, Slow(5 * DAY, RETURNED), kind="sepa_debit")

        bought.wait(31 * DAY + HOUR)

        latest = bought.fake.invoices_of(bought.id)[-1]
        assert (latest.reason, latest.status) == ("subscription_cycle", "open")
        assert bought.status == PAST_DUE

    def test_can_not_be_withdrawn_on_its_way(self, debit):
        bought = debit()

        answer = bought.ask(WithdrawPayment(bought.bill.id))

        assert (answer.status, answer.facts) == ("unsupported", ())
        assert (bought.bill.status, bought.status) == ("open", ACTIVE)

    def test_goes_on_when_the_subscription_is_canceled(self, debit):
        bought = debit()
        bought.ask(CancelSubscription(bought.id))
        assert (bought.status, bought.bill.status) == (CANCELED, "open")

        bought.wait(5 * DAY)

        assert (bought.status, bought.bill.status, bought.bill.paid) == (CANCELED, "paid", 2900)
        assert bought.ask(WithdrawPayment(bought.bill.id)).status == "too_late"

    def test_leaves_no_debt_when_it_fails_after_the_cancel(self, debit):
        bought = debit(RETURNED)
        bought.ask(CancelSubscription(bought.id))

        bought.wait(5 * DAY)

        assert (bought.status, bought.bill.status) == (CANCELED, "void")
        assert bought.ask(WithdrawPayment(bought.bill.id)).status == "canceled"

    def test_can_follow_a_card_that_was_declined(self, buy):
        bought = buy(Declines(NO_FUNDS))
        intent = bought.ask(PreparePayment(bought.bill.id)).object
        bought.wait(22 * HOUR)

        debit = bought.fake.new_method(Slow(5 * DAY), kind="sepa_debit")
        assert bought.fake.customer_confirms(intent, debit) == "processing"

        assert bought.status == ACTIVE
        bought.wait(6 * DAY)
        assert (bought.status, bought.bill.status) == (ACTIVE, "paid")


class TestAFirstPayment:
    def test_may_fail_and_be_made_with_another_method(self, buy):
        bought = buy(Declines(NO_FUNDS))
        assert (bought.status, bought.bill.status) == (INCOMPLETE, "open")
        intent = bought.ask(PreparePayment(bought.bill.id)).object
        declines, pays = bought.fake.new_method(Declines(NO_FUNDS)), bought.fake.new_method()

        assert bought.fake.customer_confirms(intent, declines) == "requires_payment_method"
        assert bought.status == INCOMPLETE
        assert bought.fake.customer_confirms(intent, pays) == "succeeded"

        assert (bought.status, bought.bill.status) == (ACTIVE, "paid")
        states = [charge.state for charge in bought.fake.charges_of(bought.bill.id)]
        assert states == ["declined", "declined", "succeeded"]

    def test_waits_for_a_challenge(self, buy):
        bought = buy(Asks())
        assert (bought.answer.status, bought.status) == ("requires_action", INCOMPLETE)

        bought.fake.customer_authenticates(bought.bill.intent)

        assert (bought.status, bought.bill.status) == (ACTIVE, "paid")

    def test_may_be_made_after_a_challenge_that_was_not_passed(self, buy):
        bought = buy(Asks())
        bought.fake.customer_authenticates(bought.bill.intent, ok=False)
        assert (bought.status, bought.bill.status) == (INCOMPLETE, "open")

        bought.fake.customer_confirms(bought.bill.intent, bought.fake.new_method())

        assert (bought.status, bought.bill.status) == (ACTIVE, "paid")

    def test_takes_the_place_of_one_that_was_abandoned_in_its_challenge(self, buy, town):
        bought = buy(Asks())

        bought.fake.customer_confirms(bought.bill.intent, bought.fake.new_method())

        assert (bought.status, bought.bill.paid) == (ACTIVE, 2900)
        with town.unchanged("does not wait"):
            bought.fake.customer_authenticates(bought.bill.intent)

    @pytest.mark.parametrize("payer", [Declines(NO_FUNDS), Asks()], ids=["declined", "asked"])
    @pytest.mark.parametrize("late", [False, True], ids=["just before", "at the instant"])
    def test_is_awaited_for_twenty_three_hours(self, buy, payer, late):
        bought = buy(payer)

        bought.wait(23 * HOUR - (timedelta(0) if late else SECOND))

        after = (EXPIRED, "void") if late else (INCOMPLETE, "open")
        assert (bought.status, bought.bill.status) == after

    def test_can_not_be_made_when_its_time_is_up(self, buy, town):
        bought = buy(Declines(NO_FUNDS))
        bought.wait(23 * HOUR)

        with town.unchanged("not open"):
            bought.fake.customer_confirms(bought.bill.intent, bought.fake.new_method())

    def test_is_made_once(self, buy, town):
        bought = buy(Pays())

        with town.unchanged("already paid"):
            bought.fake.customer_confirms(bought.bill.intent, bought.fake.new_method())


class TestCancelingBeforeIt:
    @pytest.mark.parametrize("payer", [Declines(NO_FUNDS), Asks()], ids=["declined", "asked"])
    def test_is_as_if_its_time_were_up(self, buy, payer):
        bought = buy(payer)
        bought.wait(HOUR)

        answer = bought.ask(CancelSubscription(bought.id))

        sub = bought.fake.subscription(bought.id)
        assert (answer.status, bought.bill.status) == ("incomplete_expired", "void")
        assert sub.canceled_at == sub.ended_at == int(bought.fake.now.timestamp())
        assert bought.told("customer.subscription.deleted") == []
        assert len(bought.told("payment_intent.canceled")) == 1

    def test_leaves_nothing_to_expire_or_to_withdraw(self, buy):
        bought = buy(Declines(NO_FUNDS))
        bought.ask(CancelSubscription(bought.id))
        before = len(bought.fake.events())

        assert bought.ask(WithdrawPayment(bought.bill.id)).status == "canceled"
        bought.wait(2 * DAY)

        assert len(bought.fake.events()) == before

    def test_with_its_period_is_refused(self, buy, town):
        bought = buy(Declines(NO_FUNDS))

        with town.unchanged("incomplete"):
            bought.ask(CancelSubscription(bought.id, at_period_end=True))

    def test_is_all_that_can_be_done_but_naming(self, buy, town):
        bought = buy(Declines(NO_FUNDS))

        bought.ask(UpdateSubscription(bought.id, metadata={"team": "7"}))
        with town.unchanged("incomplete"):
            bought.ask(PauseSubscription(bought.id))

        assert bought.fake.subscription(bought.id).metadata == {"team": "7"}
