"""
What other policies would make of a running case, now: for a look before they are used.

Running cases keep their version; this is how each would stand had it been moved, by the same
rule by which a rollout moves one. Nothing is raised by moving alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from recoup.core import periods
from recoup.core.account import Account, Case
from recoup.core.collection.rules import Rules
from recoup.core.consequences import consequence
from recoup.core.decide import decide
from recoup.core.dunning.holding import about_of
from recoup.core.dunning.ladder import stretched
from recoup.core.policy import Policies, Policy, Rung
from recoup.core.rollout import moved, severity


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """One running case under the policies it follows, and under others."""

    case_id: int
    customer_id: int
    scope: str
    policy: str
    other: str  #: the version that the others would choose for it
    rung: str | None  #: where it stands
    would_stand: str | None
    notices: tuple[str, ...]  #: steps that would be sent now, and are not without the change
    imposed: tuple[str, ...]  #: what would be restricted now, and is not without the change
    lifted: tuple[str, ...]  #: what is restricted without the change and would not be
    sooner: str | None  #: what would be taken away earlier than now is known, in words

    @property
    def changed(self) -> bool:
        """Whether the customer would notice anything, now or later."""
        moves = self.notices or self.imposed or self.lifted or self.sooner
        return bool(moves) or self.rung != self.would_stand


def rehearsed(
    account: Account, *, used: Policies, others: Policies, rules: Rules, now: datetime
) -> tuple[Rehearsed, ...]:
    """
    Return what `others` would make of the account's running cases at `now` (UTC).

    `others` must know the versions that these cases follow.

    Raises:
        InvalidPolicy: a version that a case follows is not known.
    """
    there = account.but(
        cases=tuple(moved(account, c, others) if c.open else c for c in account.cases)
    )
    here_then = decide(account, policies=used, rules=rules, now=now).desired
    there_then = decide(there, policies=others, rules=rules, now=now).desired
    other = {case.id: case for case in there.cases}
    return tuple(
        _one(account, here_then, there_then, case, other[case.id], used, others, rules, now)
        for case in account.open_cases()
    )


def _one(
    account: Account,
    here: Account,
    there: Account,
    case: Case,
    after: Case,
    used: Policies,
    others: Policies,
    rules: Rules,
    now: datetime,
) -> Rehearsed:
    mine, theirs = _restricted(here, case.scope), _restricted(there, case.scope)
    sent = _to_send(here, case.scope)
    stands = next((c.rung for c in there.cases if c.id == case.id), None)
    old, new = used.named(case.policy), others.named(after.policy)
    sooner = _sooner(account, case, old, new, rules, now)
    return Rehearsed(
        case.id,
        account.id,
        case.scope,
        case.policy,
        after.policy,
        case.rung,
        stands,
        tuple(step for step in _to_send(there, case.scope) if step not in sent),
        tuple(sorted(theirs - mine)),
        tuple(sorted(mine - theirs)),
        sooner,
    )


def _restricted(account: Account, scope: str) -> frozenset[str]:
    return frozenset(r.consequence for r in account.restrictions if r.scope == scope)


def _to_send(account: Account, scope: str) -> tuple[str, ...]:
    fresh = (n for n in account.notices if n.scope == scope and n.id is None and not n.reason)
    return tuple(notice.step for notice in fresh)


def _sooner(
    account: Account, case: Case, old: Policy, new: Policy, rules: Rules, now: datetime
) -> str | None:
    """
    Return what the new ladder takes away earlier than the old one, of what is yet to come.

    By time alone, as if every notice went out on its day.
    """
    if old == new:
        return None
    before = tuple(_losses(account, case, old, rules))
    for at, name, takes in _losses(account, case, new, rules):
        then = min((instant for instant, _, taken in before if taken >= takes), default=None)
        if (then is None or at < then) and (then is None or then > now):
            when = "never" if then is None else f"on {then:%Y-%m-%d}"
            return f"{name} from {at:%Y-%m-%d}, and without the change {when}"
    return None


def _losses(
    account: Account, case: Case, policy: Policy, rules: Rules
) -> Iterator[tuple[datetime, str, int]]:
    """Yield when each rung that takes something away is due, its name, and how much it takes."""
    stretch = stretched(account.obligations(case.scope), most=policy.max_stretch)
    about = about_of(case, account, rules=rules) if policy.conditional else None
    for rung in policy.ladder:
        held = Rung(rung.name, rung.after, rung.held(about))
        at = periods.instant_after(case.anchor, stretch(rung.after), paused=account.paused)
        if at is not None and any(consequence(name).takes_away for name in held.consequences):
            yield at, rung.name, severity(held)


def instead(used: Policies, others: Policies) -> Policies:
    """Return the policies in use with `others` for new cases; running ones find theirs."""
    there = {choice.policy.name: choice.policy for choice in used.choices}
    return replace(
        used,
        choices=others.choices,
        known={**used.known, **there},
        timers={**used.timers, **others.timers},
    )
