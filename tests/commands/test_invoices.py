from __future__ import annotations

import pytest

from recoup.core.billing.requests import LineWanted
from recoup.core.billing.views import Outcome, Pay
from recoup.core.money import Money
from recoup.errors import (
    CurrencyMismatch,
    InProgress,
    InvalidValue,
    NotFound,
    NotPossible,
    UnknownOption,
)
from recoup.processors.fake.payers import NO_FUNDS, Declines, Refusal, Slow

TEN = Money(1000, "EUR")
LINES = [("Setup", TEN)]
LOST = Refusal("lost_card", "do_not_try_again", "41", "03")


@pytest.fixture
def invoices(scene):
    return scene.recoup.invoices


class TestCreating:
    def test_bills_every_line_with_its_tax(self, invoices, ada):
        lines = [
            ("Setup", TEN),
            ("Seats", Money(500, "EUR"), 5, 95),
            LineWanted("Off", Money(-1000, "EUR")),
        ]

        made = invoices.create(ada, lines, description="Start", key="k")

        assert (made.outcome, made.due, made.remaining) == (
            Outcome.OPEN,
            Money(595, "EUR"),
            Money(595, "EUR"),
        )
        assert made.number is not None
        assert made.description == "Start"

    def test_without_finalising_leaves_a_draft_that_nobody_owes(self, invoices, ada):
        made = invoices.create(ada, LINES, finalize=False)

        assert made.outcome == Outcome.DRAFT
        assert invoices.finalize(made.id).outcome == Outcome.OPEN

    def test_is_not_collected_by_itself(self, scene, invoices, ada, card):
        made = invoices.create(ada, LINES)

        scene.live(days=40)

        assert invoices.get(made.id).outcome == Outcome.OPEN
        assert scene.fake.charges_of(made.processor_id) == []

    def test_by_mail_is_due_when_its_days_are_over(self, scene, invoices, ada):
        made = invoices.create(ada, LINES, collection="send_invoice", days_until_due=3)
        scene.live(days=3, hours=-1)
        before = invoices.get(made.id).outcome
        scene.live(hours=1)

        assert (before, invoices.get(made.id).outcome) == (Outcome.OPEN, Outcome.OVERDUE)

    def test_of_nothing_is_resolved_and_not_paid(self, invoices, ada):
        made = invoices.create(ada, [("Free", Money(0, "EUR"))])

        assert (made.outcome, made.resolved_as) == (Outcome.RESOLVED, "nothing_due")

    @pytest.mark.parametrize(
        ("lines", "error"),
        [
            ([], InvalidValue),
            ([("Setup", TEN), ("Setup", Money(1, "USD"))], CurrencyMismatch),
            ([("Setup", Money(-1, "EUR"))], InvalidValue),
            ([("Setup",)], InvalidValue),
            ([("Setup", 1000)], InvalidValue),
            ([("Setup", TEN, 0)], InvalidValue),
            ([("Setup", TEN, True)], InvalidValue),
            (["Setup"], UnknownOption),
        ],
    )
    def test_refuses_lines_that_can_not_be(self, invoices, ada, lines, error):
        with pytest.raises(error):
            invoices.create(ada, lines)

        assert invoices.list() == ()

    @pytest.mark.parametrize(
        "terms",
        [
            {"collection": "send_invoice"},
            {"days_until_due": 3},
            {"collection": "send_invoice", "days_until_due": -1},
        ],
    )
    def test_refuses_terms_that_do_not_fit(self, invoices, ada, terms):
        with pytest.raises(InvalidValue):
            invoices.create(ada, LINES, **terms)

    def test_refuses_whom_nobody_knows(self, invoices):
        with pytest.raises(NotFound):
            invoices.create("cus_nobody", LINES)

    def test_refuses_who_was_deleted(self, scene, invoices, ada):
        scene.fake.delete_customer(ada)
        scene.pace.settle()

        with pytest.raises(NotPossible, match="deleted"):
            invoices.create(ada, LINES)

    def test_keeps_two_currencies_of_a_customer_apart(self, scene, invoices, ada):
        euros = invoices.create(ada, LINES)
        dollars = invoices.create(ada, [("Setup", Money(700, "USD"))])

        assert [one.remaining for one in invoices.list(customer=ada)] == [
            euros.remaining,
            dollars.remaining,
        ]
        assert (euros.remaining.currency, dollars.remaining.currency) == ("EUR", "USD")


