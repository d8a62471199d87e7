"""What is true of bad debt at any time: entered when it is owed, left when it is not."""

from __future__ import annotations

from typing import Final

from recoup.store.invariants.base import Invariant, busy, by_sql
from recoup.store.invariants.cases import DEFAULTED

DEBTS: Final[tuple[Invariant, ...]] = (
    by_sql(
        "bad_debt_is_entered",
        "What is owed in a case that was given up is entered as bad debt, once.",
        f"""
        SELECT 'invoice ' || i.id, 'owed in case ' || c.id || ', and not entered as bad debt'
        FROM cases c JOIN invoices i ON i.case_id = c.id
        WHERE c.ending = %(exhausted)s AND c.settled_at IS NULL AND {DEFAULTED}
          AND NOT {busy("c.customer_id")}
          AND NOT EXISTS (SELECT FROM debts d
                          WHERE d.invoice_id = i.id AND d.exited_at IS NULL)
        """,
    ),
    by_sql(
        "bad_debt_is_owed",
        "What is entered as bad debt, and has not left, is owed in a case that was given up.",
        f"""
        SELECT 'debt ' || d.id, 'invoice ' || d.invoice_id || ' is not owed any more'
        FROM debts d
        WHERE d.exited_at IS NULL AND NOT {busy("d.customer_id")}
          AND NOT EXISTS (SELECT FROM invoices i JOIN cases c ON c.id = i.case_id
                          WHERE i.id = d.invoice_id AND {DEFAULTED}
                            AND c.ending = %(exhausted)s AND c.settled_at IS NULL)
        """,
    ),
    by_sql(
        "paid_debt_brought_money",
        "Bad debt that left as paid brought money through the processor.",
        """
        SELECT 'debt ' || d.id, 'left as paid, and nothing was received for invoice '
               || d.invoice_id
        FROM debts d JOIN invoices i ON i.id = d.invoice_id
        WHERE d.exited_as = 'paid' AND NOT EXISTS (
            SELECT FROM attempts a WHERE a.invoice_id = i.id AND a.state = ANY(%(succeeded)s))
        """,
    ),
)
