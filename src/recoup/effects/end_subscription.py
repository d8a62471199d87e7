"""
Ends a subscription at the processor, as the loop asked.

The processor's own event is what makes it ended here; this only sees to it that it is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import text

from recoup.core import states
from recoup.core.states import SubscriptionStatus
from recoup.effects.base import World
from recoup.errors import Busy, Rejected, Unreachable
from recoup.jobs.base import Cancel, Claim, Desk, Done, Fail, Handler, Park, Wish

_WANTED: Final = text("""
    SELECT id, processor_id, status, end_reason FROM subscriptions
    WHERE id = ANY(:ids) AND end_requested_at IS NOT NULL""")


def handler(world: World) -> Handler:
    """Return how effects of kind `end_subscription` are run."""

    def run(claims: Sequence[Claim], desk: Desk) -> None:
        ids = [claim.args["subscription_id"] for claim in claims]
        with desk.engine.connect() as connection:
            rows = {row.id: row for row in connection.execute(_WANTED, {"ids": ids})}
        wishes: dict[Claim, Wish] = {}
        for claim in claims:
            row = rows.get(claim.args["subscription_id"])
            if row is None or states.has_ended(SubscriptionStatus(row.status)):
                wishes[claim] = Cancel("it has ended already")
            else:
                wishes[claim] = _end(world, row.processor_id, row.end_reason)
        with desk.engine.begin() as connection:
            desk.settle(connection, wishes)

    return Handler(run, batch=20)


def _end(world: World, subscription: str, reason: str) -> Wish:
    key = f"recoup:end:{subscription}"
    try:
        world.processor.cancel_subscription(subscription, reason=reason, key=key)
    except (Busy, Unreachable) as error:
        return Fail(str(error))
    except Rejected as error:
        return Park(str(error))
    return Done()
