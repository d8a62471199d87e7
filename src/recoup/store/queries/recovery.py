"""
What became of failed obligations: the numbers of a period. docs/metrics.md has the formulas.

A failed obligation is an invoice whose off-session payment was refused at least once. Amounts
are minor units, one sum per currency.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from recoup.store import batch

_OBLIGATIONS: Final = """
    WITH first_refusal AS (
        SELECT DISTINCT ON (invoice_id) invoice_id, decline_code, advice_code,
               network_decline_code, network_advice_code, brand
        FROM attempts WHERE state = 'declined' ORDER BY invoice_id, happened_at, id
    ), success AS (
        SELECT DISTINCT ON (invoice_id) invoice_id, origin
        FROM attempts WHERE state = 'succeeded' ORDER BY invoice_id, happened_at, id
    )
    SELECT i.id, i.customer_id, i.currency, i.amount_due, i.status, i.first_failed_at,
           i.closed_at, c.ending, s.origin, r.brand, r.decline_code, r.advice_code,
           r.network_decline_code, r.network_advice_code
    FROM invoices i
    LEFT JOIN cases c ON c.id = i.case_id
    LEFT JOIN success s ON s.invoice_id = i.id
    LEFT JOIN first_refusal r ON r.invoice_id = i.id
    WHERE i.first_failed_at IS NOT NULL ORDER BY i.id"""

_TRIES: Final = """
    SELECT count(*) FILTER (WHERE a.ordinal IS NOT NULL AND a.state <> 'canceled'),
           count(*) FILTER (WHERE a.ordinal IS NOT NULL AND a.state = 'succeeded')
    FROM attempts a JOIN invoices i ON i.id = a.invoice_id
    WHERE i.first_failed_at IS NOT NULL"""

#: Restrictions that began when every obligation of their case had been closed before.
_FALSE: Final = """
    SELECT count(*) FROM restrictions r
    WHERE NOT EXISTS (
        SELECT FROM invoices i WHERE i.case_id = r.case_id
          AND i.first_failed_at <= r.since
          AND (i.closed_at IS NULL OR i.closed_at >= r.since))"""

_MAILS: Final = "SELECT type, count(*) FROM mails WHERE state = 'sent' GROUP BY 1 ORDER BY 1"


@dataclass(frozen=True, slots=True)
class Obligation:
    """One failed obligation and what became of it."""

    invoice_id: int
    customer_id: int
    currency: str
    due: int
    status: str
    failed_at: datetime
    closed_at: datetime | None
    ending: str | None  #: how its case ended; None while it runs
    success: str | None  #: origin of the attempt that brought the money
    brand: str | None
    decline_code: str | None
    advice_code: str | None
    network_decline_code: str | None
    network_advice_code: str | None


def obligations(connection: Connection) -> list[Obligation]:
    """Return every failed obligation, oldest first."""
    return [Obligation(*row) for row in batch.fetch(connection, _OBLIGATIONS)]


def tries(connection: Connection) -> tuple[int, int]:
    """Return our attempts on failed obligations, and those of them that succeeded."""
    ours, successes = batch.fetch(connection, _TRIES)[0]
    return ours, successes


def false_restrictions(connection: Connection) -> int:
    """Return how many restrictions began when nothing was owed. Must be 0."""
    count: int = batch.fetch(connection, _FALSE)[0][0]
    return count


def mails_sent(connection: Connection) -> dict[str, int]:
    """Return type -> how many mails left the house."""
    return dict(batch.fetch(connection, _MAILS))
