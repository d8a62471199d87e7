"""The quarter of the town of the invariants where starts wait to be paid, and money comes late."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from recoup.store import tables

HOUR = timedelta(hours=1)


def settle(town: Any, now: datetime) -> None:
    """One waits, one has been paid, and one has died whose money came late and went back."""
    made = now - 30 * HOUR
    _start(town, now - HOUR, "pending", status="incomplete")
    _start(town, made, "satisfied", status="active", activated_at=made, gate={"ended_at": made})
    end = now - 5 * HOUR
    gate = {"ended_at": end, "reason": "timeout", "withdrawal": "unsupported"}
    ended = {"ended_at": end, "end_reason": "timeout"}
    customer, invoice, id = _start(town, made, "expired", status="canceled", gate=gate, **ended)
    came = now - 2 * HOUR
    attempt = town.attempt(customer, invoice, came, "succeeded")
    town.update(tables.attempts, attempt, came, unowed_at=came)
    town.insert(
        tables.late_payments, came, customer_id=customer, attempt_id=attempt, invoice_id=invoice,
        gate_id=id, amount=1000, currency="EUR", decision="refund", state="refunded",
        why="its gate is expired", found_at=came, ended_at=came,
    )  # fmt: skip
    town.insert(
        tables.refunds, came, attempt_id=attempt, customer_id=customer, amount=1000,
        processor="fake", processor_id=f"re_{attempt}", currency="EUR", status="succeeded",
        happened_at=came, seen_rank=0, seen_at=came, seen_tie=0, seen_event="evt_1",
    )  # fmt: skip


def _start(
    town: Any, at: datetime, called: str, *, gate: dict[str, Any] | None = None, **bought: Any
) -> tuple[int, int, int]:
    """Return the customer, the invoice and the gate of a start."""
    customer = town.customer()
    seen = {"seen_rank": 0, "seen_at": at, "seen_tie": 0, "seen_event": "evt_1"}
    subscription = town.insert(
        tables.subscriptions, at, customer_id=customer, processor="fake",
        processor_id=f"sub_{called}", plan="pro", prices=["price_1"], quantity=1, currency="EUR",
        collection_method="charge_automatically", **bought, **seen,
    )  # fmt: skip
    invoice = town.invoice(customer, at)
    town.update(tables.invoices, invoice, at, subscription_id=subscription)
    id = town.insert(
        tables.gates, at, customer_id=customer, kind="payment", purpose="start",
        command_id=1_000 + customer, subscription_id=subscription, invoice_id=invoice,
        status=called, timeout_s=82_800, late="refund", made_at=at, evaluated_at=at,
        expires_at=at + 23 * HOUR, **gate or {},
    )  # fmt: skip
    if called == "satisfied":
        town.attempt(customer, invoice, at, "succeeded")
        town.paid(invoice, at)
    else:
        town.update(tables.invoices, invoice, at, gate_id=id)
    if called == "expired":
        closed = {"status": "closed", "resolved_as": "closed", "closed_at": at}
        town.update(tables.invoices, invoice, at, **closed)
    return customer, invoice, id
