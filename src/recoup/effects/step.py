"""
Brings up a step of a campaign: the loop looks at its customer, and the next step is enqueued.

Whether the step becomes a notice is decided there. A step of a campaign that is over does
nothing, also when the same debt has a new one by then: case and anchor together must be the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from recoup.campaigns.base import Campaign, Planned
from recoup.campaigns.builtin import OVER, effect, upcoming
from recoup.core.policy import Policies
from recoup.core.states import Trigger
from recoup.effects.base import World
from recoup.errors import InvalidPolicy
from recoup.jobs import queue
from recoup.jobs.base import Cancel, Claim, Desk, Done, Handler, NewEffect, Wish
from recoup.store import campaigns
from recoup.store.campaigns import Carried

HANDED_ON: Final = "another engine has the campaign"


def handler(world: World) -> Handler:
    """Return how effects of kind `step` are run."""

    def run(claims: Sequence[Claim], desk: Desk) -> None:
        now = desk.now()
        with desk.engine.begin() as connection:
            cases = campaigns.carried(connection, [_case_id(claim) for claim in claims])
            found = {claim: _mine(claim, cases.get(_case_id(claim))) for claim in claims}
            look = {
                case.customer_id
                for claim, case in found.items()
                if isinstance(case, Carried) and claim.args["step"] not in case.steps
            }
            failed: Mapping[int, str] = {}
            if look:
                failed = world.recompute(connection, look, trigger=Trigger.CLOCK, now=now).failed
            effects = [
                more
                for claim, case in found.items()
                if isinstance(case, Carried)
                if (more := _next(claim, case, world.policies, now)) is not None
            ]
            queue.enqueue(connection, effects, now=now)
            desk.settle(connection, {c: _wish(case, failed) for c, case in found.items()})

    return Handler(run, batch=200)


def _mine(claim: Claim, case: Carried | None) -> Carried | Cancel:
    """Return the case, if the campaign that this step belongs to is the one that it has now."""
    if case is None or case.anchor != datetime.fromisoformat(str(claim.args["anchor"])):
        return Cancel(OVER)
    return case if case.engine is None else Cancel(HANDED_ON)


def _wish(case: Carried | Cancel, failed: Mapping[int, str]) -> Wish:
    if isinstance(case, Cancel):
        return case
    why = failed.get(case.customer_id)
    return Done() if why is None else Done({"failed": why})


def _next(claim: Claim, case: Carried, policies: Policies, now: datetime) -> NewEffect | None:
    """Return what brings up the step that comes next, if one does."""
    try:
        policy = policies.named(case.policy)
    except InvalidPolicy:
        return None  # the loop says so too, and has the customer marked
    steps = tuple(Planned(step.key, case.anchor + step.after) for step in policy.steps)
    made = Campaign(case.customer_id, case.id, case.scope, case.anchor, case.policy, steps, at=now)
    step = upcoming(made, str(claim.args["step"]), now)
    return None if step is None else effect(made, step)


def _case_id(claim: Claim) -> int:
    return int(claim.args["case_id"] or 0)
