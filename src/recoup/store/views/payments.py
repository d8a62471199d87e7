"""Payments, each one attempt at one invoice, and what was given back of them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from recoup.core import states
from recoup.core.billing.outcomes import pay_of
from recoup.core.billing.views import Dispute, LatePayment, Payment, Refund
from recoup.core.money import Money
from recoup.core.states import AttemptState
from recoup.store.views.reading import LIMIT, Ref, Values, one, rows

#: `held` is promised to refunds that are under way; `taken_back`: a dispute is open or lost.
_PAYMENT: Final = """
    SELECT x.id, x.processor_id, x.invoice_id, x.customer_id, x.state, x.origin, x.amount,
           x.currency, x.method, x.happened_at, x.decline_code,
           coalesce((SELECT sum(r.amount) FROM refunds r WHERE r.attempt_id = x.id
                     AND r.status <> ALL(%(nothing_back)s)), 0)::bigint AS refunded,
           coalesce((SELECT sum(k.amount) FROM commands k WHERE k.subject = 'payment:' || x.id
                     AND k.kind = ANY(%(giving_back)s) AND k.ended_at IS NULL), 0)::bigint AS held,
           coalesce(d.disputed, false) AS disputed, coalesce(d.taken_back, false) AS taken_back
    FROM attempts x LEFT JOIN LATERAL (
        SELECT bool_or(d.open) AS disputed, bool_or(d.open OR d.lost) AS taken_back
        FROM disputes d WHERE d.attempt_id = x.id
    ) d ON true"""

_REFUND: Final = """
    SELECT x.id, x.processor_id, x.attempt_id AS payment_id, x.customer_id, x.amount, x.currency,
           x.status, x.happened_at
    FROM refunds x"""

_DISPUTE: Final = """
    SELECT x.id, x.processor_id, x.attempt_id AS payment_id, a.invoice_id, x.customer_id, x.amount,
           x.currency, x.open, x.lost, x.happened_at
    FROM disputes x JOIN attempts a ON a.id = x.attempt_id"""

_LATE: Final = """
    SELECT x.id, x.attempt_id AS payment_id, x.invoice_id, x.customer_id, x.amount, x.currency,
           x.decision, x.state, x.why, x.subscription_id, x.found_at, x.ended_at
    FROM late_payments x"""

_WORDS: Final = {
    "nothing_back": sorted(states.NOTHING_GIVEN_BACK),
    "giving_back": ["payments.refund", "payments.return"],
}


def read_payment(connection: Connection, ref: Ref) -> Payment:
    """
    Return one payment; the processor's id of it is its charge's.

    Raises:
        NotFound: there is none.
    """
    return _payment(one(connection, _PAYMENT, ref, table="attempts", given=_WORDS))


def list_payments(
    connection: Connection,
    *,
    customer_id: int | None = None,
    invoice_id: int | None = None,
    after: int = 0,
    limit: int = LIMIT,
) -> tuple[Payment, ...]:
    """Return payments by id: the customer's, the invoice's, or everybody's."""
    whose = "" if customer_id is None else "x.customer_id = %(customer)s AND "
    whose += "" if invoice_id is None else "x.invoice_id = %(invoice)s AND "
    sql = f"{_PAYMENT} WHERE {whose}x.id > %(after)s ORDER BY x.id LIMIT %(limit)s"
    given = {
        **_WORDS,
        "customer": customer_id,
        "invoice": invoice_id,
        "after": after,
        "limit": limit,
    }
    return tuple(_payment(row) for row in rows(connection, sql, given))


def read_refund(connection: Connection, ref: Ref) -> Refund:
    """
    Return one refund.

    Raises:
        NotFound: there is none.
    """
    return _refund(one(connection, _REFUND, ref, table="refunds"))


def list_refunds(connection: Connection, payment_id: int) -> tuple[Refund, ...]:
    """Return the refunds of a payment by id, failed ones too."""
    sql = f"{_REFUND} WHERE x.attempt_id = %(payment)s ORDER BY x.id"
    return tuple(_refund(row) for row in rows(connection, sql, {"payment": payment_id}))


def list_disputes(connection: Connection, customer_id: int) -> tuple[Dispute, ...]:
    """Return what the customer's banks took back, by id; decided ones too."""
    sql = f"{_DISPUTE} WHERE x.customer_id = %(customer)s ORDER BY x.id"
    return tuple(_dispute(row) for row in rows(connection, sql, {"customer": customer_id}))


def list_late(
    connection: Connection,
    *,
    customer_id: int | None = None,
    after: int = 0,
    limit: int = LIMIT,
) -> tuple[LatePayment, ...]:
    """Return money that came when nothing was owed any more, by id."""
    whose = "" if customer_id is None else "x.customer_id = %(customer)s AND "
    sql = f"{_LATE} WHERE {whose}x.id > %(after)s ORDER BY x.id LIMIT %(limit)s"
    given = {"customer": customer_id, "after": after, "limit": limit}
    return tuple(
        LatePayment(amount=Money(row.pop("amount"), row.pop("currency")), **row)
        for row in rows(connection, sql, given)
    )


def _payment(row: Values) -> Payment:
    state, currency = AttemptState(row.pop("state")), row.pop("currency")
    amount, refunded = row.pop("amount"), row.pop("refunded")
    left = max(amount - refunded - row.pop("held"), 0)
    if row.pop("taken_back") or not states.succeeded(state):
        left = 0
    return Payment(
        **row,
        outcome=pay_of(state),
        amount=Money(amount, currency),
        refunded=Money(refunded, currency),
        refundable=Money(left, currency),
    )


def _refund(row: Values) -> Refund:
    return Refund(amount=Money(row.pop("amount"), row.pop("currency")), **row)


def _dispute(row: Values) -> Dispute:
    return Dispute(amount=Money(row.pop("amount"), row.pop("currency")), **row)