class TestClosing:
    @pytest.mark.parametrize(
        ("verb", "how"),
        [
            ("void", "voided"),
            ("mark_uncollectible", "written_off"),
            ("forgive", "forgiven"),
            ("mark_paid_out_of_band", "paid_out_of_band"),
        ],
    )
    def test_is_shown_as_resolved_and_never_as_paid(self, scene, invoices, ada, verb, how):
        made = invoices.create(ada, LINES)

        done = getattr(invoices, verb)(made.id, reason="a mistake")
        scene.pace.settle()

        later = invoices.get(made.id)
        assert (done.outcome, done.resolved_as) == (Outcome.RESOLVED, how)
        assert (later.outcome, later.resolved_as) == (Outcome.RESOLVED, how)

    @pytest.mark.parametrize(
        "verb", ["void", "mark_uncollectible", "forgive", "mark_paid_out_of_band"]
    )
    def test_a_second_time_changes_nothing(self, scene, invoices, ada, verb):
        made = invoices.create(ada, LINES)
        done = getattr(invoices, verb)(made.id, reason="a mistake", key="one")
        scene.pace.settle()
        said = len(scene.fake.events())

        again = getattr(invoices, verb)(made.id, reason="a mistake", key="two")

        assert (again.outcome, again.resolved_as) == (done.outcome, done.resolved_as)
        assert len(scene.fake.events()) == said

    def test_a_written_off_invoice_may_still_be_forgiven(self, scene, invoices, ada):
        made = invoices.create(ada, LINES)
        invoices.mark_uncollectible(made.id, reason="gone")

        assert invoices.forgive(made.id, reason="mercy").resolved_as == "forgiven"

    @pytest.mark.parametrize(
        "verb", ["void", "mark_uncollectible", "forgive", "mark_paid_out_of_band"]
    )
    def test_is_refused_once_it_is_paid(self, scene, invoices, ada, card, verb):
        made = invoices.create(ada, LINES)
        invoices.pay(made.id)

        with pytest.raises(NotPossible, match="paid"):
            getattr(invoices, verb)(made.id, reason="a mistake")
        scene.pace.settle()
        with pytest.raises(NotPossible, match="is paid"):
            getattr(invoices, verb)(made.id, reason="a mistake")

    @pytest.mark.parametrize(
        "verb", ["void", "mark_uncollectible", "forgive", "mark_paid_out_of_band"]
    )
    def test_is_refused_while_money_may_be_coming(self, scene, invoices, ada, card, verb):
        scene.fake.update_method(card, payer=Slow())
        made = invoices.create(ada, LINES)
        assert invoices.pay(made.id).outcome == Pay.PROCESSING

        with pytest.raises(InProgress, match="under way"):
            getattr(invoices, verb)(made.id, reason="a mistake")

        scene.live(days=6)
        assert invoices.get(made.id).outcome == Outcome.PAID

    def test_refuses_a_draft(self, invoices, ada):
        made = invoices.create(ada, LINES, finalize=False)

        with pytest.raises(NotPossible, match="draft"):
            invoices.void(made.id, reason="a mistake")

    def test_needs_a_reason(self, invoices, ada):
        made = invoices.create(ada, LINES)

        with pytest.raises(InvalidValue, match="reason"):
            invoices.forgive(made.id, reason=" ")

    def test_keeps_who_did_it_and_why(self, scene, invoices, ada):
        made = invoices.create(ada, LINES)

        invoices.forgive(made.id, reason="mercy", key="k")

        (row,) = scene.rows("SELECT actor, args FROM commands WHERE key = 'k'")
        assert (row["actor"], row["args"]["reason"]) == ("host", "mercy")


class TestSending:
    def test_mails_what_is_owed(self, scene, invoices, ada):
        made = invoices.create(ada, LINES, collection="send_invoice", days_until_due=3)

        assert invoices.send(made.id).outcome == Outcome.OPEN
        assert any(b'"invoice.sent"' in body for _, body in scene.fake.events())

    def test_is_refused_when_it_is_closed(self, invoices, ada):
        made = invoices.create(ada, LINES)
        invoices.void(made.id, reason="a mistake")

        with pytest.raises(NotPossible, match="voided"):
            invoices.send(made.id)


