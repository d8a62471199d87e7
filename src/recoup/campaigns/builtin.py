"""
Our own engine: the steps of a campaign are effects on the job queue, one after the other.

A step's effect has the loop look at the customer, and enqueues the next step. It is a hint and
nothing else: what is due is decided by the rules, which also wake the customer by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from recoup.campaigns.base import Campaign, Planned
from recoup.jobs import queue
from recoup.jobs.base import NewEffect

KIND: Final = "step"
QUEUE: Final = "default"
#: Why the effects of a campaign that is called off do not run.
OVER: Final = "the campaign is over"


class Builtin:
    """Schedules on the job queue, in the transaction of the decision."""

    def start_campaign(self, connection: Connection, campaign: Campaign, /) -> None:
        """Enqueue the first step."""
        self.start_campaigns(connection, [campaign])

    def cancel_campaign(self, connection: Connection, campaign: Campaign, /) -> None:
        """Remove every step that has not run."""
        self.cancel_campaigns(connection, [campaign])

    def start_campaigns(self, connection: Connection, campaigns: Sequence[Campaign], /) -> None:
        """Enqueue the first step of each."""
        effects = [effect(one, one.steps[0]) for one in campaigns if one.steps]
        if effects:
            queue.enqueue(connection, effects, now=campaigns[0].at)

    def cancel_campaigns(self, connection: Connection, campaigns: Sequence[Campaign], /) -> None:
        """Remove every step of them that has not run, in one statement."""
        keys = [key(one, step) for one in campaigns for step in one.steps]
        if keys:
            queue.cancel(connection, reason=OVER, now=campaigns[0].at, keys=keys)


def effect(campaign: Campaign, step: Planned) -> NewEffect:
    """Return what brings up a step of the campaign."""
    return NewEffect(
        KIND,
        key(campaign, step),
        max(step.due_at, campaign.at),
        queue=QUEUE,
        customer_id=campaign.customer_id,
        args={
            "case_id": campaign.case_id,
            "anchor": campaign.anchor.isoformat(),
            "step": step.key,
        },
    )


def key(campaign: Campaign, step: Planned) -> str:
    """Return the key of a step's effect: one for each step of each campaign."""
    return f"step:{campaign.case_id}:{campaign.anchor.isoformat()}:{step.key}"


def upcoming(campaign: Campaign, after: str, now: datetime) -> Planned | None:
    """Return the step that comes up next behind the one with the key `after`, if any does."""
    keys = [step.key for step in campaign.steps]
    behind = campaign.steps[keys.index(after) + 1 :] if after in keys else campaign.steps
    return next((step for step in behind if step.due_at > now), None)
