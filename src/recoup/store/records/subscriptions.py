"""Subscriptions as commands and effects need them: what is wanted of them, and what is new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from recoup.core import states
from recoup.core.states import SubscriptionStatus
from recoup.store import batch, tables
from recoup.store.writer import Writer

_WANTED: Final = """
    SELECT id, processor_id, coalesce(processor_status, status), end_reason, end_requested_at
    FROM subscriptions
    WHERE id = ANY(%s) AND end_requested_at IS NOT NULL"""


@dataclass(frozen=True, slots=True)
class Ending:
    """A subscription whose end was asked for."""

    processor_id: str
    status: SubscriptionStatus  #: what the processor calls it
    reason: str
    requested_at: datetime

    @property
    def over(self) -> bool:
        """Whether it has ended there already."""
        return states.has_ended(self.status)


def endings(connection: Connection, ids: Sequence[int]) -> Mapping[int, Ending]:
    """Return, of these subscriptions, those whose end was asked for."""
    found = batch.fetch(connection, _WANTED, (list(ids),))
    return {
        id: Ending(processor_id, SubscriptionStatus(status), reason, requested_at)
        for id, processor_id, status, reason, requested_at in found
    }


def seen_event(connection: Connection, id: int) -> str:
    """Return what told the subscription's newest news: it differs as soon as anything does."""
    ((event,),) = batch.fetch(
        connection, "SELECT seen_event FROM subscriptions WHERE id = %s", (id,)
    )
    return str(event)


def change(writer: Writer, id: int, values: Mapping[str, Any], *, type: str) -> None:
    """Set `values` on the subscription, whose customer is locked."""
    names = ("id", "customer_id", *values)
    sql = f"SELECT {', '.join(names)} FROM subscriptions WHERE id = %s"
    for row in batch.fetch(writer.connection, sql, (id,)):
        before = dict(zip(names, row, strict=True))
        writer.update(tables.subscriptions, before, values, type=type)
    writer.flush()


def called(connection: Connection, id: int) -> SubscriptionStatus:
    """Return what the processor calls the subscription."""
    sql = "SELECT coalesce(processor_status, status) FROM subscriptions WHERE id = %s"
    ((status,),) = batch.fetch(connection, sql, (id,))
    return SubscriptionStatus(status)


def newest_invoice(connection: Connection, id: int) -> int | None:
    """Return our id of the subscription's newest invoice."""
    sql = (
        "SELECT id FROM invoices WHERE subscription_id = %s "
        "ORDER BY created_at DESC, id DESC LIMIT 1"
    )
    return next((int(id) for (id,) in batch.fetch(connection, sql, (id,))), None)


@dataclass(frozen=True, slots=True)
class Living:
    """A subscription that has not ended, and what it buys or will buy."""

    id: int
    processor_id: str
    prices: tuple[str, ...]


def living(connection: Connection, customer_id: int) -> list[Living]:
    """Return the customer's subscriptions that have not ended, by id."""
    sql = """
        SELECT id, processor_id, status, ended_at IS NOT NULL, prices, next_items
        FROM subscriptions WHERE customer_id = %s ORDER BY id"""
    return [
        Living(id, processor_id, (*prices, *(item["price"] for item in coming)))
        for id, processor_id, status, ended, prices, coming in batch.fetch(
            connection, sql, (customer_id,)
        )
        if not states.has_ended(SubscriptionStatus(status), ended=ended)
    ]
