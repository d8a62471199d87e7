"""Payments that are prepared and withdrawn, and money given back, asked of Stripe."""

from __future__ import annotations

from datetime import timedelta

import pytest
from two_sides import compared, equal_to

from recoup.core import states
from recoup.core.billing.requests import (
    CreateInvoice,
    CreateRefund,
    ItemWanted,
    LineWanted,
    MarkPaidOutOfBand,
    PreparePayment,
    StartSubscription,
    VoidInvoice,
    WithdrawPayment,
)
from recoup.core.facts import InvoiceFact, PaymentFact, RefundFact
from recoup.core.money import Money
from recoup.errors import Rejected, Unreachable
from recoup.processors.fake import NO_FUNDS, Asks, Declines, Slow
from recoup.processors.stripe.calls.client import PINNED
from recoup.testing.stripe_server import Fault

KEY = "recoup:money:1"
BASIL = "2025-03-31.basil"
DAY = timedelta(days=1)
TEN = Money(1000, "EUR")


def billed(fake, payer=None, *, amount=TEN, finalize=True, **how):
    """Return the invoice of somebody new."""
    customer = fake.create_customer(email="ann@example.com")
    fake.attach_method(customer, payer, **how)
    request = CreateInvoice(customer, (LineWanted("Ten", amount),), finalize=finalize)
    return fake.ask(request, key=f"recoup:bill:{customer}").object


def charged(fake, **how):
    """Return the charge of an invoice that was paid."""
    return fake.customer_pays(billed(fake, **how)).processor_id


def begun(fake, payer):
    """Return the first invoice of a subscription whose payment is answered by `payer`."""
    customer = fake.create_customer(email="ann@example.com")
    fake.attach_method(customer, payer)
    price = fake.create_price(Money(3100, "EUR"))
    answer = fake.ask(StartSubscription(customer, (ItemWanted(price),)), key="recoup:begin")
    return next(one.processor_id for one in answer.facts if isinstance(one, InvoiceFact))


def closed(fake, request):
    invoice = billed(fake)
    fake.ask(request(invoice), key="recoup:close")
    return invoice


def given_up(fake):
    invoice = billed(fake)
    fake.mark_uncollectible(invoice)
    return invoice


def paid_late(fake):
    """Return an invoice that was void when its money came."""
    invoice = closed(fake, VoidInvoice)
    fake.pay_anyway(invoice)
    return invoice


def on_its_way(fake):
    invoice = billed(fake, Slow(), kind="sepa_debit")
    fake.customer_pays(invoice)
    return invoice


def waiting(fake):
    """Return an invoice whose customer has confirmed it, and is asked by the bank."""
    invoice = billed(fake, Asks())
    intent = fake.invoice(invoice).intent
    fake.customer_confirms(intent, fake.new_method(Asks()))
    return invoice


STAGED = {
    "an open invoice's payment": lambda fake: PreparePayment(billed(fake)),
    "a payment that the bank asks about": lambda fake: PreparePayment(waiting(fake)),
    "a payment on its way": lambda fake: PreparePayment(on_its_way(fake)),
    "a payment withdrawn": lambda fake: WithdrawPayment(billed(fake)),
    "a first payment that was declined": lambda fake: WithdrawPayment(
        begun(fake, Declines(NO_FUNDS))
    ),
    "a first payment that the bank asks about": lambda fake: WithdrawPayment(begun(fake, Asks())),
    "a first payment that was made": lambda fake: WithdrawPayment(begun(fake, None)),
    "a withdrawal of what is on its way": lambda fake: WithdrawPayment(on_its_way(fake)),
    "a withdrawal of what is void": lambda fake: WithdrawPayment(closed(fake, VoidInvoice)),
    "a withdrawal of what was paid elsewhere": lambda fake: WithdrawPayment(
        closed(fake, MarkPaidOutOfBand)
    ),
    "a withdrawal of what was given up": lambda fake: WithdrawPayment(given_up(fake)),
    "a withdrawal of what was paid late": lambda fake: WithdrawPayment(paid_late(fake)),
    "a draft": lambda fake: WithdrawPayment(billed(fake, finalize=False)),
    "a part given back": lambda fake: CreateRefund(
        charged(fake), Money(400, "EUR"), "requested_by_customer", {"order": "7"}
    ),
    "all given back": lambda fake: CreateRefund(charged(fake), TEN),
    "yen given back": lambda fake: CreateRefund(
        charged(fake, amount=Money(500, "JPY")), Money(200, "JPY")
    ),
    "forints given back": lambda fake: CreateRefund(
        charged(fake, amount=Money(50000, "HUF")), Money(20000, "HUF")
    ),
}
#: Of these nothing is left to be found: they change nothing, or were so before.
SILENT = {name for name in STAGED if name.startswith(("an open", "a payment", "a withdrawal"))} - {
    "a payment withdrawn",
    "a withdrawal of what was given up",
}


