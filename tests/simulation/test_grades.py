"""What a debtor may use, over random lives: less and less, one rung at a time, and all at once."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from recoup.core.account import LIFTING
from recoup.core.account.access import closed
from recoup.core.billing.catalogue import Catalogue, FeatureKind, Plan
from recoup.core.billing.entitlements import Held, granted
from recoup.core.decide import decide
from recoup.core.policy import DAY, DEFAULT, HOUR, Policies
from recoup.core.states import SubscriptionStatus
from recoup.reference import load_rules
from recoup.testing.accounts import NOON, Storage, owing, paid

ALL = frozenset({"seats", "edit", "look", "export", "sign_in"})
FLOOR = frozenset({"export", "sign_in"})
SHOP = Catalogue(
    {"pro": Plan("pro", frozenset({"price_1"}), ALL, {"projects": 10})},
    {"seats": FeatureKind.GROWTH, "look": FeatureKind.READ}
    | dict.fromkeys(FLOOR, FeatureKind.FLOOR),
)
RULES = load_rules()
NAMES = [None, *(rung.name for rung in DEFAULT.ladder)]


def opened(account):
    """What the customer may use, and what a host is told that they may not."""
    keys = {one.key for one in account.restrictions}
    held = Held(1, SubscriptionStatus.PAST_DUE, ("price_1",))
    told = [closed(one, ["price_1"], "unpaid", SHOP) for one in account.restrictions]
    return granted([held], keys, SHOP), frozenset(f for one in told for f in one.features)


def decided(account, now):
    return decide(account, policies=Policies(), rules=RULES, now=now).desired


class Life:
    """A debtor who is looked at at random, and pays at the end."""

    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.storage = Storage(delivers=self.dice.random() < 0.8)
        self.now = NOON
        self.account = self.look(owing())
        self.grades = [opened(self.account)[0]]

    def look(self, account):
        self.before = account
        return self.storage.stored(decided(account, self.now), now=self.now)

    def owe(self):
        """Go on until it is enough, or the ladder would end."""
        until = NOON + self.dice.uniform(0, 45) * DAY
        while True:
            self.now += self.dice.choice([HOUR, 7 * HOUR, DAY, 2 * DAY, 5 * DAY])
            if self.now >= until:
                return
            after = self.look(self.account)
            if not after.cases[0].open:
                return
            self.account = after
            yield

    def pay(self):
        self.account = replace(self.account, followed=True)
        self.before = paid(self.account, 1, at=self.now)
        return decided(self.before, self.now)


def lived(seed):
    life = Life(seed)
    rung = life.account.cases[0].rung
    for _ in life.owe():
        had, (may, closed_to) = life.grades[-1], opened(life.account)
        climbed = life.account.cases[0].rung
        assert may.features <= had.features
        assert may.limit("projects") <= had.limit("projects")
        assert may.features >= FLOOR
        assert closed_to == ALL - may.features
        assert NAMES.index(climbed) - NAMES.index(rung) in (0, 1)
        life.grades.append(may)
        rung = climbed
    held = bool(life.account.restrictions)
    after = life.pay()
    assert opened(after)[0].features == ALL
    assert opened(after)[0].limit("projects") == 10
    assert (after.standing == LIFTING) is held
    done = replace(life.storage.stored(after, now=life.now), lifting=None)
    assert decided(done, life.now).standing == "current"
    return life


def played(seeds):
    lives = [lived(seed) for seed in seeds]
    grades = {grade.features for life in lives for grade in life.grades}
    assert len(grades) == 4  # everything, and what each rung leaves
    return lives


class TestWhatADebtorMayUse:
    def test_only_ever_shrinks_by_a_rung_and_comes_back_with_the_money_whole(self):
        played(range(150))

    @pytest.mark.long
    def test_does_so_in_a_thousand_lives(self):
        played(range(1_000))
