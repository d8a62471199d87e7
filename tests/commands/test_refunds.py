from __future__ import annotations

import pytest

from recoup import Recoup
from recoup.core.billing.views import Outcome
from recoup.core.money import Money, totals
from recoup.errors import (
    CurrencyMismatch,
    InvalidValue,
    KeyConflict,
    NotFound,
    NotRefundable,
    Rejected,
    Unreachable,
)
from recoup.processors.fake.idempotency import Fault
from recoup.processors.fake.payers import NO_FUNDS, Declines, Slow

TEN = Money(1000, "EUR")


def euros(minor: int) -> Money:
    return Money(minor, "EUR")


@pytest.fixture
def payments(scene):
    return scene.recoup.payments


@pytest.fixture
def paid(payments, ada, card):
    """A payment of 10.00 EUR."""
    return payments.charge(ada, TEN, description="Book")


class TestRefunding:
    def test_gives_back_all_that_is_left(self, scene, payments, paid):
        payments.refund(paid.id, euros(300))

        rest = payments.refund(paid.id)
        scene.pace.settle()

        after = payments.get(paid.id)
        assert rest.amount == euros(700)
        assert (after.refunded, after.refundable) == (TEN, euros(0))
        assert totals(scene.fake.books().refunded.values()) == (Money(1000, "EUR"),)

    def test_without_a_key_is_a_new_one_each_time_whichever_process_asks(self, scene, paid):
        """Each process numbers what it writes; a later command never has the smaller number."""
        here = scene.recoup
        with Recoup(here.config, processor=scene.fake, clock=here.clock) as there:
            made = [each.payments.refund(paid.id, euros(100)).id for each in (there, here, here)]

            scene.pace.settle()
            assert len(set(made)) == 3
            assert here.payments.get(paid.id).refunded == euros(300)

    def test_leaves_the_invoice_paid(self, scene, payments, paid):
        payments.refund(paid.id)
        scene.pace.settle()

        bill = scene.recoup.invoices.get(paid.invoice_id)
        assert (bill.outcome, bill.refunded) == (Outcome.PAID, TEN)

    @pytest.mark.parametrize(("minor", "fits"), [(999, True), (1000, True), (1001, False)])
    def test_gives_back_never_more_than_was_taken(self, payments, paid, minor, fits):
        if fits:
            assert payments.refund(paid.id, euros(minor)).amount == euros(minor)
        else:
            with pytest.raises(NotRefundable, match=r"10\.00 EUR remains"):
                payments.refund(paid.id, euros(minor))

    @pytest.mark.parametrize(("minor", "fits"), [(400, True), (401, False)])
    def test_counts_what_was_given_back_before(self, payments, paid, minor, fits):
        payments.refund(paid.id, euros(600))

        if fits:
            assert payments.refund(paid.id, euros(minor)).amount == euros(minor)
        else:
            with pytest.raises(NotRefundable, match=r"4\.00 EUR remains"):
                payments.refund(paid.id, euros(minor))

    def test_has_nothing_to_give_once_all_is_back(self, payments, paid):
        payments.refund(paid.id)

        for amount in (None, euros(1)):
            with pytest.raises(NotRefundable, match=r"all of its 10\.00 EUR has been given back"):
                payments.refund(paid.id, amount)

    @pytest.mark.parametrize("payer", [Declines(NO_FUNDS), Slow()])
    def test_has_nothing_to_give_of_what_brought_no_money(self, scene, payments, ada, card, payer):
        scene.fake.update_method(card, payer=payer)
        tried = payments.charge(ada, TEN, description="Book")

        for amount in (None, euros(1)):
            with pytest.raises(NotRefundable, match=f"took no money.*{tried.outcome}"):
                payments.refund(tried.id, amount)
        scene.live(days=6)

    def test_of_another_currency_is_refused(self, payments, paid):
        with pytest.raises(CurrencyMismatch):
            payments.refund(paid.id, Money(100, "USD"))

    @pytest.mark.parametrize("minor", [0, -1])
    def test_of_nothing_is_refused(self, payments, paid, minor):
        with pytest.raises(InvalidValue):
            payments.refund(paid.id, euros(minor))

    def test_of_a_payment_that_is_not_there_is_refused(self, payments):
        with pytest.raises(NotFound, match="no payment 7"):
            payments.refund(7)

    def test_with_the_same_key_is_one(self, scene, payments, paid):
        first = payments.refund(paid.id, euros(300), key="k")

        assert payments.refund(paid.id, euros(300), key="k") == first
        assert totals(scene.fake.books().refunded.values()) == (Money(300, "EUR"),)

    @pytest.mark.parametrize(
        "other", [{"amount": euros(301)}, {"amount": None}, {"reason": "duplicate"}]
    )
    def test_with_the_key_of_another_is_refused(self, payments, paid, other):
        payments.refund(paid.id, euros(300), key="k")

        with pytest.raises(KeyConflict):
            payments.refund(paid.id, **{"amount": euros(300)} | other, key="k")

    def test_keeps_why(self, scene, payments, paid):
        payments.refund(paid.id, reason="requested_by_customer")

        assert scene.rows("SELECT reason FROM refunds") == [{"reason": "requested_by_customer"}]

    def test_is_listed(self, payments, paid):
        made = [payments.refund(paid.id, euros(minor)) for minor in (100, 200)]

        assert payments.refunds(paid.id) == tuple(made)


class TestARefundUnderWay:
    def test_is_promised_and_not_given_twice(self, scene, payments, paid):
        scene.fake.add_fault(Fault("outage", call="CreateRefund"))
        with pytest.raises(Unreachable):
            payments.refund(paid.id, euros(600), key="k")

        assert payments.get(paid.id).refundable == euros(400)
        with pytest.raises(NotRefundable, match=r"4\.00 EUR remains"):
            payments.refund(paid.id, euros(401))

        scene.live(hours=1)
        assert payments.refund(paid.id, euros(600), key="k").amount == euros(600)
        assert payments.get(paid.id).refundable == euros(400)

    def test_whose_reply_is_lost_is_made_once(self, scene, payments, paid):
        scene.fake.add_fault(Fault("lost_reply", call="CreateRefund"))
        with pytest.raises(Unreachable):
            payments.refund(paid.id, euros(600), key="k")

        scene.live(hours=1)

        assert payments.refund(paid.id, euros(600), key="k").amount == euros(600)
        assert totals(scene.fake.books().refunded.values()) == (Money(600, "EUR"),)

    def test_that_is_refused_holds_nothing_back(self, scene, payments, paid):
        scene.fake.open_dispute(str(paid.processor_id))

        with pytest.raises(Rejected, match="charge_disputed"):
            payments.refund(paid.id, euros(600), key="k")
        with pytest.raises(Rejected, match="charge_disputed"):
            payments.refund(paid.id, euros(600), key="k")

        (row,) = scene.rows("SELECT ended_at IS NULL AS held FROM commands WHERE key = 'k'")
        assert not row["held"]
        assert payments.get(paid.id).refundable == TEN
