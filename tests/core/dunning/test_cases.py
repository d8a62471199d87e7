from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from recoup.core.account import Case
from recoup.core.dunning import cases
from recoup.core.periods import Period
from recoup.core.policy import DAY, DEFAULT, Policies
from recoup.core.states import AttemptState, CaseEnd, InvoiceStatus, SubscriptionStatus
from recoup.testing.accounts import NOON, closed, invoice, owing, paid, subscription

POLICIES = Policies()
LATER = NOON + 3 * DAY


def opened(account):
    return cases.with_cases(account, policies=POLICIES)


class TestOpening:
    def test_happens_when_the_failure_happened_not_when_it_was_heard_of(self):
        (case,) = opened(owing()).cases

        assert (case.anchor, case.opened_at) == (NOON, NOON)
        assert case.policy == DEFAULT.name

    def test_does_not_happen_for_an_invoice_that_never_failed_off_session(self):
        assert opened(owing(invoice(failed_at=None))).cases == ()

    def test_is_apart_for_what_was_bought_apart(self):
        account = owing(invoice(1), invoice(2, subscription=2), invoice(3, subscription=None))

        assert [case.scope for case in opened(account).cases] == [
            "invoice:3",
            "subscription:1",
            "subscription:2",
        ]

    def test_takes_up_every_failed_invoice_of_its_scope(self):
        account = opened(owing(invoice(1), invoice(2, failed_at=LATER)))

        assert len(account.cases) == 1
        assert {one.case_id for one in account.invoices} == {account.cases[0].id}

    def test_joins_a_case_that_runs(self):
        running = Case(5, "subscription:1", NOON, NOON, DEFAULT.name, "reminded", NOON)
        first = replace(invoice(1), case_id=5)
        account = replace(owing(first, invoice(2, failed_at=LATER)), cases=(running,))

        found = opened(account)

        assert found.cases == (running,)
        assert [one.case_id for one in found.invoices] == [5, 5]

    @pytest.mark.parametrize("asked", [True, False], ids=["being ended", "living on"])
    def test_joins_the_bad_debt_of_a_subscription_that_is_being_ended(self, asked):
        spent = cases.ended(
            Case(5, "subscription:1", NOON, NOON, DEFAULT.name, None, None),
            CaseEnd.EXHAUSTED,
            at=LATER,
        )
        bought = replace(subscription(), end_requested_at=LATER if asked else None)
        first = replace(invoice(1), case_id=5)
        account = replace(
            owing(first, invoice(2, failed_at=LATER)), cases=(spent,), subscriptions=(bought,)
        )

        found = opened(account)

        assert [one.case_id for one in found.invoices] == ([5, 5] if asked else [5, -1])

    def test_of_a_debt_that_was_over_before_it_was_heard_of_makes_an_ended_case(self):
        account = opened(paid(owing(), 1, at=LATER))

        case = cases.settled(account, account.cases[0], now=NOON + 9 * DAY)

        assert (case.end, case.ended_at) == (CaseEnd.RECOVERED, LATER)

    def test_of_money_that_was_charged_back_records_the_case_that_it_had_ended(self):
        taken_back = replace(invoice(1), charged_back=True, recovered=Period(NOON, LATER))

        past, again = opened(owing(taken_back)).cases

        assert (past.opened_at, past.end, past.ended_at) == (NOON, CaseEnd.RECOVERED, LATER)
        assert again.open
        assert [one.case_id for one in opened(owing(taken_back)).invoices] == [again.id]

    def test_of_money_that_was_charged_back_records_none_where_another_debt_kept_it_open(self):
        taken_back = replace(invoice(1), charged_back=True, recovered=Period(NOON, LATER))

        (case,) = opened(owing(taken_back, invoice(2, failed_at=NOON))).cases

        assert case.open

    def test_of_two_debts_apart_in_time_makes_two_cases(self):
        second = invoice(2, failed_at=NOON + 30 * DAY)
        account = paid(owing(invoice(1), second), 1, at=LATER)

        found = opened(account)

        assert [case.anchor for case in found.cases] == [NOON, NOON + 30 * DAY]

    def test_of_two_debts_that_overlap_makes_one(self):
        second = invoice(2, failed_at=NOON + DAY)
        account = paid(owing(invoice(1), second), 1, at=LATER)

        assert len(opened(account).cases) == 1

    def test_does_not_happen_again_for_bad_debt(self):
        spent = Case(
            5, "subscription:1", NOON, NOON, DEFAULT.name, None, None, CaseEnd.EXHAUSTED, LATER
        )
        account = replace(owing(replace(invoice(), case_id=5)), cases=(spent,))

        assert opened(account).cases == (spent,)

    def test_happens_again_when_a_paid_invoice_is_owed_again(self):
        account = owing(replace(invoice(), case_id=5))

        assert len(opened(account).cases) == 1

    def test_does_not_happen_for_what_a_leaver_still_owes(self):
        left = replace(owing().subscriptions[0], status=SubscriptionStatus.CANCELED)
        account = replace(owing(replace(invoice(), case_id=5)), subscriptions=(left,))

        assert opened(account).cases == ()