class TestStripe:
    @pytest.mark.parametrize("version", [BASIL, PINNED], ids=["basil", "pinned"])
    @pytest.mark.parametrize("what", STAGED)
    def test_tells_what_the_fake_tells(self, stripe_town, what):
        with equal_to(stripe_town) as fake:
            expected, answer = compared(fake, stripe_town, STAGED[what])

        assert answer.action == expected.action

    @pytest.mark.parametrize("what", STAGED)
    def test_finds_what_it_did_long_after_its_key_is_forgotten(self, stripe_town, what):
        request, since = STAGED[what](stripe_town.fake), stripe_town.now()
        made = stripe_town.processor.ask(request, key=KEY)
        stripe_town.wait(2 * DAY)

        found = stripe_town.processor.find(request, key=KEY, since=since)

        assert found is not None
        assert (found.object, found.status) == (made.object, made.status)

    @pytest.mark.parametrize("what", sorted(STAGED.keys() - SILENT))
    def test_finds_nothing_that_was_not_done(self, stripe_town, what):
        request = STAGED[what](stripe_town.fake)
        first_payment_is_here = what == "a first payment that was made"

        found = stripe_town.processor.find(request, key=KEY, since=stripe_town.now())

        # A draft that nobody goes on with by himself, and money that has come, stay what they are.
        assert (found is None) is not (first_payment_is_here or what == "a draft")

    @pytest.mark.parametrize(
        "request_",
        [
            PreparePayment("in_nobody"),
            WithdrawPayment("in_nobody"),
            CreateRefund("ch_nobody", TEN),
        ],
        ids=lambda one: type(one).__name__,
    )
    def test_refuses_what_nobody_has_and_finds_nothing_of_it(self, stripe_town, request_):
        with pytest.raises(Rejected, match="No such"):
            stripe_town.processor.ask(request_, key=KEY)

        assert stripe_town.processor.find(request_, key=KEY, since=stripe_town.now()) is None


class TestPreparing:
    def test_gives_the_secret_to_confirm_with_and_shows_it_nowhere(self, stripe_town):
        answer = stripe_town.processor.ask(PreparePayment(billed(stripe_town.fake)), key=KEY)

        assert answer.action.client_secret.startswith(f"{answer.object}_secret_")
        assert "_secret_" not in repr(answer)
        assert "_secret_" not in str(stripe_town.events())

    @pytest.mark.parametrize("request_", [VoidInvoice, MarkPaidOutOfBand])
    def test_is_refused_where_nothing_is_owed(self, stripe_town, request_):
        request = PreparePayment(closed(stripe_town.fake, request_))

        with pytest.raises(Rejected, match="not open"):
            stripe_town.processor.ask(request, key=KEY)
        assert stripe_town.processor.find(request, key=KEY, since=stripe_town.now()) is None


