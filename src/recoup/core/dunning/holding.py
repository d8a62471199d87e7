"""
What holds for a case on its rung: the consequences that are for its debt, and those that last.

A condition may come to fit while a case stands on its rung: a second renewal fails, and the debt
is large now. What is taken away then waits for a notice of it as the rung itself would have.
Source: docs/dunning.md, "Conditions".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from recoup.core.account import Account, Case
from recoup.core.collection.instrument import newest_verdict
from recoup.core.collection.rules import Rules
from recoup.core.consequences import consequence
from recoup.core.dunning import ladder
from recoup.core.dunning.conditions import About, about
from recoup.core.policy import Policies, Policy

Abouts = Mapping[int, About]


def abouts(account: Account, *, policies: Policies, rules: Rules) -> Abouts:
    """Return, by case, what conditions are asked of; only for cases whose policy has any."""
    return {
        case.id: about_of(case, account, rules=rules)
        for case in account.open_cases()
        if policies.named(case.policy).conditional
    }


def about_of(case: Case, account: Account, *, rules: Rules) -> About:
    """Return what conditions are asked of for one case."""
    verdict = newest_verdict(account, account.obligations(case.scope), rules=rules)
    return about(case, account, decline_class=None if verdict is None else verdict.decline_class)


def held(
    account: Account,
    case: Case,
    *,
    policy: Policy,
    about: About | None,
    moving: bool,
    now: datetime,
) -> tuple[Account, datetime | None]:
    """
    Return the account with what holds on the case's rung, and when to look again, if it is known.

    What holds already keeps its row. Nothing is taken away by a condition that has come to fit
    before its customer was told in time.
    """
    wake: datetime | None = None
    if case.rung is None:
        return account, wake
    rung = policy.rung(case.rung)
    for name in rung.held(about):
        known = any(r.key == (case.scope, name) for r in account.restrictions)
        if not known and about is not None and consequence(name).takes_away:
            free, until = ladder.may_take(
                rung, case, account, policy=policy, moving=moving, now=now
            )
            if not free:
                wake = until if wake is None else wake
                continue
        account = consequence(name).hold(account, case, now=now)
    return account, wake


def kept(account: Account, cases: Iterable[Case], *, policies: Policies, on: Abouts) -> Account:
    """Return the account without the restrictions that none of `cases` gives reason for."""
    allowed = {key for case in cases for key in _allowed(case, account, policies, on)}
    return account.but(restrictions=tuple(r for r in account.restrictions if r.key in allowed))


def _allowed(
    case: Case, account: Account, policies: Policies, on: Abouts
) -> Iterator[tuple[str, str]]:
    if case.open and case.rung is not None:
        for name in policies.named(case.policy).rung(case.rung).held(on.get(case.id)):
            yield case.scope, name
    elif case.unsettled:
        # Only the last rung's: what the rungs before it brought was replaced by it.
        last = policies.named(case.policy).end
        for restriction in account.restrictions:
            name = restriction.consequence
            lasts = restriction.scope == case.scope and name in last.consequences
            if lasts and consequence(name).lasts:
                yield restriction.key
