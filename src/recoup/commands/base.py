"""
A command: something a person wants, recorded before anybody else is asked, and carried out once.

To add one: a verb on its noun here, a `Kind` in the noun's `KINDS`, a test, a heading in
docs/commands.md. A verb says who it is about, what exactly is asked (that is hashed and kept with
the idempotency key) and a `prepare` that runs once, in the transaction, under the customer's lock:
it checks the state of things and returns a `Plan`. The effect `ask` makes the plan's request after
commit; the kind's `concluded` turns the answer into the result, which is kept. The same key again
returns the same result; another request under it raises.

    caller ── record (one transaction) ──► ask the processor (no transaction) ──► conclude (one)
                       └── crash, or the host's own transaction: a worker goes on from here
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Protocol, TypeVar

import msgspec
from sqlalchemy import Connection, Engine

from recoup import errors
from recoup.campaigns import Engines
from recoup.commands.filing import AWAITED, digest_of, file, own_key
from recoup.commands.kinds import Kind as Kind
from recoup.commands.kinds import Plan as Plan
from recoup.commands.kinds import Recording as Recording
from recoup.commands.kinds import Work as Work
from recoup.core import states
from recoup.core.billing.catalogue import NOTHING_SOLD, Catalogue
from recoup.core.billing.requests import UNSTORED, Request
from recoup.core.billing.views import Recorded
from recoup.core.collection.rules import Rules
from recoup.core.policy import Policies
from recoup.core.states import Trigger
from recoup.errors import (
    InProgress,
    InvalidKey,
    InvalidValue,
    KeyConflict,
    NotFound,
    RecoupError,
)
from recoup.jobs import queue
from recoup.jobs.queue import Live
from recoup.processors.base import Processor
from recoup.store import observe
from recoup.store.database import reading
from recoup.store.records import commands
from recoup.store.records.commands import BUSY, UNREADABLE, Kept, raised
from recoup.store.writer import Writer

R = TypeVar("R")
log: Final = logging.getLogger(__name__)

#: Seconds that a caller waits for another one: for its transaction, and for its answer.
PATIENCE: Final = 30.0
#: Longer keys would not fit beside what we add to them.
LONGEST_KEY: Final = 200


class Recompute(Protocol):
    """The loop, with its policies and rules already in it."""

    def __call__(
        self, connection: Connection, customer_ids: Any, *, trigger: Trigger, now: datetime
    ) -> object: ...


class Rulebook(Protocol):
    """What decisions are made by: the policies in use and the published rules."""

    @property
    def policies(self) -> Policies: ...
    @property
    def rules(self) -> Rules: ...
    @property
    def campaigns(self) -> Engines: ...


@dataclass(frozen=True, slots=True)
class Office:
    """
    Where commands are recorded and carried out. Every noun holds one.

    `bound` lends a connection in a host's transaction: then commands are recorded in it and
    nothing else happens before its commit. `patience` is in seconds.
    """

    database: Engine
    processor: Processor
    now: Callable[[], datetime]
    recompute: Recompute
    carry_out: Callable[[str], bool]  #: runs the effect of this key here, unless somebody does
    unstored: dict[int, Request] = field(repr=False)
    plans: Catalogue = NOTHING_SOLD
    engine: Rulebook | None = None  #: what the loop decides by, to try things out with
    actor: str = "host"
    kinds: Mapping[str, Kind[Any]] = field(default_factory=dict)
    patience: float = PATIENCE
    bound: Callable[[], AbstractContextManager[Connection]] | None = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Lend a connection to read from: the host's own while bound to it."""
        with self.bound() if self.bound else reading(self.database) as connection:
            yield connection

    def run(
        self,
        kind: Kind[R],
        *,
        asked: Mapping[str, Any],
        prepare: Callable[[Recording], Plan],
        customer: int | None = None,
        subject: str = "",
        key: str | None = None,
    ) -> R:
        """
        Record the command, carry it out, and return its result; the same key, the same result.

        Args:
            asked: Everything the caller asked, in canonical form. Two calls with the same key
                must agree on it, and on `customer` and `subject`.
            prepare: Runs in the transaction that records it, at most once per key.
            customer: Our id; locked first.
            subject: What it is about, "subscription:7".
            key: The caller's idempotency key, up to 200 characters. Without one it is made of
                kind, subject and request: the same call while the first is under way is the same
                command, and after its end a new one.

        What `prepare` raises leaves nothing behind, and the key unused.

        Raises:
            InvalidKey: the key is empty, too long, or not printable.
            KeyConflict: the key was used for something else.
            InProgress: another caller's identical command is still being carried out, or another
                transaction holds the customer.
            Unreachable: the outcome is unknown; it is pursued, and the key tells it later.
            Busy: the processor was busy, or what was asked before about the same subject has no
                answer; it is tried again, and the key tells the outcome.
            Unreadable: nobody understands the answer; it is kept, for a person.
        """
        if key is not None and len(printable(key)) > LONGEST_KEY:
            raise InvalidKey(f"key: expected 1 to {LONGEST_KEY} printable characters")
        subject = subject or (f"customer:{customer}" if customer is not None else kind.name)
        digest = digest_of(kind.name, customer, subject, asked)
        kept = self._record(kind, digest, subject, customer, key, prepare)
        if self.bound is not None:
            return Recorded(kept.key, kind.name)  # type: ignore[return-value]  # see `Later`
        return self._over(kind, kept, self.patience)

    def ended(
        self, kind: Kind[R], *, asked: Mapping[str, Any], customer: int, subject: str, key: str
    ) -> Kept | None:
        """
        Return the command of this key if it is over, before its steps are gone through again.

        Raises:
            KeyConflict: the key was used for something else; no step is made then.
        """
        with self.reading() as connection:
            found = commands.by_key(connection, printable(key))
        if found is None:
            return None
        same = _same(found, kind, digest_of(kind.name, customer, subject, asked))
        return same if states.is_over(same.state) else None

    def result(self, key: str) -> Any:
        """
        Return the result of the command with this key; see `Recoup.result`.

        Raises:
            NotFound: there is none; the transaction that recorded it may not be committed.
            InProgress: it is not over.
            RecoupError: what it was refused with.
        """
        kept = self._kept(key)
        if not states.is_over(kept.state):
            raise InProgress(f"{kept.kind} with the key {key!r} is not over yet")
        return self.result_of(self.kinds[kept.kind], kept)

    def wait(self, key: str, *, timeout: float | None = None) -> Any:
        """Carry the command with this key out, and return its result; see `Recoup.wait`."""
        kept = self._kept(key)
        if timeout is not None and (type(timeout) not in (int, float) or not timeout >= 0):
            raise InvalidValue(f"timeout: expected seconds, 0 or more, got {timeout!r:.60}")
        patience = self.patience if timeout is None else timeout
        return self._over(self.kinds[kept.kind], kept, patience)

    def _over(self, kind: Kind[R], kept: Kept, patience: float) -> R:
        if not states.is_over(kept.state):
            kept = self._carried_out(kept, patience)
        elif AWAITED in kept.args:
            self.see_to(str(kept.args[AWAITED]), patience)
        return self.result_of(kind, kept)

    def _kept(self, key: str) -> Kept:
        with reading(self.database) as connection:
            kept = commands.by_key(connection, printable(key))
        if kept is None:
            raise NotFound(f"no command has the key {key!r}: is its transaction committed?")
        return kept

    def result_of(self, kind: Kind[R], kept: Kept) -> R:
        """
        Return the result of a command that is over.

        Raises:
            RecoupError: what the command was refused with, every time the same.
        """
        if not states.is_done(kept.state):
            raise raised(kept.error or {})
        result = msgspec.convert(kept.result, kind.result)
        if kind.current is None:
            return result
        with self.reading() as connection:
            return kind.current(connection, result)

    def see_to(self, key: str, patience: float = PATIENCE) -> None:
        """Carry out the effect of this key, or wait while somebody else does."""
        until = time.monotonic() + patience
        while not self.carry_out(key) and _is_running(self.database, key, until=until):
            time.sleep(0.02)

    def _record(
        self,
        kind: Kind[R],
        digest: str,
        subject: str,
        customer: int | None,
        key: str | None,
        prepare: Callable[[Recording], Plan],
    ) -> Kept:
        with self.writing() as connection:
            if customer is not None and not observe.lock(connection, [customer]):
                raise NotFound(f"there is no customer {customer}")
            if key is None:
                last = commands.last_ended(connection, kind.name, subject, digest)
                key = own_key(kind.name, subject, digest, last)
            commands.serialize(connection, key)
            found = commands.by_key(connection, key)
            if found is not None:
                return _same(found, kind, digest)
            return self._new(connection, kind, digest, subject, customer, key, prepare)

    def _new(
        self,
        connection: Connection,
        kind: Kind[R],
        digest: str,
        subject: str,
        customer: int | None,
        key: str,
        prepare: Callable[[Recording], Plan],
    ) -> Kept:
        now = self.now()
        writer = Writer(connection, now=now, actor=self.actor, cause="command")
        id = commands.reserve(writer)
        plan = prepare(Recording(writer, self.processor.name, customer, id))
        wanted = plan.request
        if wanted is not None and type(wanted) in UNSTORED:
            if self.bound is not None:
                raise errors.NotPossible(
                    f"{kind.name} is never stored, so it can not wait for the host's commit: "
                    "call it outside of the transaction"
                )
            self.unstored[id] = wanted
        file(
            writer, kind, plan,
            id=id, customer=customer, subject=subject, key=key, digest=digest,
        )  # fmt: skip
        if (wanted is None or plan.decides) and customer is not None:
            self.recompute(connection, [customer], trigger=plan.trigger, now=now)
        found = commands.by_key(connection, key)
        assert found is not None  # noqa: S101  it was written a moment ago
        return found

    def _carried_out(self, kept: Kept, patience: float) -> Kept:
        until = time.monotonic() + patience
        pause = 0.01
        while True:
            held_up = _held_up(self, kept)
            ran = not held_up and self.carry_out(kept.effect)
            with reading(self.database) as connection:
                kept = commands.by_key(connection, kept.key) or kept
                live = queue.live(connection, kept.effect)
            if states.is_over(kept.state):
                return kept
            if not held_up and live is not None and (ran or live.reason) and not _in_line(live):
                raise _unanswered(kept, live)
            if time.monotonic() > until:
                raise InProgress(f"{kept.kind} with the key {kept.key!r} is being carried out")
            time.sleep(pause)
            pause = min(pause * 2, 0.25)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Lend a transaction to write in: the host's own while bound to it."""
        if self.bound is not None:
            with self.bound() as connection:
                yield connection
            return
        with (
            self.database.begin() as connection,
            commands.patiently(connection, self.patience),
        ):
            yield connection

    def by(self, actor: str) -> Office:
        """Return the same office for another actor, whose name the ledger will hold."""
        return replace(self, actor=actor)


