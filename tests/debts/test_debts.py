"""Paying bad debt: what is charged, what is refused and as what, and what it leads to."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup.core.billing.views import Outcome, Pay
from recoup.core.money import Money
from recoup.errors import (
    AmountDiffers,
    DebtForbidden,
    DebtInFlight,
    DebtSettled,
    NotBadDebt,
    NothingNamed,
    NotPossible,
    NotTheirInvoice,
    TooManyTries,
    UnknownInvoice,
)
from recoup.processors.fake.payers import Declines, Refusal, Slow

PRICE = Money(4900, "EUR")
BOTH = Money(9800, "EUR")


class TestPayingBadDebt:
    def test_charges_what_is_owed_oldest_first_and_ends_it(self, scene, debtor):
        debtor.with_money()

        made = debtor.pay(*reversed(debtor.invoices), expected_amount=BOTH)

        assert [one.invoice_id for one in made.charges] == list(debtor.invoices)
        assert [one.payment.outcome for one in made.charges] == [Pay.SUCCEEDED] * 2
        assert (made.amount, made.paid, debtor.charged()) == (BOTH, BOTH, 9800)
        assert debtor.left() == ["paid", "paid"]
        assert scene.standing(debtor.who) == "current"
        scene.pace.settle()
        for id in debtor.invoices:
            assert scene.recoup.invoices.get(id).outcome is Outcome.PAID

    def test_is_named_by_the_decision_that_follows(self, scene, debtor):
        debtor.with_money()

        debtor.pay(debtor.invoices[0])

        assert "bad_debt_paid" in {
            r["trigger"] for r in scene.rows("SELECT trigger FROM decisions")
        }

    def test_of_one_of_two_leaves_the_other(self, scene, debtor):
        debtor.with_money()

        debtor.pay(debtor.invoices[1])

        assert debtor.left() == [None, "paid"]
        assert scene.standing(debtor.who) == "bad_debt"

    def test_stops_at_the_first_that_is_refused(self, scene, debtor):
        made = debtor.pay()

        tried, rest = made.charges
        assert (tried.payment.outcome, rest.payment) == (Pay.DECLINED, None)
        assert (made.paid, debtor.charged()) == (Money(0, "EUR"), 0)
        assert debtor.left() == [None, None]

    def test_that_fails_makes_no_case_no_notice_and_no_try_by_itself(self, scene, debtor):
        counted = "SELECT count(*) AS n FROM {}"
        tables = ("cases", "notices", "attempts")
        before = [scene.rows(counted.format(table))[0]["n"] for table in tables]

        debtor.pay()
        scene.live(days=10)

        after = [scene.rows(counted.format(table))[0]["n"] for table in tables]
        assert after == [before[0], before[1], before[2] + 1]
        assert scene.standing(debtor.who) == "bad_debt"

    def test_again_after_its_money_came_is_the_same_payment(self, debtor):
        debtor.with_money()
        made = debtor.pay()

        assert debtor.pay() == made
        assert debtor.charged() == 9800

    def test_again_after_a_refusal_is_a_new_attempt(self, debtor):
        refused = debtor.pay(debtor.invoices[0])
        debtor.with_money()

        made = debtor.pay(debtor.invoices[0])

        assert made.charges[0].payment.outcome is Pay.SUCCEEDED
        assert made.charges[0].payment.id != refused.charges[0].payment.id

    def test_with_a_key_is_what_it_came_to_for_ever(self, debtor):
        refused = debtor.pay(key="k")
        debtor.with_money()

        assert debtor.pay(key="k") == refused
        assert debtor.charged() == 0

    def test_of_what_the_bank_wants_confirmed_says_what_the_customer_must_do(self, debtor):
        debtor.with_a_bank_that_asks()

        (made,) = debtor.pay(debtor.invoices[0]).charges

        assert made.payment.outcome is Pay.REQUIRES_ACTION
        assert made.payment.action is not None
        (again,) = debtor.pay(debtor.invoices[0]).charges
        assert again.payment.id == made.payment.id

    def test_with_another_card_takes_the_place_of_one_that_waits_to_be_confirmed(
        self, scene, debtor
    ):
        debtor.with_a_bank_that_asks()
        debtor.pay(debtor.invoices[0])
        other = scene.fake.attach_method(debtor.who.customer, fingerprint="another")
        scene.pace.settle()

        (made,) = debtor.pay(debtor.invoices[0], method=other).charges

        assert made.payment.outcome is Pay.SUCCEEDED
        assert debtor.charged() == 4900


class TestPayingBadDebtIsRefused:
    """Each refusal has an error of its own, and nothing is charged."""

    def test_where_nothing_is_named(self, debtor):
        with pytest.raises(NothingNamed, match="name at least one"):
            debtor.dunning.pay_bad_debt(debtor.id, [])

    def test_where_there_is_no_such_invoice(self, debtor):
        with pytest.raises(UnknownInvoice, match="'in_nowhere'"):
            debtor.pay("in_nowhere")

    def test_where_it_is_somebody_elses(self, scene, debtor):
        other = scene.customer_id(scene.subscriber())
        theirs = scene.recoup.invoices.list(customer=other)[0]

        with pytest.raises(NotTheirInvoice):
            debtor.pay(theirs.id)
        with pytest.raises(NotTheirInvoice):
            debtor.dunning.pay_bad_debt(other, debtor.invoices)

    def test_where_it_is_owed_and_no_bad_debt(self, scene, debtor):
        bill = scene.recoup.invoices.create(debtor.id, [("Set-up", PRICE)])

        with pytest.raises(NotBadDebt, match="open"):
            debtor.pay(bill.id)

    def test_where_it_was_paid_already(self, scene, debtor):
        first = scene.recoup.invoices.list(customer=debtor.id)[0]

        with pytest.raises(DebtSettled, match="is paid"):
            debtor.pay(first.id)

    def test_where_its_money_has_just_come(self, debtor):
        """Also before the processor's news of the invoice, which the scene has not told yet."""
        debtor.with_money()
        debtor.pay(debtor.invoices[0])

        with pytest.raises(DebtSettled, match="was paid on"):
            debtor.pay(debtor.invoices[0], key="another")
        assert debtor.charged() == 4900

    def test_where_it_was_closed_without_money(self, debtor):
        debtor.dunning.forgive(debtor.invoices[0], reason="kind")

        with pytest.raises(DebtSettled, match="is forgiven"):
            debtor.pay(debtor.invoices[0])

    def test_where_a_payment_is_under_way(self, scene, debtor):
        scene.fake.update_method(debtor.who.method, payer=Slow())
        debtor.pay(debtor.invoices[0])

        with pytest.raises(DebtInFlight, match="under way"):
            debtor.pay(debtor.invoices[0], off_session=True)

    def test_where_another_amount_was_expected(self, debtor):
        with pytest.raises(AmountDiffers, match=r"98\.00 EUR .* 49\.00 EUR"):
            debtor.pay(expected_amount=PRICE)

        assert debtor.charged() == 0

    def test_where_the_card_is_dead(self, scene, debtor):
        scene.fake.update_method(debtor.who.method, payer=Declines(Refusal("stolen_card")))
        debtor.pay(debtor.invoices[0])

        with pytest.raises(DebtForbidden, match="new way to pay"):
            debtor.pay(debtor.invoices[0])

    def test_where_there_is_nothing_to_pay_with(self, scene, debtor):
        scene.recoup.methods.detach(debtor.who.method)

        with pytest.raises(NotPossible, match="no default way to pay"):
            debtor.pay()

    def test_where_its_money_was_charged_back(self, scene, debtor):
        debtor.with_money()
        paid = debtor.pay(debtor.invoices[0]).charges[0].payment
        scene.fake.close_dispute(scene.fake.open_dispute(paid.processor_id), won=False)
        scene.live(days=45)

        with pytest.raises(DebtForbidden, match="bill it anew"):
            debtor.pay(debtor.invoices[0])

    def test_after_five_refusals_within_an_hour_until_the_oldest_is_an_hour_old(
        self, scene, debtor
    ):
        for place in range(5):
            debtor.pay(debtor.invoices[place % 2])
            scene.live(hours=0.1)

        with pytest.raises(TooManyTries) as refused:
            debtor.pay(debtor.invoices[0])

        assert refused.value.after == pytest.approx(1800, abs=1)
        scene.live(hours=0.499)
        with pytest.raises(TooManyTries):
            debtor.pay(debtor.invoices[0])
        scene.live(hours=0.001)
        assert debtor.pay(debtor.invoices[0]).charges[0].payment is not None

    def test_in_a_hosts_transaction(self, scene, debtor):
        recoup = scene.recoup
        with (
            recoup.database.begin() as connection,
            pytest.raises(NotPossible, match="call it outside"),
        ):
            recoup.using(connection).dunning.pay_bad_debt(debtor.id, debtor.invoices)


