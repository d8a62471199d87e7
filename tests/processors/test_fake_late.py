"""Payments taken back, money that comes when nobody wants it, and refunds that do not arrive."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from recoup.core.billing.requests import (
    CancelSubscription,
    CreateRefund,
    MarkPaidOutOfBand,
    MarkUncollectible,
    VoidInvoice,
    WithdrawPayment,
)
from recoup.core.facts import PaymentFact, PaymentLink, RefundFact
from recoup.core.money import Money
from recoup.errors import Rejected
from recoup.processors.fake import NO_FUNDS, Asks, Declines, FakeProcessor

pytestmark = pytest.mark.usefixtures("books_agree")

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
TEN = Money(1000, "EUR")


class TestWithdrawing:
    def test_voids_what_is_open_and_cancels_its_payment(self, till, town):
        invoice, _, _ = till.invoice()

        answer = till.ask(WithdrawPayment(invoice))

        assert (answer.object, answer.status) == (invoice, "canceled")
        assert town.told()[-2:] == ["payment_intent.canceled", "invoice.voided"]

    def test_takes_a_challenge_away_from_the_customer(self, till, town):
        invoice, intent, _ = till.invoice(Asks())
        till.pay(invoice)

        assert till.ask(WithdrawPayment(invoice)).status == "canceled"

        with town.unchanged("does not wait"):
            town.fake.customer_authenticates(intent)

    @pytest.mark.parametrize("request_", [VoidInvoice, MarkPaidOutOfBand])
    def test_finds_nothing_to_stop_in_what_is_closed(self, till, town, request_):
        invoice, _, _ = till.invoice()
        till.ask(request_(invoice))
        before = len(town.fake.events())

        answer = till.ask(WithdrawPayment(invoice))

        assert (answer.status, answer.facts) == ("canceled", ())
        assert len(town.fake.events()) == before

    def test_voids_what_was_given_up_because_its_page_stays(self, till, town):
        invoice, _, _ = till.invoice()
        till.ask(MarkUncollectible(invoice))

        assert till.ask(WithdrawPayment(invoice)).status == "canceled"

        assert town.fake.invoice(invoice).status == "void"

    def test_is_too_late_once_the_money_is_here(self, till, town):
        invoice, _, _ = till.invoice()
        till.pay(invoice)
        before = len(town.fake.events())

        assert till.ask(WithdrawPayment(invoice)).status == "too_late"

        assert len(town.fake.events()) == before

    def test_keeps_a_draft_from_ever_being_billed(self, host, town):
        begun = host.start()
        host.wait(31 * DAY)
        draft = host.invoices(begun)[-1].id

        assert host.ask(WithdrawPayment(draft)).status == "canceled"
        host.wait(DAY)

        assert town.fake.invoice(draft).status == "draft"

    def test_twice_is_the_same(self, till):
        invoice, _, _ = till.invoice()
        first = till.ask(WithdrawPayment(invoice), key="w")

        assert till.ask(WithdrawPayment(invoice), key="w") == first
        assert till.ask(WithdrawPayment(invoice)).status == "canceled"

    def test_of_nobody_is_refused(self, till, town):
        with town.unchanged("No such invoice"):
            till.ask(WithdrawPayment("in_nobody"))


class TestMoneyThatComesAnyway:
    @pytest.mark.parametrize(
        "request_", [VoidInvoice, MarkPaidOutOfBand, MarkUncollectible, WithdrawPayment]
    )
    def test_leaves_the_invoice_as_it_is(self, till, town, request_):
        invoice, intent, method = till.invoice()
        till.ask(request_(invoice))
        before = town.fake.invoice(invoice)

        charge = town.fake.pay_anyway(invoice)

        assert town.fake.invoice(invoice) == before
        paid = till.facts(PaymentFact)[-1]
        assert (paid.processor_id, paid.state, paid.amount) == (charge, "succeeded", TEN)
        assert (paid.payment_intent, paid.method) == (intent, method)
        assert till.cash() == 1000

    def test_may_come_a_second_time_for_what_was_paid(self, till, town):
        invoice, intent, _ = till.invoice()
        till.pay(invoice)

        charge = town.fake.pay_anyway(invoice)

        paid = till.facts(PaymentFact)[-1]
        assert (paid.processor_id, paid.state) == (charge, "succeeded")
        assert paid.payment_intent != intent
        links = {link.payment_intent: link.invoice for link in till.facts(PaymentLink)}
        assert links[paid.payment_intent] == invoice
        assert town.fake.books().captured[invoice] == Money(2000, "EUR")

    @pytest.mark.parametrize("version", ["2022-11-15", "2025-03-31.basil"])
    def test_is_tied_to_its_invoice_in_every_version(self, version):
        with FakeProcessor(":memory:", api_version=version) as fake:
            customer = fake.create_customer()
            fake.attach_method(customer)
            sub = fake.subscribe(customer, fake.create_price(TEN))
            (bill,) = fake.invoices_of(sub)

            fake.pay_anyway(bill.id)

            intents = {charge.intent for charge in fake.charges_of(bill.id)}
            told = [fake.read(event).facts for event in decoded(fake)]
            links = {f.payment_intent for facts in told for f in facts if type(f) is PaymentLink}
            assert links == intents
            assert len(intents) == 2

    def test_comes_for_a_subscription_that_was_canceled_before_it(self, host, town):
        begun = host.start(payer=Declines(NO_FUNDS))
        host.ask(CancelSubscription(begun.object))
        (bill,) = host.invoices(begun)

        town.fake.pay_anyway(bill.id)

        assert host.sub(begun).status == "incomplete_expired"
        assert host.invoices(begun)[0].status == "void"

    def test_can_be_given_back_once(self, till, town):
        invoice, _, _ = till.invoice()
        till.ask(VoidInvoice(invoice))
        charge = town.fake.pay_anyway(invoice)

        till.ask(CreateRefund(charge, TEN))

        assert till.cash() == 0
        with town.unchanged("what is left"):
            town.fake.refund(charge)

    def test_is_too_late_to_withdraw(self, till, town):
        invoice, _, _ = till.invoice()
        till.ask(VoidInvoice(invoice))
        town.fake.pay_anyway(invoice)

        assert till.ask(WithdrawPayment(invoice)).status == "too_late"

    def test_is_an_ordinary_payment_while_it_is_owed(self, till, town):
        invoice, _, _ = till.invoice()

        with town.unchanged("is owed"):
            town.fake.pay_anyway(invoice)


class TestARefund:
    def test_can_be_refused(self, till, town):
        charge, invoice = till.charge()
        town.fake.refunds_to(town.fake.charges_of(invoice)[0].method, refused=True)

        with town.unchanged("charge_not_refundable"):
            till.ask(CreateRefund(charge, TEN))

    def test_can_be_taken_again_with_another_key(self, till, town):
        charge, invoice = till.charge()
        method = town.fake.charges_of(invoice)[0].method
        town.fake.refunds_to(method, refused=True)
        with pytest.raises(Rejected):
            till.ask(CreateRefund(charge, TEN), key="one")
        town.fake.refunds_to(method)

        with pytest.raises(Rejected):
            till.ask(CreateRefund(charge, TEN), key="one")
        assert till.ask(CreateRefund(charge, TEN), key="two").status == "succeeded"

    def test_can_be_sent_back_days_later(self, till, town):
        charge, invoice = till.charge()
        method = town.fake.charges_of(invoice)[0].method
        town.fake.refunds_to(method, sent_back_after=3 * DAY)
        made = till.ask(CreateRefund(charge, TEN))

        town.wait(3 * DAY - SECOND)
        assert till.cash() == 0
        town.wait(SECOND)

        assert till.cash() == 1000
        assert town.told()[-2:] == ["charge.refund.updated", "refund.failed"]
        told = till.facts(RefundFact)
        assert [fact.status for fact in told] == ["succeeded", "failed", "failed"]
        assert {fact.processor_id for fact in told} == {made.object}
        assert town.fake.charges_of(invoice)[0].refunded == 0

    def test_that_was_sent_back_can_be_made_again(self, till, town):
        charge, _ = till.charge()
        first = till.ask(CreateRefund(charge, TEN)).object
        town.fake.send_back(first)

        assert till.ask(CreateRefund(charge, TEN)).object != first

        assert till.cash() == 0

    def test_is_sent_back_only_once(self, till, town):
        charge, _ = till.charge()
        made = till.ask(CreateRefund(charge, TEN)).object
        town.fake.send_back(made)

        with town.unchanged("failed already"):
            town.fake.send_back(made)

    def test_in_part_is_sent_back_in_part(self, till, town):
        charge, invoice = till.charge()
        part = till.ask(CreateRefund(charge, Money(400, "EUR"))).object
        till.ask(CreateRefund(charge, Money(600, "EUR")))

        town.fake.send_back(part)

        assert town.fake.books().refunded[invoice] == Money(600, "EUR")


def decoded(fake):
    return [json.loads(body) for _, body in fake.events(limit=100_000)]
