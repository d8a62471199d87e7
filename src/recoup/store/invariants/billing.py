"""What people ask for and what it is about: commands, coupons, backups, and how invoices close."""

from __future__ import annotations

from typing import Final

from recoup.store.invariants.base import Invariant, by_sql


def _counted(table: str, key: str) -> str:
    return f"""
        SELECT '{table[:-1].replace("_", " ")} ' || t.id AS subject,
               format('%%s counted, %%s held', t.redemptions, count(r.id)) AS detail
        FROM {table} t LEFT JOIN redemptions r ON r.{key} = t.id AND r.given_back_at IS NULL
        GROUP BY t.id HAVING t.redemptions <> count(r.id)"""


BILLING: Final[tuple[Invariant, ...]] = (
    by_sql(
        "command_is_carried_out",
        "A command that is not over will be carried out, or a person sees why not.",
        """
        SELECT 'command ' || k.id, format('%%s is %%s, and nothing asks', k.kind, k.state)
        FROM commands k
        WHERE k.state <> ALL(%(command_over)s)
          AND NOT EXISTS (SELECT FROM effects e WHERE e.key = 'ask:' || k.id
                          AND e.state IN ('scheduled', 'running', 'parked'))
        """,
    ),
    by_sql(
        "command_has_outcome",
        "A command that is done has a result, a refused one an error, and neither waits any more.",
        """
        SELECT 'command ' || id, format('%%s is %%s, ended %%s', kind, state, ended_at)
        FROM commands
        WHERE (state = ANY(%(command_done)s)) > (result IS NOT NULL)
           OR (state = ANY(%(command_over)s)) <> (ended_at IS NOT NULL)
           OR (state = ANY(%(command_over)s) AND state <> ALL(%(command_done)s))
              <> (error IS NOT NULL)
           OR (ended_at IS NOT NULL AND request IS NOT NULL)
        """,
    ),
    by_sql(
        "refunds_asked_within_attempt",
        "What we asked to be given back, and was not refused, is at most what the attempt took.",
        """
        SELECT 'attempt ' || a.id, format('%%s asked back of %%s, %%s failed, %%s',
                                          k.asked, a.amount, coalesce(f.failed, 0), a.state)
        FROM (SELECT subject, sum(amount) AS asked FROM commands
              WHERE kind IN ('payments.refund', 'payments.return')
                AND (state <> ALL(%(command_over)s) OR state = ANY(%(command_done)s))
              GROUP BY subject) k
        JOIN attempts a ON 'payment:' || a.id = k.subject
        LEFT JOIN (SELECT attempt_id, sum(amount) AS failed FROM refunds
                   WHERE status = ANY(%(no_refund)s) GROUP BY 1) f ON f.attempt_id = a.id
        WHERE k.asked - coalesce(f.failed, 0) > a.amount OR a.state <> ALL(%(succeeded)s)
        """,
    ),
    by_sql(
        "charged_back_counted",
        "Charged back of an invoice is what lost disputes took, of a payment at most its amount.",
        """
        SELECT 'invoice ' || i.id, format('%%s charged back, disputes took %%s',
                                          i.charged_back, coalesce(l.lost, 0))
        FROM invoices i LEFT JOIN (
            SELECT a.invoice_id, sum(least(d.lost, a.amount)) AS lost
            FROM (SELECT attempt_id, sum(amount) AS lost FROM disputes WHERE lost GROUP BY 1) d
            JOIN attempts a ON a.id = d.attempt_id GROUP BY 1
        ) l ON l.invoice_id = i.id
        WHERE i.charged_back <> coalesce(l.lost, 0)
        """,
    ),
    by_sql(
        "paid_is_not_resolved",
        "An invoice says how it was resolved exactly when it was closed without money.",
        """
        SELECT 'invoice ' || id, format('%%s with %%s paid, resolved as %%s',
                                        status, amount_paid, coalesce(resolved_as, 'nothing'))
        FROM invoices
        WHERE CASE WHEN status = ANY(%(resolved)s) THEN resolved_as IS NULL
                   WHEN status = ANY(%(closed)s) THEN resolved_as IS DISTINCT FROM 'closed'
                   WHEN status = ANY(%(paid)s) AND (amount_paid = 0 OR out_of_band)
                       THEN resolved_as IS NULL
                   WHEN status = ANY(%(paid)s) AND charged_back = 0 THEN resolved_as IS NOT NULL
                   WHEN status = ANY(%(paid)s) AND resolved_as = 'written_off' THEN false
                   ELSE resolved_as IS NOT NULL AND resolved_as <> ALL(%(decided)s) END
        """,
    ),
    by_sql(
        "coupons_counted",
        "A coupon, and a code, is counted as often as it was redeemed and not given back.",
        f"SELECT subject, detail FROM ({_counted('coupons', 'coupon_id')}"
        f" UNION ALL {_counted('promotion_codes', 'promotion_code_id')}) uses",
    ),
    by_sql(
        "backups_have_places",
        "No two methods of a customer have one place among the backups, and no detached one any.",
        """
        SELECT 'customer ' || customer_id, format('place %%s is taken by methods %%s',
                                                  backup, string_agg(id::text, ', '))
        FROM payment_methods WHERE backup IS NOT NULL
        GROUP BY customer_id, backup HAVING count(*) > 1 OR bool_or(detached)
        """,
    ),
    by_sql(
        "nothing_follows_an_end",
        "Nothing is to change any more about a subscription that has ended.",
        """
        SELECT 'subscription ' || id, format('%%s, and to become %%s', status, next_items)
        FROM subscriptions WHERE status = ANY(%(over)s) AND next_items <> '[]'
        """,
    ),
)


