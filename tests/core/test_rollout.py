from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import combinations

import pytest

from recoup.core import rollout
from recoup.core.account import Restriction
from recoup.core.decide import decide
from recoup.core.policy import DAY, DEFAULT, HOUR, Choice, Policies, Rung, Step
from recoup.core.rollout import STAGES, Rollout, Stage, checked, widened
from recoup.errors import InvalidValue, NotPossible
from recoup.reference import load_rules
from recoup.testing.accounts import NOON, Storage, invoice, owing

RULES = load_rules()
NAME = "policy:hasty/1"
#: Restricts on the fourth day, and harder.
HASTY = replace(
    DEFAULT,
    key="hasty",
    ladder=(
        Rung("reminded", timedelta(0), ("notify",)),
        Rung("soft", 4 * DAY, ("suspend",)),
        Rung("ended", 28 * DAY, ("cancel",)),
    ),
    steps=(Step("reminder", timedelta(0), "dunning_reminder", announces="ended"),),
)
POLICIES = Policies((Choice(HASTY, rollout=NAME), Choice(DEFAULT)))


def of(stage, *, salt="salt", named=()):
    return Rollout(NAME, stage, salt, frozenset(named))


def members(one, ids):
    return {id for id in ids if one.includes(id)}


def decided(account, *, now=NOON):
    return decide(account, policies=POLICIES, rules=RULES, now=now).desired


class TestMembership:
    def test_is_kept_at_every_wider_stage_by_each_of_100_000(self):
        ids = range(1, 100_001)
        found = [members(of(stage, named={7, 99_999}), ids) for stage in STAGES]

        for narrow, wide in combinations(found, 2):
            assert narrow <= wide
        shares = [len(one) / 1000 for one in found]
        assert shares[:2] == [0, 0]
        assert shares[2] == 0.002
        assert shares[7] == 100
        for share, wanted in zip(shares[3:7], (5, 10, 25, 50), strict=True):
            assert abs(share - wanted) < 0.5

    def test_is_the_same_for_ever(self):
        assert [rollout.spot("drift_repair", id) for id in (1, 2, 3)] == [7237, 6811, 6280]

    def test_is_another_under_another_salt(self):
        ids = range(1, 2_001)

        assert members(of(Stage.TEN), ids) != members(of(Stage.TEN, salt="pepper"), ids)

    @pytest.mark.parametrize("stage", [Stage.OFF, Stage.SHADOW])
    def test_is_nobodys_before_it_begins_not_even_of_who_is_named(self, stage):
        assert not of(stage, named={1}).includes(1)

    @pytest.mark.parametrize("stage", STAGES[2:])
    def test_is_that_of_who_is_named_from_then_on(self, stage):
        assert of(stage, named={1}).includes(1)


class TestWidening:
    def test_goes_one_stage_at_a_time(self):
        seen = [Stage.OFF]
        while seen[-1] is not Stage.ALL:
            seen.append(widened(of(seen[-1]), decisions=1000, harmful=0))

        assert seen == list(STAGES)

    @pytest.mark.parametrize("stage", STAGES[1:-1])
    def test_is_refused_after_a_single_harmful_decision(self, stage):
        with pytest.raises(NotPossible, match="1 of 5000 decisions"):
            widened(of(stage), decisions=5000, harmful=1)

    @pytest.mark.parametrize("stage", STAGES[1:-1])
    def test_is_refused_until_enough_was_compared(self, stage):
        with pytest.raises(NotPossible, match="only 999 of 1000"):
            widened(of(stage), decisions=999, harmful=0)
        assert widened(of(stage), decisions=1000, harmful=0)

    def test_into_the_shadow_needs_nothing(self):
        assert widened(of(Stage.OFF), decisions=0, harmful=0) is Stage.SHADOW

    def test_ends_at_all(self):
        with pytest.raises(NotPossible, match="100 %"):
            widened(of(Stage.ALL), decisions=9999, harmful=0)


