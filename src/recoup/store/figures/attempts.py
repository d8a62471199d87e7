"""Attempts on failed obligations: how many, what they brought, what was one too many."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from recoup.core.collection.rules import Rules
from recoup.core.policy import Policies
from recoup.store.invariants.base import Look
from recoup.store.invariants.networks import NETWORKS
from recoup.store.queries.pages import fetch

#: Attempts that never reached a bank are left out: they cost nothing and count nowhere.
_MADE: Final = """
    SELECT a.origin, a.currency, count(*),
           count(*) FILTER (WHERE a.state = 'succeeded'),
           count(*) FILTER (WHERE a.state = 'declined'),
           coalesce(sum(a.amount) FILTER (WHERE a.state = 'succeeded'), 0)::bigint
    FROM attempts a JOIN invoices i ON i.id = a.invoice_id
    WHERE i.first_failed_at >= %(since)s AND i.first_failed_at < %(until)s
      AND a.happened_at > i.first_failed_at AND a.state NOT IN ('canceled', 'intended')
    GROUP BY 1, 2 ORDER BY 1, 2"""

#: Whoever made them: networks ask their price of the processor's own tries as well.
_TOO_MANY: Final = """
    SELECT w.name, count(*)
    FROM attempts a
    JOIN unnest(%(brand)s::text[], %(name)s::text[], %(most)s::int[], %(span)s::interval[],
                %(apart)s::bool[], %(same)s::bool[])
         w (brand, name, most, span, by_initiator, same_amount) ON w.brand = a.brand
    CROSS JOIN LATERAL (
        SELECT count(*) AS refused FROM attempts d
        WHERE d.instrument = a.instrument AND d.state = 'declined' AND d.id <> a.id
          AND d.happened_at > a.happened_at - w.span AND d.happened_at < a.happened_at
          AND (NOT w.by_initiator OR d.off_session = a.off_session)
          AND (NOT w.same_amount OR (d.amount, d.currency) = (a.amount, a.currency))
    ) b
    WHERE a.happened_at >= %(since)s AND a.happened_at < %(until)s AND b.refused >= w.most
      AND a.instrument IS NOT NULL AND a.state IN ('declined', 'succeeded')
    GROUP BY 1 ORDER BY 1"""

_OPEN: Final = """
    SELECT state, CASE WHEN age < interval '1 hour' THEN 'under 1 h'
                       WHEN age < interval '1 day' THEN '1 h to 1 d'
                       WHEN age < interval '7 days' THEN '1 d to 7 d' ELSE '7 d and more' END,
           count(*), extract(epoch FROM max(age))::float8
    FROM (SELECT state, %(now)s::timestamptz - coalesce(requested_at, happened_at) AS age
          FROM attempts
          WHERE state IN ('intended', 'requested', 'processing', 'unknown', 'action_required')) a
    GROUP BY 1, 2 ORDER BY 1, 4"""


def made(connection: Connection, *, since: datetime, until: datetime) -> list[tuple[Any, ...]]:
    """Return rows of: origin, currency, made, succeeded, declined, amount that came."""
    return fetch(connection, _MADE, {"since": since, "until": until})


def too_many(
    connection: Connection, rules: Rules, *, since: datetime, until: datetime
) -> Mapping[str, int]:
    """Return how many attempts each network's window counts as one too many."""
    windows = [(brand, window) for brand, each in rules.windows.items() for window in each]
    given: dict[str, list[str | int | bool | timedelta]] = {
        "brand": [brand for brand, _ in windows],
        "name": [window.name for _, window in windows],
        "most": [window.limit for _, window in windows],
        "span": [window.span for _, window in windows],
        "apart": [window.by_initiator for _, window in windows],
        "same": [window.same_amount for _, window in windows],
    }
    return dict(fetch(connection, _TOO_MANY, given | {"since": since, "until": until}))


def forbidden(
    connection: Connection, rules: Rules, policies: Policies, *, now: datetime
) -> Mapping[str, int]:
    """Return how many of our tries break a rule of the networks, by the invariant they break."""
    known = dict(policies.known) | {one.policy.name: one.policy for one in policies.choices}
    look = Look(connection, now, known, rules)
    return {one.name: sum(1 for _ in one.find(look)) for one in NETWORKS}


def unsettled(connection: Connection, *, now: datetime) -> list[tuple[Any, ...]]:
    """Return rows of: state, age, count, seconds of the oldest; of attempts without an end."""
    return fetch(connection, _OPEN, {"now": now})
