"""What every consequence that restricts promises, as tests: subclass and name it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from recoup.core.account import Account
from recoup.core.consequences import CONSEQUENCES
from recoup.core.decide import decide
from recoup.core.policy import DAY, DEFAULT, Policies
from recoup.reference import load_rules
from recoup.testing.accounts import NOON, Storage, owing, paid


class RestrictionConformance:
    """Holding restricts what the debt bought, twice is once, and the money undoes it."""

    name: str

    def test_restricts_what_the_debt_bought_and_nothing_else(self) -> None:
        account = self._on_its_rung()

        held = CONSEQUENCES[self.name].hold(account, account.cases[0], now=self._later)

        assert [r.key for r in held.restrictions] == [(account.cases[0].scope, self.name)]

    def test_held_twice_is_held_once(self) -> None:
        account = self._on_its_rung()
        consequence = CONSEQUENCES[self.name]
        once = consequence.hold(account, account.cases[0], now=self._later)

        assert consequence.hold(once, once.cases[0], now=self._later + DAY) == once

    def test_needs_a_notice_first(self) -> None:
        assert CONSEQUENCES[self.name].takes_away

    def test_names_its_inverse(self) -> None:
        assert CONSEQUENCES[self.name].inverse

    def test_is_undone_by_the_money(self) -> None:
        now = NOON + self._after
        restricted = Storage().stored(_decided(self._on_its_rung(), now=now), now=now)
        assert [r.consequence for r in restricted.restrictions] == [self.name]

        restored = _decided(paid(restricted, 1, at=now + DAY), now=now + DAY)

        assert restored.restrictions == ()

    @property
    def _after(self) -> timedelta:
        return next(r.after for r in DEFAULT.ladder if self.name in r.consequences)

    @property
    def _later(self) -> datetime:
        return NOON + self._after + DAY

    def _on_its_rung(self) -> Account:
        account = Storage().stored(_decided(owing(), now=NOON), now=NOON)
        rung = next(r for r in DEFAULT.ladder if self.name in r.consequences)
        case = replace(account.cases[0], rung=rung.name, rung_since=NOON + rung.after)
        return replace(account, cases=(case,))


def _decided(account: Account, *, now: datetime) -> Account:
    return decide(account, policies=Policies(), rules=load_rules(), now=now).desired
