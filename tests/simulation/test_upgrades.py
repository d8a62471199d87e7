"""An upgrade that is not paid makes no debt of what its customer already had, in any history."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from debtors import NOTHING, Broken, World

from recoup.core.account import CURRENT
from recoup.core.facts import OFF_SESSION_REASONS, tried_off_session
from recoup.core.policy import DAY, HOUR, Policies
from recoup.core.states import AttemptState, InvoiceStatus
from recoup.testing.accounts import NOON

UNTIL = NOON + 60 * DAY


def refused(_world, _attempt):
    return AttemptState.DECLINED, "insufficient_funds", NOTHING


def world(down=()):
    return World(Policies(), answers=refused, post=lambda *_: (NOTHING, True), down=down)


def upgraded(seed):
    """Live a life of upgrades: refused, paid, paid late, tried again, slow, with us away."""
    dice = random.Random(seed)
    start = NOON + timedelta(hours=dice.randrange(0, 20 * 24))
    span = timedelta(hours=dice.randrange(1, 100))
    lived = world([(start, start + span)] if dice.random() < 0.3 else [])
    lived.answers_in = dice.choice((1, 1, 30, 600)) * timedelta(minutes=1)
    for id in range(1, dice.randrange(2, 5)):
        at = NOON + timedelta(minutes=dice.randrange(0, 20 * 24 * 60))
        lived.at(at, _made, lived, id, dice.random() < 0.8)
        for _ in range(dice.randrange(0, 5)):
            again = at + timedelta(minutes=dice.choice((5, 59, 60, 61, 180, 3000, 9000)))
            lived.at(again, _tried, lived, id, dice.random() < 0.7, dice.random() < 0.2)
        if dice.random() < 0.1:
            closed = at + timedelta(minutes=dice.randrange(1, 120))
            lived.at(closed, lived.close, id, InvoiceStatus.UNCOLLECTIBLE)
    lived.live(UNTIL)
    return lived


def _made(lived, id, no):
    lived.upgrade(id, refused=no)


def _tried(lived, id, no, slow):
    lived.try_upgrade(id, refused=no, slow=slow)


def spotless(lived):
    """Say what is wrong with a life in which nothing but upgrades was refused."""
    assert lived.cases == {}
    assert (lived.standing, lived.restrictions, lived.notices) == (CURRENT, (), {})
    assert all(attempt.ordinal is None for attempt in lived.attempts.values())
    left = [bill for bill in lived.invoices.values() if bill.owed]
    assert left == []
    void = [b for b in lived.invoices.values() if b.status == InvoiceStatus.VOID]
    assert lived.withdrawn == len(void)
    return len(lived.invoices), lived.withdrawn


def total(seeds):
    upgrades = withdrawn = 0
    for seed in seeds:
        try:
            made, void = spotless(upgraded(seed))
        except (AssertionError, Broken) as problem:
            raise AssertionError(f"life {seed}: {problem}") from problem
        upgrades, withdrawn = upgrades + made, withdrawn + void
    return upgrades, withdrawn


class TestAnUpgrade:
    @pytest.mark.parametrize("start", range(0, 1000, 250))
    def test_that_is_refused_opens_no_case_and_is_counted(self, start):
        upgrades, withdrawn = total(range(start, start + 250))

        assert upgrades > withdrawn > 100

    @pytest.mark.long
    @pytest.mark.parametrize("start", range(10_000, 20_000, 1_000))
    def test_does_so_in_ten_thousand_histories(self, start):
        upgrades, withdrawn = total(range(start, start + 1_000))

        assert upgrades > withdrawn > 400

    @pytest.mark.parametrize(
        ("minutes", "left"), [(59, True), (60, False)], ids=["just before", "at the instant"]
    )
    def test_keeps_its_bill_for_an_hour(self, minutes, left):
        lived = world()
        lived.answers_in = NOTHING
        lived.at(NOON, lived.upgrade, 1)

        lived.live(NOON + timedelta(minutes=minutes))

        assert lived.invoices[1].owed is left

    def test_waits_for_a_payment_that_is_on_its_way(self):
        lived = world()
        lived.at(NOON, lived.upgrade, 1)
        lived.at(NOON + HOUR / 2, lambda: lived.try_upgrade(1, refused=False, slow=True))

        lived.live(UNTIL)

        assert (lived.invoices[1].status, lived.withdrawn) == (InvoiceStatus.PAID, 0)

    def test_beside_a_debt_leaves_that_what_it_is(self):
        lived = world()
        lived.at(NOON, lived.owe, 1)
        lived.at(NOON + DAY, lived.upgrade, 2)
        lived.live(UNTIL)

        (case,) = lived.cases.values()
        assert (case.opened_at, lived.withdrawn) == (NOON, 1)
        assert lived.invoices[2].case_id is None


class TestAChangeOfPlan:
    def test_is_never_taken_for_something_nobody_was_there_for(self):
        assert "subscription_update" not in OFF_SESSION_REASONS
        assert not tried_off_session("subscription_update", "charge_automatically")
