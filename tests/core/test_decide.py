from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recoup.core import states
from recoup.core.account import BAD_DEBT, CURRENT, Account, Hold
from recoup.core.changes import CaseEnded, EndRequested
from recoup.core.decide import UNREACHABLE, decide
from recoup.core.diff import diff
from recoup.core.dunning import ladder
from recoup.core.money import Money
from recoup.core.periods import Period
from recoup.core.policy import DAY, DEFAULT, Policies
from recoup.core.states import AttemptState, CaseEnd, InvoiceStatus
from recoup.reference import load_rules
from recoup.testing.accounts import NOON, Storage, closed, invoice, owing, paid

RULES = load_rules()
POLICIES = Policies()
CODES = (
    "insufficient_funds generic_decline expired_card lost_card authentication_required "
    "processing_error do_not_honor revocation_of_authorization nobody_knows"
).split()

codes = st.sampled_from([None, *CODES])
hours = st.integers(0, 60 * 24).map(lambda n: timedelta(hours=n))


def decided(account, *, now):
    return decide(account, policies=POLICIES, rules=RULES, now=now).desired


@st.composite
def accounts(draw):
    """Accounts with one to three failed invoices, some partly paid, some closed."""
    owed = []
    for id in range(1, draw(st.integers(1, 3)) + 1):
        bought = draw(st.sampled_from([1, 1, 2, None]))
        one = invoice(id, failed_at=NOON + draw(hours), subscription=bought)
        left = draw(st.integers(1, 1000))
        owed.append(replace(one, remaining=Money(left, "EUR")))
    account = owing(*owed, code=draw(codes))
    for one in owed:
        became = draw(st.sampled_from([None, None, *InvoiceStatus]))
        if became is not None and not states.is_owed(became):
            at = one.first_failed_at + draw(hours)
            account = closed(account, one.id, became, at=at)
    return replace(account, reachable=draw(st.booleans()))


def lived(account: Account, *, code: str | None, delivers: bool = True, until: timedelta):
    """Yield (now, account) at every wake-up, as the engine would live through it."""
    store = Storage(code=code, delivers=delivers)
    now, end = NOON, NOON + until
    while now <= end:
        for _ in range(20):
            desired = decided(account, now=now)
            changes = diff(account, desired)
            account = store.stored(desired, now=now)
            if not changes:
                break
        else:
            pytest.fail(f"it does not come to rest at {now}: {[c.words for c in changes]}")
        yield now, account
        if account.next_wake_at is None:
            return
        assert account.next_wake_at > now
        now = account.next_wake_at


class TestDeciding:
    @given(accounts(), hours)
    def test_twice_changes_nothing_the_second_time(self, account, later):
        desired = decided(account, now=NOON + later)

        assert diff(desired, decided(desired, now=NOON + later)) == ()

    @given(accounts(), hours)
    def test_puts_nobody_who_owes_nothing_on_a_rung(self, account, later):
        desired = decided(account, now=NOON + later)

        if not any(one.in_default for one in account.invoices):
            assert desired.standing in {CURRENT, BAD_DEBT}
            assert desired.restrictions == ()
            assert not [n for n in desired.notices if states.is_scheduled(n.state)]
            assert not [a for a in desired.attempts if states.is_intended(a.state)]

    @given(accounts(), hours)
    def test_ends_every_case_that_has_nothing_left_to_collect(self, account, later):
        desired = decided(account, now=NOON + later)

        for case in desired.open_cases():
            assert desired.obligations(case.scope)

    def test_leaves_an_account_in_order_alone(self):
        account = replace(owing(invoice(failed_at=None)), invoices=(), attempts=())

        assert decided(account, now=NOON) is account

    def test_does_not_try_while_held(self):
        held = replace(owing(), holds=(Hold(1, "promised", Period(NOON, NOON + 9 * DAY)),))

        desired = decided(held, now=NOON + 8 * DAY)

        assert not [a for a in desired.attempts if states.is_intended(a.state)]
        assert desired.next_wake_at == NOON + 9 * DAY

    def test_opens_a_task_for_a_code_nobody_knows(self):
        desired = decided(owing(code="nobody_knows"), now=NOON)

        assert [task.kind for task in desired.tasks] == ["unknown_decline"]
        assert "nobody_knows" in desired.tasks[0].detail

    def test_closes_the_task_with_the_debt(self):
        troubled = Storage().stored(decided(owing(code="nobody_knows"), now=NOON), now=NOON)

        assert decided(paid(troubled, 1, at=NOON + DAY), now=NOON + DAY).tasks == ()

    def test_withdraws_an_attempt_that_waits_for_the_customer_when_it_makes_another(self):
        account = owing(code="insufficient_funds")
        waiting = replace(account.attempts[0], id=2, state=AttemptState.ACTION_REQUIRED)
        card = replace(account.methods[0], instrument="fp_2", processor_id="pm_2",
                       changed_at=NOON + DAY)  # fmt: skip
        asked = replace(account, attempts=(*account.attempts, waiting), methods=(card,))

        desired = decided(asked, now=NOON + DAY)

        assert [a.state for a in desired.attempts[1:]] == [
            AttemptState.CANCELED,
            AttemptState.INTENDED,
        ]

    @pytest.mark.parametrize(
        ("remaining", "ends"),
        [
            pytest.param(1000, True, id="all of it, and its invoice not told of yet"),
            pytest.param(500, False, id="half of it, and its invoice told of"),
        ],
    )
    def test_takes_a_debt_for_paid_only_by_money_that_it_does_not_count_yet(self, remaining, ends):
        known = Storage().stored(decided(owing(), now=NOON), now=NOON)
        left = Money(remaining, "EUR")
        came = replace(known.attempts[0], id=2, state=AttemptState.SUCCEEDED, amount=left,
                       at=NOON + DAY)  # fmt: skip
        owed = replace(known.invoices[0], remaining=left)

        (case,) = decided(
            replace(known, invoices=(owed,), attempts=(*known.attempts, came)), now=NOON + DAY
        ).cases

        assert case.end == (CaseEnd.RECOVERED if ends else None)


