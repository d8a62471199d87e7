"""What a journey must know of our rows: what may have changed, and whose a thing is."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final, cast

from sqlalchemy import Connection

from recoup.core import states
from recoup.core.facts import OFF_SESSION_REASONS
from recoup.core.states import AttemptState, InvoiceStatus
from recoup.store import batch

_CHANGEABLE: Final = [
    str(status)
    for status in InvoiceStatus
    if not (states.is_paid(status) or states.is_void(status))
]
_OPEN: Final = [str(state) for state in AttemptState if states.is_open(state)]
_OWED: Final = [str(status) for status in InvoiceStatus if states.is_owed(status)]
_HELPED: Final = [
    str(state) for state in AttemptState if states.is_open(state) or states.succeeded(state)
]

#: Kind -> the names of those, behind a name, that may still change however old they are. A try
#: that has no charge yet is known by its payment's intent.
_OLD: Final = {
    "invoice": (
        (
            "SELECT processor_id FROM invoices WHERE processor = %s AND processor_id > %s "
            "AND status = ANY(%s) ORDER BY 1 LIMIT %s"
        ),
        _CHANGEABLE,
    ),
    "payment_intent": (
        (
            "SELECT processor_id FROM attempts WHERE processor = %s AND processor_id > %s "
            "AND processor_id = payment_intent AND state = ANY(%s) ORDER BY 1 LIMIT %s"
        ),
        _OPEN,
    ),
    "charge": (
        (
            "SELECT processor_id FROM attempts WHERE processor = %s AND processor_id > %s "
            "AND processor_id IS DISTINCT FROM payment_intent AND state = ANY(%s) "
            "ORDER BY 1 LIMIT %s"
        ),
        _OPEN,
    ),
    "refund": (
        (
            "SELECT processor_id FROM refunds WHERE processor = %s AND processor_id > %s "
            "AND status <> ALL(%s) ORDER BY 1 LIMIT %s"
        ),
        ["succeeded", *sorted(states.NOTHING_GIVEN_BACK)],
    ),
    "dispute": (
        (
            "SELECT processor_id FROM disputes WHERE processor = %s AND processor_id > %s "
            "AND open = ANY(%s::boolean[]) ORDER BY 1 LIMIT %s"
        ),
        ["true"],
    ),
}


def changeable(
    connection: Connection, processor: str, kind: str, *, after: str, limit: int
) -> list[str]:
    """Return things of a kind, behind the name `after`, that may change however old they are."""
    if kind not in _OLD:
        return []
    sql, states_ = _OLD[kind]
    given = (processor, after, list(states_), limit)
    return [name for (name,) in batch.fetch(connection, sql, given)]


def unseen(
    connection: Connection, processor: str, *, before: datetime, after: str, limit: int = 100
) -> list[str]:
    """Return customers, behind the name `after`, of whom nothing was heard since an instant."""
    sql = (
        "SELECT processor_id FROM customers WHERE processor = %s AND processor_id > %s "
        "AND NOT deleted AND seen_at < %s ORDER BY 1 LIMIT %s"
    )
    return [name for (name,) in batch.fetch(connection, sql, (processor, after, before, limit))]


def oldest_invoice(connection: Connection, journey: int) -> datetime | None:
    """Return when the oldest invoice was made of whom a journey has met."""
    sql = (
        "SELECT min(i.created_at) FROM travellers t JOIN invoices i "
        "ON i.customer_id = t.customer_id WHERE t.journey_id = %s"
    )
    ((found,),) = batch.fetch(connection, sql, (journey,))
    return cast("datetime | None", found)


def debtors(connection: Connection, journey: int) -> int:
    """Note as met, too, whoever owes now: what they pay with may have changed. Return how many."""
    sql = (
        "INSERT INTO travellers (customer_id, journey_id, held) "
        "SELECT DISTINCT i.customer_id, j.id, false FROM invoices i "
        "JOIN journeys j ON j.id = %s AND j.processor = i.processor "
        "WHERE i.status = ANY(%s) AND i.first_failed_at IS NOT NULL "
        "ON CONFLICT DO NOTHING RETURNING 1"
    )
    return len(batch.fetch(connection, sql, (journey, _OWED)))


def known_intents(connection: Connection, processor: str, names: Collection[str]) -> set[str]:
    """Return those of these payment intents, or charges without one, whose invoice is known."""
    sql = (
        "SELECT payment_intent FROM payment_links l JOIN invoices i "
        "ON i.processor = l.processor AND i.processor_id = l.invoice "
        "WHERE l.processor = %s AND payment_intent = ANY(%s)"
    )
    return {name for (name,) in batch.fetch(connection, sql, (processor, sorted(names)))}


def settled_intents(connection: Connection, processor: str, names: Collection[str]) -> set[str]:
    """Return those of these payment intents by which money is known to have come."""
    sql = (
        "SELECT payment_intent FROM attempts WHERE processor = %s "
        "AND payment_intent = ANY(%s) AND state = ANY(%s)"
    )
    given = (processor, sorted(names), sorted(map(str, states.RECEIVED)))
    return {name for (name,) in batch.fetch(connection, sql, given)}


def owed_invoices(connection: Connection, processor: str, names: Collection[str]) -> set[str]:
    """Return those of these invoices that are owed, as far as is known, and had a payment fail."""
    sql = (
        "SELECT processor_id FROM invoices WHERE processor = %s AND processor_id = ANY(%s) "
        "AND status = ANY(%s) AND first_failed_at IS NOT NULL"
    )
    return {name for (name,) in batch.fetch(connection, sql, (processor, sorted(names), _OWED))}


def known_charges(connection: Connection, processor: str, names: Collection[str]) -> set[str]:
    """Return those of these charges that are known."""
    sql = "SELECT processor_id FROM attempts WHERE processor = %s AND processor_id = ANY(%s)"
    return {name for (name,) in batch.fetch(connection, sql, (processor, sorted(names)))}


def methods_of(connection: Connection, customer_id: int) -> set[str]:
    """Return the processor's ids of the customer's methods that are not known to be detached."""
    sql = "SELECT processor_id FROM payment_methods WHERE customer_id = %s AND NOT detached"
    return {name for (name,) in batch.fetch(connection, sql, (customer_id,))}


def unexplained(connection: Connection, journey: int) -> list[str]:
    """
    Return the invoices of whom a journey has met that were tried, are owed, and never failed.

    Where nothing is under way, nobody has told of the failure: there was no charge to tell of it,
    because there was nothing to charge, or its event is gone.
    """
    sql = (
        "SELECT i.processor_id FROM travellers t JOIN invoices i ON i.customer_id = t.customer_id "
        "WHERE t.journey_id = %s AND i.status = ANY(%s) AND i.first_failed_at IS NULL "
        "AND i.tries > 0 AND i.amount_remaining > 0 AND i.reason = ANY(%s) "
        "AND i.collection_method = 'charge_automatically' AND i.gate_id IS NULL "
        "AND NOT EXISTS (SELECT FROM attempts a WHERE a.invoice_id = i.id AND a.state = ANY(%s)) "
        "ORDER BY i.id"
    )
    given = (journey, _OWED, sorted(OFF_SESSION_REASONS), _HELPED)
    return [name for (name,) in batch.fetch(connection, sql, given)]
