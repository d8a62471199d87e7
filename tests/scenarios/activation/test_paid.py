"""Stories in which the first payment comes: nothing is open before it, and everything after."""

from __future__ import annotations

import contextlib
from datetime import timedelta

from recoup import PaymentGate
from recoup.errors import Rejected
from recoup.processors.fake import NO_FUNDS, Asks, Declines, Pays


class TestACardThatPays:
    def test_opens_at_once_and_is_told_once(self, shop):
        ada = shop.customer()

        begun = shop.start(ada)

        assert begun.outcome == "active"
        assert shop.gate(begun) == ("satisfied", None)
        assert shop.bought(begun).status == "active"
        assert shop.bought(begun).activated_at == shop.now
        assert shop.open(ada) == {"basic"}
        (bill,) = shop.shown(ada)
        assert (bill.number is not None, bill.outcome) == (True, "paid")
        assert shop.about(begun) == {"subscription.started"}
        assert shop.mails() == ["receipt"]
        assert shop.heard.count(("gate.satisfied", f"gate:{begun.subscription.gate.id}")) == 1
        assert shop.cash == 2000

    def test_renews_like_any_other_afterwards(self, shop):
        ada = shop.customer()
        begun = shop.start(ada)

        shop.live(days=40)

        assert [bill.outcome for bill in shop.shown(ada)] == ["paid", "paid"]
        assert shop.cash == 4000
        assert shop.about(begun) == {"subscription.started"}


class TestADeclinedCard:
    def test_leaves_everything_closed_and_nothing_to_see(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))

        begun = shop.start(ada)

        assert begun.outcome == "incomplete"
        assert shop.gate(begun) == ("pending", None)
        assert shop.bought(begun).status == "incomplete"
        assert shop.bought(begun).activated_at is None
        assert shop.open(ada) == set()
        assert shop.shown(ada) == ()
        assert shop.bill(begun).number is None
        assert shop.about(begun) == set()
        assert (shop.mails(), shop.cash) == ([], 0)

    def test_is_followed_by_another_one_within_the_window(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))
        begun = shop.start(ada)
        shop.hours(3)

        shop.fake.attach_method(ada.customer, Pays())
        shop.pay(begun)

        assert shop.charges(begun) == ["declined", "succeeded"]
        assert shop.gate(begun) == ("satisfied", None)
        assert shop.open(ada) == {"basic"}
        assert shop.bill(begun).number is not None
        assert shop.about(begun) == {"subscription.started"}
        assert shop.mails() == ["receipt"]
        assert shop.cash == 2000

    def test_may_be_followed_by_many_more(self, shop):
        ada = shop.customer(Declines(NO_FUNDS, times=6))
        begun = shop.start(ada)

        for _ in range(5):
            shop.hours(1)
            shop.pay(begun)
            assert shop.gate(begun) == ("pending", None)
        shop.pay(begun)

        assert shop.charges(begun) == ["declined"] * 6 + ["succeeded"]
        assert shop.gate(begun) == ("satisfied", None)
        assert shop.rows("SELECT 1 FROM cases") == []
        assert shop.mails() == ["receipt"]

    def test_does_not_become_a_debt(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))
        shop.start(ada, gate=PaymentGate(timeout=timedelta(days=20)))

        shop.hours(20)

        assert shop.rows("SELECT 1 FROM cases") == []
        assert shop.rows("SELECT 1 FROM restrictions") == []
        assert shop.mails() == []
        shop.live(days=30)
        assert shop.rows("SELECT 1 FROM cases") == []


