"""What is to be seen at a glance: findings by class and age, rollouts, payments that take long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg.types.json import Jsonb
from sqlalchemy import Connection

from recoup.core import states
from recoup.core.rollout import STAGES
from recoup.core.states import AttemptState
from recoup.store import batch

_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)

#: After so long it is known whether money has come, by the kind of method. A card answers at
#: once, and its holder has a day to authenticate; of debits banks have their say for days.
#: Source: docs/drift.md, "Payments that take long".
SETTLES: Final[Mapping[str, timedelta]] = {
    "card": _DAY,
    "us_bank_account": 5 * _DAY,
    "sepa_debit": 14 * _DAY,
    "bacs_debit": 7 * _DAY,
}
#: Of a kind that is not listed.
SLOWEST: Final = max(SETTLES.values())

_OPEN: Final = [str(one) for one in AttemptState if states.is_open(one)]

_DRIFT: Final = """
    SELECT class, CASE WHEN last_seen - first_seen < interval '10 minutes' THEN 'fresh'
                       WHEN last_seen - first_seen < interval '1 day' THEN 'day'
                       ELSE 'older' END, count(*)
    FROM drift_findings WHERE ended_at IS NULL GROUP BY 1, 2"""
_ROLLOUTS: Final = "SELECT name, stage FROM rollouts"
_RAISES: Final = "SELECT budget, count(*) FROM raises WHERE hour = %s GROUP BY 1"
_OVERDUE: Final = """
    SELECT coalesce(m.kind, 'unknown'), count(*)
    FROM attempts a LEFT JOIN payment_methods m
         ON m.processor = a.processor AND m.processor_id = a.method
    WHERE a.state = ANY(%s) AND coalesce(a.requested_at, a.happened_at)
          < %s - make_interval(secs => coalesce((%s::jsonb ->> m.kind)::float8, %s))
    GROUP BY 1"""


@dataclass(frozen=True, slots=True)
class Gauges:
    """Counts: findings by class and age, a rollout's stage by its place, raises, late tries."""

    drift: Mapping[tuple[str, str], int] = field(default_factory=dict)
    rollouts: Mapping[str, int] = field(default_factory=dict)
    raises: Mapping[str, int] = field(default_factory=dict)
    overdue: Mapping[str, int] = field(default_factory=dict)


def gauges(connection: Connection, *, now: datetime) -> Gauges:
    """Return the counts of this moment, in one round trip."""
    seconds = {kind: int(span.total_seconds()) for kind, span in SETTLES.items()}
    hour = now.replace(minute=0, second=0, microsecond=0)
    late: tuple[Any, ...] = (_OPEN, now, Jsonb(seconds), int(SLOWEST.total_seconds()))
    drift, stages, raised, overdue = batch.fetch_each(
        connection, [(_DRIFT, ()), (_ROLLOUTS, ()), (_RAISES, (hour,)), (_OVERDUE, late)]
    )
    places = {str(stage): place for place, stage in enumerate(STAGES)}
    return Gauges(
        {(name, age): count for name, age, count in drift},
        {name: places[stage] for name, stage in stages},
        dict(raised),
        dict(overdue),
    )
