"""Work: what arrived ends, what was claimed is let go, what waits is whole."""

from __future__ import annotations

from typing import Final

from recoup.store.invariants.base import Invariant, by_sql

WORK: Final[tuple[Invariant, ...]] = (
    by_sql(
        "inbox_ends",
        "What arrived is applied, ignored or parked, or has a next try, within ten minutes.",
        """
        SELECT 'inbox ' || id, format('%%s since %%s', state, received_at) FROM inbox
        WHERE state = 'received' AND received_at < %(now)s - %(calm)s
           OR state = 'failed' AND next_try_at IS NULL
           OR state IN ('applied', 'ignored') AND ended_at IS NULL
        """,
    ),
    by_sql(
        "leases_end",
        "No claim is held for longer than its lease and the ten minutes in which it is noticed.",
        """
        SELECT 'effect ' || id, format('%%s is claimed until %%s', kind, lease_until) FROM effects
        WHERE state = 'running' AND lease_until < clock_timestamp() - %(calm)s
        """,
    ),
    by_sql(
        "effects_whole",
        "An effect is claimed while it runs, ended when it is over, and says why it was stopped.",
        """
        SELECT 'effect ' || id, format('%%s: claim %%s, lease %%s, ended %%s, reason %%s',
                                      state, claim_id, lease_until, ended_at, reason)
        FROM effects
        WHERE state NOT IN ('scheduled', 'running', 'done', 'canceled', 'parked')
           OR (state = 'running') <> (claim_id IS NOT NULL)
           OR (state = 'running') <> (lease_until IS NOT NULL)
           OR (state IN ('done', 'canceled')) <> (ended_at IS NOT NULL)
           OR (state IN ('canceled', 'parked') AND reason IS NULL)
           OR (state = 'running' AND attempt < 1)
        """,
    ),
    by_sql(
        "one_live_effect",
        "At most one effect of a key is live.",
        """
        SELECT 'effect ' || min(id), format('%%s is live %%s times', key, count(*)) FROM effects
        WHERE state IN ('scheduled', 'running', 'parked') GROUP BY key HAVING count(*) > 1
        """,
    ),
    by_sql(
        "one_mail_per_cause",
        "A cause has one mail, and a mail that was sent says when.",
        """
        SELECT 'mail ' || min(id), format('%%s is there %%s times', key, count(*)) FROM mails
        GROUP BY key
        HAVING count(*) > 1 OR bool_or(state = 'sent' AND sent_at IS NULL)
        """,
    ),
    by_sql(
        "mail_is_on_its_way",
        "A mail that is to be sent, and is no notice, has the effect that sends it.",
        """
        SELECT 'mail ' || m.id, format('%%s is queued, and nothing sends it', m.key) FROM mails m
        WHERE m.state = 'queued' AND NOT starts_with(m.key, 'notice:') AND NOT EXISTS (
            SELECT FROM effects e WHERE e.key = 'mail:' || m.key
            AND e.state IN ('scheduled', 'running', 'parked'))
        """,
    ),
    by_sql(
        "failed_run_is_retried",
        "A customer whose recompute failed has a next try, or is parked for a person.",
        """
        SELECT 'customer ' || customer_id, format('%%s after %%s failures, next try %%s',
                                                 run_state, failures, next_wake_at)
        FROM standings
        WHERE run_state = 'failed' AND next_wake_at IS NULL
           OR (run_state <> 'ok') <> (run_error IS NOT NULL)
        """,
    ),
)
