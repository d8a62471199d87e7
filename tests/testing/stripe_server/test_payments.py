"""Paying, /v1/invoice_payments, /v1/payment_intents and /v1/charges, asked by the official SDK."""

from __future__ import annotations

import pytest
import stripe
from stripe import StripeClient

from recoup.core.billing.requests import CreateInvoice, LineWanted
from recoup.core.money import Money
from recoup.processors.fake import LOST, Asks, Declines, Pays, Slow

OLD = "2022-11-15"


@pytest.fixture
def billed(server):
    """Make an open invoice of ten euros of somebody whose bank answers as `payer`."""
    count = iter(range(100))

    def make(payer=None, **how):
        customer = server.fake.create_customer(email="ann@example.com")
        server.fake.attach_method(customer, payer, **how)
        request = CreateInvoice(customer, (LineWanted("Ten", Money(1000, "EUR")),))
        return server.fake.ask(request, key=f"billed:{next(count)}").object

    return make


def intent_of(server, invoice):
    return server.fake.invoice(invoice).intent


class TestPaying:
    def test_takes_what_is_due(self, server, sdk, billed):
        invoice = billed()

        paid = sdk.v1.invoices.pay(invoice, {"expand": ["payments"]})

        assert (paid.status, paid.amount_paid, paid.amount_remaining) == ("paid", 1000, 0)
        assert [one.status for one in paid.payments.data] == ["paid"]
        assert server.fake.books().captured_in("EUR") == 1000

    def test_finalises_a_draft_first(self, server, sdk):
        customer = server.fake.create_customer(email="ann@example.com")
        server.fake.attach_method(customer)
        draft = sdk.v1.invoices.create({"customer": customer, "currency": "eur"})
        sdk.v1.invoices.add_lines(draft.id, {"lines": [{"amount": 500}]})

        paid = sdk.v1.invoices.pay(draft.id)

        assert (paid.status, paid.attempt_count, bool(paid.number)) == ("paid", 1, True)

    def test_of_a_draft_over_nothing_asks_no_bank(self, server, sdk):
        customer = server.fake.create_customer(email="ann@example.com")
        draft = sdk.v1.invoices.create({"customer": customer, "currency": "eur"})

        paid = sdk.v1.invoices.pay(draft.id)

        assert (paid.status, server.fake.charges_of(draft.id)) == ("paid", [])

    def test_elsewhere_takes_nothing_here(self, server, sdk, billed):
        invoice = billed()

        paid = sdk.v1.invoices.pay(invoice, {"paid_out_of_band": True, "expand": ["payments"]})

        assert (paid.status, paid.amount_paid) == ("paid", 0)
        assert "payment_record" in [one.payment.type for one in paid.payments.data]
        assert server.fake.charges_of(invoice) == []

    def test_answers_a_decline_with_all_that_the_bank_said(self, server, sdk, billed):
        invoice = billed(Declines(LOST))

        with pytest.raises(stripe.CardError) as caught:
            sdk.v1.invoices.pay(invoice)

        told = caught.value.json_body["error"]
        (charge,) = server.fake.charges_of(invoice)
        assert (caught.value.http_status, told["type"], told["code"]) == (
            402,
            "card_error",
            "card_declined",
        )
        assert (told["decline_code"], told["advice_code"]) == ("lost_card", "do_not_try_again")
        assert (told["network_decline_code"], told["network_advice_code"]) == ("41", "03")
        assert told["charge"] == charge.id
        assert told["payment_intent"]["id"] == charge.intent
        assert sdk.v1.invoices.retrieve(invoice).attempt_count == 1

    def test_gives_the_same_decline_to_the_same_key(self, server, sdk, billed):
        invoice = billed(Declines(LOST))
        options = {"idempotency_key": "one"}

        for _ in range(2):
            with pytest.raises(stripe.CardError):
                sdk.v1.invoices.pay(invoice, {}, options)

        assert len(server.fake.charges_of(invoice)) == 1

    def test_off_session_is_refused_where_the_bank_wants_the_customer(self, server, sdk, billed):
        invoice = billed(Asks())

        with pytest.raises(stripe.CardError) as caught:
            sdk.v1.invoices.pay(invoice, {"off_session": True})

        assert caught.value.http_status == 402
        assert caught.value.code == "invoice_payment_intent_requires_action"
        intent = sdk.v1.payment_intents.retrieve(intent_of(server, invoice))
        assert (intent.status, intent.next_action.type) == ("requires_action", "redirect_to_url")
        server.fake.customer_authenticates(intent.id)
        assert sdk.v1.invoices.retrieve(invoice).status == "paid"

    def test_by_debit_leaves_it_open_until_the_money_is_here(self, server, sdk, billed):
        invoice = billed(Slow(), kind="sepa_debit")

        paid = sdk.v1.invoices.pay(invoice, {"expand": ["payments.data.payment.payment_intent"]})

        intent = paid.payments.data[0].payment.payment_intent
        assert (paid.status, intent.status) == ("open", "processing")
        with pytest.raises(stripe.InvalidRequestError, match="processing"):
            sdk.v1.invoices.pay(invoice)
        with pytest.raises(stripe.InvalidRequestError, match="processing"):
            sdk.v1.invoices.void_invoice(invoice)

    def test_needs_something_to_pay_with(self, server, sdk, billed):
        invoice = billed()
        server.fake.detach_method(server.fake.attach_method(server.fake.invoice(invoice).customer))
        other = server.fake.attach_method(server.fake.create_customer())

        with pytest.raises(stripe.InvalidRequestError, match="no payment method"):
            sdk.v1.invoices.pay(invoice)
        with pytest.raises(stripe.InvalidRequestError, match="does not belong"):
            sdk.v1.invoices.pay(invoice, {"payment_method": other})
        with pytest.raises(stripe.InvalidRequestError, match="No such PaymentMethod"):
            sdk.v1.invoices.pay(invoice, {"payment_method": "pm_nobody"})


