"""
Attempts: the processor's charges, and what became of ours.

A charge is known by its id. One that is not may be the answer to a request of ours: then it
carries that request's key. While one of our requests has no answer yet, a charge on the same
invoice without a key may still be it, and waits until that is settled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain

from recoup.core import states
from recoup.core.facts import PaymentFact, tried_off_session
from recoup.core.states import AttemptState, InvoiceStatus
from recoup.store import gates
from recoup.store.absorb.activation import unowed
from recoup.store.absorb.known import Known, Told
from recoup.store.absorb.mirror import Row
from recoup.store.absorb.waiting import Waiting
from recoup.store.writer import Writer


@dataclass(slots=True)
class Charge:
    """All that a batch tells of one charge."""

    newest: PaymentFact
    events: list[int] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    invoice: str | None = None
    ended_at: datetime | None = None  #: when it was first told to have ended as it did
    waits_since: datetime | None = None  #: when it was first told to wait for its customer

    def add(self, event: int, fact: PaymentFact, invoice: str | None) -> None:
        self.events.append(event)
        if fact.idempotency_key:
            self.keys.add(fact.idempotency_key)
        self.invoice = self.invoice or invoice
        if fact.seen > self.newest.seen:
            self.newest = fact
        if not states.is_open(fact.state):
            self.ended_at = min(filter(None, (self.ended_at, fact.seen.at)))
        if states.awaits_customer(fact.state):
            self.waits_since = min(filter(None, (self.waits_since, fact.at)))


def payments(writer: Writer, processor: str, told: Told, known: Known, waiting: Waiting) -> None:
    """A payment belongs to an invoice, which it, its intent or the invoice itself names."""
    charges: dict[str, Charge] = {}
    for event, fact in told.payments:
        charge = charges.setdefault(fact.processor_id, Charge(fact))
        charge.add(event, fact, known.invoice_of(fact))
    on_invoice = _by_invoice(known)
    # Answers to our requests first: what has no key then finds nothing it could be mistaken for.
    for name, charge in sorted(charges.items(), key=lambda each: not each[1].keys):
        row = _row(writer, processor, known, waiting, charge=charge, on_invoice=on_invoice)
        if row is not None:
            _take(row, charge, known, waiting, on_invoice)
            waiting.arrived(f"charge:{name}")


def _by_invoice(known: Known) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in known.attempts.by_id.values():
        found.setdefault(row["invoice_id"], []).append(row)
    return found


def _row(
    writer: Writer,
    processor: str,
    known: Known,
    waiting: Waiting,
    *,
    charge: Charge,
    on_invoice: dict[int, list[Row]],
) -> Row | None:
    """Return the charge's row, known or new; None when it has to wait."""
    fact = charge.newest
    row = known.attempts.get(fact.processor_id)
    if row is not None:
        return row
    parent = f"payment_intent:{fact.payment_intent or fact.processor_id}"
    invoice = known.invoices.get(charge.invoice)
    if invoice is not None:
        others = on_invoice.setdefault(invoice["id"], [])
        row = _ours(known, charge, invoice) or _same_intent(others, fact)
        if row is None and not _blocked(others, fact.state):
            row = known.attempts.new(writer, _foreign(processor, fact, invoice))
            others.append(row)
        parent = f"attempt:{invoice['id']}"
    elif charge.invoice is not None:
        parent = f"invoice:{charge.invoice}"
    if row is None:
        for event in charge.events:
            waiting.wait(event, parent)
    return row


def _ours(known: Known, charge: Charge, invoice: Row) -> Row | None:
    """
    Return the attempt of ours that the charge answers.

    One that we took for withdrawn and that took money after all is not turned back: the charge
    gets a row of its own, and nothing is lost.
    """
    for key in sorted(charge.keys):
        row = known.by_key.get(key)
        if row is None or row["invoice_id"] != invoice["id"] or row["processor_id"] is not None:
            continue
        state = AttemptState(row["state"])
        if charge.newest.state == state or charge.newest.state in states.ATTEMPT_MOVES[state]:
            return row
    return None


def _same_intent(others: list[Row], fact: PaymentFact) -> Row | None:
    """
    Return the row that this is the same try as, told without its charge before or after.

    A try that waits for its customer is known by its intent. The charge that comes of it takes
    its place; the wait, told late, finds the charge and is no news.
    """
    if fact.payment_intent is None:
        return None
    alike = [row for row in others if row["payment_intent"] == fact.payment_intent]
    if states.awaits_customer(fact.state):
        later = (row for row in alike if row["happened_at"] >= fact.at)
        waiting = (row for row in alike if _waits(row))
        return next(chain(waiting, later), None)
    return next((row for row in alike if _waits(row)), None)


def _waits(row: Row) -> bool:
    return states.awaits_customer(AttemptState(row["state"]))


