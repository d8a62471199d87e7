"""What an explanation reads besides the account: names, decisions, and the end of the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from recoup.core.explain import MethodView, Order, Record
from recoup.core.ledger import Entry
from recoup.core.money import Money
from recoup.core.states import CommandState
from recoup.store.queries.pages import fetch

_ENTRIES: Final = """
    SELECT * FROM (
        SELECT customer_id, seq, type, version, subject, body, actor, cause, occurred_at,
               recorded_at, previous, hash
        FROM ledger_entries WHERE customer_id = %(id)s ORDER BY seq DESC LIMIT %(limit)s
    ) newest ORDER BY seq"""

_RECORDS: Final = """
    SELECT run_id, at, trigger, policy, reasons, changes FROM decisions
    WHERE customer_id = %(id)s ORDER BY at DESC, id DESC LIMIT %(limit)s"""

_ORDERS: Final = """
    SELECT substr(kind, 9), subject, args->>'step', actor, args->>'reason', state, recorded_at
    FROM commands
    WHERE customer_id = %(id)s AND kind LIKE 'dunning.%%' AND recorded_at >= %(since)s
    ORDER BY recorded_at DESC, id DESC LIMIT %(limit)s"""

_METHODS: Final = """
    SELECT id, processor_id, kind, brand, last4 FROM payment_methods WHERE customer_id = %(id)s"""

#: Subject kind -> what its rows are called; amounts as numbers with their currency.
_LABELS: Final = {
    "customer": "SELECT id, coalesce(processor_id, id::text) FROM customers WHERE id = %(id)s",
    "subscription": "SELECT id, processor_id FROM subscriptions WHERE customer_id = %(id)s",
    "invoice": "SELECT id, processor_id FROM invoices WHERE customer_id = %(id)s",
    "attempt": """
        SELECT a.id, i.processor_id, a.amount, a.currency
        FROM attempts a JOIN invoices i ON i.id = a.invoice_id WHERE a.customer_id = %(id)s""",
    "gate": """
        SELECT g.id, coalesce(s.processor_id, g.purpose) FROM gates g
        LEFT JOIN subscriptions s ON s.id = g.subscription_id WHERE g.customer_id = %(id)s""",
    "late_payment": """
        SELECT l.id, i.processor_id FROM late_payments l
        JOIN invoices i ON i.id = l.invoice_id WHERE l.customer_id = %(id)s""",
    "refund": """
        SELECT r.id, i.processor_id FROM refunds r JOIN attempts a ON a.id = r.attempt_id
        JOIN invoices i ON i.id = a.invoice_id WHERE r.customer_id = %(id)s""",
    "dispute": """
        SELECT d.id, i.processor_id FROM disputes d JOIN attempts a ON a.id = d.attempt_id
        JOIN invoices i ON i.id = a.invoice_id WHERE d.customer_id = %(id)s""",
    "notice": "SELECT id, step FROM notices WHERE customer_id = %(id)s",
    "hold": "SELECT id, reason FROM holds WHERE customer_id = %(id)s",
}
_SCOPED: Final = {
    "case": "SELECT id, scope, '' FROM cases WHERE customer_id = %(id)s",
    "restriction": "SELECT id, scope, consequence FROM restrictions WHERE customer_id = %(id)s",
}


@dataclass(frozen=True, slots=True)
class Names:
    """What people call the things of one customer."""

    labels: dict[str, str]  #: subject of the ledger -> name
    methods: dict[str, MethodView]  #: by the processor's id
    numbers: dict[int, str]  #: invoice id -> printed number


@dataclass(frozen=True, slots=True)
class Told:
    """The newest entries of a ledger, and the decisions and orders of their time; oldest first."""

    entries: tuple[Entry, ...]
    records: tuple[Record, ...]
    orders: tuple[Order, ...] = ()


def names(connection: Connection, customer_id: int) -> Names:
    """Return the names of everything of a customer that an explanation mentions."""
    given = {"id": customer_id}
    labels: dict[str, str] = {}
    for kind, sql in _LABELS.items():
        for id, *rest in fetch(connection, sql, given):
            labels[f"{kind}:{id}"] = _label(kind, rest)
    for kind, sql in _SCOPED.items():
        for id, scope, what in fetch(connection, sql, given):
            about = f"{scope.partition(':')[0]} {labels.get(scope, scope)}"
            labels[f"{kind}:{id}"] = f"{what} on {about}" if what else about
    methods: dict[str, MethodView] = {}
    for id, processor_id, *rest in fetch(connection, _METHODS, given):
        methods[processor_id] = view = MethodView(*rest)
        labels[f"method:{id}"] = view.words
    sql = """SELECT id, number FROM invoices
             WHERE customer_id = %(id)s AND number IS NOT NULL AND first_failed_at IS NOT NULL"""
    return Names(labels, methods, dict(fetch(connection, sql, given)))


def records(connection: Connection, customer_id: int, *, limit: int) -> tuple[Record, ...]:
    """Return the newest decisions that changed something, newest first."""
    rows = fetch(connection, _RECORDS, {"id": customer_id, "limit": limit})
    return tuple(_record(*row) for row in rows)


def told(connection: Connection, customer_id: int, *, limit: int) -> Told:
    """Return the newest `limit` entries, and decisions and orders since the first of them."""
    given = {"id": customer_id, "limit": limit}
    entries = tuple(Entry(*row) for row in fetch(connection, _ENTRIES, given))
    if not entries:
        return Told((), ())
    since = min(entry.recorded_at for entry in entries)
    rows = fetch(connection, _ORDERS, {**given, "since": since})
    return Told(
        entries,
        _since(records(connection, customer_id, limit=limit), since),
        tuple(_order(*row) for row in reversed(rows)),
    )


def _since(found: tuple[Record, ...], since: datetime) -> tuple[Record, ...]:
    return tuple(record for record in reversed(found) if record.at >= since)


def _record(
    run_id: int, at: datetime, trigger: str, policy: str, reasons: list[str], changes: list[str]
) -> Record:
    return Record(run_id, at, trigger, policy, tuple(reasons), tuple(changes))


def _order(
    verb: str,
    subject: str,
    step: str | None,
    actor: str,
    reason: str | None,
    state: str,
    at: datetime,
) -> Order:
    return Order(verb, subject, step, actor, reason, CommandState(state), at)


def _label(kind: str, rest: list[Any]) -> str:
    if kind == "attempt":
        invoice, minor, currency = rest
        return f"{Money(minor, currency)} for {invoice}"
    return str(rest[0])
