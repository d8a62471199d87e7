"""
The loop: observe, decide, diff, apply. For a batch of customers; one is a batch of one.

Safe at any time, any number of times: the second run changes nothing. The world outside is not
touched here; what should happen there is written as effects in the same transaction.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from recoup.core import changes as ch
from recoup.core import states
from recoup.core.account import CustomerId
from recoup.core.changes import Change
from recoup.core.states import Trigger
from recoup.errors import Refused
from recoup.jobs import queue
from recoup.jobs.base import NewEffect
from recoup.recompute.accessing import followed
from recoup.recompute.campaigning import Handover
from recoup.recompute.deciding import Decided, Engine, decided
from recoup.recompute.following import jobs_for
from recoup.recompute.guard import Guard
from recoup.store import apply as applying
from recoup.store import journeys
from recoup.store import observe as observing
from recoup.store.observe import Observation, Trouble
from recoup.store.records import runs
from recoup.store.writer import Writer
from recoup.telemetry import span

log: Final = logging.getLogger(__name__)

#: After so many failed runs in a row a customer is parked until a person looks.
PATIENCE: Final = 8
BACKOFF: Final = timedelta(minutes=1)


@dataclass(slots=True)
class Run:
    """What one batch came to: changes by customer, and reasons of those that failed."""

    seen: int = 0
    changes: dict[CustomerId, tuple[Change, ...]] = field(default_factory=dict)
    failed: dict[CustomerId, str] = field(default_factory=dict)


def recompute(
    connection: Connection,
    customer_ids: Iterable[CustomerId],
    *,
    engine: Engine,
    trigger: Trigger,
    now: datetime,
) -> Run:
    """
    Bring these customers to the state they should be in; return what changed.

    The caller commits. A customer whose decision raises is marked failed, with the reason and a
    next try; the others are not delayed. `trigger` is recorded and decides nothing. Unknown ids
    are passed over, and so are customers whom an import holds.
    """
    ids = observing.lock(connection, customer_ids)
    with span("recompute", customers=len(ids), trigger=trigger):
        return _recomputed(connection, ids, engine=engine, trigger=trigger, now=now)


def sweep(connection: Connection, *, engine: Engine, now: datetime, limit: int = 1000) -> Run:
    """Recompute up to `limit` customers whose time has come, passing over those locked now."""
    due = observing.claim_due(connection, now=now, limit=limit)
    with span("recompute", customers=len(due), trigger=Trigger.CLOCK):
        return _recomputed(connection, sorted(due), engine=engine, trigger=Trigger.CLOCK, now=now)


def proposed(
    connection: Connection, customer_id: CustomerId, *, engine: Engine, now: datetime
) -> Decided | None:
    """Return an account, the decision on it and the changes that would follow; write nothing."""
    seen = observing.observe(connection, [customer_id], now=now)
    for problem in seen.unreadable.values():
        raise problem
    for account in seen.accounts:
        return decided(account, engine, now)
    return None


def rehearse(
    connection: Connection, ids: Sequence[CustomerId], *, engine: Engine, now: datetime
) -> Iterator[tuple[CustomerId, tuple[Change, ...] | Exception]]:
    """Yield what would be decided about each, or why nothing could be; write nothing."""
    seen = observing.observe(connection, ids, now=now)
    yield from seen.unreadable.items()
    for account in seen.accounts:
        try:
            yield account.id, decided(account, engine, now).changes
        except Exception as problem:  # noqa: BLE001  whatever it is, it is this customer's
            yield account.id, problem


def _recomputed(
    connection: Connection,
    ids: Sequence[CustomerId],
    *,
    engine: Engine,
    trigger: Trigger,
    now: datetime,
) -> Run:
    run = Run(seen=len(ids))
    ids = journeys.admitted(connection, ids) if ids else ids
    if not ids:
        return run
    started = time.perf_counter()
    run_id = runs.open(connection)
    seen = observing.observe(connection, ids, now=now, idle=False)
    run.failed = {id: _text(problem) for id, problem in seen.unreadable.items()}
    found: list[Decided] = []
    for account in seen.accounts:
        try:
            found.append(decided(account, engine, now))
        except Exception as problem:  # noqa: BLE001  whatever it is, it is this customer's
            run.failed[account.id] = _text(problem)
    if engine.budgets is not None:
        guard = Guard(connection, engine, engine.budgets, seen.rollouts, trigger, now)
        found = guard.within(found)
    scribe = _Scribe(connection, seen, engine, run_id=run_id, trigger=trigger, now=now)
    run.changes, refused = scribe.write(found)
    run.failed |= refused
    scribe.mark_failed(run.failed)
    again = [id for id, changes in run.changes.items() if any(map(_reveals, changes))]
    more = _recomputed(connection, again, engine=engine, trigger=trigger, now=now)
    for id, changes in more.changes.items():
        run.changes[id] += changes
    run.failed |= more.failed
    took = int((time.perf_counter() - started) * 1e6)
    runs.close(
        connection, run_id, trigger=trigger, at=now, customers=len(ids),
        changed=len(run.changes), failed=len(run.failed), duration_us=took,
    )  # fmt: skip
    return run


def _reveals(change: Change) -> bool:
    """Whether more is to be decided now, about what a gate has hidden."""
    match change:
        case ch.GateChanged(before=before, after=gate):
            too_late = states.is_dead(gate.status) and gate.received
            return before.status != gate.status and (gate.others or too_late)
    return False


@dataclass(frozen=True, slots=True)
class _Scribe:
    """Writes what a run decided: everything at once, or what the database refuses one by one."""

    connection: Connection
    seen: Observation
    engine: Engine
    run_id: int
    trigger: Trigger
    now: datetime

    def write(
        self, found: Sequence[Decided]
    ) -> tuple[dict[CustomerId, tuple[Change, ...]], dict[CustomerId, str]]:
        """Write `found`; return the changes made, and why the others could not be."""
        todo = [one for one in found if one.changes or one.account.id in self.seen.troubled]
        refused: dict[CustomerId, str] = {}
        try:
            self._write(todo)
        except Refused as problem:
            if len(todo) == 1:
                return {}, {todo[0].account.id: _text(problem)}
            done: dict[CustomerId, tuple[Change, ...]] = {}
            for one in todo:
                made, problems = self.write([one])
                done |= made
                refused |= problems
            return done, refused
        return {one.account.id: one.changes for one in todo if one.changes}, refused

    def mark_failed(self, failed: Mapping[CustomerId, str]) -> None:
        """Give every failed customer its reason and its next try, or park it."""
        rows = []
        for id, reason in sorted(failed.items()):
            before = self.seen.troubled.get(id, Trouble("ok", 0, None))
            failures = before.failures + 1
            parked = failures >= PATIENCE
            again = None if parked else self.now + BACKOFF * 2 ** (failures - 1)
            rows.append((id, "parked" if parked else "failed", failures, reason, again))
        runs.mark(self.connection, rows)
        given_up = [row[0] for row in rows if row[1] == "parked"]
        if given_up:
            log.warning("parked, a person must look: customers %.500s", given_up)
            runs.alert(self.connection, given_up, now=self.now)

    def _write(self, found: Sequence[Decided]) -> None:
        if not found:
            return
        cause = f"run:{self.run_id}"
        with self.connection.begin_nested():
            writer = Writer(self.connection, now=self.now, actor="engine", cause=cause)
            effects: list[NewEffect] = []
            handover = Handover(self.engine.policies, self.now)
            everything: list[applying.Applied] = []
            for one in found:
                applied = applying.apply(writer, one.account, one.changes)
                everything.extend(applied)
                effects.extend(jobs_for(applied, writer))
                handover.take(one.decision.desired, applied)
                if any(not isinstance(change, ch.WakeChanged) for change in one.changes):
                    self._record(writer, one)
            writer.flush()
            healed = [one.account.id for one in found if one.account.id in self.seen.troubled]
            runs.mark(self.connection, [(id, "ok", 0, None, ...) for id in healed])
            if healed:
                runs.calm(self.connection, healed, now=self.now)
            effects.extend(followed(self.connection, everything, now=self.now))
            queue.enqueue(self.connection, effects, now=self.now)
            handover.tell(self.connection, self.engine.campaigns)

    def _record(self, writer: Writer, one: Decided) -> None:
        policies = sorted({case.policy for case in one.decision.desired.cases})
        applying.record(
            writer,
            run_id=self.run_id,
            trigger=self.trigger,
            account=one.account,
            policy=", ".join(policies) or "none",
            reasons=one.decision.reasons,
            changes=one.changes,
        )


def _text(problem: Exception) -> str:
    return f"{type(problem).__name__}: {problem}"[:500]