def printable(key: object) -> str:
    """
    Return what can be the key of a command.

    Raises:
        InvalidKey: it is empty, not printable, or no text.
    """
    if not isinstance(key, str) or not key or not key.isprintable():
        raise InvalidKey(f"key: expected 1 to {LONGEST_KEY} printable characters")
    return key


def _held_up(office: Office, kept: Kept) -> bool:
    """
    Carry out what comes before the command; return whether somebody else is at it just now.

    Raises:
        Busy: one of them has no answer; the text says which one, and why.
    """
    with reading(office.database) as connection:
        line = commands.ahead(connection, kept)
    for older in line:
        if older.request is None:
            continue  # only the process that knows it can ask
        try:
            office.carry_out(older.effect)
        except Exception:
            log.exception("%s, which %s waits for, failed", older.effect, kept.effect)
    with reading(office.database) as connection:
        line = commands.ahead(connection, kept)[:1]
        for older in line:
            live = queue.live(connection, older.effect)
            # The first one waits for nobody: if it says so, what it waited for has just ended.
            if live is not None and (live.parked or live.reason) and not _in_line(live):
                why = commands.waits_for(older, live.reason, parked=live.parked)
                raise errors.Busy(_pursued(kept, why))
    return bool(line)


def _in_line(live: Live) -> bool:
    """Whether it was put off for an older one, and not for want of an answer of its own."""
    return not live.parked and (live.reason or "").startswith(commands.WAITS_FOR)


def _is_running(database: Engine, key: str, *, until: float) -> bool:
    with reading(database) as connection:
        return time.monotonic() < until and queue.is_running(connection, key)


def _same(found: Kept, kind: Kind[Any], digest: str) -> Kept:
    if (found.kind, found.request_hash) != (kind.name, digest):
        raise KeyConflict(
            f"the key {found.key!r} belongs to another request ({found.kind}): "
            "use a new key for a new request"
        )
    return found


def _unanswered(kept: Kept, live: Live) -> RecoupError:
    reason = live.reason or "no answer came"
    if live.parked:
        text = (
            f"{reason}; {kept.kind} needs a person (recoup effects retry {live.id}), "
            f"and then the key {kept.key!r} tells what became of it"
        )
        return (
            errors.Unreadable(text) if reason.startswith(UNREADABLE) else errors.Unreachable(text)
        )
    waits = not states.was_asked(kept.state) or reason.startswith(BUSY)
    text = _pursued(kept, reason)
    return errors.Busy(text) if waits else errors.Unreachable(text)


def _pursued(kept: Kept, reason: str) -> str:
    return f"{reason}; {kept.kind} is pursued: the key {kept.key!r} tells what became of it"
