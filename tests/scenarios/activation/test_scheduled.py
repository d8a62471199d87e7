"""Stories of starts on a day to come: the gate begins to wait on that day."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup import PaymentGate
from recoup.errors import DuplicatePlan, NotPossible
from recoup.processors.fake import NO_FUNDS, Declines, Fault, Pays

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SHORT = PaymentGate(timeout=2 * HOUR)


def schedule(shop, who, days=3, **options):
    options.setdefault("gate", SHORT)
    made = shop.recoup.subscriptions.schedule(who.id, shop.basic, shop.now + days * DAY, **options)
    shop.settle()
    return made


def state(shop, made):
    (row,) = shop.rows("SELECT * FROM gates WHERE id = :id", id=made.gate.id)
    return row["status"], row["reason"]


class TestItsDay:
    def test_begins_it_and_its_payment_opens_it(self, shop):
        ada = shop.customer()
        made = schedule(shop, ada)
        shop.live(days=2)
        before = state(shop, made), shop.open(ada), shop.recoup.subscriptions.list(ada.id)

        shop.live(days=2)

        assert before == (("pending", None), set(), ())
        (begun,) = shop.recoup.subscriptions.list(ada.id)
        assert begun.gate.id == made.gate.id
        assert begun.gate.evaluated_at == made.at
        assert shop.gate(begun.id) == ("satisfied", None)
        assert shop.open(ada) == {"basic"}
        assert shop.mails() == ["receipt"]
        assert shop.about(begun.id) == {"subscription.started"}
        assert shop.recoup.subscriptions.scheduled(ada.id) == ()

    def test_begins_to_count_the_window(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))
        made = schedule(shop, ada)

        shop.live(days=4)

        (begun,) = shop.recoup.subscriptions.list(ada.id)
        assert begun.gate.expires_at == made.at + 2 * HOUR
        assert shop.gate(begun.id) == ("expired", "timeout")
        assert shop.mails() == ["activation_expired"]
        assert shop.cash == 0

    def test_falls_into_an_outage_and_is_made_up_for_once(self, shop):
        ada = shop.customer()
        made = schedule(shop, ada)
        until = made.at + 9 * HOUR
        shop.fake.add_fault(Fault("outage", call="StartSubscription", times=None, until=until))

        shop.live(days=4)

        (begun,) = shop.recoup.subscriptions.list(ada.id)
        assert shop.gate(begun.id) == ("satisfied", None)
        assert begun.gate.evaluated_at >= until
        assert shop.cash == 2000

    def test_that_is_refused_is_a_task_and_uses_nothing(self, shop):
        ada = shop.customer()
        shop.recoup.coupons.create("ONCE", percent_off=10, max_redemptions=1)
        made = schedule(shop, ada, coupon="ONCE")
        taken = shop.recoup.coupons.get("ONCE").redemptions
        shop.fake.detach_method(ada.method)

        shop.live(days=4)

        assert taken == 1
        assert shop.recoup.coupons.get("ONCE").redemptions == 0
        assert state(shop, made) == ("failed", "refused")
        assert shop.tasks() == ["start_refused"]
        assert shop.recoup.subscriptions.list(ada.id) == ()
        assert shop.mails() == []


class TestItsGate:
    def test_may_be_removed_before_the_day(self, shop):
        ada = shop.customer(Declines(NO_FUNDS, times=1))
        made = schedule(shop, ada)

        shop.recoup.subscriptions.remove_gate(made.id)
        shop.live(days=3, hours=1)

        assert state(shop, made) == ("not_applicable", None)
        (begun,) = shop.recoup.subscriptions.list(ada.id)
        assert begun.gate is None or begun.gate.status == "not_applicable"
        assert "recoup_gate" not in begun.metadata
        assert len(shop.shown(ada)) == 1
        shop.pay(begun.id)
        assert shop.open(ada) == {"basic"}

    def test_may_not_be_removed_once_it_decides(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))
        made = schedule(shop, ada)
        shop.live(days=3, hours=1)

        with pytest.raises(NotPossible, match="has begun; its gate decides now"):
            shop.recoup.subscriptions.remove_gate(made.id)


class TestCallingOff:
    def test_gives_back_what_it_used_and_asks_nobody(self, shop):
        ada = shop.customer()
        shop.recoup.coupons.create("ONCE", percent_off=10, max_redemptions=1)
        made = schedule(shop, ada, coupon="ONCE")

        off = shop.recoup.subscriptions.call_off(made.id)
        again = shop.recoup.subscriptions.call_off(made.id)
        shop.live(days=5)

        assert (off.state, again.state) == ("called_off", "called_off")
        assert shop.recoup.coupons.get("ONCE").redemptions == 0
        assert state(shop, made) == ("failed", "requested")
        assert shop.recoup.subscriptions.list(ada.id) == ()
        assert (shop.mails(), shop.tasks(), shop.cash) == ([], [], 0)

    def test_lets_the_next_one_have_the_coupon(self, shop):
        ada, eve = shop.customer(), shop.customer(name="eve")
        shop.recoup.coupons.create("ONCE", percent_off=50, max_redemptions=1)
        made = schedule(shop, ada, coupon="ONCE")

        shop.recoup.subscriptions.call_off(made.id)
        shop.start(eve, coupon="ONCE")

        assert shop.recoup.coupons.get("ONCE").redemptions == 1
        assert shop.cash == 1000

    def test_is_refused_once_it_has_begun(self, shop):
        ada = shop.customer()
        made = schedule(shop, ada)
        shop.live(days=4)

        with pytest.raises(NotPossible, match="has begun"):
            shop.recoup.subscriptions.call_off(made.id)


class TestMeanwhile:
    def test_its_customer_can_do_anything_else(self, shop):
        ada = shop.customer()
        schedule(shop, ada)

        now = shop.start(ada, shop.pro)
        shop.recoup.subscriptions.cancel(now.subscription.id)
        shop.live(days=4)

        assert shop.open(ada) == {"basic"}

    def test_its_plan_is_not_sold_twice(self, shop):
        ada = shop.customer()
        schedule(shop, ada)

        with pytest.raises(DuplicatePlan):
            shop.start(ada)

    def test_its_customer_is_deleted_and_nothing_begins(self, shop):
        ada = shop.customer()
        made = schedule(shop, ada)

        shop.recoup.customers.delete(ada.id, reason="she asked")
        shop.live(days=4)

        assert state(shop, made)[0] == "failed"
        assert shop.recoup.subscriptions.list(ada.id) == ()
        assert (shop.mails(), shop.cash) == ([], 0)

    def test_its_customer_gets_another_card_that_pays(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))
        schedule(shop, ada)
        shop.fake.attach_method(ada.customer, Pays())

        shop.live(days=4)

        assert shop.open(ada) == {"basic"}
        assert shop.mails() == ["receipt"]
