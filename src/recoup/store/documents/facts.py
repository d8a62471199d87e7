"""What documents say that the views of invoices do not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from recoup.core import states
from recoup.core.money import Money

_REFUNDS: Final = text("""
    SELECT r.id, r.amount, r.currency, r.happened_at, r.status,
           row_number() OVER (ORDER BY r.id) AS ordinal
    FROM refunds r JOIN attempts a ON a.id = r.attempt_id
    WHERE a.invoice_id = :invoice
""")

_METHOD: Final = text("""
    SELECT m.brand, m.kind, m.last4
    FROM attempts a
    LEFT JOIN payment_methods m ON m.customer_id = a.customer_id AND m.processor_id = a.method
    WHERE a.id = :attempt
""")


@dataclass(frozen=True, slots=True)
class Refunded:
    """A refund of an invoice, and its place among those of the same invoice, 1 first."""

    id: int
    amount: Money
    at: datetime
    ordinal: int


def refunded(connection: Connection, invoice_id: int, refund: int | None) -> Refunded | None:
    """
    Return a refund of the invoice: the one with our id `refund`, else the newest.

    None: there is none, or it gave nothing back. Those that failed keep their place.
    """
    found = None
    for row in connection.execute(_REFUNDS, {"invoice": invoice_id}):
        wanted = refund is None or row.id == refund
        if wanted and row.status not in states.NOTHING_GIVEN_BACK:
            amount = Money(row.amount, row.currency)
            found = Refunded(row.id, amount, row.happened_at, row.ordinal)
    return found


def method_of(connection: Connection, attempt_id: int | None) -> str | None:
    """Return what was charged by a payment, as its owner recognises it: "Visa •••• 4242"."""
    if attempt_id is None:
        return None
    row = connection.execute(_METHOD, {"attempt": attempt_id}).one_or_none()
    name = None if row is None else (row.brand or row.kind)
    if row is None or name is None:
        return None
    shown = name.replace("_", " ")
    shown = f"{shown[0].upper()}{shown[1:]}"
    return f"{shown} •••• {row.last4}" if row.last4 else shown


def locale_of(connection: Connection, customer_id: int) -> str | None:
    """Return the customer's own language, as they gave it."""
    found: str | None = connection.scalar(
        text("SELECT locale FROM customers WHERE id = :id"), {"id": customer_id}
    )
    return found
