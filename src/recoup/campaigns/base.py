"""
What brings up the steps of a campaign when their time comes.

To add one: a class with these two verbs, and proof by
`recoup.testing.suites.campaigns.CampaignEngineConformance`; `builtin.py` is the model. Whoever
brings a step up only asks: whether it goes out is decided by the rules and by the guard, from
fresh rows, in the transaction that sends it. Source: docs/campaigns.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, runtime_checkable

from sqlalchemy import Connection

from recoup.core.account import Account, Case
from recoup.core.dunning import campaign
from recoup.core.policy import Policies
from recoup.jobs.base import Handler

#: The name of our own engine in the settings; a case that it carries names none.
BUILTIN: Final = "builtin"


@dataclass(frozen=True, slots=True)
class Planned:
    """A step, and when it will be due as far as is known now (UTC). A hold puts it off."""

    key: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Campaign:
    """
    A case's series of notices, counted from one anchor.

    A case whose anchor moves has another campaign from then on: the case and the anchor together
    say which one it is.
    """

    customer_id: int
    case_id: int
    scope: str  #: what the debt bought: "subscription:7", or "invoice:7" of a one-off
    anchor: datetime
    policy: str  #: "key/version"
    steps: tuple[Planned, ...]  #: in the order in which they are due
    at: datetime  #: our clock's instant at which it began, or is called off

    @property
    def id(self) -> str:
        """What it is known by: "12@2026-03-02T12:00:00+00:00"."""
        return f"{self.case_id}@{self.anchor.isoformat()}"

    @property
    def subscription_id(self) -> int | None:
        """Our id of the subscription that the debt is about, if it is about one."""
        kind, _, number = self.scope.partition(":")
        return int(number) if kind == "subscription" else None


class CampaignEngine(Protocol):
    """
    Brings up each step of a campaign when it is due, until the campaign is called off.

    Both verbs run in the transaction of the decision, once for whoever opened the case. They
    write rows, on the connection given, and ask nobody: what goes over a network is an effect,
    enqueued here. What they raise is logged and counted and changes nothing of the decision.
    """

    def start_campaign(self, connection: Connection, campaign: Campaign, /) -> None:
        """
        Take the campaign on; its first step is brought up at once when it is due already.

        Does nothing when it has no step. Twice is once.
        """
        ...

    def cancel_campaign(self, connection: Connection, campaign: Campaign, /) -> None:
        """
        Bring up no step of it any more: everything that waits for it is removed in one statement.

        Another campaign, of the same case or of another one, is left alone. Twice is once, and
        so is one that was never taken on.
        """
        ...


@runtime_checkable
class Many(Protocol):
    """An engine that takes on, or calls off, a whole batch in one statement."""

    def start_campaigns(self, connection: Connection, campaigns: Sequence[Campaign], /) -> None:
        """Do as `start_campaign` does, for each."""
        ...

    def cancel_campaigns(self, connection: Connection, campaigns: Sequence[Campaign], /) -> None:
        """Do as `cancel_campaign` does, for each."""
        ...


@runtime_checkable
class Works(Protocol):
    """An engine with effects of its own, which our workers run for it."""

    def handlers(self) -> Mapping[str, Handler]:
        """Return how its kinds of effects are run; the kinds are its own: "handover:…"."""
        ...


def planned(case: Case, account: Account, *, policies: Policies, now: datetime) -> Campaign:
    """Return the present campaign of a case, its steps' dates as far as they are known."""
    steps = (
        Planned(step.key, campaign.due_at(step, case, account) or case.anchor + step.after)
        for step in policies.named(case.policy).steps
    )
    return Campaign(
        account.id, case.id, case.scope, case.anchor, case.policy, tuple(steps), at=now
    )
