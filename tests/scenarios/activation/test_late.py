"""Stories of money that comes when nothing is owed any more: it goes back, once."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from recoup import PaymentGate
from recoup.core.money import Money
from recoup.processors.fake import NO_FUNDS, Declines, Fault, Slow

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SHORT = PaymentGate(timeout=2 * HOUR)


@pytest.fixture
def expired(shop):
    """Ada's start, which has expired; her card's bank will pay all the same."""
    shop.ada = shop.customer(Declines(NO_FUNDS))
    begun = shop.start(shop.ada, gate=SHORT)
    shop.hours(4)
    assert shop.gate(begun) == ("expired", "timeout")
    return begun


def arrives(shop, begun) -> list[bytes]:
    """Let the money come, and return what the processor says of it."""
    shop.fake.pay_anyway(shop.bill(begun).processor_id)
    news = shop.fake.events(after=shop.scene.pace.heard)
    shop.scene.pace.heard = news[-1][0]
    return [body for _, body in news]


class TestTheMoney:
    def test_goes_back_and_everybody_is_told_once(self, shop, expired):
        shop.hear(arrives(shop, expired))

        assert shop.late() == [("refund", "refunded")]
        assert shop.cash == 0
        assert shop.bought(expired).status == "canceled"
        assert shop.open(shop.ada) == set()
        assert shop.shown(shop.ada) == ()
        assert sorted(shop.mails()) == ["activation_expired", "refund_issued"]
        (paid,) = shop.rows("SELECT id FROM attempts WHERE state = 'succeeded'")
        assert shop.told(f"attempt:{paid['id']}")["payment.late"] == 1
        types = [type for type, _ in shop.heard]
        assert (types.count("payment.late"), types.count("refund.created")) == (1, 1)
        assert types.count("payment.succeeded") == types.count("invoice.paid") == 0
        assert shop.tasks() == []

    @pytest.mark.parametrize("seed", range(4))
    def test_goes_back_once_though_it_is_told_five_times_in_any_order(self, shop, expired, seed):
        news = arrives(shop, expired) * 5
        random.Random(seed).shuffle(news)

        for body in news:
            shop.recoup.ingest([body])
        shop.hear(news)
        shop.live(days=1)
        shop.hear(news)

        assert shop.late() == [("refund", "refunded")]
        assert shop.cash == 0
        assert len(shop.rows("SELECT 1 FROM refunds")) == 1
        assert len(shop.rows("SELECT 1 FROM commands WHERE kind = 'payments.return'")) == 1

    def test_that_comes_before_we_hear_that_its_invoice_was_voided_goes_back(self, shop):
        """The void was first; its news comes last. It is no gated purchase."""
        ada = shop.customer()
        bill = shop.recoup.invoices.create(ada.id, [("Book", Money(1500, "EUR"))])
        shop.settle()
        shop.fake.void(bill.processor_id)
        voided = [body for _, body in shop.fake.events(after=shop.scene.pace.heard)]
        shop.scene.pace.heard += len(voided)
        shop.hear(arrives_for(shop, bill.processor_id))

        shop.hear(voided)
        shop.live(days=1)

        assert shop.late() == [("refund", "refunded")]
        assert shop.cash == 0

    def test_for_an_invoice_that_a_person_voided_goes_back(self, shop):
        ada = shop.customer()
        bill = shop.recoup.invoices.create(ada.id, [("Book", Money(1500, "EUR"))])
        shop.recoup.invoices.void(bill.id, reason="a mistake")
        shop.settle()

        shop.hear(arrives_for(shop, bill.processor_id))

        assert shop.late() == [("refund", "refunded")]
        assert shop.cash == 0
        assert shop.recoup.invoices.get(bill.id).resolved_as == "voided"

    def test_that_pays_an_invoice_twice_goes_back_once(self, shop):
        ada = shop.customer()
        begun = shop.start(ada)

        shop.hear(arrives_for(shop, shop.bill(begun).processor_id))

        assert shop.late() == [("refund", "refunded")]
        assert shop.cash == 2000
        assert shop.open(ada) == {"basic"}
        assert shop.bill(begun).outcome == "paid"
        assert sorted(shop.mails()) == ["receipt", "refund_issued"]

    def test_that_pays_an_invoice_twice_in_one_batch_goes_back_once(self, shop):
        ada = shop.customer(Declines(NO_FUNDS, times=1))
        begun = shop.start(ada)
        bill = shop.bill(begun).processor_id
        shop.fake.customer_pays(bill)

        shop.hear(arrives_for(shop, bill))

        assert shop.gate(begun) == ("satisfied", None)
        assert shop.late() == [("refund", "refunded")]
        assert shop.cash == 2000

    def test_for_what_was_paid_out_of_band_goes_back(self, shop):
        ada = shop.customer()
        bill = shop.recoup.invoices.create(ada.id, [("Book", Money(1500, "EUR"))])
        shop.recoup.invoices.mark_paid_out_of_band(bill.id, reason="in cash")
        shop.settle()

        shop.hear(arrives_for(shop, bill.processor_id))

        assert shop.late() == [("refund", "refunded")]
        assert shop.cash == 0

    def test_whose_way_back_has_no_answer_goes_back_once(self, shop, expired):
        shop.fake.add_fault(Fault("lost_reply", call="CreateRefund"))
        shop.fake.add_fault(Fault("outage", call="CreateRefund", times=3))

        shop.hear(arrives(shop, expired))
        shop.live(days=1)

        assert shop.late() == [("refund", "refunded")]
        assert len(shop.rows("SELECT 1 FROM refunds")) == 1
        assert shop.cash == 0
        assert shop.mails().count("refund_issued") == 1

    def test_that_somebody_gave_back_at_the_processor_needs_nothing_more(self, shop, expired):
        charge = shop.fake.pay_anyway(shop.bill(expired).processor_id)
        shop.fake.refund(charge)

        shop.settle()

        assert shop.late() == [("refund", "refunded")]
        assert shop.cash == 0
        assert len(shop.rows("SELECT 1 FROM refunds")) == 1

    def test_that_its_bank_took_back_already_is_not_given_twice(self, shop, expired):
        charge = shop.fake.pay_anyway(shop.bill(expired).processor_id)
        shop.fake.open_dispute(charge)

        shop.settle()

        assert shop.rows("SELECT 1 FROM refunds") == []
        assert shop.fake.books().balances["cash", "EUR"] == 0


def arrives_for(shop, bill: str) -> list[bytes]:
    shop.fake.pay_anyway(bill)
    news = shop.fake.events(after=shop.scene.pace.heard)
    shop.scene.pace.heard = news[-1][0]
    return [body for _, body in news]


class TestARefund:
    def test_that_is_refused_is_a_task_with_an_alert(self, shop, expired, caplog):
        shop.fake.refunds_to(shop.ada.method, refused=True)

        shop.hear(arrives(shop, expired))

        assert shop.late() == [("refund", "stuck")]
        assert shop.tasks() == ["late_payment"]
        (task,) = shop.rows("SELECT detail FROM tasks")
        assert "20.00 EUR" in task["detail"]
        assert [r.levelname for r in caplog.records if "late_payment" in r.getMessage()] == [
            "WARNING"
        ]
        assert shop.mails() == ["activation_expired"]
        assert shop.cash == 2000

    @pytest.mark.parametrize(("won", "after"), [(False, "refunded"), (True, "stuck")])
    def test_that_is_refused_is_solved_while_its_bank_has_it(self, shop, expired, won, after):
        shop.fake.refunds_to(shop.ada.method, refused=True)
        charge = shop.fake.pay_anyway(shop.bill(expired).processor_id)
        shop.settle()

        dispute = shop.fake.open_dispute(charge)
        shop.settle()
        taken = (shop.late(), shop.tasks(), shop.scene.violations())
        shop.fake.close_dispute(dispute, won=won)
        shop.settle()

        assert taken == ([("refund", "refunded")], [], ())
        assert shop.late() == [("refund", after)]
        assert shop.tasks() == (["late_payment"] if won else [])

    def test_that_is_refused_is_solved_when_a_person_gives_it_back(self, shop, expired):
        shop.fake.refunds_to(shop.ada.method, refused=True)
        shop.hear(arrives(shop, expired))
        shop.live(days=2)
        shop.fake.refunds_to(shop.ada.method)
        (late,) = shop.recoup.payments.late()

        shop.recoup.payments.refund(late.payment_id)
        shop.settle()

        assert shop.late() == [("refund", "refunded")]
        assert shop.tasks() == []
        assert shop.cash == 0

    def test_that_is_refused_is_solved_at_the_processor_too(self, shop, expired):
        shop.fake.refunds_to(shop.ada.method, refused=True)
        shop.hear(arrives(shop, expired))
        shop.fake.refunds_to(shop.ada.method)
        (late,) = shop.recoup.payments.late()

        shop.fake.refund(shop.recoup.payments.get(late.payment_id).processor_id)
        shop.settle()

        assert shop.late() == [("refund", "refunded")]
        assert shop.tasks() == []
        assert shop.cash == 0

    def test_that_fails_days_later_is_a_task_again(self, shop, expired):
        shop.fake.refunds_to(shop.ada.method, sent_back_after=3 * DAY)
        shop.hear(arrives(shop, expired))
        before = shop.late(), shop.tasks()

        shop.live(days=4)

        assert before == ([("refund", "refunded")], [])
        assert shop.late() == [("refund", "stuck")]
        assert shop.tasks() == ["late_payment"]
        assert shop.cash == 2000

    def test_that_failed_days_later_may_be_made_again(self, shop, expired):
        shop.fake.refunds_to(shop.ada.method, sent_back_after=3 * DAY)
        shop.hear(arrives(shop, expired))
        shop.live(days=4)
        shop.fake.refunds_to(shop.ada.method)
        (late,) = shop.recoup.payments.late()

        shop.recoup.payments.refund(late.payment_id)
        shop.settle()

        assert shop.late() == [("refund", "refunded")]
        assert shop.tasks() == []
        assert shop.cash == 0
        assert (
            shop.mails().count("refund_issued") == 2
        )  # each is told of, also the one that failed


class TestAFailure:
    def test_that_comes_after_the_end_is_no_late_money(self, shop):
        ada = shop.customer(Slow(takes=3 * DAY, fails=NO_FUNDS), kind="sepa_debit")
        begun = shop.start(ada, gate=SHORT)

        shop.live(days=5)

        assert shop.gate(begun) == ("expired", "timeout")
        assert shop.late() == []
        assert shop.tasks() == []