class TestWithdrawing:
    def test_is_told_again_as_it_was(self, stripe_town):
        request = WithdrawPayment(billed(stripe_town.fake))

        words = [stripe_town.processor.ask(request, key=key).status for key in (KEY, KEY, "new")]

        assert words == ["canceled"] * 3

    def test_sees_late_money_as_soon_as_it_is_there(self, stripe_town):
        request = WithdrawPayment(billed(stripe_town.fake))
        stripe_town.processor.ask(request, key=KEY)
        stripe_town.fake.pay_anyway(request.invoice)

        answer = stripe_town.processor.ask(request, key="recoup:money:2")

        assert answer.status == "too_late"

    def test_keeps_a_draft_from_going_on_by_itself(self, stripe_town):
        fake = stripe_town.fake
        customer = fake.create_customer(email="ann@example.com")
        fake.attach_method(customer)
        subscription = fake.subscribe(customer, stripe_town.price)
        stripe_town.wait(31 * DAY)
        draft = fake.subscription(subscription).latest_invoice

        answer = stripe_town.processor.ask(WithdrawPayment(draft), key=KEY)
        stripe_town.wait(2 * DAY)

        assert answer.status == "canceled"
        assert states.is_draft(fake.invoice(draft).status)


class TestARefund:
    def test_tells_of_the_charge_before_the_refund(self, stripe_town):
        request = CreateRefund(charged(stripe_town.fake), Money(400, "EUR"))

        answer = stripe_town.processor.ask(request, key=KEY)

        assert [type(fact) for fact in answer.facts] == [PaymentFact, RefundFact]
        assert answer.facts[1].amount == Money(400, "EUR")

    def test_is_given_once_however_often_its_reply_is_lost(self, stripe_town):
        request = CreateRefund(charged(stripe_town.fake), Money(400, "EUR"))
        stripe_town.server.add_fault(Fault("lost_reply", to="POST /v1/refunds", times=2))
        since = stripe_town.now()
        for _ in range(2):
            with pytest.raises(Unreachable):
                stripe_town.processor.ask(request, key=KEY)

        found = stripe_town.processor.find(request, key=KEY, since=since)

        assert found is not None
        assert found.object == stripe_town.processor.ask(request, key=KEY).object
        assert stripe_town.fake.books().refunded_in("EUR") == 400

    @pytest.mark.parametrize(
        ("amount", "why"),
        [
            pytest.param(Money(601, "EUR"), "greater than unrefunded", id="more than is left"),
            pytest.param(Money(0, "EUR"), "greater than or equal to 1", id="nothing"),
            pytest.param(Money(600, "USD"), "charge in EUR", id="other money"),
        ],
    )
    def test_is_never_more_than_what_is_left(self, stripe_town, amount, why):
        charge = charged(stripe_town.fake)
        stripe_town.fake.refund(charge, Money(400, "EUR"))

        with pytest.raises(Rejected, match=why):
            stripe_town.processor.ask(CreateRefund(charge, amount), key=KEY)

        assert stripe_town.fake.books().refunded_in("EUR") == 400
        rest = CreateRefund(charge, Money(600, "EUR"))
        assert stripe_town.processor.ask(rest, key="recoup:rest").status == "succeeded"

    def test_is_not_given_of_what_a_bank_takes_back(self, stripe_town):
        charge = charged(stripe_town.fake)
        stripe_town.fake.open_dispute(charge)

        with pytest.raises(Rejected, match="charge_disputed"):
            stripe_town.processor.ask(CreateRefund(charge, TEN), key=KEY)

    def test_that_the_bank_sends_back_is_told_as_failed(self, stripe_town):
        fake, request = stripe_town.fake, CreateRefund(charged(stripe_town.fake), TEN)
        since = stripe_town.now()
        made = stripe_town.processor.ask(request, key=KEY)
        fake.send_back(made.object)

        found = stripe_town.processor.find(request, key=KEY, since=since)

        assert (made.status, found.status) == ("succeeded", "failed")
