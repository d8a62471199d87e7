"""Bad debt that came and went, access that was taken and given back, upgrades that were not."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from recoup.store.queries.pages import fetch

_AGE: Final = """CASE WHEN {days} < 30 THEN 'under 30 d' WHEN {days} < 60 THEN '30 d to 59 d'
                      WHEN {days} < 90 THEN '60 d to 89 d' ELSE '90 d and more' END"""

_ENTRIES: Final = f"""
    SELECT reason, coalesce(decline_class, 'not told'),
           coalesce(array_to_string(products, ' '), ''),
           {_AGE.format(days="age_days")}, currency, count(*), sum(amount)::bigint
    FROM debts WHERE entered_at >= %(since)s AND entered_at < %(until)s
    GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"""

_EXITS: Final = f"""
    SELECT exited_as, coalesce(array_to_string(products, ' '), ''),
           {_AGE.format(days="extract(epoch FROM exited_at - entered_at) / 86400")}, currency,
           count(*), sum(amount)::bigint,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM exited_at - entered_at))
    FROM debts WHERE exited_at >= %(since)s AND exited_at < %(until)s
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"""

_OUTSTANDING: Final = f"""
    SELECT {_AGE.format(days="extract(epoch FROM %(now)s::timestamptz - entered_at) / 86400")},
           currency, count(*), sum(amount)::bigint
    FROM debts WHERE exited_at IS NULL GROUP BY 1, 2 ORDER BY 1, 2"""

#: Restrictions that began when every obligation of their case had been closed before.
_FALSE: Final = """
    SELECT r.consequence, count(*) FILTER (WHERE NOT EXISTS (
        SELECT FROM invoices i WHERE i.case_id = r.case_id AND i.first_failed_at <= r.since
          AND (i.closed_at IS NULL OR i.closed_at >= r.since OR i.charged_back > 0)))
    FROM restrictions r GROUP BY 1 ORDER BY 1"""

_LIFTING: Final = """
    SELECT count(*), count(*) FILTER (WHERE since < %(long)s),
           coalesce(extract(epoch FROM %(now)s::timestamptz - min(since)), 0)::float8
    FROM (SELECT customer_id, min(lifted_at) AS since FROM restrictions
          WHERE lifted_at IS NOT NULL AND undone_at IS NULL GROUP BY 1) l"""

_STANDINGS: Final = "SELECT standing, count(*) FROM standings GROUP BY 1 ORDER BY 1"

#: The ledger has the instant of each; the row how many there were, which finds them fast.
_WITHDRAWN: Final = """
    SELECT coalesce(s.plan, 'none'), count(*), count(DISTINCT s.customer_id)
    FROM subscriptions s JOIN ledger_entries e
      ON e.customer_id = s.customer_id AND e.subject = 'subscription:' || s.id
         AND e.type = 'upgrade.withdrawn'
    WHERE s.upgrades_withdrawn > 0
      AND e.occurred_at >= %(since)s AND e.occurred_at < %(until)s
    GROUP BY 1 ORDER BY 1"""

_DRIFT: Final = """
    SELECT class, CASE WHEN age < interval '1 hour' THEN 'under 1 h'
                       WHEN age < interval '1 day' THEN '1 h to 1 d'
                       WHEN age < interval '7 days' THEN '1 d to 7 d' ELSE '7 d and more' END,
           count(*), count(DISTINCT customer_id), extract(epoch FROM max(age))::float8
    FROM (SELECT class, customer_id, %(now)s::timestamptz - first_seen AS age
          FROM drift_findings WHERE ended_at IS NULL) d
    GROUP BY 1, 2 ORDER BY 1, 5"""


def entries(connection: Connection, *, since: datetime, until: datetime) -> list[tuple[Any, ...]]:
    """Return rows of: reason, class, products, age at entry, currency, entries, amount."""
    return fetch(connection, _ENTRIES, {"since": since, "until": until})


def exits(connection: Connection, *, since: datetime, until: datetime) -> list[tuple[Any, ...]]:
    """Return rows of: how, products, stay, currency, exits, amount, median of the stay in s."""
    return fetch(connection, _EXITS, {"since": since, "until": until})


def outstanding(connection: Connection, *, now: datetime) -> list[tuple[Any, ...]]:
    """Return rows of: age since it entered, currency, bad debts that are owed, amount."""
    return fetch(connection, _OUTSTANDING, {"now": now})


def false_restrictions(connection: Connection) -> list[tuple[Any, ...]]:
    """Return, by consequence, how many restrictions began when nothing was owed. Must be 0."""
    return fetch(connection, _FALSE, {})


def lifting(connection: Connection, *, now: datetime, within: timedelta) -> tuple[int, int, float]:
    """Return customers being restored, those for longer than `within`, and the longest in s."""
    found: tuple[int, int, float] = fetch(
        connection, _LIFTING, {"now": now, "long": now - within}
    )[0]
    return found


def standings(connection: Connection) -> list[tuple[Any, ...]]:
    """Return how many customers stand where."""
    return fetch(connection, _STANDINGS, {})


def drift(connection: Connection, *, now: datetime) -> list[tuple[Any, ...]]:
    """Return rows of: class, age, disagreements, customers, the oldest in s."""
    return fetch(connection, _DRIFT, {"now": now})


def withdrawn(
    connection: Connection, *, since: datetime, until: datetime
) -> list[tuple[Any, ...]]:
    """Return rows of: plan that stayed, changes to another one that were not paid, customers."""
    return fetch(connection, _WITHDRAWN, {"since": since, "until": until})