class TestALifeInDebt:
    def test_goes_up_the_whole_ladder_and_ends(self):
        rungs = [account.standing for _, account in lived(owing(), code="insufficient_funds",
                                                          until=60 * DAY)]  # fmt: skip

        assert list(dict.fromkeys(rungs)) == [
            "reminded",
            "soft",
            "limited",
            "suspended",
            BAD_DEBT,
        ]

    def test_ends_at_the_last_rung_by_asking_for_the_end(self):
        at = NOON + DEFAULT.end.after
        *_, (_, account) = lived(owing(), code="insufficient_funds", until=27 * DAY)

        changes = diff(account, decided(account, now=at))

        (ended,) = (change for change in changes if isinstance(change, CaseEnded))
        assert ended.after.end == CaseEnd.EXHAUSTED
        assert [c.after.end_reason for c in changes if isinstance(c, EndRequested)] == [
            "dunning_exhausted"
        ]

    def test_is_over_at_once_when_a_try_succeeds(self):
        *_, (now, account) = lived(owing(), code=None, until=60 * DAY)

        (success,) = (a for a in account.attempts if states.succeeded(a.state))
        assert success.at == now
        assert (account.standing, account.next_wake_at) == (CURRENT, None)

    @settings(max_examples=30)
    @given(codes.filter(lambda code: code is not None), st.booleans(), st.booleans())
    def test_comes_to_its_end_by_the_deadline(self, code, delivers, reachable):
        start = replace(owing(code=code), reachable=reachable)
        account = start
        for now, account in lived(start, code=code, delivers=delivers, until=200 * DAY):
            for case in account.open_cases():
                deadline = ladder.deadline(case, account, policy=DEFAULT)
                assert deadline is not None
                assert now <= deadline
        assert account.standing == BAD_DEBT

    @settings(max_examples=30)
    @given(codes.filter(lambda code: code is not None))
    def test_restricts_only_after_a_notice_was_delivered(self, code):
        for now, account in lived(owing(code=code), code=code, until=60 * DAY):
            for restriction in account.restrictions:
                rung = DEFAULT.place(restriction.rung)
                announcing = {
                    step.key for step in DEFAULT.steps if DEFAULT.place(step.announces) >= rung
                }
                told = [
                    n.delivered_at for n in account.notices
                    if n.step in announcing and n.delivered_at
                ]  # fmt: skip
                assert min(told) + DEFAULT.min_notice <= restriction.since <= now

    def test_without_an_address_becomes_a_task_and_still_ends(self):
        unreachable = replace(owing(), reachable=False)

        seen = list(lived(unreachable, code="insufficient_funds", until=200 * DAY))

        assert [task.kind for task in seen[0][1].tasks] == [UNREACHABLE]
        assert seen[-1][1].standing == BAD_DEBT
        assert seen[-1][1].tasks == ()

    def test_after_an_outage_climbs_no_faster_than_a_rung_a_day(self):
        account = owing()
        store = Storage()
        entered = []
        now = NOON + 100 * DAY
        while now < NOON + 120 * DAY:
            desired = decided(account, now=now)
            if desired.standing != account.standing:
                entered.append(now)
            account = store.stored(desired, now=now)
            now += timedelta(hours=1)

        assert all(b - a >= DEFAULT.min_stay for a, b in pairwise(entered))
        assert account.standing == BAD_DEBT

    def test_after_an_outage_sends_one_notice(self):
        desired = decided(owing(), now=NOON + 100 * DAY)

        assert [n.step for n in desired.notices if states.is_scheduled(n.state)] == [
            "final_notice"
        ]
        assert len([a for a in desired.attempts if states.is_intended(a.state)]) <= 1