class TestPaying:
    def test_brings_the_money_once(self, scene, invoices, ada, card):
        made = invoices.create(ada, LINES)

        paid = invoices.pay(made.id, key="k")
        again = invoices.pay(made.id, key="k")

        assert (paid.outcome, paid.amount, paid.origin) == (Pay.SUCCEEDED, TEN, "operator")
        assert again == paid
        assert len(scene.fake.charges_of(made.processor_id)) == 1

    def test_makes_the_invoice_paid_by_that_payment(self, scene, invoices, ada, card):
        made = invoices.create(ada, LINES)
        paid = invoices.pay(made.id, origin="customer")
        scene.pace.settle()

        seen = invoices.get(made.id)
        assert (seen.outcome, seen.paid_by) == (Outcome.PAID, paid.id)

    @pytest.mark.parametrize("verb", ["void", "mark_uncollectible", "forgive"])
    def test_is_refused_when_it_is_closed(self, scene, invoices, ada, card, verb):
        made = invoices.create(ada, LINES)
        closed = getattr(invoices, verb)(made.id, reason="a mistake")

        with pytest.raises(NotPossible, match=closed.resolved_as):
            invoices.pay(made.id)
        assert scene.fake.charges_of(made.processor_id) == []

    def test_is_refused_when_it_is_paid(self, scene, invoices, ada, card):
        made = invoices.create(ada, LINES)
        invoices.pay(made.id)

        with pytest.raises(NotPossible, match="paid"):
            invoices.pay(made.id)
        scene.pace.settle()
        with pytest.raises(NotPossible, match="paid"):
            invoices.pay(made.id)

    def test_is_refused_for_a_draft(self, invoices, ada, card):
        made = invoices.create(ada, LINES, finalize=False)

        with pytest.raises(NotPossible, match="draft"):
            invoices.pay(made.id)

    def test_is_refused_without_a_way_to_pay(self, invoices, ada):
        made = invoices.create(ada, LINES)

        with pytest.raises(NotPossible, match="no default way"):
            invoices.pay(made.id)

    def test_refuses_the_method_of_somebody_else(self, scene, invoices, ada):
        eve = scene.fake.create_customer(email="eve@example.com")
        hers = scene.fake.attach_method(eve)
        scene.pace.settle()
        made = invoices.create(ada, LINES)

        with pytest.raises(NotFound, match=r"of customer"):
            invoices.pay(made.id, method=hers)

    def test_refuses_a_method_that_was_detached(self, scene, invoices, ada, card):
        made = invoices.create(ada, LINES)
        scene.recoup.methods.detach(card)

        with pytest.raises(NotPossible, match="detached"):
            invoices.pay(made.id, method=card)

    def test_uses_the_method_it_is_told(self, scene, invoices, ada, card):
        other = scene.fake.attach_method(ada, default=False)
        scene.pace.settle()
        made = invoices.create(ada, LINES)

        assert invoices.pay(made.id, method=other).method == other

    def test_off_session_makes_debt_when_it_is_declined(self, scene, invoices, ada, card):
        scene.fake.update_method(card, payer=Declines(NO_FUNDS))
        made = invoices.create(ada, LINES)

        paid = invoices.pay(made.id, off_session=True)
        scene.pace.settle()

        assert (paid.outcome, paid.decline_code) == (Pay.DECLINED, "insufficient_funds")
        assert invoices.get(made.id).outcome == Outcome.OVERDUE
        assert len(scene.rows("SELECT 1 FROM cases WHERE ending IS NULL")) == 1

    def test_on_session_makes_none_when_it_is_declined(self, scene, invoices, ada, card):
        scene.fake.update_method(card, payer=Declines(NO_FUNDS))
        made = invoices.create(ada, LINES)

        assert invoices.pay(made.id).outcome == Pay.DECLINED
        scene.live(hours=1)

        assert invoices.get(made.id).outcome == Outcome.OPEN
        assert scene.rows("SELECT 1 FROM cases") == []

    def test_never_tries_a_card_again_that_a_bank_has_stopped(self, scene, invoices, ada, card):
        scene.fake.update_method(card, payer=Declines(LOST))
        made = invoices.create(ada, LINES)
        assert invoices.pay(made.id).outcome == Pay.DECLINED
        scene.live(hours=1)

        for origin in ("operator", "customer"):
            with pytest.raises(NotPossible, match=r"new way to pay|updated"):
                invoices.pay(made.id, origin=origin)
        assert len(scene.fake.charges_of(made.processor_id)) == 1

    def test_tries_no_oftener_than_the_network_allows(self, scene, invoices, ada, card):
        scene.fake.update_method(card, payer=Declines(NO_FUNDS))
        made = invoices.create(ada, LINES)
        refusal = None
        for _ in range(40):
            try:
                invoices.pay(made.id)
            except NotPossible as error:
                refusal = str(error)
                break

        assert refusal is not None
        assert "refused in" in refusal
        assert 0 < len(scene.fake.charges_of(made.processor_id)) < 40

    def test_without_a_key_tries_again_once_the_first_try_is_over(
        self, scene, invoices, ada, card
    ):
        scene.fake.update_method(card, payer=Declines(NO_FUNDS, times=1))
        made = invoices.create(ada, LINES)

        outcomes = [invoices.pay(made.id).outcome, invoices.pay(made.id).outcome]

        assert outcomes == [Pay.DECLINED, Pay.SUCCEEDED]

    def test_without_a_key_is_one_try_while_it_lasts(self, scene, invoices, ada, card):
        scene.fake.update_method(card, payer=Slow())
        made = invoices.create(ada, LINES)

        first, second = invoices.pay(made.id), invoices.pay(made.id)

        assert (first.outcome, second) == (Pay.PROCESSING, first)

    def test_with_another_key_is_refused_while_it_lasts(self, scene, invoices, ada, card):
        scene.fake.update_method(card, payer=Slow())
        made = invoices.create(ada, LINES)
        invoices.pay(made.id, key="one")

        with pytest.raises(InProgress, match="under way"):
            invoices.pay(made.id, key="two")
