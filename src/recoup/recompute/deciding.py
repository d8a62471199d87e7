"""Deciding on one account, by the policies in use, and what changes by it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from recoup.campaigns import Engines
from recoup.core.account import Account
from recoup.core.changes import Change
from recoup.core.collection.rules import Rules
from recoup.core.decide import Decision, decide
from recoup.core.diff import diff
from recoup.core.policy import Policies


@dataclass(frozen=True, slots=True)
class Budgets:
    """
    How many customers may be raised within one clock hour.

    Under a rollout or by a repair of drift: `least`, or one in `share` of all customers if that
    is more. By ordinary decisions: `ordinary`; None: as many as there are.
    """

    least: int = 500
    share: int = 100
    ordinary: int | None = None


@dataclass(frozen=True, slots=True)
class Engine:
    """
    What decisions are made by: the policies in use and the published rules.

    Without `budgets` nothing is compared in the shadow, and as many are raised as should be.
    """

    policies: Policies
    rules: Rules
    campaigns: Engines = field(default_factory=Engines, compare=False)
    budgets: Budgets | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """An account, the decision on it, and the changes that follow."""

    account: Account
    decision: Decision
    changes: tuple[Change, ...]


def decided(account: Account, engine: Engine, now: datetime) -> Decided:
    """Return the decision on one account."""
    made = decide(account, policies=engine.policies, rules=engine.rules, now=now)
    return Decided(account, made, diff(account, made.desired))
