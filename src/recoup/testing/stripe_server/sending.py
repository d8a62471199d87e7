"""
Webhooks out: the world's events, signed and sent to endpoints, retried for three days.

Who may be sent what is in the world's file, so that a server killed in between goes on. What is
due is decided by the world's clock; the sending itself takes real time and holds no transaction.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from recoup.processors.fake.model import instant
from recoup.processors.fake.world import Session, World
from recoup.webhooks.signature import HEADER, sign

#: In http_mail is one row for each copy of an event on its way to an endpoint.
SCHEMAS: Final = (
    """CREATE TABLE IF NOT EXISTS http_endpoints (id TEXT PRIMARY KEY, heard INTEGER NOT NULL,
    doc BLOB NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS http_mail (endpoint TEXT, event INTEGER, copy INTEGER,
    first_at INTEGER NOT NULL, due_at INTEGER NOT NULL, tries INTEGER NOT NULL,
    state TEXT NOT NULL, PRIMARY KEY (endpoint, event, copy)) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS http_mail_due ON http_mail (due_at) WHERE state = 'pending'",
    "CREATE INDEX IF NOT EXISTS http_mail_event ON http_mail (event)",
    """CREATE TABLE IF NOT EXISTS http_sent (endpoint TEXT, event INTEGER, at INTEGER NOT NULL,
    status INTEGER, error TEXT)""",
)
#: When a failed delivery is tried again, after the first: ever later, for three days.
BACKOFF: Final = tuple(
    timedelta(minutes=minutes) for minutes in (5, 30, 120, 300, 600, 1080, 1800, 2520, 3420, 4320)
)
ROLLED_FOR: Final = timedelta(hours=24)
PATIENCE: Final = 60.0  #: seconds that an endpoint has for its answer
_SOME: Final = 200


class Endpoint(Struct, frozen=True, omit_defaults=True):
    """
    Where events go, and how well the post works on the way there.

    `twice`, `lost` and `late` are shares of a thousand events: brought twice, never brought at
    all, brought up to `delay` later. `shuffled`: what is due at one time comes in any order. The
    dice are the world's: the same seed gives the same post.
    """

    id: str
    url: str
    secret: str
    events: tuple[str, ...] = ("*",)  #: types, "invoice.*" or all
    version: str | None = None  #: of its events; None: the account's
    twice: int = 0
    lost: int = 0
    late: int = 0
    delay: timedelta = timedelta(hours=1)
    shuffled: bool = False
    old_secret: str | None = None  #: signs too, until `old_until`
    old_until: int = 0
    enabled: bool = True

    def wants(self, kind: str) -> bool:
        """Whether it is to be told of events of this type."""
        return any(
            one in {"*", kind} or (one.endswith(".*") and kind.startswith(one[:-1]))
            for one in self.events
        )

    def secrets(self, now: int) -> tuple[str, ...]:
        """Return what signs at the second `now`."""
        old = self.old_secret
        return (self.secret,) if old is None or self.old_until <= now else (self.secret, old)


