"""
The loop: observe, decide, diff, apply. For a batch of customers; one is a batch of one.

Safe at any time, any number of times: the second run changes nothing. The world outside is not
touched here; what should happen there is written as effects in the same transaction.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from recoup.core import activation, states
from recoup.core import changes as ch
from recoup.core.account import Account, CustomerId, Gate, Late
from recoup.core.billing.requests import CreateRefund, WithdrawPayment
from recoup.core.changes import Change
from recoup.core.collection.rules import Rules
from recoup.core.decide import Decision, decide
from recoup.core.diff import diff
from recoup.core.policy import Policies
from recoup.errors import Refused
from recoup.jobs import queue
from recoup.jobs.base import NewEffect
from recoup.store import apply as applying
from recoup.store import gates, journeys
from recoup.store import observe as observing
from recoup.store.apply import Applied
from recoup.store.observe import Observation, Trouble
from recoup.store.records import mails, runs
from recoup.store.writer import Writer
from recoup.telemetry import span

#: After so many failed runs in a row a customer is parked until a person looks.
PATIENCE: Final = 8
BACKOFF: Final = timedelta(minutes=1)
#: Gates die by the thousand, in one hour. What then follows at the processor has a queue of its
#: own, so that nobody's own payment or command waits behind it.
BY_THE_WAY: Final = "default"


@dataclass(frozen=True, slots=True)
class Engine:
    """What decisions are made by: the policies in use and the published rules."""

    policies: Policies
    rules: Rules


@dataclass(slots=True)
class Run:
    """What one batch came to: changes by customer, and reasons of those that failed."""

    seen: int = 0
    changes: dict[CustomerId, tuple[Change, ...]] = field(default_factory=dict)
    failed: dict[CustomerId, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Decided:
    account: Account
    decision: Decision
    changes: tuple[Change, ...]


def recompute(
    connection: Connection,
    customer_ids: Iterable[CustomerId],
    *,
    engine: Engine,
    trigger: str,
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
    with span("recompute", customers=len(due), trigger="clock"):
        return _recomputed(connection, sorted(due), engine=engine, trigger="clock", now=now)


def proposed(
    connection: Connection, customer_id: CustomerId, *, engine: Engine, now: datetime
) -> _Decided | None:
    """Return an account, the decision on it and the changes that would follow; write nothing."""
    seen = observing.observe(connection, [customer_id], now=now)
    for problem in seen.unreadable.values():
        raise problem
    for account in seen.accounts:
        return _decided(account, engine, now)
    return None


def rehearse(
    connection: Connection, ids: Sequence[CustomerId], *, engine: Engine, now: datetime
) -> Iterator[tuple[CustomerId, tuple[Change, ...] | Exception]]:
    """Yield what would be decided about each, or why nothing could be; write nothing."""
    seen = observing.observe(connection, ids, now=now)
    yield from seen.unreadable.items()
    for account in seen.accounts:
        try:
            yield account.id, _decided(account, engine, now).changes
        except Exception as problem:  # noqa: BLE001  whatever it is, it is this customer's
            yield account.id, problem


def _recomputed(
    connection: Connection,
    ids: Sequence[CustomerId],
    *,
    engine: Engine,
    trigger: str,
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
    found: list[_Decided] = []
    for account in seen.accounts:
        try:
            found.append(_decided(account, engine, now))
        except Exception as problem:  # noqa: BLE001  whatever it is, it is this customer's
            run.failed[account.id] = _text(problem)
    scribe = _Scribe(connection, seen, run_id=run_id, trigger=trigger, now=now)
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


def _decided(account: Account, engine: Engine, now: datetime) -> _Decided:
    made = decide(account, policies=engine.policies, rules=engine.rules, now=now)
    return _Decided(account, made, diff(account, made.desired))


@dataclass(frozen=True, slots=True)
class _Scribe:
    """Writes what a run decided: everything at once, or what the database refuses one by one."""

    connection: Connection
    seen: Observation
    run_id: int
    trigger: str
    now: datetime

    def write(
        self, found: Sequence[_Decided]
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

    def _write(self, found: Sequence[_Decided]) -> None:
        if not found:
            return
        cause = f"run:{self.run_id}"
        with self.connection.begin_nested():
            writer = Writer(self.connection, now=self.now, actor="engine", cause=cause)
            effects: list[NewEffect] = []
            for one in found:
                applied = applying.apply(writer, one.account, one.changes)
                effects.extend(jobs_for(applied, writer))
                if any(not isinstance(change, ch.WakeChanged) for change in one.changes):
                    self._record(writer, one)
            writer.flush()
            healed = [one.account.id for one in found if one.account.id in self.seen.troubled]
            runs.mark(self.connection, [(id, "ok", 0, None, ...) for id in healed])
            queue.enqueue(self.connection, effects, now=self.now)

    def _record(self, writer: Writer, one: _Decided) -> None:
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


def jobs_for(applied: Iterable[Applied], writer: Writer) -> Iterator[NewEffect]:
    """Yield the effects that changes ask of the world outside, and write the mails' rows."""
    for one in applied:
        match one.change:
            case ch.AttemptIntended(attempt=attempt):
                yield NewEffect(
                    "collect",
                    f"collect:{attempt.id}",
                    writer.now,
                    queue="billing",
                    customer_id=one.customer_id,
                    args={"attempt_id": attempt.id},
                )
            case ch.NoticePlaced(notice=notice) if states.is_scheduled(notice.state):
                key = f"notice:{notice.id}"
                yield _mail(one, notice.mail, key, {"notice_id": notice.id}, writer)
            case ch.EndRequested(after=subscription):
                yield _end(one, subscription.id, writer)
            case ch.SubscriptionMoved(before=before, after=subscription):
                if before.end_requested_at is None and subscription.end_requested_at is not None:
                    yield _end(one, subscription.id, writer, queue=BY_THE_WAY)
            case ch.GateChanged() | ch.LateDealtWith():
                yield from _following(one, writer)


