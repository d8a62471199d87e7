"""
The guard between what was decided and what is written.

It records what would be decided under rollouts whose members these customers are not, and it
keeps an hour's raises within their budget: beyond it nobody is raised, and everybody is looked at
again when the hour is over. Lowering is always allowed. Source: docs/rollouts.md.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from recoup.core import changes as ch
from recoup.core import rollout
from recoup.core.account import CustomerId, Restriction
from recoup.core.changes import Change
from recoup.core.consequences import as_mild
from recoup.core.decide import decide
from recoup.core.diff import diff
from recoup.core.policy import Policies, Policy
from recoup.core.rollout import Rollout
from recoup.core.states import Trigger
from recoup.recompute.deciding import Budgets, Decided, Engine, decided
from recoup.store import rollouts as rows

log: Final = logging.getLogger(__name__)

HOUR: Final = timedelta(hours=1)
#: Who found the budget in others' hands comes again after so long.
SOON: Final = timedelta(minutes=1)
#: Decisions in the shadow that one batch makes of each rollout, at most.
SHADOWS: Final = 200


@dataclass(frozen=True, slots=True)
class Guard:
    """The guard of one batch."""

    connection: Connection
    engine: Engine
    budgets: Budgets
    rollouts: Sequence[Rollout]
    trigger: Trigger
    now: datetime

    def within(self, found: Sequence[Decided]) -> list[Decided]:
        """Return the decisions with nobody raised beyond the budgets."""
        self._shadow(found)
        raising = [one for one in found if raises(one.changes, self.engine.policies)]
        if not raising:
            return list(found)
        risky = {one.account.id for one in raising if self._is_risky(one)}
        barred = self._beyond("rollout", risky, self.budgets.least, self.budgets.share)
        if self.budgets.ordinary is not None:
            others = {one.account.id for one in raising} - risky
            barred |= self._beyond("ordinary", others, self.budgets.ordinary, 0)
        return [self._barred(one, barred) for one in found]

    def _is_risky(self, one: Decided) -> bool:
        """Whether a rollout, or a repair, brought this decision about."""
        if self.trigger is Trigger.DRIFT_DETECTED:
            return True
        followed = (self.engine.policies.rollout_of(c.policy) for c in one.decision.desired.cases)
        return any(name is not None for name in followed)

    def _beyond(
        self, budget: rows.Budget, ids: Iterable[CustomerId], most: int, share: int
    ) -> dict[CustomerId, datetime]:
        """Return who may not be raised now, and until when; the others have spent the budget."""
        wanted = sorted(ids)
        if not wanted:
            return {}
        hour = self.now.replace(minute=0, second=0, microsecond=0)
        spent = rows.spend(self.connection, budget, wanted, hour=hour, most=most, share=share)
        rows.close(self.connection, now=self.now, hour=hour)
        left = [id for id in wanted if id not in spent.allowed]
        if left and not spent.taken:
            self._tell(budget, len(left), hour)
        until = self.now + SOON if spent.taken else hour + HOUR
        return dict.fromkeys(left, until)

    def _tell(self, budget: str, left: int, hour: datetime) -> None:
        what = (
            f"the {budget} budget of raises of the hour from {hour:%Y-%m-%d %H:%M} UTC is spent: "
            f"{left} customers wait for the next hour"
        )
        log.warning("%s", what)
        rows.tell(self.connection, f"{what}. See docs/rollouts.md.", now=self.now)

    def _barred(self, one: Decided, barred: dict[CustomerId, datetime]) -> Decided:
        until = barred.get(one.account.id)
        if until is None:
            return one
        again = decided(replace(one.account, barred=until), self.engine, self.now)
        if not raises(again.changes, self.engine.policies):
            return again
        # Where it stands is harsher than it was, though nothing climbs: all of it waits.
        desired = one.account.but(next_wake_at=until)
        decision = replace(one.decision, desired=desired)
        return Decided(one.account, decision, diff(one.account, desired))

    def _shadow(self, found: Iterable[Decided]) -> None:
        compared = [each for one in self._candidates() for each in self._compared(one, found)]
        rows.record(self.connection, compared, now=self.now)

    def _candidates(self) -> Iterator[Rollout]:
        """Yield the rollouts that a choice of policy is under."""
        known = {choice.rollout for choice in self.engine.policies.choices}
        return (one for one in self.rollouts if one.name in known)

    def _compared(self, candidate: Rollout, found: Iterable[Decided]) -> Iterator[rows.Shadow]:
        left = SHADOWS
        for one in found:
            account = one.account
            if account.idle or candidate.name in account.flags or not left:
                continue
            left -= 1
            yield shadow(candidate.name, one, self.engine, self.now)


def shadow(name: str, one: Decided, engine: Engine, now: datetime) -> rows.Shadow:
    """Return what would be decided were the customer a member of the rollout `name`."""
    member = rollout.as_member(one.account, name, engine.policies)
    try:
        would = decide(member, policies=engine.policies, rules=engine.rules, now=now).desired
        harm = rollout.harms(
            one.account, one.decision.desired, would, policies=engine.policies, now=now
        )
        words = _words(diff(member, would))
    except Exception as problem:  # noqa: BLE001  a candidate that fails does harm
        harm = (f"it can not be decided: {type(problem).__name__}",)
        words = ()
    return rows.Shadow(name, one.account.id, _words(one.changes), words, harm)


def raises(changes: Iterable[Change], policies: Policies) -> bool:
    """
    Whether anything is taken away by these changes, or a case climbs.

    What comes in place of something that closed as much is none: who comes down from a rung gets
    the restrictions of the one below.
    """
    told = tuple(changes)
    lifted = [change.restriction for change in told if isinstance(change, ch.Lifted)]
    return any(_raises(change, lifted, policies) for change in told)


def _raises(change: Change, lifted: Sequence[Restriction], policies: Policies) -> bool:
    match change:
        case ch.Restricted(restriction=fresh):
            return not any(_as_mild(fresh, one) for one in lifted)
        case ch.EndRequested():
            return True
        case ch.CaseMoved(before=before, after=after):
            policy, old = policies.named(after.policy), policies.named(before.policy)
            if old.name == policy.name:
                return policy.place(after.rung) > policy.place(before.rung)
            return _severity(policy, after.rung) > _severity(old, before.rung)
        case ch.CaseOpened(case=case):
            return case.rung is not None
    return False


def _as_mild(fresh: Restriction, gone: Restriction) -> bool:
    """Whether a restriction takes no more away than one of the same scope that is lifted."""
    return fresh.scope == gone.scope and as_mild(fresh.consequence, gone.consequence)


def _severity(policy: Policy, rung: str | None) -> int:
    return 0 if rung is None else rollout.severity(policy.rung(rung))


def _words(changes: Iterable[Change]) -> tuple[str, ...]:
    return tuple(one.words for one in changes if not isinstance(one, ch.WakeChanged))
