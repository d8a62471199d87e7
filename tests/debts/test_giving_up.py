"""Closing what is owed without money: with a reason, tried out before, never shown as paid."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup.core.billing.views import Outcome
from recoup.core.money import Money
from recoup.core.states import InvoiceStatus
from recoup.errors import InProgress, InvalidValue, NotFound, NotPossible, Unreachable
from recoup.processors.fake.idempotency import Fault
from recoup.processors.fake.payers import NO_FUNDS, Declines, Slow

NOTHING = Money(0, "EUR")


def shown(scene, id):
    invoice = scene.recoup.invoices.get(id)
    return invoice.outcome, invoice.resolved_as, invoice.paid


class TestWritingOff:
    def test_gives_up_everything_that_is_bad_debt(self, scene, debtor):
        acted = debtor.dunning.write_off(debtor.id, reason="bankrupt")

        assert debtor.left() == ["written_off", "written_off"]
        assert scene.standing(debtor.who) == "current"
        assert (acted.reason, acted.actor, acted.dry_run) == ("bankrupt", "host", False)
        for id in debtor.invoices:
            assert shown(scene, id) == (Outcome.RESOLVED, "written_off", NOTHING)

    def test_of_one_case_leaves_the_others(self, scene, debtor):
        ours = debtor.dunning.bad_debts(debtor.id)[0].case_id

        with pytest.raises(NotPossible, match="case 404: nothing in default is owed"):
            debtor.dunning.write_off(debtor.id, case=404, reason="x")
        debtor.dunning.write_off(debtor.id, case=ours, reason="x")

        assert debtor.left() == ["written_off", "written_off"]

    def test_tried_out_says_in_words_what_follows_and_does_nothing(self, scene, debtor):
        acted = debtor.dunning.write_off(debtor.id, reason="bankrupt", dry_run=True)

        one, two = debtor.invoices
        assert acted.changes == (
            f"write off: 49.00 EUR of invoice {one}",
            f"write off: 49.00 EUR of invoice {two}",
            "the bad debt of subscription:1 is accounted for",
            f"invoice {one} is bad debt no more: written_off",
            f"invoice {two} is bad debt no more: written_off",
            "standing bad_debt -> current",
        )
        assert debtor.left() == [None, None]
        assert scene.rows("SELECT FROM commands WHERE kind = 'dunning.write_off'") == []

    def test_is_what_was_shown(self, debtor):
        tried = debtor.dunning.write_off(debtor.id, reason="x", dry_run=True)

        assert debtor.dunning.write_off(debtor.id, reason="x").changes == tried.changes

    def test_ends_a_running_case(self, scene):
        who = scene.subscriber(payer=Declines(NO_FUNDS))
        scene.until_failed(who)
        scene.live(days=10)
        customer = scene.customer_id(who)
        assert scene.standing(who) == "soft"

        scene.recoup.dunning.write_off(customer, reason="moved away")

        (case,) = scene.rows("SELECT * FROM cases WHERE customer_id = :id", id=customer)
        assert (case["ending"], scene.standing(who)) == ("written_off", "current")
        held = "SELECT FROM restrictions WHERE customer_id = :id AND lifted_at IS NULL"
        assert scene.rows(held, id=customer) == []

    @pytest.mark.parametrize(("days", "rung"), [(15, "soft"), (28, "suspended")])
    def test_keeps_the_case_where_it_is_while_the_processor_has_not_answered(
        self, scene, days, rung
    ):
        who = scene.subscriber(payer=Declines(NO_FUNDS))
        due = scene.until_failed(who) + timedelta(days=days)
        scene.pace.until(due - timedelta(hours=2))
        told = "SELECT max(delivered_at) AS at FROM notices"
        due = max(due, scene.rows(told)[0]["at"] + timedelta(hours=72))
        scene.pace.until(due - timedelta(hours=2))
        back = due + timedelta(hours=6)
        scene.fake.add_fault(Fault("outage", call="MarkUncollectible", times=None, until=back))

        with pytest.raises(Unreachable):
            scene.recoup.dunning.write_off(scene.customer_id(who), reason="moved away")
        stood = scene.standing(who)
        scene.pace.until(due + timedelta(hours=5))

        assert (stood, scene.standing(who), scene.violations()) == (rung, rung, ())
        scene.live(days=1)
        (case,) = scene.rows(
            "SELECT ending FROM cases WHERE customer_id = :id", id=scene.customer_id(who)
        )
        assert (case["ending"], scene.standing(who)) == ("written_off", "current")

    def test_with_the_same_key_is_done_once(self, debtor):
        first = debtor.dunning.write_off(debtor.id, reason="x", key="k")

        assert debtor.dunning.write_off(debtor.id, reason="x", key="k") == first

    def test_where_nothing_is_owed_is_refused_and_on_record(self, scene, debtor):
        debtor.dunning.write_off(debtor.id, reason="x")

        with pytest.raises(NotPossible, match="nothing in default is owed"):
            debtor.dunning.write_off(debtor.id, reason="again")

        refused = "SELECT args ->> 'reason' AS why FROM commands WHERE state = 'refused'"
        assert scene.rows(refused) == [{"why": "again"}]

    @pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "x" * 501])
    def test_needs_a_reason(self, debtor, reason):
        with pytest.raises(InvalidValue, match="reason"):
            debtor.dunning.write_off(debtor.id, reason=reason)

    def test_waits_for_a_payment_under_way(self, scene, debtor):
        scene.fake.update_method(debtor.who.method, payer=Slow())
        debtor.pay(debtor.invoices[0])

        with pytest.raises(InProgress, match="under way"):
            debtor.dunning.write_off(debtor.id, reason="x")

        assert debtor.left() == [None, None]

    def test_then_money_is_income_that_is_recorded(self, scene, debtor):
        debtor.dunning.write_off(debtor.id, reason="x")
        debtor.with_money()
        name = scene.recoup.invoices.get(debtor.invoices[0]).processor_id

        scene.fake.customer_pays(name)
        scene.pace.settle()

        late = debtor.dunning.bad_debts(debtor.id, over=True)[0]
        assert (late.exited_as, late.income_at) == ("written_off", scene.now)
        assert scene.recoup.invoices.get(debtor.invoices[0]).outcome is Outcome.PAID


class TestForgiving:
    def test_lets_the_customer_off_one_invoice(self, scene, debtor):
        one = debtor.invoices[0]

        debtor.dunning.forgive(one, reason="our mistake")

        assert debtor.left() == ["forgiven", None]
        assert shown(scene, one) == (Outcome.RESOLVED, "forgiven", NOTHING)
        assert scene.standing(debtor.who) == "bad_debt"

    def test_says_who_did_it_and_why(self, scene, debtor):
        recoup = scene.recoup.acting_as("cli:ann")

        recoup.dunning.forgive(debtor.invoices[0], reason="our mistake")

        debt = debtor.dunning.bad_debts(debtor.id, over=True)[0]
        assert (debt.exited_by, debt.why) == ("cli:ann", "our mistake")

    def test_what_a_dispute_took_back_too(self, scene, debtor):
        debtor.with_money()
        paid = debtor.pay().charges[0].payment
        scene.fake.close_dispute(scene.fake.open_dispute(paid.processor_id), won=False)
        scene.live(days=45)
        assert debtor.left()[-1] is None

        debtor.dunning.forgive(debtor.invoices[0], reason="enough")

        assert debtor.left() == ["paid", "paid", "forgiven"]
        assert shown(scene, debtor.invoices[0])[:2] == (Outcome.RESOLVED, "forgiven")

    def test_an_invoice_that_is_no_bad_debt_is_possible(self, scene, debtor):
        bill = scene.recoup.invoices.create(debtor.id, [("Set-up", Money(500, "EUR"))])

        debtor.dunning.forgive(bill.id, reason="kind")

        assert shown(scene, bill.id) == (Outcome.RESOLVED, "forgiven", NOTHING)


class TestMarkingUncollectible:
    def test_gives_one_invoice_up(self, scene, debtor):
        debtor.dunning.mark_uncollectible(debtor.invoices[1], reason="gone")

        assert debtor.left() == [None, "written_off"]
        assert shown(scene, debtor.invoices[1])[:2] == (Outcome.RESOLVED, "written_off")
        status = scene.recoup.invoices.get(debtor.invoices[1]).status
        assert InvoiceStatus(status) is InvoiceStatus.UNCOLLECTIBLE

    def test_what_a_dispute_took_back_too(self, scene, debtor):
        debtor.with_money()
        paid = debtor.pay().charges[0].payment
        scene.fake.close_dispute(scene.fake.open_dispute(paid.processor_id), won=False)
        scene.live(days=45)

        debtor.dunning.mark_uncollectible(debtor.invoices[0], reason="enough")

        assert debtor.left() == ["paid", "paid", "written_off"]
        assert shown(scene, debtor.invoices[0])[:2] == (Outcome.RESOLVED, "written_off")

    def test_of_what_is_closed_is_refused_with_how_it_is(self, scene, debtor):
        debtor.dunning.forgive(debtor.invoices[0], reason="kind")

        with pytest.raises(NotPossible, match="is forgiven: nothing of it is owed"):
            debtor.dunning.mark_uncollectible(debtor.invoices[0], reason="x")

    def test_of_nothing_is_not_found(self, debtor):
        with pytest.raises(NotFound):
            debtor.dunning.mark_uncollectible("in_nowhere", reason="x")