def _end(
    one: Applied, subscription_id: int, writer: Writer, *, queue: str = "billing"
) -> NewEffect:
    return NewEffect(
        "end_subscription",
        f"end_subscription:{subscription_id}",
        writer.now,
        queue=queue,
        customer_id=one.customer_id,
        args={"subscription_id": subscription_id},
    )


def _mail(
    one: Applied, type: str, key: str, args: Mapping[str, int | None], writer: Writer
) -> NewEffect:
    """Write the mail's row; return the effect that sends it."""
    mail = mails.queue(writer, type, key=key, customer_id=one.customer_id, args=args)
    return NewEffect(
        "send_mail",
        f"mail:{key}",
        writer.now,
        queue=mails.QUEUE,
        customer_id=one.customer_id,
        args={"mail_id": mail},
    )


def _following(one: Applied, writer: Writer) -> Iterator[NewEffect]:
    """Yield what follows when a gate is decided, or late money is sent on its way."""
    match one.change:
        case ch.GateChanged(before=before, after=gate):
            if before.status != gate.status and gate.of_a_start:
                yield from _told(one, gate, writer)
            if gate.withdrawal == activation.ASKED and gate.invoice is not None:
                yield from _asked(
                    gates.record(
                        writer,
                        kind="payments.withdraw",
                        key=f"gate:{gate.id}:withdraw",
                        customer_id=one.customer_id,
                        subject=f"invoice:{gate.invoice_id}",
                        request=WithdrawPayment(gate.invoice),
                        args={"gate_id": gate.id},
                    ),
                    one,
                    writer,
                    queue=BY_THE_WAY,
                )
        case ch.LateDealtWith(after=late) if states.is_underway(late.state):
            yield from _asked(_sent_back(one, late, writer), one, writer)


def _told(one: Applied, gate: Gate, writer: Writer) -> Iterator[NewEffect]:
    """Yield the mail about a gate. Who took it back knows; where nothing was due, nothing is."""
    args = {"gate_id": gate.id}
    if states.is_satisfied(gate.status):
        yield _mail(one, "receipt", f"gate:{gate.id}", args, writer)
    elif gate.reason in (activation.TIMEOUT, activation.PAYMENT_FAILED):
        yield _mail(one, "activation_expired", f"gate:{gate.id}", args, writer)


def _sent_back(one: Applied, late: Late, writer: Writer) -> int | None:
    """Record the command that gives late money back, or begins what it was for again."""
    args = {"late_id": late.id}
    if late.decision == "reactivate":
        return gates.record(
            writer,
            kind="subscriptions.reactivate",
            key=f"late:{late.attempt_id}:reactivate",
            customer_id=one.customer_id,
            subject=f"payment:{late.attempt_id}",
            request=gates.again(writer, late),
            args=args,
        )
    return gates.record(
        writer,
        kind="payments.return",
        key=f"late:{late.attempt_id}:refund",
        customer_id=one.customer_id,
        subject=f"payment:{late.attempt_id}",
        request=CreateRefund(late.charge, late.amount),
        args=args,
        amount=late.amount,
    )


def _asked(
    command: int | None, one: Applied, writer: Writer, *, queue: str = "billing"
) -> Iterator[NewEffect]:
    if command is not None:
        yield NewEffect(
            "ask",
            f"ask:{command}",
            writer.now,
            queue=queue,
            customer_id=one.customer_id,
            args={"command_id": command},
        )


def _text(problem: Exception) -> str:
    return f"{type(problem).__name__}: {problem}"[:500]
