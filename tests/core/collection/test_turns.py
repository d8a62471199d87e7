from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from recoup.core.collection.plan import NEW_METHOD, RETRY, Plan
from recoup.core.collection.turns import APART, in_turn
from recoup.core.states import AttemptState
from recoup.testing.accounts import NOON, declined, invoice, owing

MICRO = timedelta(microseconds=1)
END = NOON + timedelta(days=28)
OLD, NEW = invoice(1), invoice(2)


def tried(at, *, origin=RETRY, state=AttemptState.DECLINED, invoice_id=1):
    return replace(declined(invoice(invoice_id), at=at), id=70, origin=origin, state=state)


def planned(at, *attempts, until=END):
    account = replace(owing(), attempts=attempts)
    return in_turn(account, Plan(2, at, "pm_1", RETRY, ("Due.",)), (OLD, NEW), until=until)


class TestAnotherDebtOfTheCase:
    @pytest.mark.parametrize("origin", [RETRY, NEW_METHOD])
    @pytest.mark.parametrize(
        "state", [AttemptState.DECLINED, AttemptState.INTENDED, AttemptState.UNKNOWN]
    )
    def test_waits_a_day_after_a_try_of_ours(self, origin, state):
        made = planned(NOON, tried(NOON, origin=origin, state=state))

        assert made.at == NOON + APART
        assert "they are tried a day apart" in made.reasons[-1]

    @pytest.mark.parametrize("late", [APART, APART + MICRO])
    def test_waits_no_more_after_a_day(self, late):
        assert planned(NOON + late, tried(NOON)).at == NOON + late

    def test_still_waits_just_before_that(self):
        assert planned(NOON + APART - MICRO, tried(NOON)).at == NOON + APART

    @pytest.mark.parametrize(
        "attempt",
        [
            tried(NOON, origin="processor"),
            tried(NOON, origin="customer"),
            tried(NOON, state=AttemptState.CANCELED),
            tried(NOON, invoice_id=2),
            tried(NOON, invoice_id=3),
        ],
        ids=["of the processor", "of the customer", "called off", "of itself", "elsewhere"],
    )
    def test_does_not_wait_for_what_is_no_try_of_the_others(self, attempt):
        assert planned(NOON, attempt).at == NOON

    def test_is_not_tried_at_all_when_its_turn_is_after_the_ladder(self):
        assert planned(NOON, tried(NOON), until=NOON + APART).at == NOON + APART

        made = planned(NOON, tried(NOON), until=NOON + APART - MICRO)

        assert (made.at, made.price) == (None, None)
        assert "after the ladder's end" in made.reasons[-1]

    def test_stays_without_a_try_where_there_is_none(self):
        assert planned(None, tried(NOON)).at is None