class TestEnding:
    @pytest.mark.parametrize(
        ("status", "end"),
        [
            (InvoiceStatus.PAID, CaseEnd.RECOVERED),
            (InvoiceStatus.UNCOLLECTIBLE, CaseEnd.WRITTEN_OFF),
            (InvoiceStatus.VOID, CaseEnd.SUPERSEDED),
        ],
    )
    def test_follows_what_became_of_the_invoice(self, status, end):
        account = closed(opened(owing()), 1, status, at=LATER)

        case = cases.settled(account, account.cases[0], now=NOON + 9 * DAY)

        assert (case.end, case.ended_at, case.rung) == (end, LATER, None)

    def test_waits_for_the_last_obligation(self):
        account = paid(opened(owing(invoice(1), invoice(2, failed_at=LATER))), 1, at=LATER)

        case = cases.settled(account, account.cases[0], now=LATER)

        assert case.open
        assert cases.anchored(account, case).anchor == LATER

    @pytest.mark.parametrize(
        ("reason", "end"),
        [("requested", CaseEnd.VOLUNTARY), ("payment_failed", CaseEnd.EXHAUSTED)],
    )
    def test_comes_with_the_end_of_the_subscription(self, reason, end):
        account = opened(owing())
        left = replace(
            account.subscriptions[0],
            status=SubscriptionStatus.CANCELED,
            ended_at=LATER,
            end_reason=reason,
        )

        case = cases.settled(replace(account, subscriptions=(left,)), account.cases[0], now=LATER)

        assert (case.end, case.ended_at) == (end, LATER)

    def test_comes_when_the_customer_is_deleted(self):
        account = replace(opened(owing()), deleted=True)

        case = cases.settled(account, account.cases[0], now=LATER)

        assert case.end == CaseEnd.VOLUNTARY

    def test_comes_at_once_when_the_customer_was_deleted_before_it_was_heard_of(self):
        account = opened(replace(owing(), deleted=True))

        (case,) = account.cases
        assert cases.settled(account, case, now=LATER).end == CaseEnd.VOLUNTARY
        over = replace(account, cases=(cases.ended(case, CaseEnd.VOLUNTARY, at=LATER),))
        assert opened(over) == over

    def test_is_kept_once_it_came(self):
        account = opened(owing())
        over = cases.ended(account.cases[0], CaseEnd.VOLUNTARY, at=LATER)

        later = LATER + timedelta(days=1)

        assert cases.settled(paid(account, 1, at=later), over, now=later) == over


class TestBadDebt:
    def test_is_settled_when_the_money_comes_after_all(self):
        account = opened(owing())
        spent = cases.ended(account.cases[0], CaseEnd.EXHAUSTED, at=LATER)
        later = LATER + 5 * DAY

        case = cases.settled(paid(account, 1, at=later), spent, now=later)

        assert (case.settled_at, case.unsettled) == (later, False)


class TestTheEndOfAProcessorThatCollects:
    """It calls the subscription unpaid."""

    running = Case(5, "subscription:1", NOON, NOON, DEFAULT.name, "reminded", NOON)

    def found(self, account):
        unpaid = replace(subscription(), status=SubscriptionStatus.UNPAID)
        account = replace(account, subscriptions=(unpaid,), cases=(self.running,))
        return cases.given_up(account, self.running, now=LATER).end

    def test_ends_the_case(self):
        assert self.found(owing()) is CaseEnd.EXHAUSTED

    @pytest.mark.parametrize("but", ["disputed", "closing"])
    def test_waits_while_the_debt_is(self, but):
        assert self.found(owing(replace(invoice(), **{but: True}))) is None

    def test_waits_while_a_payment_is_in_flight(self):
        account = owing()
        moving = replace(account.attempts[0], state=AttemptState.PROCESSING)

        assert self.found(replace(account, attempts=(moving,))) is None