class TestBadDebt:
    def test_tells_why_it_is_that_and_how_long_it_was(self, scene, debtor):
        debtor.with_money()
        scene.live(days=2)
        debtor.pay(debtor.invoices[0])

        one = debtor.dunning.bad_debts(debtor.id, over=True)[0]

        assert (one.decline_class, one.decline_code) == ("soft", "insufficient_funds")
        assert (one.made_by, one.age_days, one.reason) == ("engine", 28, "subscription_cycle")
        assert (one.amount, one.remaining, one.exited_as) == (PRICE, Money(0, "EUR"), "paid")
        assert one.days_in == (one.exited_at - one.entered_at) // timedelta(days=1)
        assert debtor.dunning.bad_debt(one.id) == one

    def test_that_a_dispute_brings_back_enters_anew(self, scene, debtor):
        debtor.with_money()
        paid = debtor.pay(debtor.invoices[0]).charges[0].payment
        scene.fake.close_dispute(scene.fake.open_dispute(paid.processor_id), won=False)
        scene.live(days=45)

        stays = [
            one for one in debtor.dunning.bad_debts(debtor.id, over=True)
            if one.invoice_id == debtor.invoices[0]
        ]  # fmt: skip

        assert [one.exited_as for one in stays] == ["paid", None]
        assert stays[1].entered_at > stays[0].exited_at
