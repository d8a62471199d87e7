"""Attempts that an effect is about to make, or to ask about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from recoup.core import states
from recoup.core.states import ATTEMPT_MOVES, AttemptState, InvoiceStatus
from recoup.store import batch, observe, tables
from recoup.store.writer import Writer

_READ: Final = """
    SELECT a.id, a.customer_id, a.state, a.method, a.idempotency_key, a.requested_at, a.ended_at,
           a.lookups, a.note, a.invoice_id, i.processor_id, i.status, i.amount_remaining,
           a.off_session
    FROM attempts a JOIN invoices i ON i.id = a.invoice_id
    WHERE a.id = ANY(%s)"""


@dataclass(frozen=True, slots=True)
class Order:
    """One of our attempts, and what it is to collect."""

    id: int
    customer_id: int
    state: AttemptState
    method: str | None
    key: str
    requested_at: datetime | None
    ended_at: datetime | None
    lookups: int
    note: str | None
    invoice_id: int
    invoice: str  #: the processor's id
    invoice_status: InvoiceStatus
    remaining: int
    off_session: bool  #: nobody is there who could authenticate

    @property
    def owed(self) -> bool:
        """Whether there is still something to collect."""
        return states.is_owed(self.invoice_status) and self.remaining > 0


def locked(connection: Connection, ids: Sequence[int]) -> Mapping[int, Order]:
    """Return these attempts, their customers locked until the transaction ends."""
    owners = batch.fetch(
        connection, "SELECT customer_id FROM attempts WHERE id = ANY(%s)", (list(ids),)
    )
    observe.lock(connection, {owner for (owner,) in owners})
    orders = (_order(*row) for row in batch.fetch(connection, _READ, (list(ids),)))
    return {order.id: order for order in orders}


def _order(
    id: int, customer_id: int, state: str, method: str | None, key: str,
    requested_at: datetime | None, ended_at: datetime | None, lookups: int, note: str | None,
    invoice_id: int, invoice: str, status: str, remaining: int, off_session: bool,
) -> Order:  # fmt: skip
    return Order(
        id, customer_id, AttemptState(state), method, key, requested_at, ended_at, lookups, note,
        invoice_id, invoice, InvoiceStatus(status), remaining, off_session,
    )  # fmt: skip


def move(
    writer: Writer, order: Order, to: AttemptState, *, note: str | None = None, lookups: int = 0
) -> None:
    """
    Move an attempt. The instant it was requested or ended is the writer's `now`.

    Raises:
        IllegalTransition: the table does not list the move.
    """
    states.checked(ATTEMPT_MOVES, order.state, to)
    after: dict[str, object] = {"state": to.value, "note": note, "lookups": lookups}
    if states.is_requested(to):
        after["requested_at"] = writer.now
    if not states.is_open(to):
        after["ended_at"] = writer.now
    before = {
        "id": order.id,
        "customer_id": order.customer_id,
        "state": order.state.value,
        "note": order.note,
        "lookups": order.lookups,
        "requested_at": order.requested_at,
        "ended_at": order.ended_at,
    }
    writer.update(tables.attempts, before, after, type=f"attempt.{to.value}")
