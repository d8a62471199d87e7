"""Stories in which nobody pays in time: it ends once, and nothing is left of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup import PaymentGate
from recoup.core.money import Money
from recoup.errors import NotPossible
from recoup.processors.fake import NO_FUNDS, Asks, Declines, Fault, Pays, Slow

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SHORT = PaymentGate(timeout=2 * HOUR)


def shut(shop, who, begun, *, reason="timeout"):
    """Nothing is open, owed or seen, here and at the processor."""
    assert shop.gate(begun) == ("expired" if reason == "timeout" else "failed", reason)
    bought = shop.bought(begun)
    assert (bought.status, bought.end_reason, bought.ended) == ("canceled", reason, True)
    assert shop.open(who) == set()
    assert shop.shown(who) == ()
    assert shop.about(begun) == {"subscription.canceled"}
    assert shop.rows("SELECT 1 FROM cases") == []
    assert shop.cash == 0
    assert shop.fake.subscription(bought.processor_id).ended_at is not None
    assert shop.fake.books().balances.get(("receivable", "EUR"), 0) == 0


class TestTheClock:
    def test_ends_it_at_twenty_past_and_not_before(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))
        begun = shop.start(ada, gate=SHORT)
        expires = shop.bought(begun).gate.expires_at

        shop.live(days=1)

        ended = shop.bought(begun).gate.ended_at
        assert (ended.minute, ended.second) == (20, 0)
        assert expires <= ended < expires + HOUR
        shut(shop, ada, begun)
        assert shop.bill(begun).resolved_as == "closed"
        assert shop.bill(begun).number is None
        assert shop.withdrawal(begun) == "canceled"
        assert shop.mails() == ["activation_expired"]
        assert shop.told(f"gate:{begun.subscription.gate.id}")["payment.withdrawn"] == 1

    def test_that_is_wound_by_hand_does_it_now(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))
        begun = shop.start(ada, gate=SHORT)
        shop.scene.clock.set(shop.bought(begun).gate.expires_at)
        shop.fake.advance(shop.now)

        worker = shop.recoup.worker()
        worker.wind("activation")
        worker.wind("activation")
        worker.drain()

        shut(shop, ada, begun)
        assert shop.mails() == ["activation_expired"]

    def test_that_finds_the_money_known_lets_it_live(self, shop):
        ada = shop.customer(Declines(NO_FUNDS, times=1))
        begun = shop.start(ada, gate=SHORT)
        shop.scene.clock.set(shop.bought(begun).gate.expires_at + HOUR)
        shop.fake.advance(shop.now)
        shop.fake.customer_pays(shop.bill(begun).processor_id)
        shop.hear_only("charge.succeeded")

        shop.recoup.worker().wind("activation")
        shop.settle()

        assert shop.gate(begun) == ("satisfied", None)
        assert shop.open(ada) == {"basic"}
        assert shop.about(begun) == {"subscription.started"}


class TestTheProcessor:
    def test_that_gives_up_first_ends_it_too(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))
        begun = shop.start(ada, gate=PaymentGate(timeout=5 * DAY))

        shop.hours(24)

        shut(shop, ada, begun)
        assert shop.bought(begun).ended_at == shop.bought(begun).period_start + 23 * HOUR
        assert shop.withdrawal(begun) is None
        assert shop.mails() == ["activation_expired"]

    def test_that_gives_up_at_the_same_instant_ends_it_once(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))
        begun = shop.start(ada)

        shop.live(days=2)

        shut(shop, ada, begun)
        assert shop.mails() == ["activation_expired"]

    def test_that_does_not_answer_over_the_expiry_is_asked_when_it_does(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))
        begun = shop.start(ada, gate=SHORT)
        back = shop.now + 9 * HOUR
        shop.fake.add_fault(Fault("outage", times=None, until=back))

        shop.hours(8)
        meanwhile = shop.gate(begun), shop.withdrawal(begun), shop.mails()
        there = shop.fake.subscription(begun.subscription.processor_id).ended_at
        shop.hours(6)

        assert meanwhile == (("expired", "timeout"), "asked", ["activation_expired"])
        assert there is None
        shut(shop, ada, begun)
        assert shop.withdrawal(begun) == "canceled"
        assert shop.mails() == ["activation_expired"]

    def test_whose_answer_to_the_withdrawal_is_lost_is_asked_with_the_same_key(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))
        begun = shop.start(ada, gate=SHORT)
        shop.fake.add_fault(Fault("lost_reply", call="WithdrawPayment"))

        shop.hours(5)

        shut(shop, ada, begun)
        assert shop.withdrawal(begun) == "canceled"
        assert len(shop.rows("SELECT 1 FROM commands WHERE kind = 'payments.withdraw'")) == 1

    def test_that_could_withdraw_too_late_only_gives_the_money_back(self, shop):
        """The customer pays between our decision and our question."""
        ada = shop.customer(Declines(NO_FUNDS, times=1))
        begun = shop.start(ada, gate=SHORT)
        down = ("WithdrawPayment", "cancel_subscription")
        for call in down:
            until = shop.now + 6 * HOUR
            shop.fake.add_fault(Fault("outage", call=call, times=None, until=until))
        shop.hours(4)
        expired = shop.gate(begun)

        shop.pay(begun)
        shop.hours(6)

        assert expired == ("expired", "timeout")
        shut(shop, ada, begun)
        assert shop.withdrawal(begun) == "too_late"
        assert shop.late() == [("refund", "refunded")]
        assert sorted(shop.mails()) == ["activation_expired", "refund_issued"]


class TestAnInvoice:
    def test_that_is_not_known_does_not_keep_it_from_ending(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))
        shop.lose_the_answer(ada, gate=SHORT)
        held = shop.hear_only("customer.subscription.created")

        known = shop.bills(1)
        shop.hours(4)
        expired = shop.gate(1)
        shop.hear(held)

        assert (known, expired) == ([], ("expired", "timeout"))
        shut(shop, ada, 1)
        assert shop.bill(1).resolved_as == "voided"  # by the processor, when it ended it
        assert shop.mails() == ["activation_expired"]

    def test_that_becomes_known_after_the_end_is_withdrawn_then(self, shop):
        ada = shop.customer(Slow(takes=5 * DAY), kind="sepa_debit")
        shop.lose_the_answer(ada, gate=SHORT)
        held = shop.hear_only("customer.subscription.created")
        shop.hours(4)
        waiting = shop.gate(1), shop.withdrawal(1)

        shop.hear(held)
        asked = shop.withdrawal(1)
        shop.live(days=6)

        assert waiting == (("expired", "timeout"), "waiting")
        assert asked == "unsupported"
        assert shop.late() == [("refund", "refunded")]
        shut(shop, ada, 1)

    def test_that_is_still_a_draft_ends_with_it(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))
        shop.lose_the_answer(ada, gate=SHORT)
        held = shop.hear_only("customer.subscription.created", "invoice.created")
        draft = shop.bill(1).status

        shop.hours(4)
        closed = shop.bill(1)
        shop.hear(held)

        assert draft == "draft"
        assert (closed.status, closed.resolved_as, closed.number) == ("closed", "closed", None)
        shut(shop, ada, 1)
        assert shop.bill(1).status == "closed"


class TestOneCustomer:
    def test_with_two_gates_keeps_what_is_paid_and_loses_the_other(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))
        paid, lost = shop.start(ada, gate=SHORT), shop.start(ada, shop.pro, gate=SHORT)
        card = shop.fake.attach_method(ada.customer, Pays())
        shop.pay(paid, card)

        shop.hours(5)

        assert shop.gate(paid) == ("satisfied", None)
        assert shop.gate(lost) == ("expired", "timeout")
        assert shop.open(ada) == {"basic"}
        assert len(shop.shown(ada)) == 1
        assert sorted(shop.mails()) == ["activation_expired", "receipt"]
        assert shop.cash == 2000

    def test_with_two_gates_that_end_together_loses_both_once(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))
        one, other = shop.start(ada, gate=SHORT), shop.start(ada, shop.pro, gate=SHORT)

        shop.hours(5)

        assert {shop.gate(one), shop.gate(other)} == {("expired", "timeout")}
        assert shop.mails() == ["activation_expired"] * 2
        assert len(shop.rows("SELECT 1 FROM effects WHERE kind = 'expire'")) == 1

    def test_who_is_deleted_meanwhile_takes_it_along(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))
        begun = shop.start(ada)
        shop.hours(1)

        shop.recoup.customers.delete(ada.id, reason="she asked")
        shop.live(days=2)

        gate = shop.bought(begun).gate
        assert gate.status == "failed"
        assert shop.bought(begun).status == "canceled"
        assert shop.about(begun) == {"subscription.canceled"}
        assert shop.open(ada) == set()
        assert shop.mails() == []
        assert shop.cash == 0


class TestACancellation:
    @pytest.mark.parametrize("when", ["now", "period_end"])
    def test_of_what_waits_ends_it_at_once_and_withdraws_the_payment(self, shop, when):
        ada = shop.customer(Asks())
        begun = shop.start(ada)

        shop.recoup.subscriptions.cancel(begun.subscription.id, when=when)
        shop.settle()

        shut(shop, ada, begun, reason="requested")
        assert shop.withdrawal(begun) == "canceled"
        assert shop.mails() == []

    def test_after_it_has_begun_is_an_ordinary_one(self, shop):
        ada = shop.customer()
        begun = shop.start(ada)

        shop.recoup.subscriptions.cancel(begun.subscription.id)
        shop.settle()

        assert shop.gate(begun) == ("satisfied", None)
        assert shop.about(begun) == {"subscription.started", "subscription.canceled"}
        assert shop.cash == 2000

    def test_while_a_debit_is_under_way_sends_the_money_back_when_it_comes(self, shop):
        ada = shop.customer(Slow(takes=3 * DAY), kind="sepa_debit")
        begun = shop.start(ada, gate=PaymentGate(timeout=9 * DAY))
        shop.live(days=1)

        shop.recoup.subscriptions.cancel(begun.subscription.id)
        shop.live(days=5)

        shut(shop, ada, begun, reason="requested")
        assert shop.withdrawal(begun) == "unsupported"
        assert shop.late() == [("refund", "refunded")]
        assert shop.mails() == ["refund_issued"]

    def test_of_what_has_expired_changes_nothing(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))
        begun = shop.start(ada, gate=SHORT)
        shop.hours(4)

        shop.recoup.subscriptions.cancel(begun.subscription.id)
        shop.settle()

        shut(shop, ada, begun)


class TestWhatWasUsed:
    def test_of_a_coupon_goes_back_once(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))
        shop.recoup.coupons.create("ONCE", percent_off=50, max_redemptions=1)
        begun = shop.start(ada, gate=SHORT, coupon="ONCE")
        taken = shop.recoup.coupons.get("ONCE").redemptions

        shop.hours(30)
        shop.scene.recoup.recompute([ada.id])

        assert (taken, shop.recoup.coupons.get("ONCE").redemptions) == (1, 0)
        assert shop.gate(begun) == ("expired", "timeout")
        assert len(shop.rows("SELECT 1 FROM ledger_entries WHERE type='coupon.given_back'")) == 1

    def test_of_a_coupon_stays_used_by_who_has_paid(self, shop):
        ada = shop.customer()
        shop.recoup.coupons.create("ONCE", percent_off=50, max_redemptions=1)
        begun = shop.start(ada, coupon="ONCE")

        shop.recoup.subscriptions.cancel(begun.subscription.id)
        shop.live(days=2)

        assert shop.recoup.coupons.get("ONCE").redemptions == 1

    def test_of_a_credit_balance_goes_back(self, shop):
        ada = shop.customer()
        first = shop.start(ada, shop.pro)
        shop.recoup.subscriptions.change_plan(first.subscription.id, prices=shop.basic)
        shop.settle()
        credit = shop.fake.books().balances["credit", "EUR"]
        shop.fake.update_method(ada.method, payer=Declines(NO_FUNDS))

        begun = shop.start(ada, shop.pro, gate=SHORT)
        lowered = shop.bill(begun).due
        shop.hours(5)

        assert credit < 0
        assert lowered == Money(5000 + credit, "EUR")
        assert shop.gate(begun) == ("expired", "timeout")
        assert shop.fake.books().balances["credit", "EUR"] == credit
        assert shop.open(ada) == {"basic"}


class TestWhatWaits:
    def test_can_not_be_changed_meanwhile(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))
        begun = shop.start(ada)
        for verb in (
            shop.recoup.subscriptions.pause,
            lambda it: shop.recoup.subscriptions.change_plan(it, prices=shop.pro),
            lambda it: shop.recoup.subscriptions.extend_trial(it, shop.now + DAY),
        ):
            with pytest.raises(NotPossible, match="first payment is awaited until"):
                verb(begun.subscription.id)
