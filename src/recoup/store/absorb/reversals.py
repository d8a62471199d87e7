"""What is taken back: refunds and disputes."""

from __future__ import annotations

from recoup.core import states
from recoup.core.facts import DisputeFact, RefundFact
from recoup.core.states import LateState
from recoup.store import batch, tables
from recoup.store.absorb.known import Known, Told
from recoup.store.absorb.mirror import Mirror, Row
from recoup.store.absorb.waiting import Waiting
from recoup.store.writer import Writer


def refunds(writer: Writer, processor: str, told: Told, known: Known, waiting: Waiting) -> None:
    """A refund belongs to a charge that is known."""
    for event, fact in told.refunds:
        row = _row(writer, processor, known.refunds, fact, known.attempts.get(fact.charge))
        if row is None:
            waiting.wait(event, f"charge:{fact.charge}")
        elif row.offer(fact.seen, {"status": fact.status, "reason": fact.reason}):
            row.type = f"refund.{fact.status}" if row.moved("status") else None


def disputes(writer: Writer, processor: str, told: Told, known: Known, waiting: Waiting) -> None:
    """A dispute belongs to a charge that is known; an open one marks the charge's invoice."""
    touched: set[int] = set()
    for event, fact in told.disputes:
        row = _row(writer, processor, known.disputes, fact, known.attempts.get(fact.charge))
        if row is None:
            waiting.wait(event, f"charge:{fact.charge}")
            continue
        if row.offer(fact.seen, {"open": fact.open, "lost": fact.lost}):
            row.type = "dispute.opened" if fact.open else "dispute.closed"
        touched.add(known.attempts.by_id[row["attempt_id"]]["invoice_id"])
    _mark(writer, known, touched)


def came_back(writer: Writer, known: Known) -> None:
    """
    Late money that went back and is ours again is a matter for a person.

    Its refund failed after all, days later, or its bank had taken it and we won the dispute.
    """
    failed = [
        row["attempt_id"]
        for row in known.refunds.changed()
        if row.moved("status") and row["status"] in states.NOTHING_GIVEN_BACK
    ]
    won = [
        row["attempt_id"]
        for row in known.disputes.changed()
        if row.moved("open") and not (row["open"] or row["lost"])
    ]
    if not (failed or won):
        return
    sql = """
        SELECT id, customer_id, state, ended_at FROM late_payments
        WHERE attempt_id = ANY(%s) AND state = %s ORDER BY id"""
    stuck = {"state": LateState.STUCK.value, "ended_at": None}
    for found in batch.fetch(writer.connection, sql, ([*failed, *won], LateState.REFUNDED.value)):
        before = dict(zip(("id", "customer_id", "state", "ended_at"), found, strict=True))
        writer.update(tables.late_payments, before, stuck, type="late_payment.stuck")
    writer.flush()


def _row(
    writer: Writer,
    processor: str,
    mirror: Mirror,
    fact: RefundFact | DisputeFact,
    attempt: Row | None,
) -> Row | None:
    row = mirror.get(fact.processor_id)
    if row is not None or attempt is None:
        return row
    return mirror.new(
        writer,
        {
            "attempt_id": attempt["id"],
            "customer_id": attempt["customer_id"],
            "processor": processor,
            "processor_id": fact.processor_id,
            "amount": fact.amount.minor,
            "currency": fact.amount.currency,
            "happened_at": fact.at,
        },
    )


def _mark(writer: Writer, known: Known, invoices: set[int]) -> None:
    """
    Say of each invoice whether any dispute of its payments is open, and what lost ones took.

    A dispute takes back no more than its payment brought, whatever it says.
    """
    if not invoices:
        return
    sql = (
        "SELECT a.invoice_id, a.id, a.amount, d.id, d.amount, d.open, d.lost "
        "FROM disputes d JOIN attempts a ON a.id = d.attempt_id WHERE a.invoice_id = ANY(%s)"
    )
    found = {each[3]: each for each in batch.fetch(writer.connection, sql, (sorted(invoices),))}
    for id, row in known.disputes.by_id.items():
        paid = known.attempts.by_id[row["attempt_id"]]
        found[id] = (
            paid["invoice_id"],
            paid["id"],
            paid["amount"],
            id,
            row["amount"],
            row["open"],
            row["lost"],
        )
    disputed = {each[0] for each in found.values() if each[5]}
    lost: dict[int, dict[int, int]] = {}
    for invoice_id, attempt, brought, _, amount, _, is_lost in found.values():
        if is_lost:
            taken = lost.setdefault(invoice_id, {})
            taken[attempt] = min(taken.get(attempt, 0) + amount, brought)
    for id in invoices:
        invoice = known.invoices.by_id[id]
        back = sum(lost.get(id, {}).values())
        if invoice["charged_back"] != back:
            invoice.values["charged_back"] = back
        if invoice["disputed"] != (id in disputed):
            invoice.values["disputed"] = id in disputed
            invoice.type = invoice.type or (
                "invoice.disputed" if id in disputed else "invoice.undisputed"
            )
