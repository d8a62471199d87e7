"""Stories in which there is nothing to wait for: it opens in the same transaction."""

from __future__ import annotations

from datetime import timedelta

from recoup import PaymentGate
from recoup.core.money import Money
from recoup.processors.fake import NO_FUNDS, Declines

DAY = timedelta(days=1)


def opened(shop, who, begun):
    assert shop.gate(begun) == ("not_applicable", None)
    assert shop.bought(begun).activated_at == shop.bought(begun).gate.ended_at
    assert shop.open(who) == {"basic"}
    assert shop.about(begun) == {"subscription.started"}
    assert shop.mails() == []
    assert shop.cash == 0
    assert shop.charges(begun) == []


class TestNothingIsDue:
    def test_in_a_trial(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))

        begun = shop.start(ada, trial_days=14)

        assert begun.outcome == "trialing"
        opened(shop, ada, begun)

    def test_in_a_trial_but_after_it_like_for_anybody_else(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))
        begun = shop.start(ada, trial_days=14)

        shop.live(days=16)

        assert shop.gate(begun) == ("not_applicable", None)
        assert shop.bought(begun).past_due
        assert len(shop.rows("SELECT 1 FROM cases WHERE ended_at IS NULL")) == 1

    def test_with_all_of_it_off(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))
        shop.recoup.coupons.create("FREE", percent_off=100)

        begun = shop.start(ada, coupon="FREE")

        opened(shop, ada, begun)
        assert shop.recoup.coupons.get("FREE").redemptions == 1
        (bill,) = shop.shown(ada)
        assert bill.resolved_as == "nothing_due"

    def test_when_a_credit_covers_it(self, shop):
        ada = shop.customer()
        first = shop.start(ada, shop.pro)
        shop.recoup.subscriptions.change_plan(first.subscription.id, prices=shop.weekly)
        shop.settle()
        shop.recoup.subscriptions.cancel(first.subscription.id)
        shop.fake.update_method(ada.method, payer=Declines(NO_FUNDS))
        before = shop.cash

        begun = shop.start(ada)

        assert shop.bill(begun).due == Money(0, "EUR")
        assert shop.gate(begun) == ("not_applicable", None)
        assert shop.open(ada) == {"basic"}
        assert shop.cash == before

    def test_for_a_price_of_nothing(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))
        nothing = shop.fake.create_price(Money(0, "EUR"))

        begun = shop.start(ada, nothing)

        assert shop.gate(begun) == ("not_applicable", None)
        assert shop.bought(begun).status == "active"
        assert shop.about(begun) == {"subscription.started"}


class TestWhatRunsAlready:
    def test_since_a_day_gone_by_waits_for_nothing(self, shop):
        ada = shop.customer()

        begun = shop.start(ada, backdate=shop.now - 10 * DAY)

        assert shop.gate(begun) == ("not_applicable", None)
        assert shop.open(ada) == {"basic"}
        assert shop.about(begun) == {"subscription.started"}
        assert shop.mails() == []
        assert shop.cash > 2000

    def test_and_is_not_paid_is_no_matter_of_the_gates(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))

        begun = shop.start(ada, backdate=shop.now - 10 * DAY)
        shop.live(days=2)

        assert shop.gate(begun) == ("not_applicable", None)
        assert shop.bought(begun).ended
        assert shop.open(ada) == set()
        assert shop.mails() == []


class TestWithoutAGate:
    def test_a_start_is_what_its_processor_calls_it(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))

        begun = shop.start(ada, gate=None)

        assert shop.bought(begun).gate is None
        assert shop.bought(begun).status == "incomplete"
        assert len(shop.shown(ada)) == 1


class TestTheRule:
    def test_explains_itself(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))

        begun = shop.start(
            ada, gate=PaymentGate(timeout=timedelta(hours=5), tries=3, late="reactivate")
        )

        gate = shop.bought(begun).gate
        assert (gate.purpose, gate.timeout_s, gate.tries, gate.late) == (
            "start", 18000, 3, "reactivate",
        )  # fmt: skip
        assert gate.evaluated_at == shop.now
        assert gate.expires_at == shop.now + timedelta(hours=5)
