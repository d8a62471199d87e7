from __future__ import annotations

import pytest

from recoup.core.billing.views import Outcome
from recoup.core.money import Money
from recoup.errors import NotPossible, NotRefundable

TEN = Money(1000, "EUR")
NOTHING = Money(0, "EUR")


@pytest.fixture
def bill(scene, ada, card):
    """A paid invoice of 10.00 EUR, five days old."""
    made = scene.recoup.invoices.create(ada, [("Setup", TEN)])
    scene.recoup.invoices.pay(made.id)
    scene.live(days=5)
    return made


def charge_of(scene, bill) -> str:
    (payment,) = scene.recoup.payments.list(invoice=bill.id)
    return str(payment.processor_id)


def disputed(scene, bill, amount=None) -> str:
    made = scene.fake.open_dispute(charge_of(scene, bill), amount)
    scene.pace.settle()
    return made


def decided(scene, dispute: str, *, won: bool) -> None:
    scene.live(days=10)
    scene.fake.close_dispute(dispute, won=won)
    scene.pace.settle()


class TestADispute:
    def test_marks_the_payment_and_the_invoice(self, scene, ada, bill):
        disputed(scene, bill)

        (one,) = scene.recoup.payments.disputes(ada)
        assert (one.open, one.lost, one.amount, one.invoice_id) == (True, False, TEN, bill.id)
        assert scene.recoup.invoices.get(bill.id).disputed
        assert scene.recoup.payments.get(one.payment_id).disputed

    def test_leaves_the_invoice_paid_while_it_is_open(self, scene, bill):
        disputed(scene, bill)

        assert scene.recoup.invoices.get(bill.id).outcome == Outcome.PAID

    def test_leaves_nothing_to_be_given_back(self, scene, bill):
        name = disputed(scene, bill)
        (payment,) = scene.recoup.payments.list(invoice=bill.id)

        for amount in (None, Money(100, "EUR")):
            with pytest.raises(
                NotRefundable, match=f"until it is decided, 10.00 EUR by .* {name}"
            ):
                scene.recoup.payments.refund(payment.id, amount)


class TestALostDispute:
    def test_opens_the_obligation_again_from_the_invoices_own_date(self, scene, bill):
        decided(scene, disputed(scene, bill), won=False)

        seen = scene.recoup.invoices.get(bill.id)
        assert (seen.outcome, seen.remaining) == (Outcome.OVERDUE, TEN)
        assert seen.finalized_at == bill.finalized_at
        assert not seen.disputed

    def test_of_a_part_opens_that_part(self, scene, bill):
        decided(scene, disputed(scene, bill, Money(300, "EUR")), won=False)

        assert scene.recoup.invoices.get(bill.id).remaining == Money(300, "EUR")

    def test_is_not_charged_again_by_the_same_invoice(self, scene, bill):
        decided(scene, disputed(scene, bill), won=False)

        with pytest.raises(NotPossible, match="charged back"):
            scene.recoup.invoices.pay(bill.id)
        assert len(scene.fake.charges_of(bill.processor_id)) == 1

    def test_leaves_nothing_to_be_given_back(self, scene, bill):
        name = disputed(scene, bill)
        decided(scene, name, won=False)
        (payment,) = scene.recoup.payments.list(invoice=bill.id)

        with pytest.raises(NotRefundable, match=f"for good 10.00 EUR by .* {name}"):
            scene.recoup.payments.refund(payment.id)

    @pytest.mark.parametrize("part", [None, Money(300, "EUR")])
    def test_can_be_paid_by_another_way(self, scene, bill, part):
        decided(scene, disputed(scene, bill, part), won=False)

        done = scene.recoup.invoices.mark_paid_out_of_band(bill.id, reason="they wired it")
        again = scene.recoup.invoices.mark_paid_out_of_band(bill.id, reason="they wired it")
        scene.pace.settle()
        scene.live(days=5)

        assert (done.outcome, done.resolved_as) == (Outcome.RESOLVED, "paid_out_of_band")
        assert again == done
        seen = scene.recoup.invoices.get(bill.id)
        assert (seen.resolved_as, seen.remaining) == ("paid_out_of_band", NOTHING)

    def test_is_paid_by_another_way_only_while_it_is_owed(self, scene, bill):
        with pytest.raises(NotPossible, match="is paid"):
            scene.recoup.invoices.mark_paid_out_of_band(bill.id, reason="twice")

    def test_can_be_forgiven(self, scene, bill):
        decided(scene, disputed(scene, bill), won=False)

        done = scene.recoup.invoices.forgive(bill.id, reason="not worth it")
        scene.pace.settle()

        assert (done.outcome, done.resolved_as) == (Outcome.RESOLVED, "forgiven")
        assert scene.recoup.invoices.get(bill.id).resolved_as == "forgiven"
        assert scene.recoup.invoices.get(bill.id).remaining == NOTHING


class TestAWonDispute:
    def test_closes_the_obligation_again(self, scene, ada, bill):
        decided(scene, disputed(scene, bill), won=True)

        seen = scene.recoup.invoices.get(bill.id)
        (one,) = scene.recoup.payments.disputes(ada)
        assert (seen.outcome, seen.remaining, seen.disputed) == (Outcome.PAID, NOTHING, False)
        assert (one.open, one.lost) == (False, False)

    def test_leaves_the_payment_refundable(self, scene, bill):
        decided(scene, disputed(scene, bill), won=True)
        (payment,) = scene.recoup.payments.list(invoice=bill.id)

        assert scene.recoup.payments.refund(payment.id).amount == TEN
