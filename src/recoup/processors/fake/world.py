"""
The world's storage: one SQLite file, one writer at a time, one transaction a call.

It is apart from our database on purpose: it survives a SIGKILL of our worker, is shared by
several processes, and can be compared with our books later. A call that is killed before its
commit never happened; one killed after it did happen and its reply was lost.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from heapq import heappush
from pathlib import Path
from threading import RLock
from typing import Any, Final, TypeVar

import msgspec

from recoup.core.periods import utc
from recoup.errors import InvalidValue, Rejected
from recoup.processors.fake.model import PREFIXES, Thing

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
NEWEST: Final = "2026-10-28.endive"
OLDEST: Final = "2022-11-15"
BASIL: Final = "2025-03-31"  #: from this version on, payments and periods live elsewhere

_T = TypeVar("_T", bound=Thing)
_Due = tuple[int, int, str, str]

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (id TEXT PRIMARY KEY, owner TEXT, doc BLOB NOT NULL)
    WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS objects_owner ON objects (owner, id) WHERE owner IS NOT NULL;
CREATE TABLE IF NOT EXISTS due (at INTEGER, turn INTEGER, deed TEXT NOT NULL,
    subject TEXT NOT NULL, PRIMARY KEY (at, turn)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS requests (key TEXT PRIMARY KEY, made_at INTEGER NOT NULL,
    asked BLOB NOT NULL, verdict TEXT NOT NULL, answer BLOB, process INTEGER) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS requests_made ON requests (made_at);
CREATE TABLE IF NOT EXISTS asked (key TEXT PRIMARY KEY, answer BLOB NOT NULL,
    at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS faults (id INTEGER PRIMARY KEY, doc BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS lines (entry INTEGER NOT NULL, at INTEGER NOT NULL,
    what TEXT NOT NULL, invoice TEXT NOT NULL, account TEXT NOT NULL, currency TEXT NOT NULL,
    minor INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS told (seq INTEGER, version TEXT, body BLOB NOT NULL,
    PRIMARY KEY (seq, version)) WITHOUT ROWID;
"""

_encode = msgspec.json.Encoder().encode
_DECODERS: Final[dict[str, msgspec.json.Decoder[Thing]]] = {
    prefix: msgspec.json.Decoder(kind) for kind, prefix in PREFIXES.items()
}
#: Things kept in memory during one long transaction before they are written out.
_ROOM: Final = 50_000


def micros(instant: datetime) -> int:
    """Return microseconds since 1970."""
    return (utc(instant) - EPOCH) // MICROSECOND


class World:
    """
    A file (or ":memory:") that several processes and threads may open at once.

    `seed`, `start` and `api_version` are those of the first opening; later ones are ignored,
    because the world already has its own.

    Raises:
        InvalidValue: the version is older than those we speak.
    """

    def __init__(self, path: Path | str, *, seed: int, start: datetime, api_version: str) -> None:
        if api_version[:10] < OLDEST:
            raise InvalidValue(f"versions before {OLDEST} are not spoken, got {api_version!r}")
        self._path = str(path)
        self._lock = RLock()
        self._process = 0
        self._connection: sqlite3.Connection | None = None
        self._open: Session | None = None
        with self._lock:
            connection = self._connected()
            connection.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            connection.executemany(
                "INSERT OR IGNORE INTO meta VALUES (?, ?)",
                [("seed", seed), ("now", micros(start)), ("api_version", api_version)],
            )
            connection.execute("COMMIT")

    @contextmanager
    def session(self) -> Iterator[Session]:
        """
        Give the whole world to one caller; all of it is kept, or on an error nothing.

        Opened again by the same thread it joins the one that is open.
        """
        with self._lock:
            if self._open is not None:
                yield self._open
                return
            connection = self._connected()
            connection.execute("BEGIN IMMEDIATE")
            try:
                self._open = session = Session(connection)
                yield session
                session.flush()
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            finally:
                self._open = None

    @contextmanager
    def imagined(self) -> Iterator[Session]:
        """Give the whole world to one caller, and keep nothing of what is done to it."""
        with self._lock:
            connection = self._connected()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield Session(connection)
            finally:
                connection.execute("ROLLBACK")

    @property
    def busy(self) -> bool:
        """Whether this thread has a transaction open."""
        with self._lock:
            return self._open is not None

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection for statements that change nothing."""
        with self._lock:
            yield self._connected()

    def clock(self) -> int:
        """Return the world's instant in microseconds since 1970."""
        with self._lock:
            if self._open is not None:
                return self._open.micros
            row = self._connected().execute("SELECT value FROM meta WHERE name = 'now'")
            return int(row.fetchone()[0])

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _connected(self) -> sqlite3.Connection:
        # A connection must not be carried over a fork, so a child opens its own.
        if self._connection is None or self._process != os.getpid():
            made = sqlite3.connect(
                self._path, timeout=60, isolation_level=None, check_same_thread=False
            )
            for pragma in ("journal_mode=WAL", "synchronous=OFF", "cache_size=-65536"):
                made.execute(f"PRAGMA {pragma}")
            self._connection, self._process = made, os.getpid()
        return self._connection


