"""Money: nothing is taken twice, nothing is forgotten, nothing is mixed."""

from __future__ import annotations

from typing import Final

from recoup.store.invariants.base import Invariant, by_sql

#: What came in, and of that what was owed, and what of that went back, by invoice. Money that
#: came late is `ACTIVATION`'s matter.
_MOVED: Final = """
    WITH taken AS (
        SELECT invoice_id, sum(amount)::bigint AS captured,
               coalesce(sum(amount) FILTER (WHERE unowed_at IS NULL), 0)::bigint AS owed,
               max(coalesce(ended_at, happened_at)) AS last_at
        FROM attempts WHERE state = ANY(%(succeeded)s) GROUP BY invoice_id
    ), returned AS (
        SELECT a.invoice_id, sum(b.amount)::bigint AS back
        FROM (
            SELECT attempt_id, amount FROM refunds WHERE status <> ALL(%(no_refund)s)
            UNION ALL
            SELECT attempt_id, amount FROM disputes WHERE lost
        ) b JOIN attempts a ON a.id = b.attempt_id
        WHERE a.state = ANY(%(succeeded)s) AND a.unowed_at IS NULL GROUP BY a.invoice_id
    )
"""

MONEY: Final[tuple[Invariant, ...]] = (
    by_sql(
        "no_double_charge",
        "What was taken for an invoice, but for late money and what went back, is at most due.",
        f"""{_MOVED}
        SELECT 'invoice ' || i.id,
               format('%%s taken, %%s given back, %%s billed',
                      t.owed, coalesce(r.back, 0), i.amount_due)
        FROM taken t JOIN invoices i ON i.id = t.invoice_id
        LEFT JOIN returned r ON r.invoice_id = i.id
        WHERE t.owed - coalesce(r.back, 0) > greatest(i.amount_due, 0)
        """,
    ),
    by_sql(
        "payments_match_invoice",
        "An invoice not paid elsewhere is paid by attempts that succeeded, ten minutes later.",
        f"""{_MOVED}
        SELECT 'invoice ' || i.id,
               format('%%s is paid, attempts took %%s and gave back %%s',
                      i.amount_paid, coalesce(t.captured, 0), coalesce(r.back, 0))
        FROM invoices i
        LEFT JOIN taken t ON t.invoice_id = i.id
        LEFT JOIN returned r ON r.invoice_id = i.id
        WHERE NOT i.out_of_band AND i.seen_at < %(now)s - %(calm)s
          AND coalesce(t.last_at, '-infinity') < %(now)s - %(calm)s
          AND (i.amount_paid > coalesce(t.captured, 0)
               OR i.amount_paid < coalesce(t.owed, 0) - coalesce(r.back, 0))
        """,
    ),
    by_sql(
        "refunds_within_attempt",
        "No more is given back than an attempt took, and only when it took something.",
        """
        SELECT 'attempt ' || a.id, format('%%s given back of %%s, %%s', r.back, a.amount, a.state)
        FROM (SELECT attempt_id, sum(amount) AS back FROM refunds
              WHERE status <> ALL(%(no_refund)s) GROUP BY 1) r
        JOIN attempts a ON a.id = r.attempt_id
        WHERE r.back > a.amount OR a.state <> ALL(%(succeeded)s)
        """,
    ),
    by_sql(
        "one_currency",
        "An attempt, its refunds and disputes are in the currency of the invoice.",
        """
        SELECT * FROM (
            SELECT 'attempt ' || a.id, a.currency || ' for an invoice in ' || i.currency
            FROM attempts a JOIN invoices i ON i.id = a.invoice_id WHERE a.currency <> i.currency
            UNION ALL
            SELECT 'refund ' || r.id, r.currency || ' of an attempt in ' || a.currency
            FROM refunds r JOIN attempts a ON a.id = r.attempt_id WHERE r.currency <> a.currency
            UNION ALL
            SELECT 'dispute ' || d.id, d.currency || ' of an attempt in ' || a.currency
            FROM disputes d JOIN attempts a ON a.id = d.attempt_id WHERE d.currency <> a.currency
        ) mixed
        """,
    ),
)
