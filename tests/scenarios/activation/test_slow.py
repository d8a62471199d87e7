"""Stories of bank debits: they take days, and what they bought stays closed meanwhile."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup import PaymentGate
from recoup.processors.fake import NO_FUNDS, Declines, Pays, Slow

DAY = timedelta(days=1)
WEEK = PaymentGate(timeout=7 * DAY)


def debit(shop, payer, **more):
    return shop.customer(payer, kind="sepa_debit", brand="", **more)


class TestABankDebit:
    def test_opens_nothing_while_it_is_under_way_whatever_the_processor_says(self, shop):
        ada = debit(shop, Slow(takes=5 * DAY))

        begun = shop.start(ada, gate=WEEK)
        shop.live(days=4)

        assert begun.outcome == "processing"
        there = shop.fake.subscription(begun.subscription.processor_id)
        assert there.status == "active"
        assert shop.bought(begun).status == "incomplete"
        assert shop.open(ada) == set()
        assert shop.shown(ada) == ()
        assert shop.about(begun) == set()
        assert shop.mails() == []

    def test_opens_when_the_money_is_in(self, shop):
        ada = debit(shop, Slow(takes=5 * DAY))
        begun = shop.start(ada, gate=WEEK)
        made = shop.now

        shop.live(days=6)

        assert shop.gate(begun) == ("satisfied", None)
        assert shop.bought(begun).status == "active"
        assert shop.bought(begun).activated_at == made + 5 * DAY
        assert shop.open(ada) == {"basic"}
        assert shop.bill(begun).number is not None
        assert shop.about(begun) == {"subscription.started"}
        assert shop.mails() == ["receipt"]
        assert shop.cash == 2000

    def test_that_fails_after_days_ends_it(self, shop):
        ada = debit(shop, Slow(takes=5 * DAY, fails=NO_FUNDS))
        begun = shop.start(ada, gate=WEEK)

        shop.live(days=6)

        assert shop.gate(begun) == ("failed", "payment_failed")
        assert shop.bought(begun).status == "canceled"
        assert shop.bought(begun).end_reason == "payment_failed"
        assert shop.open(ada) == set()
        assert shop.about(begun) == {"subscription.canceled"}
        assert shop.mails() == ["activation_expired"]
        assert shop.rows("SELECT 1 FROM cases") == []
        assert shop.cash == 0
        assert shop.fake.subscription(begun.subscription.processor_id).ended_at is not None

    def test_that_succeeds_after_the_window_goes_back(self, shop):
        ada = debit(shop, Slow(takes=5 * DAY))
        begun = shop.start(ada, gate=PaymentGate(timeout=2 * DAY))

        shop.live(days=3)
        expired = shop.gate(begun), shop.withdrawal(begun)
        shop.live(days=4)

        assert expired == (("expired", "timeout"), "unsupported")
        assert shop.charges(begun) == ["succeeded"]
        assert shop.bought(begun).status == "canceled"
        assert shop.open(ada) == set()
        assert shop.late() == [("refund", "refunded")]
        assert shop.cash == 0
        assert shop.about(begun) == {"subscription.canceled"}
        assert sorted(shop.mails()) == ["activation_expired", "refund_issued"]
        assert shop.told("attempt:1")["payment.late"] == 1
        assert shop.heard.count(("refund.created", "refund:1")) == 1

    def test_that_fails_after_the_window_leaves_nothing_behind(self, shop):
        ada = debit(shop, Slow(takes=5 * DAY, fails=NO_FUNDS))
        begun = shop.start(ada, gate=PaymentGate(timeout=2 * DAY))

        shop.live(days=12)

        assert shop.gate(begun) == ("expired", "timeout")
        assert shop.withdrawal(begun) == "unsupported"
        assert (shop.late(), shop.cash) == ([], 0)
        assert shop.mails() == ["activation_expired"]
        assert shop.rows("SELECT 1 FROM cases") == []

    def test_that_failed_may_be_followed_by_a_card_while_the_window_is_open(self, shop):
        """Stripe voids the invoice of a first debit that failed, so that is the end of it."""
        ada = debit(shop, Slow(takes=2 * DAY, fails=NO_FUNDS))
        begun = shop.start(ada, gate=WEEK)
        shop.live(days=3)

        card = shop.customer(Pays(), name="ada").method
        again = shop.start(ada, default_method=card)

        assert shop.gate(begun) == ("failed", "payment_failed")
        assert shop.gate(again) == ("satisfied", None)
        assert shop.open(ada) == {"basic"}
        assert shop.cash == 2000


class TestADebitOfAWeeklyPrice:
    """It is paid in the second period; each period is billed once."""

    @pytest.mark.parametrize("fails", [None, NO_FUNDS])
    def test_bills_the_right_weeks_once(self, shop, fails):
        ada = debit(shop, Slow(takes=10 * DAY, fails=fails, then=Pays()))
        begun = shop.start(ada, shop.weekly, gate=PaymentGate(timeout=20 * DAY))
        shop.live(days=8)
        waiting = shop.bought(begun).status, shop.open(ada), shop.shown(ada)

        shop.live(days=4)

        assert waiting == ("incomplete", set(), ())
        if fails is None:
            assert shop.gate(begun) == ("satisfied", None)
            assert shop.open(ada) == {"weekly"}
            assert [bill.outcome for bill in shop.shown(ada)] == ["paid", "paid"]
            spans = {
                (bill.period_start, bill.period_end)
                for bill in shop.fake.invoices_of(begun.subscription.processor_id)
            }
            assert len(spans) == 2
            assert shop.cash == 1400
            assert shop.about(begun) == {"subscription.started"}
        else:
            assert shop.gate(begun) == ("failed", "payment_failed")
            assert shop.cash == 0
            assert shop.about(begun) == {"subscription.canceled"}

    def test_owes_nothing_for_a_second_week_that_nobody_could_use(self, shop):
        ada = debit(shop, Slow(takes=10 * DAY, then=Declines(NO_FUNDS)))
        begun = shop.start(ada, shop.weekly, gate=PaymentGate(timeout=9 * DAY))

        shop.live(days=15)

        assert shop.gate(begun) == ("expired", "timeout")
        assert [bill.resolved_as for bill in shop.bills(begun)] == ["closed", "closed"]
        assert shop.shown(ada) == ()
        assert shop.rows("SELECT 1 FROM cases") == []
        assert shop.late() == [("refund", "refunded")]
        assert shop.cash == 0
