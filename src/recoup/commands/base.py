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

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec
from sqlalchemy import Connection, Engine

from recoup import errors
from recoup.core import states
from recoup.core.billing.answers import Answer
from recoup.core.billing.catalogue import NOTHING_SOLD, Catalogue
from recoup.core.billing.requests import UNSTORED, Request
from recoup.core.billing.views import Recorded
from recoup.core.money import Money
from recoup.core.states import CommandState
from recoup.errors import InProgress, KeyConflict, NotFound, ProcessorError, RecoupError
from recoup.jobs import queue
from recoup.jobs.base import NewEffect, Scalar
from recoup.processors.base import Processor
from recoup.store import observe
from recoup.store.records import commands
from recoup.store.records.commands import Kept
from recoup.store.writer import Writer

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

#: How long a caller waits for another one that carries out the same command.
PATIENCE: Final = 30.0
#: What must not be stored can not be asked by another process: workers leave it alone that long.
ALONE: Final = timedelta(minutes=1)
_encode: Final = msgspec.json.Encoder(order="sorted").encode


class Work(Protocol):
    """A command in hand: its transaction, its customer locked. See `recoup.effects.base.Work`."""

    @property
    def writer(self) -> Writer: ...
    @property
    def processor(self) -> str: ...
    @property
    def customer_id(self) -> int | None: ...
    @property
    def command_id(self) -> int: ...
    @property
    def args(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Recording:
    """What `prepare` is given: the transaction, and the id that the command will have."""

    writer: Writer
    processor: str
    customer_id: int | None
    command_id: int

    @property
    def connection(self) -> Connection:
        return self.writer.connection

    @property
    def now(self) -> datetime:
        return self.writer.now


@dataclass(frozen=True, slots=True)
class Plan:
    """
    What a command comes to.

    Either a `request` for the processor, or a `result` that is final already. `args` are kept
    for the conclusion (scalars; nothing personal), `amount` is held back while it is under way.
    `effects` are written beside the command when it needs more than `ask`.
    """

    request: Request | None = None
    result: object = None
    args: Mapping[str, Scalar] = field(default_factory=dict)
    amount: Money | None = None
    effects: tuple[NewEffect, ...] = ()


def _nothing(_work: Work, _error: ProcessorError) -> None:
    """Nothing was written that would have to be taken back."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[R]):
    """
    One verb: its name, "subscriptions.cancel", and how its answer becomes its result.

    `undone` takes back what `prepare` wrote when the processor refuses.
    """

    name: str
    result: type[R]
    concluded: Callable[[Work, Answer], R]
    undone: Callable[[Work, ProcessorError], None] = _nothing

    def conclude(self, work: Work, answer: Answer) -> R:
        return self.concluded(work, answer)

    def refused(self, work: Work, error: ProcessorError) -> None:
        self.undone(work, error)


class Recompute(Protocol):
    """The loop, with its policies and rules already in it."""

    def __call__(
        self, connection: Connection, customer_ids: Any, *, trigger: str, now: datetime
    ) -> object: ...


@dataclass(frozen=True, slots=True)
class Office:
    """
    Where commands are recorded and carried out. Every noun holds one.

    `bound` is a host's transaction: then commands are recorded in it and nothing else happens
    before its commit.
    """

    database: Engine
    processor: Processor
    now: Callable[[], datetime]
    recompute: Recompute
    carry_out: Callable[[str], bool]  #: runs the effect of this key here, unless somebody does
    unstored: dict[int, Request] = field(repr=False)
    plans: Catalogue = NOTHING_SOLD
    actor: str = "host"
    bound: Connection | None = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Lend a connection to read from: the host's own while bound to it."""
        if self.bound is not None:
            yield self.bound
            return
        with self.database.connect() as connection:
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
                must agree on it.
            prepare: Runs in the transaction that records it, at most once per key.
            customer: Our id; locked first.
            subject: What it is about, "subscription:7".
            key: The caller's idempotency key, up to 200 characters. Without one it is made of
                kind, subject and request: the same call while the first is under way is the same
                command, and after its end a new one.

        Raises:
            KeyConflict: the key was used for something else.
            InProgress: another caller's identical command is still being carried out.
            Unreachable: the outcome is unknown; it is pursued, and the key tells it later.
            Busy: the processor was busy; it is tried again, and the key tells the outcome.
        """
        digest = hashlib.sha256(_encode([kind.name, asked])).hexdigest()
        subject = subject or (f"customer:{customer}" if customer is not None else kind.name)
        kept = self._record(kind, digest, subject, customer, key, prepare)
        if self.bound is not None:
            return Recorded(kept.key, kind.name)  # type: ignore[return-value]  # see `Later`
        if not states.is_over(kept.state):
            kept = self._carried_out(kept)
        return self.result_of(kind, kept)

    def result_of(self, kind: Kind[R], kept: Kept) -> R:
        """
        Return the result of a command that is over.

        Raises:
            RecoupError: what the command was refused with, every time the same.
        """
        if states.is_done(kept.state):
            return msgspec.convert(kept.result, kind.result)
        raise raised(kept.error or {})

    def _record(
        self,
        kind: Kind[R],
        digest: str,
        subject: str,
        customer: int | None,
        key: str | None,
        prepare: Callable[[Recording], Plan],
    ) -> Kept:
        with self._writing() as connection:
            if customer is not None and not observe.lock(connection, [customer]):
                raise NotFound(f"there is no customer {customer}")
            if key is None:
                generation = commands.ended(connection, kind.name, subject, digest)
                key = f"{kind.name}:{subject}:{digest[:20]}:{generation}"
            commands.serialize(connection, key)
            found = commands.by_key(connection, key)
            if found is not None:
                if (found.kind, found.request_hash) != (kind.name, digest):
                    raise KeyConflict(
                        f"the key {key!r} belongs to another request ({found.kind}): "
                        "use a new key for a new request"
                    )
                return found
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
        secret = type(wanted) in UNSTORED
        if secret and self.bound is not None:
            raise errors.NotPossible(
                f"{kind.name} is never stored, so it can not wait for the host's commit: "
                "call it outside of the transaction"
            )
        done = wanted is None
        state = CommandState.DONE if done else CommandState.RECORDED
        commands.insert(
            writer,
            {
                "id": id,
                "customer_id": customer,
                "kind": kind.name,
                "key": key,
                "request_hash": digest,
                "subject": subject,
                "state": state.value,
                "processor_key": f"recoup:{kind.name}:{_short(key)}",
                "request": None if wanted is None or secret else stored(wanted),
                "args": dict(plan.args),
                "result": msgspec.to_builtins(plan.result) if done else None,
                "error": None,
                "amount": plan.amount.minor if plan.amount else None,
                "currency": plan.amount.currency if plan.amount else None,
                "actor": self.actor,
                "recorded_at": now,
                "asked_at": None,
                "ended_at": now if done else None,
                "lookups": 0,
            },
        )
        writer.flush()
        if wanted is not None:
            if secret:
                self.unstored[id] = wanted
            due = now + ALONE if secret else now
            ask = NewEffect(
                "ask", f"ask:{id}", due, "billing", customer_id=customer, args={"command_id": id}
            )
            queue.enqueue(connection, [ask, *plan.effects], now=now)
        else:
            queue.enqueue(connection, plan.effects, now=now)
            if customer is not None:
                self.recompute(connection, [customer], trigger="command", now=now)
        found = commands.by_key(connection, key)
        assert found is not None  # noqa: S101  it was written a moment ago
        return found

    def _carried_out(self, kept: Kept) -> Kept:
        until = time.monotonic() + PATIENCE
        pause = 0.01
        while True:
            ran = self.carry_out(f"ask:{kept.id}")
            with self.database.connect() as connection:
                found = commands.by_key(connection, kept.key)
                reason = queue.reason(connection, f"ask:{kept.id}")
            kept = found or kept
            if states.is_over(kept.state):
                return kept
            if ran or reason is not None:
                raise _unanswered(kept, reason)
            if time.monotonic() > until:
                raise InProgress(f"{kept.kind} with the key {kept.key!r} is being carried out")
            time.sleep(pause)
            pause = min(pause * 2, 0.25)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        if self.bound is not None:
            yield self.bound
            return
        with self.database.begin() as connection:
            yield connection

    def by(self, actor: str) -> Office:
        """Return the same office for another actor, whose name the ledger will hold."""
        return replace(self, actor=actor)


def stored(request: Request) -> dict[str, Any]:
    """Return a request as it is kept until it is asked: {its type: its fields}."""
    return {type(request).__name__: msgspec.to_builtins(request)}


def raised(error: Mapping[str, Any]) -> RecoupError:
    """Return the error that a command was refused with."""
    kind = getattr(errors, str(error.get("type")), errors.Rejected)
    if issubclass(kind, ProcessorError):
        made: RecoupError = kind(str(error.get("message")))
        made.request_id = error.get("request_id")  # type: ignore[attr-defined]
        return made
    return errors.Rejected(str(error.get("message")))


def _unanswered(kept: Kept, reason: str | None) -> RecoupError:
    text = (
        f"{reason or 'no answer came'}; {kept.kind} is pursued: "
        f"the key {kept.key!r} tells what became of it"
    )
    return errors.Unreachable(text) if states.was_asked(kept.state) else errors.Busy(text)


def _short(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:40]