@dataclass(frozen=True, slots=True)
class Sent:
    """One try to deliver; `status` is None where nobody answered, and `error` says why."""

    endpoint: str
    event: int
    at: datetime  #: of the world's clock
    status: int | None
    error: str | None

    @property
    def delivered(self) -> bool:
        """Whether the endpoint took it."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class _Letter:
    endpoint: Endpoint
    event: int
    copy: int
    tries: int
    first_at: int
    body: bytes


def add(s: Session, endpoint: Endpoint) -> None:
    """Have `endpoint` told of everything from now on."""
    s.flush()
    (last,) = s.connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()
    s.connection.execute(
        "INSERT INTO http_endpoints VALUES (?, ?, ?)",
        (endpoint.id, last, msgspec.json.encode(endpoint)),
    )
    if endpoint.version is not None:
        s.also_tell(endpoint.version)


def change(s: Session, endpoint: Endpoint) -> None:
    """Keep `endpoint` as it is now. What failed while it is disabled is not tried again."""
    s.connection.execute(
        "UPDATE http_endpoints SET doc = ? WHERE id = ?",
        (msgspec.json.encode(endpoint), endpoint.id),
    )
    if not endpoint.enabled:
        s.connection.execute(
            "UPDATE http_mail SET state = 'failed' WHERE endpoint = ? AND state = 'pending'",
            (endpoint.id,),
        )


def endpoints(s: Session) -> list[Endpoint]:
    """Return all endpoints, the oldest first."""
    rows = s.connection.execute("SELECT doc FROM http_endpoints ORDER BY id")
    return [msgspec.json.decode(doc, type=Endpoint) for (doc,) in rows]


def log(s: Session) -> list[Sent]:
    """Return every try so far, in order."""
    rows = s.connection.execute(
        "SELECT endpoint, event, at, status, error FROM http_sent ORDER BY rowid"
    )
    return [Sent(to, event, instant(at), *rest) for to, event, at, *rest in rows]


def undelivered(s: Session, event: int) -> int:
    """Return how many endpoints an event has not reached: `pending_webhooks`."""
    (found,) = s.connection.execute(
        "SELECT count(DISTINCT endpoint) FROM http_mail WHERE event = ? AND state <> 'delivered'",
        (event,),
    ).fetchone()
    return int(found)


def address(s: Session) -> list[Endpoint]:
    """Decide for every endpoint what it is to be told of what happened; return them."""
    s.flush()
    found = endpoints(s)
    for one in found:
        _address(s, one)
    return found


def deliver(world: World, *, now: Callable[[], datetime] | None = None) -> list[Sent]:
    """
    Send everything that is due by the world's clock; return the tries made.

    Args:
        now: What signatures are dated with; None is the world's clock.
    """
    made: list[Sent] = []
    while letters := _due(world):
        for letter in letters:
            with world.session() as s:
                at = s.now
            dated = instant(at) if now is None else now()
            status, error = _send(letter, dated, at)
            sent = Sent(letter.endpoint.id, letter.event, instant(at), status, error)
            with world.session() as s:
                _record(s, letter, sent, at)
            made.append(sent)
    return made


def _due(world: World) -> list[_Letter]:
    """Address what happened since, and return what is due, in the order it goes out."""
    with world.session() as s:
        found = {one.id: one for one in address(s)}
        rows = s.connection.execute(
            "SELECT endpoint, event, copy, tries, first_at FROM http_mail WHERE state = 'pending'"
            " AND due_at <= ? ORDER BY due_at, event, copy LIMIT ?",
            (s.now, _SOME),
        ).fetchall()
        letters = [
            _Letter(found[to], event, copy, tries, first, _body(s, event, found[to].version))
            for to, event, copy, tries, first in rows
        ]

        def place(letter: _Letter) -> tuple[int, int]:
            if not letter.endpoint.shuffled:
                return 0, letter.event
            return s.dice("post", letter.endpoint.id, letter.event, letter.copy), letter.event

        return sorted(letters, key=place)


def _address(s: Session, to: Endpoint) -> None:
    (heard,) = s.connection.execute(
        "SELECT heard FROM http_endpoints WHERE id = ?", (to.id,)
    ).fetchone()
    rows = s.connection.execute(
        "SELECT seq FROM events WHERE seq > ? ORDER BY seq", (heard,)
    ).fetchall()
    for (event,) in rows:
        if _is_for(s, to, event):
            s.connection.executemany(
                "INSERT INTO http_mail VALUES (?, ?, ?, ?, ?, 0, ?)", _copies(s, to, event)
            )
    if rows:
        s.connection.execute(
            "UPDATE http_endpoints SET heard = ? WHERE id = ?", (rows[-1][0], to.id)
        )


def _copies(s: Session, to: Endpoint, event: int) -> Iterator[tuple[object, ...]]:
    def falls(what: str, share: int) -> bool:
        return s.dice(what, to.id, event) < share

    (created,) = s.connection.execute(
        "SELECT json_extract(body, '$.created') FROM events WHERE seq = ?", (event,)
    ).fetchone()
    late = int(to.delay.total_seconds()) * s.dice("how late", to.id, event) // 1000
    due = created + (late if falls("late", to.late) else 0)
    lost = falls("lost", to.lost)
    for copy in range(1 + falls("twice", to.twice)):
        yield to.id, event, copy, created, due, "lost" if lost else "pending"


def _is_for(s: Session, to: Endpoint, event: int) -> bool:
    if not to.enabled:
        return False
    row = s.connection.execute(
        "SELECT json_extract(body, '$.type') FROM events WHERE seq = ?", (event,)
    ).fetchone()
    if row is None or not to.wants(row[0]):
        return False
    return bool(_body(s, event, to.version))


def _body(s: Session, event: int, version: str | None) -> bytes:
    if version is None or version == s.api_version:
        row = s.connection.execute("SELECT body FROM events WHERE seq = ?", (event,)).fetchone()
    else:
        row = s.connection.execute(
            "SELECT body FROM told WHERE seq = ? AND version = ?", (event, version)
        ).fetchone()
    return b"" if row is None else bytes(row[0])


def _send(letter: _Letter, dated: datetime, now: int) -> tuple[int | None, str | None]:
    url = urlsplit(letter.endpoint.url)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.netloc, timeout=PATIENCE)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        "Accept": "*/*; q=0.5, application/xml",
        "Cache-Control": "no-cache",
        HEADER: sign(letter.body, *letter.endpoint.secrets(now), at=dated),
    }
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    try:
        connection.request("POST", path, letter.body, headers)
        answer = connection.getresponse()
        with suppress(OSError, http.client.HTTPException):
            answer.read()
    except (OSError, http.client.HTTPException) as error:
        return None, f"{type(error).__name__}: {error}"
    else:
        return answer.status, None
    finally:
        connection.close()


def _record(s: Session, letter: _Letter, sent: Sent, at: int) -> None:
    run = s.connection.execute
    run(
        "INSERT INTO http_sent VALUES (?, ?, ?, ?, ?)",
        (sent.endpoint, sent.event, at, sent.status, sent.error),
    )
    first, due = letter.first_at if letter.tries else at, at
    if sent.delivered:
        state = "delivered"
    elif letter.tries < len(BACKOFF):
        # Counted from the first try, but not all at once where the clock was moved far.
        state = "pending"
        due = max(at + 1, first + int(BACKOFF[letter.tries].total_seconds()))
    else:
        state = "failed"
    run(
        "UPDATE http_mail SET state = ?, due_at = ?, tries = tries + 1, first_at = ?"
        " WHERE endpoint = ? AND event = ? AND copy = ? AND state = 'pending'",
        (state, due, first, letter.endpoint.id, letter.event, letter.copy),
    )


def rolled(endpoint: Endpoint, secret: str, now: int, lasts: timedelta) -> Endpoint:
    """Return `endpoint` with a new secret; the old one signs too for a while, at most a day."""
    until = now + int(min(lasts, ROLLED_FOR).total_seconds())
    return msgspec.structs.replace(
        endpoint, secret=secret, old_secret=endpoint.secret, old_until=until
    )


def matching(found: Iterable[Endpoint], id_: str) -> Endpoint:
    """
    Return the one called `id_`.

    Raises:
        LookupError: there is none.
    """
    for one in found:
        if one.id == id_:
            return one
    raise LookupError(f"no such webhook endpoint: {id_}")
