"""How the host's own systems follow: for people and for figures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from recoup.core.account import CustomerId
from recoup.errors import NotFound
from recoup.store.queries.pages import LIMIT, Page, fetch, page

_ROWS: Final = """
    SELECT v.customer_id, c.processor_id, s.standing, v.version, v.applied_version, v.applied_at,
           v.behind_since, l.since, l.undoing, e.id, e.attempt, e.reason, e.due_at
    FROM access_versions v
    JOIN customers c ON c.id = v.customer_id
    JOIN standings s ON s.customer_id = v.customer_id
    LEFT JOIN LATERAL (
        SELECT min(r.lifted_at) AS since, count(*) AS undoing FROM restrictions r, access_store a
        WHERE r.customer_id = v.customer_id AND r.undone_at IS NULL
          AND r.lifted_at >= a.since) l ON true
    LEFT JOIN effects e ON e.key = 'access:' || v.customer_id
        AND e.state IN ('scheduled', 'running', 'parked')"""

_LISTING: Final = f"""{_ROWS}
    WHERE v.customer_id > %(after)s AND (NOT %(lifting)s OR l.since IS NOT NULL)
      AND (NOT %(behind)s OR v.behind_since IS NOT NULL)
      AND EXISTS (SELECT FROM access_store)
    ORDER BY v.customer_id LIMIT %(limit)s"""

_LAG: Final = """
    SELECT (SELECT count(DISTINCT r.customer_id) FROM restrictions r, access_store a
            WHERE r.undone_at IS NULL AND r.lifted_at >= a.since),
           (SELECT count(DISTINCT r.customer_id) FROM restrictions r, access_store a
            WHERE r.undone_at IS NULL AND r.lifted_at >= a.since AND r.lifted_at <= %(long)s),
           (SELECT min(r.lifted_at) FROM restrictions r, access_store a
            WHERE r.undone_at IS NULL AND r.lifted_at >= a.since),
           (SELECT count(*) FROM access_versions WHERE behind_since <= %(long)s)"""


@dataclass(frozen=True, slots=True)
class Follower:
    """How far the host is with one customer, and how it goes."""

    id: CustomerId
    customer: str | None  #: the processor's id
    standing: str
    version: int
    applied_version: int  #: what the host has confirmed; 0: nothing
    applied_at: datetime | None
    behind_since: datetime | None  #: since when there is something it has not confirmed
    lifting_since: datetime | None  #: since when something waits to be undone
    undoing: int  #: so many restrictions
    effect: int | None  #: what will tell it
    tries: int | None
    reason: str | None  #: why it has not been told
    due_at: datetime | None  #: when it is told next


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the host is behind, counted."""

    lifting: int  #: customers who wait for something to be undone
    lifting_long: int  #: of these, for longer than the host may take
    lifting_since: datetime | None  #: of these, who has waited longest
    behind_long: int  #: customers of whom it has not followed a change for as long


def listing(
    connection: Connection,
    *,
    lifting: bool = False,
    behind: bool = False,
    after: int = 0,
    limit: int = LIMIT,
) -> Page[Follower]:
    """Return customers of whom the host was told, by id; only the lifting, only the behind."""
    given: dict[str, Any] = {"after": after, "lifting": lifting, "behind": behind}
    return page(connection, _LISTING, given, Follower, limit=limit)


def show(connection: Connection, customer_id: CustomerId) -> Follower:
    """
    Return how far the host is with one customer.

    Raises:
        NotFound: it was never told of them: nothing was ever closed, or nobody follows.
    """
    for row in fetch(connection, f"{_ROWS} WHERE v.customer_id = %(id)s", {"id": customer_id}):
        return Follower(*row)
    raise NotFound(f"the host was never told of the access of customer {customer_id}")


def lag(connection: Connection, *, now: datetime, longest: timedelta) -> Lag:
    """Return how far the host is behind at `now`, where it may take `longest`."""
    return Lag(*fetch(connection, _LAG, {"long": now - longest})[0])
