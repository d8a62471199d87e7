"""
Looks again at customers of whom a gate's time is up: what has not been paid by then dies.

The clock `activation` finds them and asks for nothing else; whether a gate dies is decided here,
under its customer's lock, by what is known at that moment. A customer who can not be decided on
is marked, and tried again, as in any other run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from recoup.core.states import Trigger
from recoup.effects.base import World
from recoup.jobs.base import Cancel, Claim, Desk, Done, Handler, Wish


def handler(world: World) -> Handler:
    """Return how effects of kind `expire` are run."""

    def run(claims: Sequence[Claim], desk: Desk) -> None:
        ids = {claim.customer_id for claim in claims if claim.customer_id is not None}
        with desk.engine.begin() as connection:
            failed = world.recompute(connection, ids, trigger=Trigger.GATE, now=desk.now()).failed
            desk.settle(connection, {claim: _wish(claim, failed) for claim in claims})

    return Handler(run, batch=200)


def _wish(claim: Claim, failed: Mapping[int, str]) -> Wish:
    if claim.customer_id is None:
        return Cancel("it names no customer")
    why = failed.get(claim.customer_id)
    return Done() if why is None else Done({"failed": why})
