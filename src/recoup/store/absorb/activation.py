"""
Gates, where news passes them: whatever the processor says, what waits for a first payment is not
open before the engine has let it through, and what died stays dead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Connection

from recoup.core import states
from recoup.core.activation import GATE_MARK, WAITING
from recoup.core.facts import InvoiceFact, SubscriptionFact
from recoup.core.states import AttemptState, GateStatus, InvoiceStatus, SubscriptionStatus
from recoup.store import batch, tables
from recoup.store.absorb.mirror import Row
from recoup.store.writer import Writer

#: Of the invoices of a gated start, the one that must be paid. Source: Stripe, `billing_reason`.
FIRST: Final = "subscription_create"

_COLUMNS: Final = tuple(column.name for column in tables.gates.c)
_READ: Final = f"""
    SELECT {", ".join(_COLUMNS)} FROM gates
    WHERE id = ANY(%s) OR (purpose = 'start' AND subscription_id = ANY(%s))"""


class Gates:
    """The gates that a batch concerns."""

    def __init__(self) -> None:
        self._rows: dict[int, dict[str, Any]] = {}
        self._of: dict[int, int] = {}  #: subscription -> the gate of its start

    def read(
        self,
        connection: Connection,
        subscriptions: Iterable[Row],
        invoices: Iterable[Row],
        facts: Iterable[SubscriptionFact],
    ) -> None:
        """Read the gates of these subscriptions and invoices, and those that facts bear."""
        mine = [row["id"] for row in subscriptions]
        ids = {row["gate_id"] for row in invoices} - {None}
        ids.update(mark for fact in facts if (mark := _mark(fact.metadata)) is not None)
        if not (mine or ids):
            return
        for found in batch.fetch(connection, _READ, (sorted(ids), mine)):
            row = dict(zip(_COLUMNS, found, strict=True))
            self._rows[row["id"]] = row
            if row["purpose"] == "start" and row["subscription_id"] is not None:
                self._of[row["subscription_id"]] = row["id"]

    def pass_subscription(self, writer: Writer, row: Row, fact: SubscriptionFact) -> None:
        """Let the row be what its gate lets it be, once it has taken the fact."""
        gate = self._met(writer, row, fact)
        status = GateStatus(gate["status"]) if gate else None
        is_ = states.gated(fact.status, status)
        row.values["status"] = str(is_)
        row.values["processor_status"] = None if is_ == fact.status else str(fact.status)
        if gate is not None and states.is_dead(GateStatus(gate["status"])):
            was = row.was("ended_at")
            row.values["ended_at"] = was if was is not None else gate["ended_at"]
            row.values["end_reason"] = gate["reason"]

    def awaited(self, subscription_id: int) -> bool:
        """Whether a start is not let through, or never will be."""
        gate = self._of.get(subscription_id)
        return gate is not None and not states.let_through(GateStatus(self._rows[gate]["status"]))

    def dated(self, subscription_id: int) -> bool:
        """Whether a gate that has waited says when a start began."""
        gate = self._of.get(subscription_id)
        return gate is not None and self._rows[gate]["evaluated_at"] is not None

    def pass_invoice(self, writer: Writer, row: Row, fact: InvoiceFact) -> None:
        """Hide what is not let through, and close what nobody will ever owe."""
        of = row["gate_id"] or self._of.get(row["subscription_id"] or 0)
        gate = self._rows.get(of or 0)
        if gate is None:
            return
        status = GateStatus(gate["status"])
        row.values["gate_id"] = None if states.let_through(status) else gate["id"]
        was = row.was("status")
        closed = was is not None and states.is_closed(InvoiceStatus(was))
        is_ = InvoiceStatus(was) if closed else states.closed_by(status, fact.status)
        if states.is_closed(is_):
            row.values["closed_at"] = row.was("closed_at") or gate["ended_at"]
            row.values["next_try_at"] = None
        row.values["status"] = str(is_)
        if gate["purpose"] == "start" and gate["invoice_id"] is None and fact.reason == FIRST:
            self._change(writer, gate, {"invoice_id": row["id"]}, type="gate.billed")

    def is_dead(self, gate_id: int | None) -> bool:
        """Whether this gate is dead."""
        gate = self._rows.get(gate_id or 0)
        return gate is not None and states.is_dead(GateStatus(gate["status"]))

    def _met(self, writer: Writer, row: Row, fact: SubscriptionFact) -> dict[str, Any] | None:
        """Return the gate of a subscription; the first news of it starts the gate's time."""
        known = self._of.get(row["id"])
        if known is not None:
            return self._rows[known]
        gate = self._rows.get(_mark(fact.metadata) or 0)
        if (
            gate is None
            or gate["subscription_id"] is not None
            or gate["customer_id"] != row["customer_id"]
        ):
            return None
        values: dict[str, Any] = {"subscription_id": row["id"]}
        status = GateStatus(gate["status"])
        if states.is_pending(status):
            values["evaluated_at"] = writer.now
            values["expires_at"] = writer.now + timedelta(seconds=gate["timeout_s"])
        elif states.is_dead(status):
            values["withdrawal"] = WAITING
        self._change(writer, gate, values, type="gate.evaluated")
        self._of[row["id"]] = gate["id"]
        return gate

    def _change(
        self, writer: Writer, gate: dict[str, Any], values: Mapping[str, Any], *, type: str
    ) -> None:
        writer.update(tables.gates, dict(gate), values, type=type)
        gate.update(values)


def unowed(row: Row, invoice: Row, gates: Gates, others: Iterable[Row]) -> bool:
    """
    Whether the money of the attempt `row` came when nothing was owed for its invoice.

    Args:
        others: The attempts at the same invoice that are known.
    """
    status = InvoiceStatus(invoice["status"])
    if states.is_closed(status) or states.is_void(status) or gates.is_dead(invoice["gate_id"]):
        return True
    if invoice["out_of_band"]:
        return True
    received = sum(
        other["amount"]
        for other in others
        if other is not row
        and states.succeeded(AttemptState(other["state"]))
        and other["unowed_at"] is None
    )
    due: int = invoice["amount_due"]
    return bool(0 < due <= received - invoice["charged_back"])


def begins(row: Row, fact: SubscriptionFact, gates: Gates) -> None:
    """
    Date the subscription's beginning by the earliest news of it alive.

    What is awaited has not begun, and what a gate let through began when it did.
    """
    if gates.awaited(row["id"]) or not states.is_live(fact.status):
        return
    known, at = row["activated_at"], fact.seen.at
    if known is not None and gates.dated(row["id"]):
        return
    if fact.began is not None and row.before is None:  # nobody has told of it before
        at = min(at, fact.began)
    if known is None or at < known:
        row.values["activated_at"] = at
        row.at = row.at or at


def word(row: Row) -> str | None:
    """Return what the ledger calls a subscription's news; None when nothing has moved."""
    if row.was("activated_at") is None and row["activated_at"] is not None:
        return "subscription.started"
    if not row.moved("status"):
        return None
    status = SubscriptionStatus(row["status"])
    return "subscription.canceled" if states.has_ended(status) else f"subscription.{status}"


def _mark(metadata: Mapping[str, str]) -> int | None:
    """Return the gate that the metadata names. A processor's console can write anything there."""
    text = metadata.get(GATE_MARK, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
