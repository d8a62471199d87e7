"""Money that comes in, or goes back: one mail for each payment, whatever the news."""

from __future__ import annotations

from datetime import timedelta

from mailed import TEN

from recoup import PaymentGate
from recoup.core.money import Money
from recoup.processors.fake import Pays


class TestAReceipt:
    def test_is_sent_for_a_start_that_its_gate_let_through(self, town):
        who, card = town.ada()
        gate = PaymentGate(timeout=timedelta(days=1))

        town.recoup.subscriptions.start(who, town.price(), default_method=card, gate=gate)
        town.hear()

        assert town.sent() == {"receipt": 1}
        assert town.why("invoice_paid") == ["receipt tells of it"]

    def test_is_sent_for_a_single_invoice(self, town):
        who, _ = town.ada()

        town.recoup.payments.charge(who, TEN, description="A book")
        town.hear()

        assert town.sent()["receipt"] == 1
        assert town.sent()["invoice_paid"] == 0


class TestInvoicePaid:
    def test_is_sent_for_a_renewal(self, town):
        who = town.subscriber()
        first = town.sent()["invoice_paid"]

        town.fake.advance(town.now + timedelta(days=32))
        town.clock.set(town.now + timedelta(days=32))
        town.hear()

        assert (first, town.sent()["invoice_paid"]) == (1, 2)
        assert town.standing(who) == "current"

    def test_is_left_out_by_default_and_says_so(self, make):
        town = make(mail_off="invoice_finalized,invoice_paid")
        town.subscriber()

        assert town.sent() == {}
        assert town.why("invoice_paid") == ["this type of mail is switched off"]


class TestPaymentRecovered:
    def test_is_sent_once_and_no_other_mail_tells_of_the_payment(self, town):
        who = town.debtor()
        before = town.sent()
        town.fake.update_method(who.method, payer=Pays())

        town.fake.customer_pays(town.bill(who))
        town.hear()

        assert town.sent() - before == {"payment_recovered": 1}
        assert town.why("invoice_paid")[-1] == "payment_recovered tells of it"

    def test_tells_that_access_is_back_and_access_restored_does_not(self, town):
        who = town.debtor(days=10)
        assert town.standing(who) != "current"
        before = town.sent()
        town.fake.update_method(who.method, payer=Pays())

        town.fake.customer_pays(town.bill(who))
        town.hear()

        assert town.sent() - before == {"payment_recovered": 1}
        assert "payment_recovered tells of it" in town.why("access_restored")


class TestARefund:
    def test_is_told_of_once(self, town):
        who, _ = town.ada()
        paid = town.recoup.payments.charge(who, TEN, description="A book")
        before = town.sent()

        town.recoup.payments.refund(paid.id, Money(400, "EUR"))
        town.hear()

        assert town.sent() - before == {"refund_issued": 1}
        message = town.outbox.messages[-1].get_body(("plain",)).get_content()
        assert "€4.00" in message
        assert "€10.00" in message

    def test_is_told_of_for_each(self, town):
        who, _ = town.ada()
        paid = town.recoup.payments.charge(who, TEN, description="A book")

        for _ in range(2):
            town.recoup.payments.refund(paid.id, Money(400, "EUR"))
        town.hear()

        assert town.sent()["refund_issued"] == 2
