"""Stories of `late="reactivate"`: money that comes late buys after all what it was for."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup import PaymentGate
from recoup.processors.fake import NO_FUNDS, Declines, Fault, Pays, Slow

DAY = timedelta(days=1)
TWO_DAYS = PaymentGate(timeout=2 * DAY, late="reactivate")


def newest(shop, who):
    return shop.recoup.subscriptions.list(customer=who.id)[-1]


@pytest.fixture
def slow(shop):
    """A bank debit that takes five days, of a start that expires after two."""
    shop.ada = shop.customer(Slow(takes=5 * DAY, then=Pays()), kind="sepa_debit")
    begun = shop.start(shop.ada, gate=TWO_DAYS)
    shop.live(days=4)
    assert shop.gate(begun) == ("expired", "timeout")
    return begun


class TestLateMoney:
    def test_buys_one_whole_period_from_when_it_came(self, shop, slow):
        shop.live(days=2)

        again = newest(shop, shop.ada)
        assert again.id != slow.subscription.id
        assert shop.late() == [("reactivate", "reactivated")]
        assert again.status == "active"
        assert shop.open(shop.ada) == {"basic"}
        assert shop.cash == 2000
        assert shop.bought(slow).status == "canceled"
        assert shop.about(again.id) == {"subscription.started"}
        came = shop.bought(slow).period_start + 5 * DAY
        assert again.anchor - came == shop.bought(slow).period_end - shop.bought(slow).period_start
        assert "refund_issued" not in shop.mails()

    def test_is_followed_by_an_ordinary_renewal(self, shop, slow):
        shop.live(days=45)

        assert shop.cash == 4000
        assert shop.open(shop.ada) == {"basic"}
        again = newest(shop, shop.ada)
        spans = [
            (bill.period_start, bill.period_end)
            for bill in shop.fake.invoices_of(again.processor_id)
            if bill.amount
        ]
        assert len(spans) == len(set(spans)) == 1

    def test_goes_back_when_something_has_replaced_it(self, shop, slow):
        card = shop.customer().method
        instead = shop.start(shop.ada, default_method=card)

        shop.live(days=2)

        assert shop.late() == [("refund", "refunded")]
        assert shop.gate(instead) == ("satisfied", None)
        assert shop.cash == 2000
        assert len(shop.recoup.subscriptions.list(customer=shop.ada.id)) == 2

    def test_goes_back_after_more_than_a_period(self, shop):
        ada = shop.customer(Slow(takes=12 * DAY), kind="sepa_debit")
        begun = shop.start(ada, shop.weekly, gate=TWO_DAYS)

        shop.live(days=14)

        assert shop.gate(begun) == ("expired", "timeout")
        assert shop.late() == [("refund", "refunded")]
        assert shop.cash == 0
        assert shop.open(ada) == set()

    def test_goes_back_when_it_can_not_begin_again(self, shop, slow):
        shop.recoup.customers.delete(shop.ada.id, reason="she asked")

        shop.live(days=3)

        assert shop.cash == 0
        assert shop.open(shop.ada) == set()
        assert shop.late() == [("refund", "refunded")]

    def test_buys_once_though_the_answer_is_lost(self, shop, slow):
        shop.fake.add_fault(Fault("lost_reply", call="StartSubscription"))

        shop.live(days=3)

        assert shop.late() == [("reactivate", "reactivated")]
        assert len(shop.recoup.subscriptions.list(customer=shop.ada.id)) == 2
        assert shop.cash == 2000

    def test_of_what_its_customer_gave_up_goes_back(self, shop):
        ada = shop.customer(Slow(takes=5 * DAY), kind="sepa_debit")
        gate = PaymentGate(timeout=9 * DAY, late="reactivate")
        begun = shop.start(ada, gate=gate)
        shop.live(days=1)
        shop.recoup.subscriptions.cancel(begun.subscription.id)

        shop.live(days=6)

        assert shop.gate(begun) == ("failed", "requested")
        assert shop.late() == [("refund", "refunded")]
        assert shop.open(ada) == set()
        assert shop.cash == 0

    def test_buys_what_a_declined_card_wanted_too(self, shop):
        ada = shop.customer(Declines(NO_FUNDS))
        begun = shop.start(ada, gate=PaymentGate(timeout=timedelta(hours=1), late="reactivate"))
        shop.hours(3)

        shop.fake.pay_anyway(shop.bill(begun).processor_id)
        shop.settle()

        assert shop.late() == [("reactivate", "reactivated")]
        assert shop.open(ada) == {"basic"}
        assert shop.cash == 2000
