"""
Gates as commands make them, and as answers end them. What is decided about them is written by
`recoup.store.records.gates`. The customer is locked in all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import Connection

from recoup.core import states
from recoup.core.activation import PaymentGate
from recoup.core.states import GateStatus, InvoiceStatus, LateState
from recoup.store import batch, tables
from recoup.store.writer import Writer

Purpose = Literal["start", "change"]

_COLUMNS: Final = (
    "id customer_id purpose command_id subscription_id invoice_id status timeout_s evaluated_at "
    "expires_at ended_at reason withdrawal"
).split()
_READ: Final = f"SELECT {', '.join(_COLUMNS)} FROM gates WHERE "
_LATE: Final = "id customer_id attempt_id decision state subscription_id ended_at".split()


@dataclass(frozen=True, slots=True)
class Kept:
    """A gate's row, as far as commands must know it."""

    id: int
    customer_id: int
    purpose: str
    command_id: int
    subscription_id: int | None
    invoice_id: int | None
    status: GateStatus
    timeout_s: int
    evaluated_at: datetime | None
    expires_at: datetime | None
    ended_at: datetime | None
    reason: str | None
    withdrawal: str | None


def make(
    writer: Writer,
    *,
    customer_id: int,
    purpose: Purpose,
    command_id: int,
    gate: PaymentGate,
    subscription_id: int | None = None,
    applies: bool = True,
) -> int:
    """
    Write the gate of a start or a change, which waits until that has begun; return its id.

    One that does not apply, because there is nothing to wait for, is kept to say so.
    """
    status = GateStatus.PENDING if applies else GateStatus.NOT_APPLICABLE
    row = {
        "customer_id": customer_id,
        "kind": "payment",
        "purpose": purpose,
        "command_id": command_id,
        "subscription_id": subscription_id,
        "invoice_id": None,
        "status": status.value,
        "timeout_s": round(gate.timeout.total_seconds()),
        "tries": gate.tries,
        "late": gate.late,
        "made_at": writer.now,
        "evaluated_at": None,
        "expires_at": None,
        "ended_at": None if applies else writer.now,
        "reason": None,
        "withdrawal": None,
    }
    id = writer.insert(tables.gates, row, type="gate.made" if applies else f"gate.{status}")
    assert id is not None  # noqa: S101  gates have ids
    writer.flush()
    return id


def read(connection: Connection, id: int) -> Kept:
    """Return the gate with this id, which exists."""
    (row,) = batch.fetch(connection, _READ + "id = %s", (id,))
    return _kept(row)


def by_command(connection: Connection, command_id: int) -> Kept | None:
    """Return the gate that a command made."""
    found = batch.fetch(connection, _READ + "command_id = %s", (command_id,))
    return _kept(found[0]) if found else None


def link(writer: Writer, gate_id: int, subscription_id: int) -> None:
    """Say which subscription a gate was for, where no news has said it before."""
    gate = read(writer.connection, gate_id)
    if gate.subscription_id is None:
        _change(writer, gate, {"subscription_id": subscription_id}, type="gate.linked")


def evaluate(
    writer: Writer,
    gate_id: int,
    invoice_id: int | None = None,
    at: datetime | None = None,
    until: datetime | None = None,
) -> None:
    """
    Let a gate wait from `at` (UTC; by default now) for its invoice, which is hidden meanwhile.

    It expires with its timeout, and `until` at the latest. What was decided stays as it is.
    """
    gate = read(writer.connection, gate_id)
    if not states.is_pending(gate.status):
        return
    since = at or writer.now
    last = since + timedelta(seconds=gate.timeout_s)
    if until is not None:
        last = max(min(last, until), since + timedelta(seconds=1))
    values = {"evaluated_at": since, "expires_at": last, "invoice_id": invoice_id}
    _change(writer, gate, values, type="gate.evaluated")
    if invoice_id is not None:
        _hide(writer, invoice_id, gate_id)


def fail(writer: Writer, gate_id: int, reason: str, withdrawal: str | None = None) -> None:
    """End a gate whose start or change was refused, or taken back. What is decided stays."""
    _end(writer, gate_id, GateStatus.FAILED, reason=reason, withdrawal=withdrawal)


def not_applicable(writer: Writer, gate_id: int) -> None:
    """End a gate that has nothing to wait for. What is decided stays."""
    _end(writer, gate_id, GateStatus.NOT_APPLICABLE)


def answered(writer: Writer, gate_id: int, withdrawal: str) -> None:
    """Write what became of taking the payment of a gate back; of a change, before it is dead."""
    gate = read(writer.connection, gate_id)
    if states.is_dead(gate.status) or states.is_pending(gate.status):
        taken = "payment.withdrawn" if states.was_stopped(withdrawal) else f"gate.{withdrawal}"
        _change(writer, gate, {"withdrawal": withdrawal}, type=taken)


def deal_with(
    writer: Writer, late_id: int, state: LateState, *, subscription_id: int | None = None
) -> None:
    """Write how far the way of late money has come; with what it bought after all."""
    over = not (states.is_underway(state) or states.is_stuck(state))
    _change_late(
        writer,
        late_id,
        {
            "state": state.value,
            "subscription_id": subscription_id,
            "ended_at": writer.now if over else None,
        },
        type=f"late_payment.{state}",
    )


def give_back_instead(writer: Writer, late_id: int) -> int:
    """Decide that late money, which could not buy anything, goes back; return its payment's id."""
    _change_late(writer, late_id, {"decision": "refund"}, type="late_payment.changed")
    sql = "SELECT attempt_id FROM late_payments WHERE id = %s"
    ((attempt,),) = batch.fetch(writer.connection, sql, (late_id,))
    return int(attempt)


def _end(
    writer: Writer,
    gate_id: int,
    status: GateStatus,
    *,
    reason: str | None = None,
    withdrawal: str | None = None,
) -> None:
    gate = read(writer.connection, gate_id)
    if not states.is_pending(gate.status):
        return
    values = {
        "status": status.value,
        "ended_at": writer.now,
        "reason": reason,
        "withdrawal": withdrawal,
    }
    _change(writer, gate, values, type=f"gate.{status}")


def _change(writer: Writer, gate: Kept, values: Mapping[str, Any], *, type: str) -> None:
    before = {name: getattr(gate, name) for name in _COLUMNS} | {"status": gate.status.value}
    writer.update(tables.gates, before, values, type=type)
    writer.flush()


def _hide(writer: Writer, invoice_id: int, gate_id: int) -> None:
    sql = "SELECT customer_id, gate_id, status FROM invoices WHERE id = %s"
    for customer_id, before, status in batch.fetch(writer.connection, sql, (invoice_id,)):
        if states.is_paid(InvoiceStatus(status)):
            return
        row = {"id": invoice_id, "customer_id": customer_id, "gate_id": before}
        writer.update(tables.invoices, row, {"gate_id": gate_id}, type="invoice.hidden")
    writer.flush()


def _change_late(writer: Writer, id: int, values: Mapping[str, Any], *, type: str) -> None:
    sql = f"SELECT {', '.join(_LATE)} FROM late_payments WHERE id = %s"
    for row in batch.fetch(writer.connection, sql, (id,)):
        writer.update(tables.late_payments, dict(zip(_LATE, row, strict=True)), values, type=type)
    writer.flush()


def _kept(row: Any) -> Kept:
    values = dict(zip(_COLUMNS, row, strict=True))
    return Kept(**values | {"status": GateStatus(values["status"])})
