"""The facts that `recoup doctor` judges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from recoup.store.queries.pages import fetch

#: What waits for its parent longer than this is worth a look.
LONG: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Server:
    """The database server, as our connections see it."""

    version: str
    number: int  #: 140000 for PostgreSQL 14.0
    synchronous_commit: str
    fsync: str


@dataclass(frozen=True, slots=True)
class Backlog:
    """What somebody should look at, counted."""

    failed_customers: int
    parked_customers: int
    parked_effects: Mapping[str, int]  #: by kind
    inbox: Mapping[str, int]  #: by state
    waiting_long: int  #: events that have waited for their parent for more than a day
    open_tasks: int
    overdue: int  #: customers who should have been looked at
    overdue_since: datetime | None


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What has not ended, counted: quick however much has."""

    inbox: Mapping[str, int]  #: events by state, of those that are no end
    received_since: datetime | None  #: when the oldest one arrived that nobody has read
    parked_effects: Mapping[str, int]  #: by kind


def server(connection: Connection) -> Server:
    """Return what the server says of itself."""
    sql = """SELECT current_setting('server_version'), current_setting('server_version_num')::int,
             current_setting('synchronous_commit'), current_setting('fsync')"""
    return Server(*fetch(connection, sql, {})[0])


def backlog(connection: Connection, *, now: datetime) -> Backlog:
    """Return what is left lying, at `now` (UTC, our clock's)."""
    sql = """
        SELECT (SELECT count(*) FROM standings WHERE run_state = 'failed'),
               (SELECT count(*) FROM standings WHERE run_state = 'parked'),
               (SELECT count(*) FROM inbox WHERE state = 'waiting' AND received_at < %(long)s),
               (SELECT count(*) FROM tasks WHERE closed_at IS NULL),
               (SELECT count(*) FROM standings
                WHERE next_wake_at <= %(now)s AND run_state <> 'parked'),
               (SELECT min(next_wake_at) FROM standings
                WHERE next_wake_at <= %(now)s AND run_state <> 'parked')
    """
    given = {"now": now, "long": now - LONG}
    failed, parked, waiting, tasks, overdue, since = fetch(connection, sql, given)[0]
    effects = "SELECT kind, count(*) FROM effects WHERE state = 'parked' GROUP BY 1 ORDER BY 1"
    inbox = "SELECT state, count(*) FROM inbox GROUP BY 1 ORDER BY 1"
    return Backlog(
        failed_customers=failed,
        parked_customers=parked,
        parked_effects=dict(fetch(connection, effects, {})),
        inbox=dict(fetch(connection, inbox, {})),
        waiting_long=waiting,
        open_tasks=tasks,
        overdue=overdue,
        overdue_since=since,
    )


def unfinished(connection: Connection) -> Unfinished:
    """Return what is under way, or lies there until a person sees to it."""
    states = ("received", "waiting", "failed", "parked")
    counts = " UNION ALL ".join(
        f"SELECT '{one}', count(*) FROM inbox WHERE state = '{one}'" for one in states
    )
    # Ids are in the order of arrival, and that index is small.
    oldest = "SELECT received_at FROM inbox WHERE state = 'received' ORDER BY id LIMIT 1"
    # Endpoints of webhooks out have a kind each; a figure has no ids.
    effects = """SELECT CASE WHEN starts_with(kind, 'post:') THEN 'post' ELSE kind END, count(*)
                 FROM effects WHERE state = 'parked' GROUP BY 1 ORDER BY 1"""
    since = fetch(connection, oldest, {})
    return Unfinished(
        inbox=dict(fetch(connection, counts, {})),
        received_since=since[0][0] if since else None,
        parked_effects=dict(fetch(connection, effects, {})),
    )


def collectors(connection: Connection) -> Mapping[str, str]:
    """Return policy -> who collects by it, of the policies that open cases follow."""
    sql = """SELECT name, coalesce(body->>'collector', 'recoup') FROM policies
             WHERE name IN (SELECT policy FROM cases WHERE ending IS NULL) ORDER BY name"""
    return dict(fetch(connection, sql, {}))


def announced_tries(connection: Connection) -> int:
    """Return how many open invoices failed that the processor is going to try again by itself."""
    sql = """SELECT count(*) FROM invoices
             WHERE status = 'open' AND tries > 0 AND next_try_at IS NOT NULL"""
    return int(fetch(connection, sql, {})[0][0])
