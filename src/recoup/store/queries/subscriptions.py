"""Subscriptions, as mirrored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from recoup.errors import NotFound
from recoup.store.queries.pages import LIMIT, Page, fetch, page

_COLUMNS: Final = """id, customer_id, processor, processor_id, status, plan, prices, quantity,
    currency, period_start, period_end, trial_end, cancel_at, canceled_at, ended_at, end_reason,
    end_requested_at, collection_method"""

_LISTING: Final = f"""
    SELECT {_COLUMNS} FROM subscriptions
    WHERE id > %(after)s
      AND (%(customer)s::bigint IS NULL OR customer_id = %(customer)s)
      AND (%(status)s::text IS NULL OR status = %(status)s)
    ORDER BY id LIMIT %(limit)s"""

_SHOW: Final = f"""
    SELECT {_COLUMNS} FROM subscriptions
    WHERE id::text = %(given)s OR processor_id = %(given)s ORDER BY id LIMIT 1"""


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """A mirrored subscription."""

    id: int
    customer_id: int
    processor: str
    processor_id: str
    status: str
    plan: str | None
    prices: list[str]
    quantity: int
    currency: str
    period_start: datetime | None
    period_end: datetime | None
    trial_end: datetime | None
    cancel_at: datetime | None
    canceled_at: datetime | None
    ended_at: datetime | None
    end_reason: str | None
    end_requested_at: datetime | None
    collection_method: str


def listing(
    connection: Connection,
    *,
    customer_id: int | None = None,
    status: str | None = None,
    after: int = 0,
    limit: int = LIMIT,
) -> Page[SubscriptionRow]:
    """Return subscriptions by id."""
    given = {"customer": customer_id, "status": status, "after": after}
    return page(connection, _LISTING, given, SubscriptionRow, limit=limit)


def show(connection: Connection, reference: str) -> SubscriptionRow:
    """
    Return one subscription, by our id or the processor's.

    Raises:
        NotFound: there is none.
    """
    for row in fetch(connection, _SHOW, {"given": reference.replace("\0", "")}):
        return SubscriptionRow(*row)
    raise NotFound(
        f"there is no subscription {reference!r}: it is no id of ours and none at the processor"
    )
