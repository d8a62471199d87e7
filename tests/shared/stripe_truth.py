"""What really happened at the processor, against our rows: every thing, both ways."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sqlalchemy import text

from recoup.billing import Recoup
from recoup.core import states
from recoup.processors.fake import FakeProcessor
from recoup.processors.fake.books import all_of
from recoup.processors.fake.model import Charge, Customer, Invoice, Refund, Subscription, instant
from recoup.store.invariants import against_books
from recoup.verification import books_of, verified

_ROWS = {
    "customer": "SELECT processor_id, default_method, deleted FROM customers "
    "WHERE processor_id IS NOT NULL",
    "subscription": """
        SELECT s.processor_id, c.processor_id, coalesce(s.processor_status, s.status), s.prices,
               s.period_end, s.cancel_at, s.ended_at IS NOT NULL
        FROM subscriptions s JOIN customers c ON c.id = s.customer_id""",
    "invoice": """
        SELECT i.processor_id, c.processor_id, i.status, i.amount_due, i.amount_paid,
               i.amount_remaining, i.currency, i.out_of_band, s.processor_id
        FROM invoices i JOIN customers c ON c.id = i.customer_id
        LEFT JOIN subscriptions s ON s.id = i.subscription_id""",
    "charge": """
        SELECT a.processor_id, i.processor_id, a.state, a.amount, a.currency
        FROM attempts a JOIN invoices i ON i.id = a.invoice_id
        WHERE a.processor_id LIKE 'ch\\_%'""",
    "refund": """
        SELECT r.processor_id, a.processor_id, r.amount, r.currency, r.status = 'failed'
        FROM refunds r JOIN attempts a ON a.id = r.attempt_id""",
}


def _customer(one: Customer) -> tuple[Any, ...]:
    return one.id, None if one.deleted else one.default_method, one.deleted


def _subscription(one: Subscription) -> tuple[Any, ...]:
    return (
        one.id,
        one.customer,
        one.status.value,
        [item.price for item in one.items],
        instant(one.period_end),
        None if one.ends_at is None else instant(one.ends_at),
        states.has_ended(one.status),
    )


def _invoice(one: Invoice) -> tuple[Any, ...]:
    return (
        one.id,
        one.customer,
        one.status.value,
        one.amount,
        one.paid,
        one.remaining,
        one.currency,
        one.out_of_band,
        one.subscription,
    )


def _charge(one: Charge) -> tuple[Any, ...]:
    return one.id, one.invoice, one.state.value, one.amount, one.currency


def _refund(one: Refund) -> tuple[Any, ...]:
    return one.id, one.charge, one.amount, one.currency, one.failed


_THINGS = {
    "customer": (Customer, _customer),
    "subscription": (Subscription, _subscription),
    "invoice": (Invoice, _invoice),
    "charge": (Charge, _charge),
    "refund": (Refund, _refund),
}


def things(fake: FakeProcessor, kind: type) -> list[Any]:
    """Return everything of one kind that the processor has."""
    with fake._world.reading() as connection:
        return list(all_of(connection, kind))


def differences(recoup: Recoup, fake: FakeProcessor) -> list[str]:
    """Return where our rows, our invariants, the processor's things and its books disagree."""
    return list(_differences(recoup, fake))


def _differences(recoup: Recoup, fake: FakeProcessor) -> Iterator[str]:
    yield from map(str, verified(recoup).violations)
    yield from (f"the books are out: {line}" for line in fake.books().imbalance().items())
    books = replace(books_of(fake), processor=recoup.processor.name)
    with recoup.database.connect() as connection:
        yield from map(str, against_books(connection, books))
    for name, (kind, shown) in _THINGS.items():
        theirs = {one.id: shown(one) for one in things(fake, kind)}
        with recoup.database.connect() as connection:
            ours = {row[0]: tuple(row) for row in connection.execute(text(_ROWS[name]))}
        for id_ in sorted(theirs.keys() | ours.keys()):
            if theirs.get(id_) != ours.get(id_):
                yield f"{name}: there {theirs.get(id_)}, here {ours.get(id_)}"
