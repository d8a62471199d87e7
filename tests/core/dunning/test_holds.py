"""What people decide about a customer's time, as the rules see it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recoup.core import states
from recoup.core.account import Hold
from recoup.core.decide import decide
from recoup.core.dunning import campaign
from recoup.core.periods import Period, elapsed
from recoup.core.policy import DAY, Policies
from recoup.core.states import HoldKind
from recoup.reference import load_rules
from recoup.testing.accounts import NOON, Storage, owing, paid

RULES = load_rules()
INSTANT = timedelta(microseconds=1)
KINDS = tuple(HoldKind)


def hold(start, end, kind=HoldKind.HOLD, id=1):
    return Hold(id, "asked", Period(NOON + start, None if end is None else NOON + end), kind)


def decided(account, after):
    return decide(account, policies=Policies(), rules=RULES, now=NOON + after)


def lived(account, until, *, storage=None, step=DAY / 4):
    """Return the account as it is after living from the failure on, and its days in between."""
    storage = storage or Storage()
    days, after = [], timedelta(0)
    while after <= until:
        account = storage.stored(decided(account, after).desired, now=NOON + after)
        days.append((after, account))
        after += step
    return account, days


def tries(account):
    return len([one for one in account.attempts if one.ordinal])


class TestAHold:
    @pytest.mark.parametrize("kind", KINDS)
    def test_of_any_kind_keeps_a_case_from_climbing_and_from_being_told(self, kind):
        account = replace(owing(), holds=(hold(DAY, 60 * DAY, kind),))

        held, days = lived(account, 59 * DAY)

        assert {one.standing for after, one in days if after > DAY} <= {"reminded", "current"}
        assert [notice.step for notice in held.notices] == ["reminder"]
        assert held.restrictions == ()

    @pytest.mark.parametrize(
        ("kind", "tried"),
        [
            (HoldKind.HOLD, False),
            (HoldKind.PROMISE, False),
            (HoldKind.GRACE, True),
            (HoldKind.EXEMPT, True),
        ],
    )
    def test_stops_tries_or_not_by_its_kind(self, kind, tried):
        account = replace(owing(), holds=(hold(timedelta(0), 28 * DAY, kind),))

        held, _ = lived(account, 27 * DAY)

        assert (tries(held) > 0) is tried

    def test_that_is_over_lets_what_was_due_be_tried_at_once(self):
        account = replace(owing(), holds=(hold(timedelta(0), 40 * DAY),))
        held, _ = lived(account, 39 * DAY)

        before = decided(held, 40 * DAY - INSTANT).desired
        after = decided(held, 40 * DAY).desired

        assert (tries(before), tries(after)) == (0, 1)

    @pytest.mark.parametrize("kind", KINDS)
    def test_wakes_its_customer_when_it_ends(self, kind):
        account = replace(owing(), holds=(hold(timedelta(0), 3 * DAY, kind),))

        assert decided(account, DAY).desired.next_wake_at <= NOON + 3 * DAY

    @pytest.mark.parametrize("kind", KINDS)
    def test_never_keeps_anything_from_being_given_back(self, kind):
        restricted, _ = lived(owing(), 9 * DAY)
        assert restricted.restrictions != ()
        held = replace(restricted, holds=(hold(9 * DAY, 60 * DAY, kind),))

        free = decided(paid(held, 1, at=NOON + 10 * DAY), 10 * DAY).desired

        assert (free.standing, free.restrictions) == ("current", ())

    def test_is_told_with_its_reason_and_its_end(self):
        account = replace(owing(), holds=(hold(timedelta(0), 28 * DAY, HoldKind.PROMISE),))

        reasons = " ".join(decided(account, DAY).reasons)

        assert "payment is promised (asked)" in reasons
        assert "Nothing is tried until 2026-03-30 12:00 UTC" in reasons


class TestAnExemption:
    def test_gives_back_what_was_taken_and_lasts_as_long_as_it_says(self):
        restricted, _ = lived(owing(), 9 * DAY)
        held = replace(restricted, holds=(hold(9 * DAY, 12 * DAY, HoldKind.EXEMPT),))

        free = Storage().stored(decided(held, 9 * DAY).desired, now=NOON + 9 * DAY)
        still = decided(free, 12 * DAY - INSTANT).desired
        again, _ = lived_on(free, 12 * DAY, 14 * DAY)

        assert (free.standing, free.restrictions) == ("current", ())
        assert (still.standing, still.restrictions) == ("current", ())
        assert again.standing == "soft"

    def test_climbs_again_one_rung_at_a_time(self):
        restricted, _ = lived(owing(), 16 * DAY)
        assert restricted.standing == "limited"
        held = replace(restricted, holds=(hold(16 * DAY, 20 * DAY, HoldKind.EXEMPT),))

        _, days = lived_on(held, 16 * DAY, 24 * DAY)

        stood = list(dict.fromkeys(one.standing for _, one in days))
        assert stood == ["current", "reminded", "soft", "limited"]


def lived_on(account, start, until):
    storage, days, after = Storage(), [], start
    while after <= until:
        account = storage.stored(decided(account, after).desired, now=NOON + after)
        days.append((after, account))
        after += DAY / 4
    return account, days


class TestOverlappingHolds:
    def test_count_once(self):
        twice = replace(
            owing(), holds=(hold(DAY, 9 * DAY), hold(2 * DAY, 5 * DAY, HoldKind.GRACE, id=2))
        )
        once = replace(owing(), holds=(hold(DAY, 9 * DAY),))

        assert elapsed(NOON, NOON + 20 * DAY, paused=twice.paused) == 12 * DAY
        assert [n.due_at for n in lived(twice, 16 * DAY)[0].notices] == [
            n.due_at for n in lived(once, 16 * DAY)[0].notices
        ]

    def test_last_as_long_as_the_longest(self):
        account = replace(owing(), holds=(hold(DAY, 3 * DAY), hold(DAY, 5 * DAY, id=2)))

        assert account.held(NOON + 2 * DAY).during.end == NOON + 5 * DAY
        assert account.held(NOON + 5 * DAY) is None


class TestANoticeOnItsWay:
    @pytest.mark.parametrize("kind", KINDS)
    def test_is_put_off_until_the_hold_is_over(self, kind):
        due = decided(owing(), timedelta(0)).desired
        (notice,) = due.notices
        held = replace(due, holds=(hold(timedelta(0), 3 * DAY, kind),))

        during = campaign.obstacle(notice, held, now=NOON + 3 * DAY - INSTANT)
        after = campaign.obstacle(notice, held, now=NOON + 3 * DAY)

        assert (during.until, during.final) == (NOON + 3 * DAY, False)
        assert after is None


class TestThePauseOfAllCharging:
    def test_has_nobody_tried_and_nobody_climb(self):
        account = replace(owing(), stopped="by ann: wrong prices")

        held, days = lived(account, 30 * DAY)

        assert tries(held) == 0
        assert {one.standing for _, one in days} == {"current"}

    def test_is_told_in_the_plan(self):
        made = decided(replace(owing(), stopped="by ann: wrong prices"), DAY)

        assert "Charging is paused (by ann: wrong prices)" in " ".join(made.plans[0].reasons)

    def test_has_debtors_looked_at_within_the_hour(self):
        made = decided(replace(owing(), stopped="by ann: x"), DAY)

        assert NOON + DAY < made.desired.next_wake_at <= NOON + DAY + timedelta(hours=1)

    def test_over_lets_the_plan_go_on(self):
        held, _ = lived(replace(owing(), stopped="by ann: x"), 5 * DAY)

        assert tries(decided(replace(held, stopped=None), 5 * DAY).desired) == 1


SPANS = st.tuples(st.integers(0, 40), st.integers(1, 30), st.sampled_from(KINDS)).map(
    lambda it: (it[0] * DAY, (it[0] + it[1]) * DAY, it[2])
)


class TestRandomHolds:
    @settings(max_examples=20, deadline=None)
    @given(st.lists(SPANS, max_size=4))
    def test_are_obeyed_at_every_instant(self, spans):
        """Nothing is sent, tried or taken away while a hold forbids it, and all ends."""
        holds = tuple(hold(a, b, kind, id=n) for n, (a, b, kind) in enumerate(spans, 1))
        account, storage = replace(owing(), holds=holds), Storage()
        after = timedelta(0)
        while after <= 200 * DAY:
            now = NOON + after
            desired = decided(account, after).desired
            assert decide(desired, policies=Policies(), rules=RULES, now=now).desired == desired
            if account.untried(now) is not None:
                assert tries(desired) == tries(account)
            if account.held(now) is not None:
                assert place_of(desired) <= place_of(account)
                scheduled = [n for n in desired.notices if states.is_scheduled(n.state)]
                assert all(campaign.obstacle(n, desired, now=now) for n in scheduled)
            if account.exempt(now) is not None:
                assert desired.restrictions == ()
            account = sent_where_it_may_be(storage.stored(desired, now=now), desired, now)
            after += DAY
            if account.cases and not list(account.open_cases()):
                break
        assert not list(account.open_cases())


def sent_where_it_may_be(stored, desired, now):
    """Return what was stored, without the sending that the guard forbids."""
    kept = tuple(
        replace(wanted, id=one.id) if held_back(wanted, desired, now) else one
        for one, wanted in zip(stored.notices, desired.notices, strict=True)
    )
    return replace(stored, notices=kept)


def held_back(notice, account, now):
    waits = states.is_scheduled(notice.state)
    return waits and campaign.obstacle(notice, account, now=now) is not None


def place_of(account):
    policy = Policies().named("default/1")
    return max((policy.place(case.rung) for case in account.open_cases()), default=-1)