class TestOnlySoManyTries:
    def test_end_it_with_the_last_one(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))

        begun = shop.start(ada, gate=PaymentGate(tries=1))

        assert shop.gate(begun) == ("failed", "payment_failed")
        assert shop.bought(begun).status == "canceled"
        assert shop.bought(begun).end_reason == "payment_failed"
        assert shop.bill(begun).resolved_as == "closed"
        assert shop.shown(ada) == ()
        assert shop.about(begun) == {"subscription.canceled"}
        assert shop.mails() == ["activation_expired"]
        assert shop.withdrawal(begun) == "canceled"
        bill = shop.fake.invoice(shop.bill(begun).processor_id)
        assert bill.status == "void"
        assert shop.fake.subscription(shop.bought(begun).processor_id).ended_at is not None
        assert shop.cash == 0

    def test_leave_room_for_one_more_before_the_last_one(self, shop):
        ada = shop.customer(Declines(NO_FUNDS, times=1))

        begun = shop.start(ada, gate=PaymentGate(tries=2))
        waiting = shop.gate(begun)
        shop.pay(begun)

        assert waiting == ("pending", None)
        assert shop.gate(begun) == ("satisfied", None)
        assert shop.about(begun) == {"subscription.started"}

    def test_do_not_count_a_challenge_that_is_open(self, shop):
        ada = shop.customer(Asks())

        begun = shop.start(ada, gate=PaymentGate(tries=1))

        assert begun.outcome == "requires_action"
        assert shop.gate(begun) == ("pending", None)


class TestAChallenge:
    def test_is_no_failure_and_opens_once_it_is_passed(self, shop):
        ada = shop.customer(Asks())
        begun = shop.start(ada)
        before = shop.gate(begun), shop.open(ada)
        shop.hours(2)

        shop.challenge(begun)

        assert before == (("pending", None), set())
        assert shop.gate(begun) == ("satisfied", None)
        assert shop.open(ada) == {"basic"}
        assert shop.mails() == ["receipt"]
        assert shop.heard.count(("payment.action_required", "attempt:1")) == 1

    def test_that_is_failed_may_be_tried_again(self, shop):
        ada = shop.customer(Asks())
        begun = shop.start(ada)

        shop.challenge(begun, ok=False)
        failed = shop.gate(begun)
        shop.pay(begun)

        assert failed == ("pending", None)
        assert shop.gate(begun) == ("satisfied", None)
        assert shop.open(ada) == {"basic"}

    def test_that_is_abandoned_ends_with_the_window(self, shop):
        ada = shop.customer(Asks())
        begun = shop.start(ada, gate=PaymentGate(timeout=timedelta(hours=2)))

        shop.hours(4)

        assert shop.gate(begun) == ("expired", "timeout")
        assert shop.bought(begun).end_reason == "timeout"
        assert shop.withdrawal(begun) == "canceled"
        assert shop.about(begun) == {"subscription.canceled"}
        assert shop.mails() == ["activation_expired"]
        assert shop.cash == 0

    def test_that_is_failed_is_a_try(self, shop):
        ada = shop.customer(Asks())
        begun = shop.start(ada, gate=PaymentGate(tries=1))

        shop.challenge(begun, ok=False)

        assert shop.gate(begun) == ("failed", "payment_failed")
        assert shop.about(begun) == {"subscription.canceled"}

    def test_whose_failure_is_told_after_another_card_has_paid_is_no_news(self, shop):
        ada = shop.customer(Declines(NO_FUNDS, times=1))
        shop.scene.pace.listen()
        begun = shop.recoup.subscriptions.start(ada.id, shop.basic, gate=PaymentGate(tries=2))
        card = shop.fake.attach_method(ada.customer, Declines(NO_FUNDS, times=1))
        bill = shop.bill(begun).processor_id
        with contextlib.suppress(Rejected):
            shop.fake.customer_pays(bill, card)  # declined
        shop.fake.customer_pays(bill, card)  # paid
        news = [body for _, body in shop.fake.events(after=shop.scene.pace.heard)]
        failures = [body for body in news if b"failed" in body]
        shop.recoup.ingest([body for body in news if body not in failures])
        paid = shop.gate(begun)
        shop.recoup.ingest(failures)
        shop.settle()

        assert (paid, shop.gate(begun)) == (("satisfied", None),) * 2
        assert shop.open(ada) == {"basic"}
        assert shop.about(begun) == {"subscription.started"}
