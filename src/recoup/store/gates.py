"""What the engine decides about gates and late money, as rows, and the commands that follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from recoup.core import states
from recoup.core.account import Gate, Late, Subscription
from recoup.core.activation import GATE_MARK, PAYMENT_FAILED, TIMEOUT
from recoup.core.billing.requests import ItemWanted, Request, StartSubscription
from recoup.core.money import Money
from recoup.core.states import InvoiceStatus
from recoup.store import batch, tables, upgrades
from recoup.store.records import commands, coupons
from recoup.store.writer import Writer

_BILLED: Final = """
    SELECT id, customer_id, status, gate_id, closed_at, resolved_as, next_try_at FROM invoices
    WHERE gate_id = %s OR id = %s ORDER BY id"""

_PAID: Final = """
    SELECT id, customer_id, unowed_at, coalesce(ended_at, happened_at) FROM attempts
    WHERE invoice_id = ANY(%s) AND state = ANY(%s) AND unowed_at IS NULL ORDER BY id"""
_RECEIVED: Final = sorted(states.RECEIVED)

#: Why an offered change is over that was not paid; others were taken back, or had no customer.
_UNPAID: Final = frozenset({PAYMENT_FAILED, TIMEOUT})
#: Why the uses of coupons go back.
DIED: Final = "its first payment did not come"


def resolve(writer: Writer, customer_id: int, before: Gate, after: Gate) -> None:
    """
    Write what became of a gate, and with it what becomes of its invoices and coupons.

    Let through, its invoices are what any invoice is. Dead, nobody owes them or gets to see them,
    and what was redeemed is given back. The customer is locked; the caller flushes.
    """
    values = ("status", "ended_at", "reason", "withdrawal")
    old = {name: getattr(before, name) for name in values} | {"status": before.status.value}
    new = {name: getattr(after, name) for name in values} | {"status": after.status.value}
    moved = before.status != after.status
    row: dict[str, Any] = {"id": after.id, "customer_id": customer_id, **old}
    kind = f"gate.{after.status}" if moved else f"gate.{after.withdrawal}"
    writer.update(tables.gates, row, new, type=kind)
    if not moved:
        return
    dead = states.is_dead(after.status)
    unpaid = dead and not after.of_a_start and after.reason in _UNPAID
    if unpaid and after.subscription_id is not None:
        upgrades.count(writer, after.subscription_id)
    names = ("id", "customer_id", "status", "gate_id", "closed_at", "resolved_as", "next_try_at")
    billed = batch.fetch(writer.connection, _BILLED, (after.id, after.invoice_id))
    if dead:
        doubt(writer, [found[0] for found in billed])
    for found in billed:
        _pass(writer, dict(zip(names, found, strict=True)), after, dead=dead)
    if dead and after.of_a_start and after.subscription_id is not None:
        coupons.give_back_unlived(writer, [after.subscription_id], reason=DIED)


def _pass(writer: Writer, invoice: Mapping[str, Any], gate: Gate, *, dead: bool) -> None:
    if not dead:
        writer.update(tables.invoices, invoice, {"gate_id": None}, type="invoice.revealed")
        return
    status = states.closed_by(gate.status, InvoiceStatus(invoice["status"]))
    values: dict[str, Any] = {"gate_id": gate.id}
    if states.is_closed(status):
        closed = {"status": status.value, "closed_at": gate.ended_at}
        values |= {**closed, "resolved_as": "closed", "next_try_at": None}
    writer.update(tables.invoices, invoice, values, type="invoice.closed")


def doubt(writer: Writer, invoices: Sequence[int]) -> None:
    """Mark what was paid for invoices that, as we know only now, nobody owed any more."""
    names = ("id", "customer_id", "unowed_at", "paid_at")
    for found in batch.fetch(writer.connection, _PAID, (list(invoices), _RECEIVED)):
        row = dict(zip(names, found, strict=True))
        paid = {"unowed_at": row.pop("paid_at")}
        writer.update(tables.attempts, row, paid, type="payment.late")


def move(writer: Writer, customer_id: int, before: Subscription, after: Subscription) -> None:
    """Write what a subscription's gate makes of it. The customer is locked; the caller flushes."""
    names = "status processor_status ended_at end_reason end_requested_at activated_at".split()
    old, new = ({name: getattr(one, name) for name in names} for one in (before, after))
    for values in (old, new):
        for name in ("status", "processor_status"):
            values[name] = None if values[name] is None else str(values[name])
    writer.update(
        tables.subscriptions,
        {"id": after.id, "customer_id": customer_id, **old},
        new,
        occurred_at=after.activated_at or after.ended_at,
        type=_word(before, after),
    )


def _word(before: Subscription, after: Subscription) -> str | None:
    if before.activated_at is None and after.activated_at is not None:
        return "subscription.started"
    over = states.has_ended(after.status) and before.status != after.status
    return "subscription.canceled" if over else None


def deal_with(writer: Writer, customer_id: int, before: Late, after: Late) -> int:
    """
    Write how far late money has come; return the id of its row.

    It gets one when it is first dealt with. The customer is locked; the caller flushes.
    """
    over = not (states.is_underway(after.state) or states.is_stuck(after.state))
    values = {
        "decision": after.decision,
        "state": after.state.value,
        "ended_at": writer.now if over else None,
    }
    if before.id is not None:
        old = {"decision": before.decision, "state": before.state.value, "ended_at": None}
        known = {"id": before.id, "customer_id": customer_id, **old}
        writer.update(tables.late_payments, known, values, type=f"late_payment.{after.state}")
        return before.id
    row: dict[str, Any] = {
        "customer_id": customer_id,
        "attempt_id": after.attempt_id,
        "invoice_id": after.invoice_id,
        "gate_id": after.gate_id,
        "amount": after.amount.minor,
        "currency": after.amount.currency,
        "why": after.why,
        "found_at": writer.now,
        **values,
    }
    id = writer.insert(tables.late_payments, row, type=f"late_payment.{after.state}")
    assert id is not None  # noqa: S101  they have ids
    return id


_LAPSED: Final = """
    SELECT c.processor_id, s.items, s.period_start, s.period_end, s.default_method,
           s.collection_method, s.metadata
    FROM gates g JOIN subscriptions s ON s.id = g.subscription_id
    JOIN customers c ON c.id = s.customer_id WHERE g.id = %s"""


def again(writer: Writer, late: Late) -> StartSubscription:
    """Return the start of what late money was for: one period from now costs nothing more."""
    found = batch.fetch(writer.connection, _LAPSED, (late.gate_id,))
    ((customer, items, start, end, method, collection, metadata),) = found
    return StartSubscription(
        customer,
        tuple(ItemWanted(item["price"], item["quantity"]) for item in items),
        anchor=writer.now + (end - start),
        prorate=False,
        default_method=method,
        collection=collection,
        metadata={key: text for key, text in metadata.items() if key != GATE_MARK},
    )


def record(
    writer: Writer,
    *,
    kind: str,
    key: str,
    customer_id: int,
    subject: str,
    request: Request,
    args: Mapping[str, str | int | bool | None],
    amount: Money | None = None,
) -> int | None:
    """
    Record a command that the engine decided on; return its id. The caller enqueues its asking.

    None when a command of this key is on record already: what it asks for is asked for once.
    """
    return commands.record(
        writer, kind=kind, key=key, customer_id=customer_id, subject=subject, request=request,
        args=args, amount=amount,
    )  # fmt: skip
