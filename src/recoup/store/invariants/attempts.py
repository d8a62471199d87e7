"""Attempts: one at a time, counted without gaps, and none that nobody will make."""

from __future__ import annotations

from typing import Final

from recoup.store.invariants.base import Invariant, by_sql

ATTEMPTS: Final[tuple[Invariant, ...]] = (
    by_sql(
        "one_attempt_open",
        "At most one attempt of an obligation is open, whoever made it.",
        """
        SELECT 'invoice ' || invoice_id, count(*) || ' attempts are open'
        FROM attempts WHERE state = ANY(%(open)s) GROUP BY invoice_id HAVING count(*) > 1
        """,
    ),
    by_sql(
        "attempts_counted",
        "Our attempts of an obligation are numbered from 1 without gaps, each with its own key.",
        """
        SELECT 'invoice ' || invoice_id,
               format('%%s attempts of ours, numbered %%s to %%s',
                      count(*), min(ordinal), max(ordinal))
        FROM attempts WHERE ordinal IS NOT NULL GROUP BY invoice_id
        HAVING min(ordinal) <> 1 OR max(ordinal) <> count(*)
            OR count(DISTINCT ordinal) <> count(*)
            OR count(DISTINCT idempotency_key) <> count(*)
        """,
    ),
    by_sql(
        "asked_before_answered",
        "An attempt of ours has an outcome only if the processor was asked.",
        """
        SELECT 'attempt ' || id, state || ', but nobody was asked' FROM attempts
        WHERE ordinal IS NOT NULL AND requested_at IS NULL
          AND (state = ANY(%(succeeded)s) OR state = ANY(%(declined)s))
        """,
    ),
    by_sql(
        "intended_attempt_runs",
        "An intended attempt has an effect that will ask the processor, or a person sees why not.",
        """
        SELECT 'attempt ' || a.id, 'intended, and no effect will ask for it' FROM attempts a
        WHERE a.state = ANY(%(intended)s)
          AND NOT EXISTS (SELECT FROM effects e WHERE e.key = 'collect:' || a.id
                          AND e.state IN ('scheduled', 'running', 'parked'))
        """,
    ),
)
