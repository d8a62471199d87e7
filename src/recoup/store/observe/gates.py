"""
Reading what waits for a first payment, and money that came when nothing was owed any more.

Most customers have neither: both are found through partial indexes that hold only those.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from recoup.core import states
from recoup.core.account import Gate, Late
from recoup.core.activation import PAYMENT_FAILED, TIMEOUT
from recoup.core.money import Money
from recoup.core.states import (
    AttemptState,
    GateStatus,
    InvoiceStatus,
    LateState,
    SubscriptionStatus,
)

GATES: Final = """
    SELECT g.customer_id, g.id, g.purpose, g.status, g.tries, g.expires_at, g.ended_at, g.reason,
           g.withdrawal, g.subscription_id, coalesce(s.processor_status, s.status), i.id,
           i.processor_id, i.status, i.amount_due, i.currency,
           CASE WHEN i.amount_due <= 0 THEN NULL
                WHEN i.status = 'paid' THEN coalesce(i.closed_at, i.seen_at)
                WHEN t.received >= i.amount_due THEN t.last END,
           coalesce(t.states, '{}'),
           EXISTS (SELECT FROM invoices o
                   WHERE o.gate_id = g.id AND o.id IS DISTINCT FROM g.invoice_id)
    FROM gates g
    LEFT JOIN subscriptions s ON s.id = g.subscription_id
    LEFT JOIN invoices i ON i.id = g.invoice_id
    LEFT JOIN LATERAL (
        SELECT array_agg(a.state ORDER BY a.happened_at, a.id) AS states,
               sum(a.amount) FILTER (WHERE a.state = 'succeeded' AND a.unowed_at IS NULL)
                   AS received,
               max(a.happened_at) FILTER (WHERE a.state = 'succeeded') AS last
        FROM attempts a WHERE a.invoice_id = i.id) t ON true
    WHERE g.customer_id = ANY(%s) AND (g.status = 'pending' OR g.withdrawal = 'waiting')
    ORDER BY g.id"""

#: Of each payment, what is left to give back: not what was, and not what a bank has taken.
LATE: Final = """
    SELECT a.customer_id, l.id, a.id, a.invoice_id, a.processor_id, a.currency,
           a.amount
           - coalesce((SELECT sum(r.amount) FROM refunds r
                       WHERE r.attempt_id = a.id AND r.status <> ALL(%s)), 0)
           - coalesce((SELECT sum(d.amount) FROM disputes d
                       WHERE d.attempt_id = a.id AND (d.open OR d.lost)), 0),
           coalesce(l.decision, g.late, 'refund'), coalesce(l.state, 'found'),
           coalesce(l.why, CASE WHEN g.id IS NOT NULL THEN 'its gate is ' || g.status
                                WHEN i.status = 'void' THEN 'the invoice is void'
                                ELSE 'the invoice was paid already' END),
           g.id,
           EXISTS (SELECT FROM subscriptions o
                   WHERE o.customer_id = a.customer_id AND o.id <> s.id AND o.ended_at IS NULL
                     AND o.status <> ALL(%s) AND (o.prices && s.prices OR o.id > s.id)),
           CASE WHEN g.reason = ANY(%s) THEN g.ended_at + (s.period_end - s.period_start) END,
           coalesce(s.prices, '{}')
    FROM attempts a
    JOIN invoices i ON i.id = a.invoice_id
    LEFT JOIN late_payments l ON l.attempt_id = a.id
    LEFT JOIN gates g ON g.id = i.gate_id AND g.status IN ('failed', 'expired')
    LEFT JOIN subscriptions s ON s.id = g.subscription_id AND g.purpose = 'start'
    WHERE a.customer_id = ANY(%s) AND a.unowed_at IS NOT NULL
      AND (l.id IS NULL OR l.state IN ('found', 'asked', 'stuck'))
    ORDER BY a.id"""

#: What stands in the first places of `LATE`. What somebody took back is not begun again by
#: money: only what nobody paid for, in time or at all.
LATE_WORDS: Final = (
    sorted(states.NOTHING_GIVEN_BACK),
    sorted(status for status in SubscriptionStatus if states.has_ended(status)),
    [PAYMENT_FAILED, TIMEOUT],
)


def gate(
    _: int, id: int, purpose: str, status: str, tries: int | None, expires_at: datetime | None,
    ended_at: datetime | None, reason: str | None, withdrawal: str | None,
    subscription_id: int | None, called: str | None, invoice_id: int | None, invoice: str | None,
    invoice_status: str | None, due: int | None, currency: str | None, paid_at: datetime | None,
    attempts: Sequence[str], others: bool,
) -> Gate:  # fmt: skip
    """Return a gate from its row of `GATES`."""
    return Gate(
        id=id,
        purpose=purpose,
        status=GateStatus(status),
        tries=tries,
        expires_at=expires_at,
        ended_at=ended_at,
        reason=reason,
        withdrawal=withdrawal,
        subscription_id=subscription_id,
        called=SubscriptionStatus(called) if called else None,
        invoice_id=invoice_id,
        invoice=invoice,
        invoice_status=InvoiceStatus(invoice_status) if invoice_status else None,
        due=None if due is None or currency is None else Money(due, currency),
        paid_at=paid_at,
        attempts=tuple(map(AttemptState, attempts)),
        others=others,
    )


def late(
    _: int, id: int | None, attempt_id: int, invoice_id: int, charge: str, currency: str,
    left: Any, decision: str, state: str, why: str, gate_id: int | None,
    replaced: bool, until: datetime | None, prices: Sequence[str],
) -> Late:  # fmt: skip
    """Return late money from its row of `LATE`."""
    return Late(
        id=id,
        attempt_id=attempt_id,
        invoice_id=invoice_id,
        charge=charge,
        amount=Money(max(0, int(left)), currency),
        decision=decision,
        state=LateState(state),
        why=why,
        gate_id=gate_id,
        replaced=bool(replaced),
        reactivates_until=until,
        prices=tuple(prices),
    )
