"""Stories of changes of plan that wait to be paid: never two plans for a period, never none."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup import PaymentGate
from recoup.errors import OfferPending, Rejected
from recoup.processors.fake import NO_FUNDS, Asks, Declines, Fault, Pays, Slow

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
GATE = PaymentGate(timeout=5 * HOUR)


@pytest.fixture
def ada(shop):
    """Ada has the basic plan since ten days."""
    who = shop.customer()
    shop.begun = shop.start(who)
    shop.live(days=10)
    return who


def offer(shop, price=None, *, gate=GATE, **more):
    made = shop.recoup.subscriptions.change_plan(
        shop.begun.subscription.id, prices=price or shop.pro, gate=gate, **more
    )
    shop.settle()
    return made


def prices(shop) -> list[str]:
    return [item.price for item in shop.bought(shop.begun).items]


def spans(shop) -> list[tuple]:
    """The periods that whole plans were paid for, by what their lines say."""
    return [
        (bill.period_start, bill.period_end)
        for bill in shop.fake.invoices_of(shop.begun.subscription.processor_id)
        if bill.status == "paid" and bill.reason != "subscription_update"
    ]


class TestAnUpgrade:
    def test_that_is_paid_is_made_at_once(self, shop, ada):
        offer(shop)

        assert shop.gate(shop.begun) == ("satisfied", None)
        assert prices(shop) == [shop.pro]
        assert shop.open(ada) == {"pro"}
        assert [bill.outcome for bill in shop.shown(ada)] == ["paid", "paid"]
        assert 2000 < shop.cash < 5000
        assert shop.about(shop.begun) == {"subscription.started"}

    def test_that_is_declined_leaves_the_old_plan_as_it_is(self, shop, ada):
        shop.fake.update_method(ada.method, payer=Declines(NO_FUNDS))

        offer(shop)

        assert shop.gate(shop.begun) == ("pending", None)
        assert prices(shop) == [shop.basic]
        assert shop.bought(shop.begun).status == "active"
        assert shop.open(ada) == {"basic"}
        assert len(shop.shown(ada)) == 1
        assert shop.bill(shop.begun).number is None
        assert shop.rows("SELECT 1 FROM cases") == []
        assert shop.cash == 2000

    def test_is_made_when_another_card_pays_within_the_window(self, shop, ada):
        shop.fake.update_method(ada.method, payer=Declines(NO_FUNDS))
        offer(shop)
        shop.hours(2)

        shop.pay(shop.begun, shop.fake.attach_method(ada.customer, Pays()))

        assert shop.gate(shop.begun) == ("satisfied", None)
        assert prices(shop) == [shop.pro]
        assert shop.open(ada) == {"pro"}
        assert [bill.outcome for bill in shop.shown(ada)] == ["paid", "paid"]
        assert all(bill.number for bill in shop.shown(ada))

    def test_is_made_when_the_challenge_is_passed(self, shop, ada):
        shop.fake.update_method(ada.method, payer=Asks())
        offer(shop)
        waiting = shop.gate(shop.begun), prices(shop)

        shop.challenge(shop.begun)

        assert waiting == (("pending", None), [shop.basic])
        assert shop.gate(shop.begun) == ("satisfied", None)
        assert prices(shop) == [shop.pro]

    def test_that_is_not_paid_in_time_is_withdrawn(self, shop, ada):
        shop.fake.update_method(ada.method, payer=Declines(NO_FUNDS))
        offer(shop)

        shop.hours(8)

        assert shop.gate(shop.begun) == ("expired", "timeout")
        assert shop.withdrawal(shop.begun) == "canceled"
        assert prices(shop) == [shop.basic]
        assert shop.bought(shop.begun).status == "active"
        assert shop.open(ada) == {"basic"}
        assert shop.fake.subscription(shop.begun.subscription.processor_id).offer is None
        assert len(shop.shown(ada)) == 1
        assert shop.cash == 2000
        assert shop.about(shop.begun) == {"subscription.started"}
        assert shop.mails() == ["receipt"]

    def test_that_may_be_tried_once_is_withdrawn_when_it_is_declined(self, shop, ada):
        shop.fake.update_method(ada.method, payer=Declines(NO_FUNDS))

        offer(shop, gate=PaymentGate(tries=1))

        assert shop.gate(shop.begun) == ("failed", "payment_failed")
        assert prices(shop) == [shop.basic]
        assert shop.open(ada) == {"basic"}
        assert shop.cash == 2000

    def test_that_was_withdrawn_can_be_offered_again(self, shop, ada):
        shop.fake.update_method(ada.method, payer=Declines(NO_FUNDS))
        offer(shop)
        shop.recoup.subscriptions.withdraw_offer(shop.begun.subscription.id)
        withdrawn = shop.gate(shop.begun)
        shop.fake.update_method(ada.method, payer=Pays())

        offer(shop)

        assert withdrawn == ("failed", "requested")
        assert shop.gate(shop.begun) == ("satisfied", None)
        assert shop.open(ada) == {"pro"}

    def test_is_one_at_a_time(self, shop, ada):
        shop.fake.update_method(ada.method, payer=Declines(NO_FUNDS))
        offer(shop)

        with pytest.raises(OfferPending):
            offer(shop, shop.weekly)
        with pytest.raises(OfferPending):
            shop.recoup.subscriptions.cancel(shop.begun.subscription.id)

    def test_money_for_which_comes_after_the_end_goes_back(self, shop, ada):
        shop.fake.update_method(ada.method, payer=Declines(NO_FUNDS))
        offer(shop, gate=PaymentGate(timeout=5 * HOUR, late="reactivate"))
        shop.hours(8)

        shop.fake.pay_anyway(shop.bill(shop.begun).processor_id)
        shop.settle()

        assert shop.late() == [("refund", "refunded")]
        assert prices(shop) == [shop.basic]
        assert shop.cash == 2000
        assert len(shop.recoup.subscriptions.list(ada.id)) == 1

    def test_whose_answer_is_lost_is_made_once(self, shop, ada):
        shop.fake.add_fault(Fault("lost_reply", call="ChangeSubscription"))

        with pytest.raises(Exception, match="pursued"):
            offer(shop)
        shop.hours(1)

        assert shop.gate(shop.begun) == ("satisfied", None)
        assert prices(shop) == [shop.pro]
        assert len(shop.shown(ada)) == 2

    def test_is_billed_as_it_was_shown(self, shop, ada):
        shown = shop.recoup.subscriptions.preview_change(
            shop.begun.subscription.id, prices=shop.pro
        )

        shop.recoup.subscriptions.change_plan(
            shop.begun.subscription.id, preview=shown.id, gate=GATE
        )
        shop.settle()

        assert shop.bill(shop.begun).due == shown.due_now
        assert shop.tasks() == []

    def test_renews_as_what_it_became(self, shop, ada):
        offer(shop)
        paid = shop.cash

        shop.live(days=30)

        assert shop.cash == paid + 5000
        assert len(spans(shop)) == len(set(spans(shop)))

    def test_by_bank_debit_is_refused_and_changes_nothing(self, shop):
        """Its processor would make the change before the money is in."""
        ada = shop.customer()
        shop.begun = shop.start(ada)
        shop.fake.attach_method(ada.customer, Slow(), kind="sepa_debit", brand="")
        shop.settle()

        with pytest.raises(Rejected):
            offer(shop)

        assert shop.gate(shop.begun) == ("failed", "refused")
        assert prices(shop) == [shop.basic]
        assert shop.open(ada) == {"basic"}
        assert shop.cash == 2000


class TestADowngrade:
    def test_has_nothing_to_wait_for(self, shop):
        ada = shop.customer()
        shop.begun = shop.start(ada, shop.pro)
        shop.live(days=10)

        offer(shop, shop.basic)

        assert shop.gate(shop.begun) == ("not_applicable", None)
        assert prices(shop) == [shop.basic]
        assert shop.open(ada) == {"basic"}
        assert shop.cash == 5000

    def test_at_the_periods_end_is_paid_and_then_made(self, shop):
        ada = shop.customer()
        shop.begun = shop.start(ada, shop.pro)
        shop.live(days=10)

        offer(shop, shop.basic, when="period_end")
        before = prices(shop)
        shop.live(days=25)

        assert before == [shop.pro]
        assert prices(shop) == [shop.basic]
        assert shop.open(ada) == {"basic"}


class TestAtThePeriodsEnd:
    def test_the_old_plan_goes_on_until_then(self, shop, ada):
        coming = offer(shop, when="period_end")

        assert coming.gate.status == "pending"
        assert coming.gate.evaluated_at is None
        assert [item.price for item in coming.next_items] == [shop.pro]
        assert prices(shop) == [shop.basic]
        assert shop.cash == 2000

    def test_it_is_paid_and_the_new_period_is_the_new_plans(self, shop, ada):
        end = shop.bought(shop.begun).period_end
        offer(shop, when="period_end")

        shop.scene.pace.until(end + 2 * DAY)

        assert shop.gate(shop.begun) == ("satisfied", None)
        assert prices(shop) == [shop.pro]
        assert shop.open(ada) == {"pro"}
        paid = [bill for bill in shop.shown(ada) if bill.outcome == "paid"]
        assert len(paid) == 2
        assert 6990 <= shop.cash <= 7000
        assert shop.bought(shop.begun).next_items == ()

    def test_it_is_not_paid_and_the_old_plan_renews(self, shop, ada):
        end = shop.bought(shop.begun).period_end
        offer(shop, when="period_end")
        shop.scene.pace.until(end - 2 * HOUR)
        shop.fake.update_method(ada.method, payer=Declines(NO_FUNDS, times=1))

        shop.scene.pace.until(end + 3 * DAY)

        gate, reason = shop.gate(shop.begun)
        assert gate in {"expired", "failed"}
        assert reason in {"timeout", "payment_failed"}
        assert prices(shop) == [shop.basic]
        assert shop.open(ada) == {"basic"}
        assert shop.cash == 4000
        assert len(spans(shop)) == len(set(spans(shop))) == 2
        assert shop.bought(shop.begun).next_items == ()

    def test_it_is_called_off_before(self, shop, ada):
        end = shop.bought(shop.begun).period_end
        offer(shop, when="period_end")

        shop.recoup.subscriptions.resume(shop.begun.subscription.id)
        shop.scene.pace.until(end + 2 * DAY)

        assert shop.gate(shop.begun) == ("failed", "requested")
        assert prices(shop) == [shop.basic]
        assert shop.cash == 4000
        assert len(shop.shown(ada)) == 2

    def test_its_processor_is_down_over_the_end_and_no_plan_is_paid_twice(self, shop, ada):
        """Nobody knows whether it was asked, so it is asked again; what renewed is credited."""
        end = shop.bought(shop.begun).period_end
        offer(shop, when="period_end")
        for call in ("ChangeSubscription", "find"):
            shop.fake.add_fault(Fault("outage", call=call, times=None, until=end + 5 * HOUR))

        shop.scene.pace.until(end + 2 * DAY)

        assert shop.gate(shop.begun) == ("satisfied", None)
        assert prices(shop) == [shop.pro]
        assert 7000 < shop.cash < 7050  # two months of the old plan, less what is left, and a new
        assert len(spans(shop)) == len(set(spans(shop))) == 2
        assert shop.bought(shop.begun).next_items == ()

    def test_no_worker_runs_over_the_end_and_the_old_plan_renews(self, shop, ada):
        end = shop.bought(shop.begun).period_end
        offer(shop, when="period_end")

        shop.fake.advance(end + 5 * HOUR)
        shop.scene.clock.set(end + 5 * HOUR)
        shop.settle()

        assert shop.gate(shop.begun) == ("failed", "refused")
        assert shop.tasks() == ["change_refused"]
        assert prices(shop) == [shop.basic]
        assert shop.cash == 4000
        assert shop.bought(shop.begun).next_items == ()


class TestAnEnd:
    def test_of_the_subscription_takes_the_offer_along(self, shop, ada):
        shop.fake.update_method(ada.method, payer=Declines(NO_FUNDS))
        offer(shop)

        shop.recoup.customers.delete(ada.id, reason="she asked")
        shop.live(days=2)

        assert shop.gate(shop.begun)[0] == "failed"
        assert shop.bought(shop.begun).status == "canceled"
        assert shop.cash == 2000
        assert shop.about(shop.begun) == {"subscription.started", "subscription.canceled"}
