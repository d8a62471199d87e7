"""
Endpoints: systems of the company's own that are told of events by HTTP, and the log of telling.

A delivery is an effect of the kind "post:ID". One for an endpoint that is disabled is parked, and
comes back when it is enabled. Whoever changes both locks the endpoint's row first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from recoup.errors import NotFound
from recoup.store import batch
from recoup.store.queries.pages import LIMIT, fetch

#: What the kind of every endpoint's deliveries begins with.
KIND: Final = "post:"
#: Why a delivery is parked that waits for its endpoint to be enabled.
HELD: Final = "its endpoint is disabled"
_TASK: Final = "endpoint:"

_COLUMNS: Final = """id, url, types, description, created_at, failing_since, quiet_until,
    disabled_at, disabled_for"""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a system of the company's is told of events."""

    id: int
    url: str
    types: tuple[str, ...]  #: of events it is told of; `*` is every type
    description: str
    created_at: datetime
    failing_since: datetime | None  #: when the first try failed after the last one that worked
    quiet_until: datetime | None  #: it asked not to be told anything before
    disabled_at: datetime | None  #: since then its deliveries wait
    disabled_for: str | None  #: why

    @property
    def enabled(self) -> bool:
        """Whether it is told of anything."""
        return self.disabled_at is None


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a secret: all but the secret."""

    number: int
    salt: str
    mark: str


@dataclass(frozen=True, slots=True)
class Try:
    """One post, and what came of it."""

    id: int
    endpoint_id: int
    event_id: int | None  #: None: a test
    type: str
    customer_id: int | None
    tried_at: datetime
    replay: bool  #: whether it had been told before, or given up
    delivered: bool
    status: int | None  #: None: there was no answer
    ms: int
    answer: str | None  #: its first 500 bytes
    error: str | None  #: why it is not delivered


_TRY: Final = (
    "id, endpoint_id, event_id, type, customer_id, tried_at, replay, delivered, status, ms, "
    "answer, error"
)


def read(connection: Connection, id: int, *, lock: bool = False) -> Endpoint:
    """
    Return an endpoint.

    Args:
        lock: Nobody else changes it before the transaction ends.

    Raises:
        NotFound: there is none with this id, or no more.
    """
    for found in known(connection, [id], lock=lock):
        return found
    raise NotFound(f"there is no endpoint {id}")


def known(
    connection: Connection, ids: Sequence[int], *, lock: bool = False
) -> tuple[Endpoint, ...]:
    """Return those of these endpoints that there are, by id."""
    sql = f"""SELECT {_COLUMNS} FROM endpoints WHERE id = ANY(%(ids)s) AND deleted_at IS NULL
              ORDER BY id {"FOR NO KEY UPDATE" if lock else ""}"""
    return tuple(map(_endpoint, fetch(connection, sql, {"ids": list(ids)})))


def _endpoint(row: Sequence[Any]) -> Endpoint:
    return Endpoint(row[0], row[1], tuple(row[2]), *row[3:])


def listing(connection: Connection, *, after: int = 0, limit: int = LIMIT) -> tuple[Endpoint, ...]:
    """Return endpoints by id."""
    sql = f"""SELECT {_COLUMNS} FROM endpoints WHERE deleted_at IS NULL AND id > %(after)s
              ORDER BY id LIMIT %(limit)s"""
    return tuple(map(_endpoint, fetch(connection, sql, {"after": after, "limit": limit})))


def ids(connection: Connection) -> tuple[int, ...]:
    """Return the ids of all endpoints that there may be deliveries for, deleted ones too."""
    return tuple(id for (id,) in batch.fetch(connection, "SELECT id FROM endpoints ORDER BY id"))


def create(
    connection: Connection, url: str, types: Collection[str], description: str, *, now: datetime
) -> int:
    """Write an endpoint without a secret; return its id."""
    sql = """INSERT INTO endpoints (url, types, description, created_at)
             VALUES (%(url)s, %(types)s, %(description)s, %(now)s) RETURNING id"""
    given = {"url": url, "types": sorted(types), "description": description, "now": now}
    return int(fetch(connection, sql, given)[0][0])


def update(
    connection: Connection, id: int, url: str, types: Collection[str], description: str
) -> None:
    """Write what an endpoint is from now on."""
    sql = """UPDATE endpoints SET url = %(url)s, types = %(types)s, description = %(description)s
             WHERE id = %(id)s"""
    given = {"id": id, "url": url, "types": sorted(types), "description": description}
    _do(connection, sql, given)


def _do(connection: Connection, sql: str, given: Mapping[str, Any]) -> int:
    with batch.driver(connection).cursor() as cursor:
        return cursor.execute(sql.encode(), given).rowcount


def roll(connection: Connection, id: int, secret: Kept, *, now: datetime, until: datetime) -> None:
    """Write a secret that is the newest; those before it are good until `until` at most."""
    given = {"id": id, "until": until, "now": now, "number": secret.number}
    expire = """UPDATE endpoint_secrets SET expires_at = least(expires_at, %(until)s)
                WHERE endpoint_id = %(id)s"""
    _do(connection, expire, given)
    add = """INSERT INTO endpoint_secrets (endpoint_id, number, salt, mark, created_at)
             VALUES (%(id)s, %(number)s, %(salt)s, %(mark)s, %(now)s)"""
    _do(connection, add, given | {"salt": secret.salt, "mark": secret.mark})


def secrets(connection: Connection, id: int, *, now: datetime) -> tuple[Kept, ...]:
    """Return what is kept of the secrets that are good at `now` (UTC), newest first."""
    sql = """SELECT number, salt, mark FROM endpoint_secrets
             WHERE endpoint_id = %s AND (expires_at IS NULL OR expires_at > %s)
             ORDER BY number DESC"""
    return tuple(Kept(*row) for row in batch.fetch(connection, sql, (id, now)))


def worked(connection: Connection, id: int) -> None:
    """Write that a try was delivered."""
    sql = """UPDATE endpoints SET failing_since = NULL, quiet_until = NULL
             WHERE id = %(id)s AND (failing_since IS NOT NULL OR quiet_until IS NOT NULL)"""
    _do(connection, sql, {"id": id})


def failed(
    connection: Connection, id: int, *, now: datetime, quiet_until: datetime | None
) -> datetime:
    """Write that a try failed; return since when they all do."""
    sql = """UPDATE endpoints SET failing_since = coalesce(failing_since, %(now)s),
                 quiet_until = greatest(quiet_until, %(quiet)s)
             WHERE id = %(id)s RETURNING failing_since"""
    found = fetch(connection, sql, {"id": id, "now": now, "quiet": quiet_until})
    return found[0][0] if found else now


def disable(connection: Connection, id: int, reason: str, *, now: datetime) -> bool:
    """Have the endpoint's deliveries wait, from now on; return whether they did not yet."""
    sql = """UPDATE endpoints SET disabled_at = %(now)s, disabled_for = %(reason)s
             WHERE id = %(id)s AND disabled_at IS NULL AND deleted_at IS NULL"""
    if not _do(connection, sql, {"id": id, "now": now, "reason": reason}):
        return False
    hold = """UPDATE effects SET state = 'parked', reason = %(held)s
              WHERE kind = %(kind)s AND starts_with(kind, 'post:') AND state = 'scheduled'"""
    _do(connection, hold, {"held": HELD, "kind": f"{KIND}{id}"})
    return True


