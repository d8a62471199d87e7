"""
Ends a subscription at the processor, as the loop asked.

The processor's own event is what makes it ended here; this only sees to it that it is asked. While
the processor is down it is asked again and again, for nothing is in doubt: ending twice is ending.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from recoup.effects.base import World
from recoup.errors import Busy, KeyReused, Rejected, Unreachable
from recoup.jobs.base import Cancel, Claim, Desk, Done, Handler, Park, Snooze, Wish
from recoup.store.database import reading
from recoup.store.records.subscriptions import Ending, endings
from recoup.telemetry import span

#: Without an answer it is asked again after as long as it has been wanted, within these.
SHORTEST: Final = timedelta(minutes=1)
LONGEST: Final = timedelta(hours=1)


def handler(world: World) -> Handler:
    """Return how effects of kind `end_subscription` are run."""

    def run(claims: Sequence[Claim], desk: Desk) -> None:
        with reading(desk.engine) as connection:
            wanted = endings(connection, [_subscription_id(claim) for claim in claims])
        wishes: dict[Claim, Wish] = {}
        for claim in claims:
            ending = wanted.get(_subscription_id(claim))
            if ending is None or ending.over:
                wishes[claim] = Cancel("it has ended already")
            else:
                wishes[claim] = _end(world, ending, desk.now())
        with desk.engine.begin() as connection:
            desk.settle(connection, wishes)

    return Handler(run, batch=20)


def _end(world: World, ending: Ending, now: datetime) -> Wish:
    key = f"recoup:end:{ending.processor_id}"
    try:
        with span("processor cancel_subscription"):
            world.processor.cancel_subscription(ending.processor_id, reason=ending.reason, key=key)
    except (Busy, Unreachable) as error:
        wait = min(max(now - ending.requested_at, SHORTEST), LONGEST)
        told = error.after if isinstance(error, Busy) else None
        return Snooze(now + (wait if told is None else timedelta(seconds=told)), str(error))
    except (Rejected, KeyReused) as error:
        return Park(str(error))
    return Done()


def _subscription_id(claim: Claim) -> int:
    return int(claim.args["subscription_id"] or 0)
