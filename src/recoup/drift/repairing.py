"""
Repair: what the engine decides about a customer, on what the processor shows now.

Only for members of the rollout `drift_repair`, only what has lasted and was seen twice, only
classes with an inverse, and never while a payment is under way. Everything happens in one
transaction: afterwards nothing about the customer may differ any more, or nothing has happened and
a person is told. No row is ever set by hand.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from sqlalchemy import Connection
from sqlalchemy import Engine as Database

from recoup.core.account import CustomerId
from recoup.core.facts import Fact
from recoup.core.rollout import DRIFT_REPAIR, Rollout, harms
from recoup.core.states import Trigger
from recoup.drift.differences import findings
from recoup.drift.hosts import Host
from recoup.drift.mirror import Mirror
from recoup.errors import NotFound, ProcessorError, RecoupError
from recoup.recompute import Engine, recompute
from recoup.recompute.deciding import Decided, decided
from recoup.recompute.guard import raises
from recoup.store import drift as rows
from recoup.store import observe, rollouts
from recoup.store.absorb import absorb
from recoup.store.drift import Class, Finding, Found
from recoup.store.rollouts import Shadow
from recoup.store.writer import Writer
from recoup.webhooks.understand import look

log: Final = logging.getLogger(__name__)

#: Why a repair waits that would take something away.
BARRED: Final = "so many may be raised in an hour, and they have been"
#: Customers, and findings of one, that are read at once.
_AT_ONCE: Final = 1_000


class Outcome(Enum):
    """What became of one customer's findings."""

    REPAIRED = "repaired"
    TASK = "task"
    WAITS = "waits"  #: a payment is under way, nobody answers, or the budget is spent
    SHADOW = "shadow"  #: it was worked out, and nothing was done
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Repair:
    """Repairs what scans have found."""

    database: Database
    engine: Engine
    mirror: Mirror
    now: Callable[[], datetime]
    host: Host | None = None

    def go(self, *, stop: Callable[[], bool] = lambda: False) -> Counter[str]:
        """
        Repair confirmed findings, or give them to a person; return what became of customers.

        Whether the rollout is still on is asked anew for each, so a rollback stops it at once.
        """
        counts: Counter[str] = Counter()
        for id in self._concerned():
            if stop():
                break
            with self.database.connect() as connection:
                found = rows.listing(connection, customer_id=id, confirmed=True, limit=_AT_ONCE)
                rollout = _rollout(connection)
            if found:
                counts[self.one(id or None, found, rollout).value] += 1
        return counts

    def _concerned(self) -> Iterator[CustomerId]:
        after = -1
        while True:
            with self.database.connect() as connection:
                ids = rows.concerned(connection, after=after, limit=_AT_ONCE)
            yield from ids
            if len(ids) < _AT_ONCE:
                return
            after = ids[-1]

    def one(
        self, id: CustomerId | None, found: Sequence[Finding], rollout: Rollout | None
    ) -> Outcome:
        """Repair one customer's findings, if that may be."""
        if id is None:  # one task for all of them: there may be thousands
            given = any(each.given_up for each in found)
            why = f"of {len(found)} that concern nobody here: recoup recover"
            return Outcome.TASK if given else self._give_up(found[:1], why)
        hard = [one for one in found if not rows.repairable(one.class_)]
        if hard:
            return self._give_up(hard, "nothing undoes it by itself")
        if rollout is None or not rollout.on:
            return Outcome.OFF
        try:
            facts = self._facts(id)
        except ProcessorError as problem:
            log.info("customer %d is not repaired now: %s", id, problem)
            return Outcome.WAITS
        return self._repaired(id, found, facts, member=rollout.includes(id))

    def _facts(self, id: CustomerId) -> list[Sequence[Fact]]:
        """Return what the processor shows of a customer now."""
        with self.database.connect() as connection:
            name = rows.name_of(connection, id)
        lines = [] if name is None else self.mirror.of(name)
        read, live = self.mirror.processor.read, self.mirror.live
        return [one.facts for line in lines if (one := look(line, read, live=live)).facts]

    def _repaired(
        self, id: CustomerId, found: Sequence[Finding], facts: Sequence[Sequence[Fact]],
        *, member: bool,
    ) -> Outcome:  # fmt: skip
        cause = f"drift:{found[-1].id}"
        with self.database.connect() as connection:
            observe.lock(connection, [id])
            if rows.under_way(connection, id):
                return Outcome.WAITS
            try:
                one, why = self._decide_again(connection, id, facts, cause)
            except RecoupError as problem:
                one, why = None, f"it can not be repaired: {problem}"
            if why is None and member:
                ids = [each.id for each in found if each.store != "access"]
                rows.mark(connection, ids, "repaired", note=cause, now=self.now())
                connection.commit()
            else:
                connection.rollback()
        if not member:
            self._shadow(id, one, why)
            return Outcome.SHADOW
        if why is not None:
            return Outcome.WAITS if why is BARRED else self._give_up(found, why)
        if self.host is not None and any(each.store == "access" for each in found):
            self.host.tell(id)
        return Outcome.REPAIRED

    def _decide_again(
        self, connection: Connection, id: CustomerId, facts: Sequence[Sequence[Fact]], cause: str
    ) -> tuple[Decided | None, str | None]:
        """Do all of it; return what was decided, and why it may not stay, if it may not."""
        now = self.now()
        behind = list(rows.differences(connection, [id]))
        put_down = rows.acknowledge(connection, behind, cause=cause, now=now)
        since = rows.head(connection, id)
        writer = Writer(connection, now=now, actor="engine", cause=cause)
        absorb(writer, self.mirror.processor.name, facts)
        one = self._decided(connection, id, now)
        run = recompute(
            connection, [id], engine=self.engine, trigger=Trigger.DRIFT_DETECTED, now=now
        )
        for why in run.failed.values():
            raise RecoupError(why)
        # What was put on record and not put right would look as if it had always been so.
        done = rows.changed_since(connection, id, since)
        undone = (put_down - done) | _with_more(put_down, done)
        wrong = [
            each
            for each in behind
            if each.class_ is not Class.ROW_CHANGED
            or ((each.subject, each.field) in undone and not _is_history(each))
        ]
        if wrong:
            return one, "a repair would leave something different"
        again = self._decided(connection, id, now)
        if again is None or not list(findings(again.account, again.changes)):
            return one, None
        if one is not None and raises(one.changes, self.engine.policies):
            return one, BARRED
        return one, "decided again, it would still be different"

    def _decided(self, connection: Connection, id: CustomerId, now: datetime) -> Decided | None:
        seen = observe.observe(connection, [id], now=now)
        for account in seen.accounts:
            return decided(account, self.engine, now)
        return None

    def _shadow(self, id: CustomerId, one: Decided | None, why: str | None) -> None:
        """Keep what a repair would have done, and the harm in it; one that fails does none."""
        words: tuple[str, ...] = () if why is None else (f"nothing: {why}",)
        harm: tuple[str, ...] = ()
        now = self.now()
        if one is not None and why is None:
            desired = one.decision.desired
            harm = harms(one.account, desired, desired, policies=self.engine.policies, now=now)
            words = tuple(change.words for change in one.changes)
        with self.database.begin() as connection:
            rollouts.record(connection, [Shadow(DRIFT_REPAIR, id, (), words, harm)], now=now)

    def _give_up(self, found: Iterable[Finding], why: str) -> Outcome:
        with self.database.begin() as connection:
            for one in found:
                rows.open_task(connection, one, why, now=self.now())
        return Outcome.TASK


def _with_more(
    put_down: Collection[tuple[str, str]], done: Collection[tuple[str, str]]
) -> set[tuple[str, str]]:
    """
    Return what was put right of ways to pay of which more has changed than that.

    One whose details change counts as a new one, on which a try is made at once.
    """
    more = {
        subject
        for subject, field in done
        if subject.startswith("method:") and (subject, field) not in put_down
    }
    return {each for each in put_down if each[0] in more}


def _is_history(one: Found) -> bool:
    """Whether it stays as it was found: what was lifted by whomever is restricted anew."""
    kind = one.subject.partition(":")[0]
    return (kind, one.field) in {("restriction", "lifted_at"), ("restriction", "undone_at")}


def _rollout(connection: Connection) -> Rollout | None:
    try:
        return rollouts.show(connection, DRIFT_REPAIR).rollout
    except NotFound:
        return None
