"""
The budget of those whom decisions may raise: counted by clock hour, by customer.

One transaction at a time takes from it, so that two sweeps do not both spend what is left. Nobody
waits for it while holding customers: who finds it taken takes nothing, and comes again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import Connection

from recoup.core.account import CustomerId
from recoup.store import batch

Budget = Literal["rollout", "ordinary"]

#: The lock of the budget, until the transaction ends.
GATE: Final = "SELECT pg_try_advisory_xact_lock(hashtext('recoup raises ' || current_schema()))"
#: The key of the task that tells that it is spent.
TASK: Final = "raise_budget"

_STATE: Final = """
    SELECT (SELECT count(*) FROM raises WHERE budget = %s AND hour = %s),
           coalesce((SELECT array_agg(customer_id) FROM raises
                     WHERE budget = %s AND hour = %s AND customer_id = ANY(%s)), '{}')"""


@dataclass(frozen=True, slots=True)
class Spent:
    """Who may be raised, of those that were asked for; `taken`: somebody else is at it."""

    allowed: frozenset[CustomerId]
    taken: bool = False


def spend(
    connection: Connection,
    budget: Budget,
    ids: Sequence[CustomerId],
    *,
    hour: datetime,
    most: int,
    share: int = 0,
) -> Spent:
    """
    Take as much of an hour's budget as `ids` need; who was raised within the hour is free.

    Args:
        hour: The clock hour's beginning.
        most: Customers an hour; one in `share` of all customers, if that is more.
        share: 0: `most` is all there is.
    """
    if not batch.fetch(connection, GATE)[0][0]:
        return Spent(frozenset(), taken=True)
    ((used, known),) = batch.fetch(connection, _STATE, (budget, hour, budget, hour, list(ids)))
    fresh = sorted(set(ids) - set(known))
    if share and used + len(fresh) > most:  # else nobody needs to count everybody
        ((customers,),) = batch.fetch(connection, "SELECT count(*) FROM customers")
        most = max(most, customers // share)
    fresh = fresh[: max(most - used, 0)]
    if fresh:
        batch.driver(connection).execute(
            "INSERT INTO raises (budget, hour, customer_id) "
            "SELECT %s, %s, id FROM unnest(%s::bigint[]) AS given (id) ON CONFLICT DO NOTHING",
            (budget, hour, fresh),
        )
    return Spent(frozenset({*fresh, *known}))


def raised(connection: Connection, *, hour: datetime) -> dict[str, int]:
    """Return how many were raised since `hour` began, by budget."""
    sql = "SELECT budget, count(*) FROM raises WHERE hour = %s GROUP BY 1"
    return dict(batch.fetch(connection, sql, (hour,)))


def tell(connection: Connection, detail: str, *, now: datetime) -> bool:
    """Open the task that says that the budget is spent, unless it is open; return whether."""
    sql = (
        "INSERT INTO tasks (key, kind, detail, opened_at) VALUES (%s, %s, %s, %s) "
        "ON CONFLICT (key) WHERE closed_at IS NULL DO NOTHING RETURNING id"
    )
    return bool(batch.fetch(connection, sql, (TASK, TASK, detail, now)))


def close(connection: Connection, *, now: datetime, hour: datetime) -> None:
    """Close the task once its hour is over."""
    sql = "UPDATE tasks SET closed_at = %s WHERE key = %s AND closed_at IS NULL AND opened_at < %s"
    batch.driver(connection).execute(sql, (now, TASK, hour))
