"""Which documents are still to be made: of what was issued, closed or given back lately."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from recoup.core import states
from recoup.core.states import InvoiceStatus

#: What a gate hides is not issued. A receipt is made by itself only of money that came; it is one
#: that was made since the matter was closed.
_WANTING: Final = text("""
    SELECT i.id AS invoice_id, i.customer_id, 'invoice' AS kind, CAST(NULL AS bigint) AS refund_id
    FROM invoices i
    WHERE i.finalized_at >= :since AND i.number IS NOT NULL AND i.gate_id IS NULL
      AND NOT EXISTS (SELECT FROM documents d WHERE d.invoice_id = i.id AND d.kind = 'invoice')
    UNION ALL
    SELECT i.id, i.customer_id, 'receipt', NULL
    FROM invoices i
    WHERE i.closed_at >= :since AND i.number IS NOT NULL AND i.gate_id IS NULL
      AND i.status = ANY(:paid) AND i.resolved_as IS NULL AND i.charged_back = 0
      AND NOT EXISTS (SELECT FROM documents d WHERE d.invoice_id = i.id AND d.kind = 'receipt'
                      AND d.made_at >= i.closed_at)
    UNION ALL
    SELECT i.id, i.customer_id, 'credit_note', r.id
    FROM refunds r JOIN attempts a ON a.id = r.attempt_id JOIN invoices i ON i.id = a.invoice_id
    WHERE r.happened_at >= :since AND r.status <> ALL(:nothing) AND i.number IS NOT NULL
      AND i.gate_id IS NULL
      AND NOT EXISTS (SELECT FROM documents d WHERE d.invoice_id = i.id
                      AND d.kind = 'credit_note' AND d.subject = 'refund:' || r.id)
    LIMIT :limit
""")

#: What mails bring, by what they are about.
_MAILS: Final = text("""
    SELECT m.id, m.queued_at, i.id AS invoice_id, i.customer_id,
           CAST(m.args ->> 'refund_id' AS bigint) AS refund_id, c.locale, m.type
    FROM mails m
    JOIN customers c ON c.id = m.customer_id
    LEFT JOIN gates g ON g.id = CAST(m.args ->> 'gate_id' AS bigint)
    LEFT JOIN refunds r ON r.id = CAST(m.args ->> 'refund_id' AS bigint)
    LEFT JOIN attempts a ON a.id = r.attempt_id
    JOIN invoices i ON i.customer_id = m.customer_id AND i.id = coalesce(
        CAST(m.args ->> 'invoice_id' AS bigint), g.invoice_id, a.invoice_id)
    WHERE m.id = ANY(:ids) AND m.type = ANY(:types) AND m.sent_at IS NULL AND i.number IS NOT NULL
      AND i.gate_id IS NULL
""")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A document that is to be made."""

    invoice_id: int
    customer_id: int
    kind: str
    refund_id: int | None = None


@dataclass(frozen=True, slots=True)
class Bringing:
    """A mail, and the document it brings."""

    mail_id: int
    queued_at: datetime
    wanted: Wanted
    locale: str | None


def key(wanted: Wanted) -> str:
    """Return the key of the effect that makes it."""
    of = "" if wanted.refund_id is None else f":{wanted.refund_id}"
    return f"document:{wanted.invoice_id}:{wanted.kind}{of}"


def wanting(connection: Connection, *, since: datetime, limit: int) -> tuple[Wanted, ...]:
    """Return documents that are still to be made, of what happened at or after `since` (UTC)."""
    given = {
        "since": since,
        "nothing": sorted(states.NOTHING_GIVEN_BACK),
        "paid": [str(status) for status in InvoiceStatus if states.is_paid(status)],
        "limit": limit,
    }
    return tuple(Wanted(**row._mapping) for row in connection.execute(_WANTING, given))  # noqa: SLF001  public


def mails(
    connection: Connection, ids: Collection[int], kinds: Mapping[str, str]
) -> tuple[Bringing, ...]:
    """
    Return, of these mails, those that bring a document.

    Args:
        kinds: Type of mail -> kind of document.
    """
    given = {"ids": sorted(ids), "types": sorted(kinds)}
    return tuple(
        Bringing(
            row.id,
            row.queued_at,
            Wanted(row.invoice_id, row.customer_id, kinds[row.type], row.refund_id),
            row.locale,
        )
        for row in connection.execute(_MAILS, given)
    )
