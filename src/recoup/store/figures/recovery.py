"""
Failed obligations and what became of them, by cohort, class and currency.

A failed obligation is an invoice whose off-session payment was refused at least once; its cohort
is the month of the first refusal. The class of a refusal is not in the database: the caller reads
the signals that occur, and gives each its class back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from recoup.store.queries.pages import fetch

#: Kind and brand of the instrument and the four codes, each "" where nothing was said.
Signals = tuple[str, str, str, str, str, str]

_CODES: Final = "decline_code advice_code network_decline_code network_advice_code".split()
_SIGNAL: Final = ", ".join(
    f"coalesce({name}, '') AS {name}" for name in ("kind", "brand", *_CODES)
)

_FAILED: Final = f"""
    failed AS (
        SELECT i.id, i.currency, i.amount_due, i.first_failed_at, i.closed_at, c.ending,
               i.status = 'paid' AND i.resolved_as IS NULL AS recovered,
               coalesce(i.closed_at, c.ended_at, %(now)s::timestamptz) AS seen_until
        FROM invoices i LEFT JOIN cases c ON c.id = i.case_id
        WHERE i.first_failed_at >= %(since)s AND i.first_failed_at < %(until)s
    ), refusal AS (
        SELECT DISTINCT ON (a.invoice_id) a.invoice_id, {_SIGNAL}
        FROM (SELECT a.*, m.kind FROM attempts a JOIN failed f ON f.id = a.invoice_id
              LEFT JOIN payment_methods m
                   ON m.processor = a.processor AND m.processor_id = a.method
              WHERE a.state = 'declined') a
        ORDER BY a.invoice_id, a.happened_at, a.id
    )"""
_KEYS: Final = ("kind", "brand", *_CODES)

_SIGNALS: Final = f"WITH {_FAILED} SELECT DISTINCT {', '.join(_KEYS)} FROM refusal ORDER BY 1"

_CLASSED: Final = f"""
    WITH {_FAILED}, class AS (
        SELECT * FROM unnest({", ".join(f"%(k{n})s::text[]" for n in range(6))}, %(class)s::text[])
               AS c ({", ".join(_KEYS)}, class)
    ), classed AS (
        SELECT f.*, coalesce(c.class, 'not told') AS class,
               to_char(f.first_failed_at AT TIME ZONE 'UTC', 'YYYY-MM') AS cohort
        FROM failed f LEFT JOIN refusal r ON r.invoice_id = f.id
        LEFT JOIN class c USING ({", ".join(_KEYS)})
    )"""

_COUNTS: Final = """
    count(*), sum(amount_due)::bigint, count(*) FILTER (WHERE recovered),
    coalesce(sum(amount_due) FILTER (WHERE recovered), 0)::bigint,
    count(*) FILTER (WHERE NOT recovered AND ending IS NULL),
    count(*) FILTER (WHERE NOT recovered AND ending = 'exhausted'),
    count(*) FILTER (WHERE NOT recovered AND ending IN ('voluntary', 'written_off', 'superseded',
                                                        'recovered')),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM closed_at - first_failed_at))
        FILTER (WHERE recovered)"""

_BY: Final = "{classed} SELECT {by}, currency, {counts} FROM classed GROUP BY 1, 2 ORDER BY 1, 2"

#: Of each whole day after the failure: how many were paid on it, and how many are lost sight of,
#: because their case ended without payment or runs still.
_DAYS: Final = f"""
    WITH {_FAILED}
    SELECT greatest(0, floor(extract(epoch FROM seen_until - first_failed_at) / 86400))::int,
           count(*) FILTER (WHERE recovered), count(*) FILTER (WHERE NOT recovered)
    FROM failed
    GROUP BY 1 ORDER BY 1"""


def signals(connection: Connection, **window: datetime) -> list[Signals]:
    """Return the different first refusals of the obligations that failed in `window`."""
    return [tuple(row) for row in fetch(connection, _SIGNALS, window)]


def outcomes(
    connection: Connection,
    by: str,
    classes: Sequence[tuple[Signals, str]],
    **window: datetime,
) -> list[tuple[Any, ...]]:
    """
    Return rows of: class or cohort, currency, failed, amount, recovered, its amount, open,
    exhausted, left, and the median of seconds to recovery.

    Args:
        by: "class" or "cohort".
        classes: The class of every signal that occurs.
        window: `since` and `until`, of the first refusal, and `now`; UTC.
    """
    sql = _BY.format(
        classed=_CLASSED, by={"class": "class", "cohort": "cohort"}[by], counts=_COUNTS
    )
    columns = zip(*(signal for signal, _ in classes), strict=True)
    given: dict[str, Any] = {f"k{n}": [] for n in range(6)} | {"class": [c for _, c in classes]}
    given |= {f"k{n}": list(column) for n, column in enumerate(columns)}
    return fetch(connection, sql, given | window)


def days(connection: Connection, **window: datetime) -> list[tuple[int, int, int]]:
    """Return, by whole days after the failure, how many were paid and how many lost sight of."""
    return fetch(connection, _DAYS, window)