class Session:
    """
    The world during one transaction: things by id, things to do, events told.

    `now` is the whole second it is; `micros` the exact instant.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._meta: dict[str, Any] = dict(connection.execute("SELECT name, value FROM meta"))
        self._changed: set[str] = set()
        self._things: dict[str, Thing] = {}
        self._dirty: dict[str, str | None] = {}
        self._due: list[_Due] = []
        self._events: list[tuple[int, bytes]] = []
        self._lines: list[tuple[int, int, str, str, str, str, int]] = []
        self._agenda: list[_Due] | None = None
        self._until = 0
        self.micros: int = self._meta["now"]
        self.now: int = self.micros // 1_000_000
        self.api_version: str = self._meta["api_version"]
        self.basil = self.api_version[:10] >= BASIL
        self.request: dict[str, str | None] = {"id": None, "idempotency_key": None}

    # -- things ---------------------------------------------------------------------------

    def get(self, kind: type[_T], id_: str) -> _T:
        """
        Return the thing called `id_`.

        Raises:
            Rejected: there is none of this kind.
        """
        found = self._things.get(id_)
        if found is None:
            row = self.connection.execute(
                "SELECT doc FROM objects WHERE id = ?", (id_,)
            ).fetchone()
            prefix = id_.partition("_")[0]
            if row is None or prefix not in _DECODERS:
                raise Rejected(f"No such {kind.__name__.lower()}: {id_!r}")
            found = self._things[id_] = _DECODERS[prefix].decode(row[0])
        if not isinstance(found, kind):
            raise Rejected(f"No such {kind.__name__.lower()}: {id_!r}")
        return found

    def has(self, id_: str) -> bool:
        """Whether there is anything called `id_`."""
        if id_ in self._things:
            return True
        sql = "SELECT 1 FROM objects WHERE id = ?"
        return self.connection.execute(sql, (id_,)).fetchone() is not None

    def save(self, thing: _T, *, owner: str | None = None) -> _T:
        """Keep `thing`. Its owner is what it is listed under; None leaves it as it is."""
        self._things[thing.id] = thing
        if owner is not None or thing.id not in self._dirty:
            self._dirty[thing.id] = owner
        return thing

    def forget(self, id_: str) -> None:
        """Delete a thing, and what was to be done to it."""
        self.flush()
        self._things.pop(id_, None)
        self.connection.execute("DELETE FROM objects WHERE id = ?", (id_,))
        self.connection.execute("DELETE FROM due WHERE subject = ?", (id_,))

    def owned(self, kind: type[_T], owner: str) -> list[_T]:
        """Return the things of `kind` listed under `owner`, oldest first."""
        self._write_things()
        prefix = PREFIXES[kind] + "_"
        ids = self.connection.execute(
            "SELECT id FROM objects WHERE owner = ? AND id >= ? AND id < ? ORDER BY id",
            (owner, prefix, prefix[:-1] + "`"),
        ).fetchall()
        return [self.get(kind, id_) for (id_,) in ids]

    def new_id(self, kind: type) -> str:
        """Return the next id of this kind: `ch_fake_000001`."""
        prefix = PREFIXES[kind]
        return f"{prefix}_fake_{self.count(prefix):06d}"

    def count(self, name: str) -> int:
        """Return 1, 2, 3, … for `name`."""
        key = "count:" + name
        value: int = self._meta.get(key, 0) + 1
        self._meta[key] = value
        self._changed.add(key)
        return value

    def counted(self, name: str) -> int:
        """Return how far `name` has been counted."""
        value: int = self._meta.get("count:" + name, 0)
        return value

    def remember(self, key: str, answer: bytes) -> None:
        """Keep for ever, unlike the idempotency keys, what a request came to."""
        self.connection.execute(
            "INSERT OR REPLACE INTO asked VALUES (?, ?, ?)", (key, answer, self.now)
        )

    def remembered(self, key: str, since: int) -> bytes | None:
        """Return what the request with `key`, made at second `since` or later, came to."""
        row = self.connection.execute(
            "SELECT answer FROM asked WHERE key = ? AND at >= ?", (key, since)
        ).fetchone()
        return None if row is None else row[0]

    def dice(self, *names: object) -> int:
        """Return 0 to 999: always the same for the same names in a world of the same seed."""
        text = "\0".join(map(str, (self._meta["seed"], *names)))
        return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") % 1000

    # -- what comes of it -----------------------------------------------------------------

    def tell(self, body: bytes, seq: int) -> None:
        """Add an event to the stream, under a number from `count("evt")`."""
        self._events.append((seq, body))

    @property
    def also(self) -> tuple[str, ...]:
        """The other versions that events are told in, beside the world's own."""
        return tuple(str(self.known("also") or "").split())

    def also_tell(self, version: str) -> None:
        """Tell events in another version too, from now on."""
        if version != self.api_version and version not in self.also:
            self.set("also", " ".join((*self.also, version)))

    def tell_also(self, body: bytes, seq: int, version: str) -> None:
        """Add an event as another version shows it."""
        self.connection.execute("INSERT INTO told VALUES (?, ?, ?)", (seq, version, body))

    def post(self, what: str, invoice: str, currency: str, lines: dict[str, int]) -> None:
        """
        Book one entry: account -> minor units, debit positive.

        Raises:
            AssertionError: it does not balance. The fake has a bug.
        """
        if sum(lines.values()) != 0:
            raise AssertionError(f"{what} of {invoice} does not balance: {lines}")
        entry = self.count("entry")
        self._lines.extend(
            (entry, self.now, what, invoice, account, currency, minor)
            for account, minor in lines.items()
        )

    # -- time -----------------------------------------------------------------------------

    def schedule(self, at: int, deed: str, subject: str) -> None:
        """Have `deed` done to `subject` at second `at`; ties go in the order of scheduling."""
        item = (at, self.count("turn"), deed, subject)
        if self._agenda is not None and at <= self._until:
            heappush(self._agenda, item)
        else:
            self._due.append(item)

    def agenda(self, until: int) -> list[_Due]:
        """Take out everything due up to the second `until`, as a heap that new deeds join."""
        self._until = until
        self._agenda = self.connection.execute(
            "SELECT at, turn, deed, subject FROM due WHERE at <= ? ORDER BY at, turn", (until,)
        ).fetchall()
        self.connection.execute("DELETE FROM due WHERE at <= ?", (until,))
        return self._agenda

    def end_agenda(self) -> None:
        """Nothing more is to happen now: deeds scheduled from here on wait for the next time."""
        self._agenda, self._until = None, 0

    def set_clock(self, to: int) -> None:
        """Move the clock on to `to` (microseconds). It never goes back."""
        if to > self.micros:
            self.micros, self.now = to, to // 1_000_000
            self.set("now", to)

    def known(self, name: str) -> Any:
        """Return a fact about the world as a whole; None: there is none."""
        return self._meta.get(name)

    def set(self, name: str, value: object) -> None:
        """Keep a fact about the world as a whole."""
        self._meta[name] = value
        self._changed.add(name)

    # -- writing --------------------------------------------------------------------------

    def relieve(self) -> None:
        """Write out and forget what a long transaction has piled up. Hold no thing over it."""
        if len(self._things) > _ROOM or len(self._events) > _ROOM:
            self.flush()
            self._things.clear()

    def flush(self) -> None:
        """Write everything changed; the commit is the world's."""
        run = self.connection.executemany
        self._write_things()
        run("INSERT INTO due VALUES (?, ?, ?, ?)", self._due)
        run("INSERT INTO events VALUES (?, ?)", self._events)
        run("INSERT INTO lines VALUES (?, ?, ?, ?, ?, ?, ?)", self._lines)
        run(
            "INSERT OR REPLACE INTO meta VALUES (?, ?)",
            [(name, self._meta[name]) for name in sorted(self._changed)],
        )
        for pile in (self._due, self._events, self._lines):
            pile.clear()
        self._changed.clear()

    def _write_things(self) -> None:
        self.connection.executemany(
            "INSERT INTO objects VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE"
            " SET doc = excluded.doc, owner = coalesce(excluded.owner, owner)",
            [(id_, owner, _encode(self._things[id_])) for id_, owner in self._dirty.items()],
        )
        self._dirty.clear()
