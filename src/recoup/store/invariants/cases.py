"""Cases: every debt has one, each has something to recover, each ends once and then is over."""

from __future__ import annotations

from typing import Final

from recoup.store.invariants.base import Invariant, busy, by_sql

#: An obligation that failed: what a case is about.
DEFAULTED: Final = (
    "(i.status = ANY(%(owed)s) AND i.amount_remaining > 0 AND i.first_failed_at IS NOT NULL)"
)
#: When the end of a case was written down. It may be dated back to when the money came.
_ENDED: Final = """
    (SELECT min(l.recorded_at) FROM ledger_entries l
     WHERE l.customer_id = c.customer_id AND l.subject = 'case:' || c.id
       AND l.body LIKE '%%"ending":[%%')
"""

CASES: Final[tuple[Invariant, ...]] = (
    by_sql(
        "one_open_case",
        "At most one case of a customer and scope is open.",
        """
        SELECT 'customer ' || customer_id, count(*) || ' open cases of ' || scope
        FROM cases WHERE ending IS NULL GROUP BY customer_id, scope HAVING count(*) > 1
        """,
    ),
    by_sql(
        "open_case_is_owed",
        "Something is owed in an open case, unless its customer is about to be looked at.",
        f"""
        SELECT 'case ' || c.id, 'open, and nothing in it is owed' FROM cases c
        WHERE c.ending IS NULL AND NOT {busy("c.customer_id")}
          AND NOT EXISTS (SELECT FROM invoices i WHERE i.case_id = c.id AND {DEFAULTED})
        """,
    ),
    by_sql(
        "debt_has_case",
        "An obligation in default belongs to a case that is open or bad debt.",
        f"""
        SELECT 'invoice ' || i.id, coalesce('its case ' || c.id || ' has ended', 'it has no case')
        FROM invoices i JOIN customers u ON u.id = i.customer_id
        LEFT JOIN cases c ON c.id = i.case_id
        LEFT JOIN subscriptions s ON s.id = i.subscription_id
        WHERE {DEFAULTED} AND NOT u.deleted AND NOT {busy("i.customer_id")} AND i.gate_id IS NULL
          AND (c.id IS NULL OR c.ending IS NOT NULL
               AND NOT (c.ending = %(exhausted)s AND c.settled_at IS NULL)
               AND (s.id IS NULL OR s.status <> ALL(%(over)s)))
        """,
    ),
    by_sql(
        "one_end",
        "A case ends at most once, with an ending and an instant, and then stands on no rung.",
        """
        SELECT * FROM (
            SELECT 'case ' || id,
                   format('ending %%s at %%s, rung %%s', ending, ended_at, rung)
            FROM cases
            WHERE (ending IS NULL) <> (ended_at IS NULL) OR (ending IS NOT NULL AND rung <> '')
            UNION ALL
            SELECT replace(subject, ':', ' '), 'ended ' || count(*) || ' times' FROM ledger_entries
            WHERE subject LIKE 'case:%%' AND body LIKE '%%"ending":[%%'
            GROUP BY customer_id, subject HAVING count(*) > 1
        ) ends
        """,
    ),
    by_sql(
        "no_try_after_end",
        "After the end of a case is written down, nothing in it is charged by itself.",
        f"""
        SELECT 'attempt ' || a.id, format('%%s, asked for at %%s, after case %%s ended: %%s',
                                         a.origin, a.requested_at, c.id, c.ending)
        FROM cases c JOIN invoices i ON i.case_id = c.id JOIN attempts a ON a.invoice_id = i.id
        WHERE c.ending IS NOT NULL AND a.ordinal IS NOT NULL
          AND a.origin IN ('renewal', 'retry', 'new_method')
          AND least(a.happened_at, a.requested_at) > c.ended_at
          AND a.requested_at > {_ENDED}
        """,
    ),
    by_sql(
        "no_notice_after_end",
        "After the end of a case is written down, no notice of it goes out or waits to.",
        f"""
        SELECT 'notice ' || n.id, format('%%s %%s, but case %%s has ended: %%s',
                                        n.step, n.state, c.id, c.ending)
        FROM cases c JOIN notices n ON n.case_id = c.id
        WHERE c.ending IS NOT NULL
          AND (n.state = ANY(%(scheduled)s) AND NOT {busy("c.customer_id")}
               OR coalesce(n.delivered_at, n.bounced_at) > c.ended_at
                  AND n.state = ANY(%(sent)s) AND n.delivered_at > {_ENDED})
        """,
    ),
    by_sql(
        "ended_case_restricts_nobody",
        "A case that is over, and no bad debt, holds no restriction.",
        """
        SELECT 'restriction ' || r.id, format('%%s on %%s, but case %%s has ended: %%s',
                                             r.consequence, r.scope, c.id, c.ending)
        FROM restrictions r JOIN cases c ON c.id = r.case_id
        WHERE r.lifted_at IS NULL AND c.ending IS NOT NULL
          AND NOT (c.ending = %(exhausted)s AND c.settled_at IS NULL)
        """,
    ),
)
