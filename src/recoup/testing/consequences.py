"""What every consequence that restricts promises, as tests: subclass and name it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from recoup.core.account import BAD_DEBT, Account
from recoup.core.consequences import consequence
from recoup.core.consequences.base import Consequence
from recoup.core.decide import decide
from recoup.core.policy import DAY, DEFAULT, Choice, Policies, Policy
from recoup.core.states import CaseEnd, SubscriptionStatus
from recoup.reference import load_rules
from recoup.testing.accounts import NOON, Storage, invoice, owing, paid


class HeldConformance:
    """Holding marks what the debt bought, twice is once, and the money undoes it."""

    name: str

    def test_holds_for_what_the_debt_bought_and_nothing_else(self) -> None:
        account = self._on_its_rung()

        held = self._one.hold(account, account.cases[0], now=self._later)

        assert [r.key for r in held.restrictions] == [(account.cases[0].scope, self.name)]

    def test_held_twice_is_held_once(self) -> None:
        account = self._on_its_rung()
        once = self._one.hold(account, account.cases[0], now=self._later)

        assert self._one.hold(once, once.cases[0], now=self._later + DAY) == once

    def test_names_its_inverse(self) -> None:
        assert self._one.inverse

    def test_is_undone_by_the_money(self) -> None:
        now = NOON + self._after
        restricted = Storage().stored(self._decided(self._on_its_rung(), now=now), now=now)
        assert self.name in [r.consequence for r in restricted.restrictions]

        restored = self._decided(paid(restricted, 1, at=now + DAY), now=now + DAY)

        assert restored.restrictions == ()

    @property
    def policy(self) -> Policy:
        """One whose ladder names it."""
        if any(self.name in rung.consequences for rung in DEFAULT.ladder):
            return DEFAULT
        mild, soft, *rest = DEFAULT.ladder
        return replace(DEFAULT, ladder=(mild, replace(soft, consequences=(self.name,)), *rest))

    @property
    def _one(self) -> Consequence:
        return consequence(self.name)

    @property
    def _after(self) -> timedelta:
        return next(r.after for r in self.policy.ladder if self.name in r.consequences)

    @property
    def _later(self) -> datetime:
        return NOON + self._after + DAY

    def _on_its_rung(self) -> Account:
        account = Storage().stored(self._decided(owing(), now=NOON), now=NOON)
        rung = next(r for r in self.policy.ladder if self.name in r.consequences)
        case = replace(account.cases[0], rung=rung.name, rung_since=NOON + rung.after)
        return replace(account, cases=(case,))

    def _decided(
        self, account: Account, *, now: datetime, policy: Policy | None = None
    ) -> Account:
        policies = Policies((Choice(policy or self.policy),))
        return decide(account, policies=policies, rules=load_rules(), now=now).desired


class RestrictionConformance(HeldConformance):
    """What a consequence that takes something away promises besides."""

    def test_needs_a_notice_first(self) -> None:
        assert self._one.takes_away


class LastingConformance(HeldConformance):
    """At the ladder's end it holds on, until the bad debt is accounted for."""

    @property
    def policy(self) -> Policy:
        *rest, end = DEFAULT.ladder
        return replace(DEFAULT, ladder=(*rest, replace(end, consequences=(self.name,))))

    def test_is_undone_by_the_money(self) -> None:
        exhausted = self._exhausted()
        now = self._later + 30 * DAY
        still = self._decided(exhausted, now=now)
        assert [r.consequence for r in still.restrictions] == [self.name]
        assert still.standing == BAD_DEBT

        restored = self._decided(paid(exhausted, 1, at=now), now=now)

        assert restored.restrictions == ()

    def test_ends_the_case(self) -> None:
        (case,) = self._exhausted().cases

        assert case.end == CaseEnd.EXHAUSTED

    def _exhausted(self) -> Account:
        """The end has just come; what was told and tried before it is over."""
        rung = self.policy.ladder[-2]
        account = self._on_its_rung()
        told = Storage().stored(self._decided(account, now=NOON + 21 * DAY), now=NOON + 21 * DAY)
        case = replace(told.cases[0], rung=rung.name, rung_since=NOON + rung.after)
        waiting = replace(told, cases=(case,), restrictions=())
        now = NOON + self.policy.end.after
        # The last try is under way at first, and nothing is raised meanwhile.
        tried = Storage().stored(self._decided(waiting, now=now), now=now)
        return Storage().stored(self._decided(tried, now=now), now=now)


class AskingConformance(RestrictionConformance):
    """What a consequence that changes a subscription at the processor promises besides."""

    def test_leaves_what_has_ended_alone(self) -> None:
        account = self._on_its_rung()
        over = replace(account.subscriptions[0], status=SubscriptionStatus.CANCELED)
        ended = replace(account, subscriptions=(over,))

        assert self._one.hold(ended, ended.cases[0], now=self._later) is ended

    def test_leaves_a_one_off_alone(self) -> None:
        account = Storage().stored(
            self._decided(owing(invoice(subscription=None)), now=NOON), now=NOON
        )

        assert self._one.hold(account, account.cases[0], now=self._later) is account

    def test_lasts_beyond_the_ladders_end(self) -> None:
        assert self._one.lasts
