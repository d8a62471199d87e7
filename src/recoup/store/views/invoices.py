"""Invoices, with what people see of them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from recoup.core import states
from recoup.core.billing.outcomes import outcome, owed_again, status_shown
from recoup.core.billing.views import Invoice, Outcome
from recoup.core.money import Money
from recoup.core.states import AttemptState, InvoiceStatus
from recoup.store.views.reading import LIMIT, Ref, Values, one, rows

_INVOICE: Final = """
    SELECT x.id, x.processor_id, x.customer_id, x.subscription_id, x.number, x.status,
           x.resolved_as, x.currency, x.amount_due, x.amount_paid, x.amount_remaining,
           x.description, x.reason, x.created_at, x.due_at, x.finalized_at, x.closed_at,
           x.disputed, x.credited, x.charged_back, x.out_of_band, x.first_failed_at, x.gate_id,
           moved.paid_by, coalesce(moved.refunded, 0) AS refunded,
           coalesce(moved.received, 0) AS received
    FROM invoices x LEFT JOIN LATERAL (
        SELECT (array_agg(a.id ORDER BY coalesce(a.ended_at, a.happened_at) DESC, a.id DESC))[1]
                   AS paid_by,
               sum(a.amount)::bigint AS received,
               sum((SELECT sum(r.amount) FROM refunds r
                    WHERE r.attempt_id = a.id AND r.status <> ALL(%(nothing_back)s)))::bigint
                   AS refunded
        FROM attempts a WHERE a.invoice_id = x.id AND a.state = ANY(%(succeeded)s)
    ) moved ON true"""

_WORDS: Final = {
    "succeeded": [str(state) for state in AttemptState if states.succeeded(state)],
    "nothing_back": sorted(states.NOTHING_GIVEN_BACK),
}


def read_invoice(connection: Connection, ref: Ref, *, now: datetime) -> Invoice:
    """
    Return one invoice as it is seen at `now` (UTC). While a gate hides it, it has no number.

    Raises:
        NotFound: there is none.
    """
    return _made(one(connection, _INVOICE, ref, table="invoices", given=_WORDS), now)


def list_invoices(
    connection: Connection,
    *,
    now: datetime,
    customer_id: int | None = None,
    subscription_id: int | None = None,
    hidden: bool = False,
    after: int = 0,
    limit: int = LIMIT,
) -> tuple[Invoice, ...]:
    """
    Return invoices by id: the customer's, the subscription's, or everybody's.

    What a gate hides is among them only if it is asked for: `hidden`.
    """
    whose = "" if customer_id is None else "x.customer_id = %(customer)s AND "
    whose += "" if subscription_id is None else "x.subscription_id = %(subscription)s AND "
    whose += "" if hidden else "x.gate_id IS NULL AND "
    sql = f"{_INVOICE} WHERE {whose}x.id > %(after)s ORDER BY x.id LIMIT %(limit)s"
    given = {
        **_WORDS,
        "customer": customer_id,
        "subscription": subscription_id,
        "after": after,
        "limit": limit,
    }
    return tuple(_made(row, now) for row in rows(connection, sql, given))


def _made(row: Values, now: datetime) -> Invoice:
    currency = row["currency"]
    shown, how = outcome(
        InvoiceStatus(row["status"]),
        paid=row["amount_paid"],
        credited=row["credited"],
        charged_back=row["charged_back"],
        out_of_band=row["out_of_band"],
        resolved_as=row["resolved_as"],
        since=row["finalized_at"] or row["created_at"],
        due_at=row["due_at"],
        first_failed_at=row["first_failed_at"],
        now=now,
    )
    again = owed_again(shown, row["charged_back"])
    return Invoice(
        id=row["id"],
        processor_id=row["processor_id"],
        customer_id=row["customer_id"],
        subscription_id=row["subscription_id"],
        number=row["number"] if row["gate_id"] is None else None,
        status=status_shown(InvoiceStatus(row["status"]), shown).value,
        outcome=shown,
        resolved_as=how,
        due=Money(row["amount_due"], currency),
        paid=Money(row["received"] if row["out_of_band"] else row["amount_paid"], currency),
        remaining=Money(row["amount_remaining"] + again, currency),
        refunded=Money(row["refunded"], currency),
        description=row["description"],
        reason=row["reason"],
        created_at=row["created_at"],
        due_at=row["due_at"],
        finalized_at=row["finalized_at"],
        closed_at=row["closed_at"],
        paid_by=row["paid_by"] if shown == Outcome.PAID else None,
        disputed=row["disputed"],
    )
