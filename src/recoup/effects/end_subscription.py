"""
Ends a subscription at the processor, as the loop asked.

The processor's own event is what makes it ended here; this only sees to it that it is asked.
"""

from __future__ import annotations

from collections.abc import Sequence

from recoup.effects.base import World
from recoup.errors import Busy, Rejected, Unreachable
from recoup.jobs.base import Cancel, Claim, Desk, Done, Fail, Handler, Park, Wish
from recoup.store.records.subscriptions import Ending, endings


def handler(world: World) -> Handler:
    """Return how effects of kind `end_subscription` are run."""

    def run(claims: Sequence[Claim], desk: Desk) -> None:
        with desk.engine.connect() as connection:
            wanted = endings(connection, [_subscription_id(claim) for claim in claims])
        wishes: dict[Claim, Wish] = {}
        for claim in claims:
            ending = wanted.get(_subscription_id(claim))
            if ending is None or ending.over:
                wishes[claim] = Cancel("it has ended already")
            else:
                wishes[claim] = _end(world, ending)
        with desk.engine.begin() as connection:
            desk.settle(connection, wishes)

    return Handler(run, batch=20)


def _end(world: World, ending: Ending) -> Wish:
    key = f"recoup:end:{ending.processor_id}"
    try:
        world.processor.cancel_subscription(ending.processor_id, reason=ending.reason, key=key)
    except (Busy, Unreachable) as error:
        return Fail(str(error))
    except Rejected as error:
        return Park(str(error))
    return Done()


def _subscription_id(claim: Claim) -> int:
    return int(claim.args["subscription_id"] or 0)
