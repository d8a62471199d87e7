"""Stories in which news and wishes cross on the way to a gate."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup import PaymentGate
from recoup.processors.fake import NO_FUNDS, Declines, Pays, Slow

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SHORT = PaymentGate(timeout=2 * HOUR)


class TestAPaymentOfTheCustomersOwn:
    def test_through_the_host_opens_it(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))
        begun = shop.start(ada)
        card = shop.recoup.methods.attach(ada.id, shop.fake.new_method(fingerprint="another"))

        paid = shop.recoup.invoices.pay(
            begun.invoice_id, method=card.id, off_session=False, origin="customer"
        )
        shop.settle()

        assert paid.outcome == "succeeded"
        assert shop.gate(begun) == ("satisfied", None)
        assert shop.open(ada) == {"basic"}
        assert shop.mails() == ["receipt"]

    def test_in_cash_opens_it(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))
        begun = shop.start(ada)

        shop.recoup.invoices.mark_paid_out_of_band(begun.invoice_id, reason="in cash")
        shop.settle()

        assert shop.gate(begun) == ("satisfied", None)
        assert shop.open(ada) == {"basic"}
        assert shop.bill(begun).resolved_as == "paid_out_of_band"
        assert shop.late() == []

    def test_that_was_made_in_time_and_is_heard_of_too_late_goes_back(self, shop):
        ada = shop.customer(Declines(NO_FUNDS, times=1))
        begun = shop.start(ada, gate=SHORT)
        shop.hours(1)
        shop.fake.customer_pays(shop.bill(begun).processor_id)
        news = [body for _, body in shop.fake.events(after=shop.scene.pace.heard)]
        shop.scene.pace.heard += len(news)

        shop.hours(3)
        expired = shop.gate(begun), shop.withdrawal(begun)
        shop.hear(news)

        assert expired == (("expired", "timeout"), "too_late")
        assert shop.late() == [("refund", "refunded")]
        assert shop.open(ada) == set()
        assert shop.cash == 0
        assert shop.about(begun) == {"subscription.canceled"}
        assert shop.fake.subscription(begun.subscription.processor_id).ended_at is not None

    def test_that_nobody_wants_any_more_leaves_nothing_open(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))
        begun = shop.start(ada)

        shop.recoup.invoices.void(begun.invoice_id, reason="a mistake")
        shop.live(days=1)

        assert shop.gate(begun) == ("expired", "timeout")
        assert shop.open(ada) == set()
        assert shop.bought(begun).status == "canceled"
        assert shop.fake.subscription(begun.subscription.processor_id).ended_at is not None


class TestAnInvoiceThatIsSent:
    def sent(self, shop, **gate):
        ada = shop.customer()
        more = {"collection": "send_invoice", "days_until_due": 14}
        return ada, shop.start(ada, gate=PaymentGate(**gate), **more)

    def test_opens_it_when_it_is_paid(self, shop):
        ada, begun = self.sent(shop, timeout=20 * DAY)
        shop.live(days=5)
        waiting = shop.gate(begun), shop.open(ada)

        shop.pay(begun)

        assert waiting == (("pending", None), set())
        assert shop.gate(begun) == ("satisfied", None)
        assert shop.open(ada) == {"basic"}

    def test_that_nobody_pays_is_nobodys_debt(self, shop):
        ada, begun = self.sent(shop, timeout=20 * DAY)

        shop.live(days=70)

        assert shop.gate(begun) == ("expired", "timeout")
        assert shop.withdrawal(begun) == "canceled"
        assert shop.open(ada) == set()
        assert shop.shown(ada) == ()
        assert shop.rows("SELECT 1 FROM cases") == []
        assert len(shop.bills(begun)) == 1


class TestAStartThatAPersonGaveUp:
    def test_and_that_had_been_made_is_ended_and_its_money_goes_back(self, shop):
        ada = shop.customer()
        shop.lose_the_answer(ada)
        held = [body for _, body in shop.fake.events(after=shop.scene.pace.heard)]
        shop.scene.pace.heard += len(held)
        sql = "SELECT key FROM commands WHERE kind = 'subscriptions.start'"
        shop.recoup.call_off(shop.rows(sql)[0]["key"], reason="she went away")
        dead = shop.rows("SELECT status, reason FROM gates")

        shop.hear(held)
        shop.live(days=1)

        assert dead == [{"status": "failed", "reason": "requested"}]
        assert shop.bought(1).status == "canceled"
        assert shop.open(ada) == set()
        assert shop.late() == [("refund", "refunded")]
        assert shop.cash == 0
        assert shop.fake.subscription(shop.bought(1).processor_id).ended_at is not None
        assert shop.mails() == ["refund_issued"]


class TestLateMoney:
    @pytest.mark.parametrize("apart", [True, False])
    def test_that_comes_twice_buys_once_and_goes_back_once(self, shop, apart):
        ada = shop.customer(Declines(NO_FUNDS))
        begun = shop.start(ada, gate=PaymentGate(timeout=HOUR, late="reactivate"))
        shop.hours(3)

        shop.fake.pay_anyway(shop.bill(begun).processor_id)
        if apart:
            shop.settle()
        shop.fake.pay_anyway(shop.bill(begun).processor_id)
        shop.live(days=1)

        assert sorted(shop.late()) == [("reactivate", "reactivated"), ("refund", "refunded")]
        assert len(shop.recoup.subscriptions.list(ada.id)) == 2
        assert shop.cash == 2000
        assert shop.open(ada) == {"basic"}

    def test_buys_with_the_quantity_and_the_words_that_were_asked_for(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))
        shop.start(
            ada,
            gate=PaymentGate(timeout=HOUR, late="reactivate"),
            quantity=3,
            metadata={"seat": "7"},
        )
        shop.hours(3)

        shop.fake.pay_anyway(shop.bill(1).processor_id)
        shop.settle()

        again = shop.recoup.subscriptions.list(ada.id)[-1]
        assert [(item.price, item.quantity) for item in again.items] == [(shop.basic, 3)]
        assert again.metadata == {"seat": "7"}
        assert shop.cash == 6000


class TestALaterPeriod:
    """A debit takes ten days for a plan by the week: the second week is billed meanwhile."""

    def begun(self, shop, then):
        ada = shop.customer(Slow(takes=10 * DAY, then=then), kind="sepa_debit", brand="")
        return ada, shop.start(ada, shop.weekly, gate=PaymentGate(timeout=20 * DAY))

    def test_that_is_declined_while_the_first_is_under_way_is_no_debt_yet(self, shop):
        ada, begun = self.begun(shop, Declines(NO_FUNDS))

        shop.live(days=9)

        assert shop.gate(begun) == ("pending", None)
        assert shop.rows("SELECT 1 FROM cases") == []
        assert shop.shown(ada) == ()
        assert shop.mails() == []

    def test_that_was_declined_is_a_debt_once_the_first_has_begun_it(self, shop):
        ada, begun = self.begun(shop, Declines(NO_FUNDS))

        shop.live(days=10, hours=2)

        assert shop.gate(begun) == ("satisfied", None)
        assert len(shop.shown(ada)) == 2
        assert len(shop.rows("SELECT 1 FROM cases WHERE ended_at IS NULL")) == 1
        assert shop.cash == 700

    def test_that_was_paid_goes_back_when_the_first_fails(self, shop):
        debit = Slow(takes=10 * DAY, fails=NO_FUNDS, then=Pays())
        ada = shop.customer(debit, kind="sepa_debit", brand="")
        begun = shop.start(ada, shop.weekly, gate=PaymentGate(timeout=20 * DAY))
        shop.live(days=9)
        paid = shop.cash

        shop.live(days=3)

        assert paid == 700
        assert shop.gate(begun) == ("failed", "payment_failed")
        assert shop.late() == [("refund", "refunded")]
        assert shop.cash == 0