def _blocked(others: list[Row], state: AttemptState) -> bool:
    """Whether a charge that is not known to be ours has to wait for one that may be it."""
    open_rows = [row for row in others if states.is_open(AttemptState(row["state"]))]
    return (states.is_open(state) and bool(open_rows)) or any(
        row["ordinal"] is not None
        and row["processor_id"] is None
        and states.in_flight(AttemptState(row["state"]))
        for row in open_rows
    )


def _foreign(processor: str, fact: PaymentFact, invoice: Row) -> dict[str, object]:
    alone = tried_off_session(invoice["reason"], invoice["collection_method"])
    return {
        "customer_id": invoice["customer_id"],
        "invoice_id": invoice["id"],
        "ordinal": None,
        "origin": "processor" if alone else "customer",
        "amount": fact.amount.minor,
        "currency": fact.amount.currency,
        "processor": processor,
        "processor_id": fact.processor_id,
        "idempotency_key": None,
        "off_session": alone,
        "happened_at": fact.at,
        "requested_at": None,
        "ended_at": None,
        "lookups": 0,
        "note": None,
        "unowed_at": None,
    }


def _take(
    row: Row, charge: Charge, known: Known, waiting: Waiting, on_invoice: dict[int, list[Row]]
) -> None:
    """Bring the row up to the charge's newest news; it never goes back."""
    fact = charge.newest
    before = AttemptState(row["state"]) if row["state"] is not None else None
    if states.awaits_customer(fact.state) and row["processor_id"] not in {None, fact.processor_id}:
        return  # the charge that came of it is known already
    if before is None or states.ATTEMPT_RANK[fact.state] >= states.ATTEMPT_RANK[before]:
        if before is not None:
            states.checked(states.ATTEMPT_MOVES, before, fact.state)
        if row.offer(fact.seen, _values(row, fact)) and row.moved("state"):
            row.type = f"attempt.{fact.state}"
            _doubt(row, charge, known, on_invoice.get(row["invoice_id"], ()))
        if charge.waits_since and row["ordinal"] is None and _waits(row):
            row.earliest("happened_at", charge.waits_since)  # whoever looks at it since
        known.attempts.add(row)
        _end(row, charge)
        _fail(row, charge, known)
    if row.before is not None:
        waiting.arrived(f"attempt:{row['invoice_id']}")


def _values(row: Row, fact: PaymentFact) -> Mapping[str, object]:
    waits = states.awaits_customer(fact.state) and row["state"] is not None and _waits(row)
    known = waits or row["ordinal"] is not None
    return {
        "state": str(fact.state),
        "happened_at": row["happened_at"] if known else fact.at,
        "processor_id": fact.processor_id,
        "payment_intent": fact.payment_intent or row["payment_intent"],
        "method": fact.method or row["method"],
        "instrument": fact.instrument or row["instrument"],
        "brand": fact.brand or row["brand"],
        "decline_code": fact.signal.decline_code,
        "advice_code": fact.signal.advice_code,
        "network_decline_code": fact.signal.network_decline_code,
        "network_advice_code": fact.signal.network_advice_code,
    }


def _doubt(row: Row, charge: Charge, known: Known, others: Iterable[Row]) -> None:
    """Mark money that came when nothing was owed; the engine decides what becomes of it."""
    invoice = known.invoices.by_id[row["invoice_id"]]
    if states.succeeded(charge.newest.state) and unowed(row, invoice, known.gates, others):
        row.values["unowed_at"] = charge.newest.at
        row.type = "payment.late"


def doubt(writer: Writer, known: Known) -> None:
    """Mark money that was heard of before the news that nobody owed it any more."""
    invoices = [row["id"] for row in known.invoices.changed() if _is_owed_no_more(row)]
    if invoices:
        gates.doubt(writer, invoices)
        writer.flush()


def _is_owed_no_more(row: Row) -> bool:
    void = row.moved("status") and states.is_void(InvoiceStatus(row["status"]))
    return void or (row.moved("out_of_band") and bool(row["out_of_band"]))


def _end(row: Row, charge: Charge) -> None:
    """Keep the earliest end that was told; our own attempts keep the one they were given."""
    if charge.ended_at is not None and (row["ordinal"] is None or row["ended_at"] is None):
        row.earliest("ended_at", charge.ended_at)


def _fail(row: Row, charge: Charge, known: Known) -> None:
    """A refusal off-session dates the invoice's default, unless something failed earlier."""
    if not (states.was_declined(charge.newest.state) and row["off_session"]):
        return
    invoice = known.invoices.by_id[row["invoice_id"]]
    if tried_off_session(invoice["reason"], invoice["collection_method"]):
        invoice.earliest("first_failed_at", charge.newest.at)