class TestInvoicePayments:
    def test_are_listed_by_invoice_and_by_payment(self, server, sdk, billed):
        invoice, other = billed(), billed()
        intent = intent_of(server, invoice)

        by_invoice = sdk.v1.invoice_payments.list({"invoice": invoice}).data
        by_payment = sdk.v1.invoice_payments.list(
            {"payment": {"type": "payment_intent", "payment_intent": intent}}
        ).data

        assert [one.id for one in by_invoice] == [one.id for one in by_payment]
        assert by_invoice[0].payment.payment_intent == intent
        assert len(sdk.v1.invoice_payments.list().data) == 2
        assert sdk.v1.invoice_payments.retrieve(by_invoice[0].id).invoice == invoice
        assert other != invoice

    def test_know_late_money_as_a_payment_of_its_own(self, server, sdk, billed):
        invoice = billed()
        sdk.v1.invoices.pay(invoice)
        server.fake.pay_anyway(invoice)

        found = sdk.v1.invoice_payments.list({"invoice": invoice, "status": "paid"}).data

        assert [one.is_default for one in found] == [False, True]


class TestAPaymentIntent:
    def test_is_confirmed_with_a_method(self, server, sdk, billed):
        invoice = billed()
        intent = intent_of(server, invoice)
        method = server.fake.new_method(Pays())

        done = sdk.v1.payment_intents.confirm(intent, {"payment_method": method})

        assert (done.status, done.payment_method) == ("succeeded", method)
        with pytest.raises(stripe.InvalidRequestError) as caught:
            sdk.v1.payment_intents.confirm(intent)
        assert caught.value.code == "payment_intent_unexpected_state"

    def test_waits_for_its_customer(self, server, sdk, billed):
        invoice = billed(Asks())
        intent = intent_of(server, invoice)

        waits = sdk.v1.payment_intents.confirm(intent)

        assert waits.status == "requires_action"
        assert intent in waits.next_action.redirect_to_url.url

    @pytest.mark.parametrize("off_session", [True, False])
    def test_that_is_declined_says_why(self, server, sdk, billed, off_session):
        intent = intent_of(server, billed(Declines(LOST)))

        with pytest.raises(stripe.CardError) as caught:
            sdk.v1.payment_intents.confirm(intent, {"off_session": off_session})

        error = sdk.v1.payment_intents.retrieve(intent).last_payment_error
        assert caught.value.json_body["error"]["decline_code"] == error.decline_code == "lost_card"

    def test_of_an_invoice_is_not_canceled_by_itself(self, server, sdk, billed):
        invoice = billed()
        intent = intent_of(server, invoice)

        with pytest.raises(stripe.InvalidRequestError, match="created by the invoice"):
            sdk.v1.payment_intents.cancel(intent)
        sdk.v1.invoices.void_invoice(invoice)

        assert sdk.v1.payment_intents.retrieve(intent).status == "canceled"
        with pytest.raises(stripe.InvalidRequestError, match="status of canceled"):
            sdk.v1.payment_intents.cancel(intent)

    def test_is_listed_by_customer(self, server, sdk, billed):
        invoice, _ = billed(), billed()
        customer = server.fake.invoice(invoice).customer

        (found,) = sdk.v1.payment_intents.list({"customer": customer}).data

        assert found.id == intent_of(server, invoice)


class TestACharge:
    def test_is_listed_by_customer_intent_and_time(self, server, sdk, billed):
        invoice, other = billed(), billed()
        for one in (invoice, other):
            sdk.v1.invoices.pay(one)
        (mine,) = server.fake.charges_of(invoice)
        now = int(server.fake.now.timestamp())

        def ids(**params):
            return [one.id for one in sdk.v1.charges.list(params).data]

        assert ids(customer=mine.customer) == ids(payment_intent=mine.intent) == [mine.id]
        assert len(ids(created={"gte": now})) == 2
        assert ids(created={"lt": now}) == []

    def test_names_its_invoice_only_in_old_versions(self, server, sdk, billed):
        invoice = billed()
        server.fake.customer_pays(invoice)
        (charge,) = server.fake.charges_of(invoice)
        old = StripeClient(server.key, base_addresses={"api": server.url}, stripe_version=OLD)

        assert "invoice" not in sdk.v1.charges.retrieve(charge.id).to_dict()
        assert old.v1.charges.retrieve(charge.id).to_dict()["invoice"] == invoice