class TestAName:
    @pytest.mark.parametrize("name", ["drift_repair", "policy:b2b/12", "timer:class_aware"])
    def test_is_one_of_three_kinds(self, name):
        assert checked(name) == name

    @pytest.mark.parametrize("name", ["", "drift", "policy:b2b", "timer:A", "policy:a/1\n"])
    def test_is_nothing_else(self, name):
        with pytest.raises(InvalidValue):
            checked(name)


class TestAPolicyUnderARollout:
    def test_is_for_members_only(self):
        account = owing()
        assert decided(account).cases[0].policy == "default/1"

        member = replace(account, flags=frozenset({NAME}))
        assert decided(member).cases[0].policy == "hasty/1"

    def test_is_left_by_running_cases_of_who_is_no_member_any_more(self):
        store, now = Storage(), NOON
        account = replace(owing(), flags=frozenset({NAME}))
        for days in (0, 1, 4, 5):
            now = NOON + days * DAY
            account = store.stored(decided(account, now=now), now=now)
        assert (account.standing, account.restrictions[0].consequence) == ("soft", "suspend")

        after = decided(replace(account, flags=frozenset()), now=now + HOUR)

        (case,) = after.cases
        assert (case.policy, case.rung) == ("default/1", "reminded")
        assert after.restrictions == ()
        assert decided(store.stored(after, now=now), now=now + HOUR).cases[0] == case

    def test_is_kept_by_running_cases_of_members_whoever_else_joins(self):
        account = Storage().stored(decided(owing()), now=NOON)

        member = decided(replace(account, flags=frozenset({NAME})), now=NOON + HOUR)

        assert member.cases[0].policy == "default/1"


class TestTheShadow:
    """What is harmful about a decision that was not made."""

    def harms(self, account, candidate, *, now=NOON):
        mine = decided(account, now=now)
        return rollout.harms(account, mine, candidate, policies=POLICIES, now=now)

    def would(self, account, *, now=NOON):
        return decided(rollout.as_member(account, NAME, POLICIES), now=now)

    def test_finds_none_where_both_decide_the_same(self):
        account = owing()

        assert self.harms(account, decided(account)) == ()

    @pytest.mark.parametrize(
        ("days", "found"),
        [(3.9, ()), (4.0, (rollout.SOONER,)), (24.0, ())],
    )
    def test_finds_what_is_restricted_sooner_or_harder_from_its_very_day(self, days, found):
        account = Storage().stored(decided(owing()), now=NOON)
        now = NOON + timedelta(hours=24 * days)

        assert self.harms(account, self.would(account, now=now), now=now) == found

    def test_finds_who_would_be_restricted_and_owes_nothing(self):
        account = owing(invoice(failed_at=None))
        false = Restriction(None, "subscription:1", "suspend", "suspended", NOON)
        candidate = replace(decided(account), restrictions=(false,))

        assert self.harms(account, candidate) == (rollout.RESTRICTS,)
        owed = replace(decided(owing()), restrictions=(false,))
        assert rollout.RESTRICTS not in self.harms(owing(), owed)

    def test_finds_who_would_be_written_to_and_owes_nothing(self):
        account = owing(invoice(failed_at=None))
        candidate = replace(decided(account), notices=decided(owing()).notices)

        assert self.harms(account, candidate) == (rollout.MAILS,)

    def test_finds_whose_subscription_would_be_ended_and_owes_nothing(self):
        account = owing(invoice(failed_at=None))
        ending = replace(account.subscriptions[0], end_requested_at=NOON, end_reason="x")
        candidate = replace(decided(account), subscriptions=(ending,))

        assert self.harms(account, candidate) == (rollout.ENDS,)


class TestWhoIsBarred:
    def test_climbs_when_the_bar_is_gone_and_is_looked_at_then(self):
        store, now, account = Storage(), NOON, owing()
        for days in (0, 5, 7):
            now = NOON + days * DAY
            account = store.stored(decided(account, now=now), now=now)
        now, until = NOON + 8 * DAY, NOON + 8 * DAY + HOUR

        barred = decided(replace(account, barred=until), now=now)

        assert (barred.standing, barred.restrictions) == ("reminded", ())
        assert barred.next_wake_at == until
        assert decided(account, now=now).standing == "soft"
