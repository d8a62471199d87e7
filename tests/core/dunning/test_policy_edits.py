"""Policies edited while cases run: a step removed, a ladder moved, dunning taken away."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recoup.core import states
from recoup.core.decide import decide
from recoup.core.dunning import acts
from recoup.core.policy import DAY, DEFAULT, Choice, Policies, Policy, Rung, Step
from recoup.errors import InvalidPolicy, NotPossible
from recoup.reference import load_rules
from recoup.testing.accounts import NOON, Storage, owing

RULES = load_rules()

#: No dunning: nobody is written to, nothing is tried, nothing is taken away.
OFF = Policy("off", 1, (Rung("left alone", 0 * DAY, ()),), ())
#: The same rungs, and a step less: one that comes before announces what it did.
FEWER = replace(
    DEFAULT,
    version=2,
    steps=tuple(
        replace(s, announces="limited") if s.key == "action_required" else s
        for s in DEFAULT.steps
        if s.key != "restriction_notice"
    ),
)
#: Everything a week later, and other notices.
LATER = replace(
    DEFAULT,
    version=3,
    ladder=tuple(replace(r, after=r.after + 7 * DAY if r.after else r.after)
                 for r in DEFAULT.ladder),
    steps=tuple(replace(s, key=f"late_{s.key}", after=s.after + 7 * DAY) for s in DEFAULT.steps),
)  # fmt: skip
#: One that only writes.
MILD = Policy(
    "mild",
    1,
    (Rung("told", 0 * DAY, ("notify",)), Rung("kept", 40 * DAY, ())),
    (Step("word", 0 * DAY, "dunning_reminder"), Step("again", 20 * DAY, "dunning_reminder")),
)
POOL = {one.name: one for one in (DEFAULT, FEWER, LATER, MILD, OFF)}
POLICIES = Policies((Choice(DEFAULT),), known=POOL)


def moved(account, name):
    """Return the account with its running cases moved, where that may be, as the verb does it."""
    cases = []
    for case in account.cases:
        placed = [n.step for n in account.notices if n.anchor == case.anchor]
        old, new = POLICIES.named(case.policy), POLICIES.named(name)
        try:
            follows = acts.following(case, old=old, new=new, placed=placed) if case.open else case
        except NotPossible:
            follows = case
        cases.append(follows)
    return replace(account, cases=tuple(cases))


def lived(edits, *, days=120):
    """Yield each day's account, decided on and stored, with its policies edited on some days."""
    account, storage = owing(), Storage()
    for day in range(days):
        now = NOON + day * DAY
        if day in edits:
            account = moved(account, edits[day])
        before = account
        desired = decide(account, policies=POLICIES, rules=RULES, now=now).desired
        assert decide(desired, policies=POLICIES, rules=RULES, now=now).desired == desired
        account = storage.stored(desired, now=now)
        yield day, before, account


def tries(account):
    return len([one for one in account.attempts if one.ordinal])


class TestDunningTakenAway:
    @pytest.mark.parametrize("day", [1, 5, 8, 9, 16, 22, 25, 27])
    def test_in_the_middle_is_silent_from_then_on(self, day):
        """Nothing is sent, tried or held any more; what was sent stays sent."""
        so_far = None
        for today, before, account in lived({day: "off/1"}):
            if today == day:
                so_far = len(before.notices), tries(before)
            if today >= day:
                assert account.restrictions == ()
                assert (len(account.notices), tries(account)) == so_far
        assert [case.ending for case in account.cases if case.open] == []

    def test_needs_a_ladder_that_takes_nothing(self):
        with pytest.raises(InvalidPolicy, match="no step announces"):
            replace(OFF, ladder=(Rung("gone", 9 * DAY, ("cancel",)),))


class TestAStepThatIsRemoved:
    def test_never_comes_and_the_case_climbs_by_the_others(self):
        steps, rungs = [], []
        for _, _, account in lived({3: "default/2"}):
            steps = [one.step for one in account.notices]
            rungs += [one.standing for one in [account] if one.standing not in rungs]

        assert "restriction_notice" not in steps
        assert rungs.index("limited") > rungs.index("soft")
        (case,) = account.cases
        assert not case.open


class TestRandomEdits:
    @pytest.mark.parametrize(
        "count", [20, pytest.param(500, marks=pytest.mark.long)], ids=["few", "many"]
    )
    def test_crash_nobody_and_end_every_case(self, count):
        @settings(max_examples=count, deadline=None, database=None)
        @given(st.dictionaries(st.integers(0, 40), st.sampled_from(sorted(POOL)), max_size=4))
        def run(edits):
            for _, before, account in lived(edits):
                for case in account.open_cases():
                    known = {step.key for step in POLICIES.named(case.policy).steps}
                    waiting = {
                        n.step
                        for n in account.notices
                        if states.is_scheduled(n.state) and n.anchor == case.anchor
                    }
                    assert waiting <= known
                    assert place(case) <= place_of(before, case) + 1
            assert list(account.open_cases()) == []

        run()


def place(case):
    return POLICIES.named(case.policy).place(case.rung)


def place_of(account, case):
    """Where the case stood before, by what it follows now; below the ladder where it is new."""
    mine = [one for one in account.cases if one.id == case.id]
    return max((place(one) for one in mine), default=-1)
