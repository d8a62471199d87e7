"""Payments with the customer there: 3-D Secure, and what is confirmed in the browser."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup.core import states
from recoup.core.account import Signal
from recoup.core.billing.requests import (
    AttachMethod,
    CreateInvoice,
    LineWanted,
    MarkUncollectible,
    PreparePayment,
    VoidInvoice,
)
from recoup.core.facts import PaymentFact
from recoup.core.money import Money
from recoup.core.states import AttemptState
from recoup.processors.fake import NO_FUNDS, Asks, Declines, FakeProcessor, Slow

DAY = timedelta(days=1)
TEN = Money(1000, "EUR")


class TestPreparing:
    def test_says_what_the_browser_needs_and_changes_nothing(self, town, till):
        invoice, intent, _ = till.invoice()
        before = town.seen()

        ready = till.ask(PreparePayment(invoice))
        again = till.ask(PreparePayment(invoice))

        assert (ready.object, ready.status) == (intent, "requires_payment_method")
        assert (ready.action.kind, ready.facts) == ("confirm", ())
        assert ready.action.client_secret.startswith(f"{intent}_secret_")
        assert again.action == ready.action
        assert town.seen() == before

    def test_follows_the_payment(self, till):
        invoice, intent, _ = till.invoice(Asks(then=Slow(DAY)))

        def kind():
            action = till.ask(PreparePayment(invoice)).action
            return action and action.kind

        seen = [kind()]
        till.pay(invoice)
        seen.append(kind())
        till.fake.customer_authenticates(intent, ok=False)
        seen.append(kind())
        till.pay(invoice, "k2")
        till.fake.customer_authenticates(intent)
        seen.append(kind())

        assert seen == ["confirm", "authenticate", "confirm", None]

    def test_is_for_open_invoices_alone(self, town, till):
        paid, _, _ = till.invoice()
        till.pay(paid)
        void, _, _ = till.invoice()
        till.ask(VoidInvoice(void))
        lost, _, _ = till.invoice()
        till.ask(MarkUncollectible(lost))
        draft = till.ask(
            CreateInvoice(town.fake.create_customer(), (LineWanted("Ten", TEN),), finalize=False)
        ).object

        for invoice in (paid, void, lost, draft):
            with town.unchanged("not open"):
                till.ask(PreparePayment(invoice))


class TestPayingWithTheCustomerThere:
    def test_waits_for_authentication_where_the_bank_wants_it(self, town, till):
        invoice, _, method = till.invoice(Asks())

        asked = till.pay(invoice)

        assert states.awaits_customer(asked.state)
        assert (asked.method, asked.idempotency_key) == (method, "k1")
        assert till.fake.charges_of(invoice) == []
        assert "payment_intent.requires_action" in town.told()
        assert till.pay(invoice) == asked

    def test_succeeds_once_the_customer_has_authenticated(self, town, till):
        invoice, intent, _ = till.invoice(Asks())
        asked = till.pay(invoice)

        status = till.fake.customer_authenticates(intent)

        found = till.fake.find_payment(invoice, key="k1", since=asked.at)
        assert status == "succeeded"
        assert states.succeeded(found.state)
        assert till.fake.books().captured == {invoice: TEN}
        assert len(till.fake.charges_of(invoice)) == 1

    def test_is_declined_when_the_challenge_was_failed(self, town, till):
        invoice, intent, _ = till.invoice(Asks())
        asked = till.pay(invoice)

        status = till.fake.customer_authenticates(intent, ok=False)

        found = till.fake.find_payment(invoice, key="k1", since=asked.at)
        assert status == "requires_payment_method"
        assert states.was_declined(found.state)
        assert found.signal == Signal("authentication_not_handled")
        assert till.fake.charges_of(invoice) == []
        failed = next(e for e in town.events() if e["type"] == "payment_intent.payment_failed")
        error = failed["data"]["object"]["last_payment_error"]
        assert error["code"] == "payment_intent_authentication_failure"
        assert (error["decline_code"], error["charge"]) == (None, None)

    @pytest.mark.parametrize("version", ["2022-11-15", "2025-03-31.basil"])
    def test_tells_of_a_failed_challenge_what_it_answers(self, version, town, till):
        with FakeProcessor(":memory:", api_version=version) as fake:
            town = type(town)(fake)
            till = type(till)(town, lambda asked: fake.ask(asked, key=repr(asked)))
            invoice, intent, _ = till.invoice(Asks())
            asked = till.pay(invoice)
            fake.customer_authenticates(intent, ok=False)
            found = fake.find_payment(invoice, key="k1", since=asked.at)

            told = till.facts(PaymentFact)[-1]

        assert told.processor_id == found.processor_id != asked.processor_id
        assert (told.state, told.signal) == (found.state, found.signal)
        assert (told.payment_intent, told.method) == (intent, found.method)

    def test_knows_two_failed_challenges_apart(self, till):
        invoice, intent, _ = till.invoice(Asks())
        found = []
        for key in ("k1", "k2"):
            asked = till.pay(invoice, key)
            till.fake.customer_authenticates(intent, ok=False)
            found.append(till.fake.find_payment(invoice, key=key, since=asked.at))

        assert all(states.was_declined(fact.state) for fact in found)
        assert found[0].processor_id != found[1].processor_id

    def test_may_be_declined_after_all(self, till):
        invoice, intent, _ = till.invoice(Asks(then=Declines(NO_FUNDS)))
        asked = till.pay(invoice)

        status = till.fake.customer_authenticates(intent)

        found = till.fake.find_payment(invoice, key="k1", since=asked.at)
        assert status == "requires_payment_method"
        assert found.signal.decline_code == NO_FUNDS.code

    def test_that_is_declined_by_the_bank_is_told_once(self, till):
        invoice, _, _ = till.invoice(Declines())

        refused = till.pay(invoice)

        assert [fact.processor_id for fact in till.facts(PaymentFact)] == [refused.processor_id]

    def test_may_succeed_after_the_money_was_given_up(self, till):
        invoice, intent, _ = till.invoice(Asks())
        till.pay(invoice)
        till.ask(MarkUncollectible(invoice))

        assert till.fake.customer_authenticates(intent) == "succeeded"

        assert till.cash() == 1000
        assert till.fake.books().balances["written_off", "EUR"] == 0

    def test_authenticates_only_what_waits(self, town, till):
        invoice, intent, _ = till.invoice(Asks())
        with town.unchanged("does not wait"):
            till.fake.customer_authenticates(intent)
        till.pay(invoice)
        till.ask(VoidInvoice(invoice))

        with town.unchanged("does not wait"):
            till.fake.customer_authenticates(intent)
        with town.unchanged("No such intent"):
            till.fake.customer_authenticates("pi_none")

    def test_asks_again_for_each_new_try(self, till):
        invoice, _, _ = till.invoice(Asks())
        first = till.pay(invoice, "k1")
        second = till.pay(invoice, "k2")

        before = till.fake.find_payment(invoice, key="k1", since=first.at)

        assert before.state == AttemptState.CANCELED
        assert states.awaits_customer(second.state)


class TestConfirmingInTheBrowser:
    def test_pays_with_a_method_of_the_customer(self, till):
        invoice, intent, method = till.invoice()

        assert till.fake.customer_confirms(intent, method) == "succeeded"

        assert till.fake.books().captured == {invoice: TEN}

    def test_spends_a_method_of_nobodys(self, town, till):
        invoice, intent, _ = till.invoice()
        method = till.fake.new_method()

        till.fake.customer_confirms(intent, method)

        customer = till.fake.invoice(invoice).customer
        assert till.fake.charges_of(invoice)[0].method == method
        with town.unchanged("may not be used again"):
            till.ask(AttachMethod(customer, method))
        _, second, _ = till.invoice()
        with town.unchanged("does not belong"):
            till.fake.customer_confirms(second, method)

    def test_goes_through_the_challenge_where_the_bank_wants_it(self, till):
        invoice, intent, _ = till.invoice()

        status = till.fake.customer_confirms(intent, till.fake.new_method(Asks()))

        assert status == "requires_action"
        assert till.fake.customer_authenticates(intent) == "succeeded"
        assert states.is_paid(till.fake.invoice(invoice).status)

    def test_declined_may_be_tried_with_another(self, till):
        _, intent, _ = till.invoice()

        refused = till.fake.customer_confirms(intent, till.fake.new_method(Declines()))

        assert refused == "requires_payment_method"
        assert till.fake.customer_confirms(intent, till.fake.new_method()) == "succeeded"

    def test_refuses_what_is_not_theirs_or_not_owed(self, town, till):
        _, intent, _ = till.invoice()
        _, _, anothers = till.invoice()
        with town.unchanged("does not belong"):
            till.fake.customer_confirms(intent, anothers)
        till.fake.customer_confirms(intent, till.fake.new_method())

        with town.unchanged("already paid"):
            till.fake.customer_confirms(intent, till.fake.new_method())