def alert(connection: Connection, id: int, detail: str, *, now: datetime) -> None:
    """Open a task for a person to see to the endpoint, unless there is one."""
    sql = """INSERT INTO tasks (key, kind, detail, opened_at)
             VALUES (%(key)s, 'endpoint_disabled', %(detail)s, %(now)s)
             ON CONFLICT (key) WHERE closed_at IS NULL DO NOTHING"""
    _do(connection, sql, {"key": f"{_TASK}{id}", "detail": detail, "now": now})


def enable(connection: Connection, id: int, *, now: datetime) -> int:
    """Tell it of everything again, also of what waited; return how many deliveries did."""
    given = {"id": id, "now": now, "kind": f"{KIND}{id}", "held": HELD, "key": f"{_TASK}{id}"}
    sql = """UPDATE endpoints SET disabled_at = NULL, disabled_for = NULL, failing_since = NULL,
                 quiet_until = NULL WHERE id = %(id)s"""
    _do(connection, sql, given)
    _done_task(connection, given)
    again = """UPDATE effects SET state = 'scheduled', attempt = 0, due_at = %(now)s, reason = NULL
               WHERE kind = %(kind)s AND starts_with(kind, 'post:') AND state = 'parked'
                 AND reason = %(held)s"""
    return _do(connection, again, given)


def _done_task(connection: Connection, given: Mapping[str, Any]) -> None:
    sql = "UPDATE tasks SET closed_at = %(now)s WHERE key = %(key)s AND closed_at IS NULL"
    _do(connection, sql, given)


def delete(connection: Connection, id: int, *, now: datetime) -> int:
    """Tell it of nothing more; return how many deliveries were given up."""
    given = {"id": id, "now": now, "kind": f"{KIND}{id}", "key": f"{_TASK}{id}"}
    sql = """UPDATE endpoints SET deleted_at = %(now)s, url = '', description = ''
             WHERE id = %(id)s"""
    _do(connection, sql, given)
    _done_task(connection, given)
    give_up = """UPDATE effects SET state = 'canceled', ended_at = %(now)s,
                     reason = 'its endpoint was deleted'
                 WHERE kind = %(kind)s AND starts_with(kind, 'post:')
                   AND state IN ('scheduled', 'parked')"""
    return _do(connection, give_up, given)


def log(connection: Connection, made: Try) -> int:
    """Write a try; return its id, which the database gives."""
    sql = """INSERT INTO endpoint_tries
                 (endpoint_id, event_id, type, customer_id, tried_at, replay, delivered, status,
                  ms, answer, error)
             VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id"""
    given = (
        made.endpoint_id, made.event_id, made.type, made.customer_id, made.tried_at, made.replay,
        made.delivered, made.status, made.ms, made.answer, made.error,
    )  # fmt: skip
    return int(batch.fetch(connection, sql, given)[0][0])


def tries(
    connection: Connection,
    id: int,
    *,
    event_id: int | None = None,
    before: int | None = None,
    limit: int = LIMIT,
) -> tuple[Try, ...]:
    """Return an endpoint's tries, newest first; page by `before`, an id."""
    sql = f"""SELECT {_TRY} FROM endpoint_tries WHERE endpoint_id = %(id)s
                AND (%(event)s::bigint IS NULL OR event_id = %(event)s)
                AND (%(before)s::bigint IS NULL OR id < %(before)s)
              ORDER BY id DESC LIMIT %(limit)s"""
    given = {"id": id, "event": event_id, "before": before, "limit": limit}
    return tuple(Try(*row) for row in fetch(connection, sql, given))