#: What waits for a first payment, and money that came when nothing was owed any more.
ACTIVATION: Final[tuple[Invariant, ...]] = (
    by_sql(
        "awaited_is_closed",
        "What waits for its first payment is incomplete, what did not get it is canceled, and what"
        " got it is what its processor calls it.",
        """
        SELECT 'subscription ' || s.id, format('%%s, its gate is %%s', s.status, g.status)
        FROM gates g JOIN subscriptions s ON s.id = g.subscription_id
        WHERE g.purpose = 'start' AND CASE
            WHEN g.status = ANY(%(gate_pending)s) THEN s.status <> ALL(%(incomplete)s)
            WHEN g.status = ANY(%(gate_dead)s) THEN s.status <> ALL(%(over)s)
            ELSE s.processor_status <> ALL(%(incomplete)s || %(over)s) END
        """,
    ),
    by_sql(
        "gate_is_decided",
        "A gate is decided within two hours of its end, or a person sees why not.",
        """
        SELECT 'gate ' || g.id, format('pending, and its time ended at %%s', g.expires_at)
        FROM gates g
        WHERE g.status = ANY(%(gate_pending)s) AND g.expires_at < %(now)s - interval '2 hours'
          AND g.withdrawal IS NULL
          AND NOT EXISTS (SELECT FROM effects e WHERE e.key = 'expire:' || g.customer_id
                          AND e.state IN ('scheduled', 'running', 'parked'))
        """,
    ),
    by_sql(
        "dead_gate_is_owed_nothing",
        "Nobody owes, or gets to see, an invoice whose gate died; nothing else is hidden.",
        """
        SELECT 'invoice ' || i.id, format('%%s, its gate is %%s', i.status,
                                          coalesce(g.status, 'none'))
        FROM invoices i LEFT JOIN gates g ON g.id = i.gate_id
        WHERE (i.status = ANY(%(closed)s) AND (g.id IS NULL OR g.status <> ALL(%(gate_dead)s)))
           OR (g.status = ANY(%(gate_dead)s) AND i.status = ANY(%(owed)s))
           OR (g.status <> ALL(%(gate_dead)s) AND g.status <> ALL(%(gate_pending)s))
        """,
    ),
    by_sql(
        "late_money_is_dealt_with",
        "Money that came when nothing was owed is on its way back, bought what it was for, or is"
        " a task.",
        """
        SELECT 'attempt ' || a.id, format('%%s %%s came late: %%s', a.amount, a.currency,
                                          coalesce(l.state, 'nobody has seen to it'))
        FROM attempts a LEFT JOIN late_payments l ON l.attempt_id = a.id
        WHERE a.unowed_at IS NOT NULL AND (l.id IS NULL OR CASE l.state
            WHEN 'asked' THEN NOT EXISTS (
                SELECT FROM commands k WHERE k.subject = 'payment:' || a.id AND k.ended_at IS NULL)
            WHEN 'refunded' THEN NOT EXISTS (
                SELECT FROM refunds r WHERE r.attempt_id = a.id AND r.status <> ALL(%(no_refund)s))
                AND NOT EXISTS (
                SELECT FROM disputes d WHERE d.attempt_id = a.id AND (d.open OR d.lost))
            WHEN 'stuck' THEN NOT EXISTS (
                SELECT FROM tasks t WHERE t.key = 'late_payment:' || a.id AND t.closed_at IS NULL)
            ELSE false END)
        """,
    ),
    by_sql(
        "started_once",
        "A subscription begins once and ends once, for whoever is told.",
        """
        SELECT subject, format('%%s told %%s times', type, count(*)) FROM ledger_entries
        WHERE type IN ('subscription.started', 'subscription.canceled')
        GROUP BY customer_id, subject, type HAVING count(*) > 1
        """,
    ),
)
