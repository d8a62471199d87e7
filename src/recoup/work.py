"""
What workers do: kinds of effects to functions, and what recurs.

Adding a kind is a file in `effects/` and its line in `EFFECTS`; adding something that recurs is a
line here.
"""

from __future__ import annotations

import gc
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Engine

from recoup.core.account import CustomerId
from recoup.core.changes import Change, WakeChanged
from recoup.core.states import Trigger
from recoup.effects import EFFECTS, document
from recoup.effects.base import World
from recoup.errors import ConfigError
from recoup.jobs import clocks, queue
from recoup.jobs.base import QUEUES, Desk, Handler, NewEffect
from recoup.jobs.clocks import ClockHealth, Recurring
from recoup.recompute import Engine as Rulebook
from recoup.recompute import Run, recompute, rehearse, sweep
from recoup.store import campaigns, drift, keys, rollouts
from recoup.store.delivery import posts
from recoup.store.events import deliveries, outbox
from recoup.store.mails import days
from recoup.store.queries import agenda, customers
from recoup.store.records import commands

log: Final = logging.getLogger(__name__)

#: Customers per sweep: one transaction, one read of each store.
SWEEP: Final = 1000
THREADS: Final = 2
#: Changes of a kind that a rehearsal tells in words.
EXAMPLES: Final = 3
_CAPITAL: Final = re.compile("[A-Z]")
#: Gates whose customers are enqueued in one transaction.
EXPIRING: Final = 10_000
#: Effects and commands that are over, and their keys, are kept for as long as somebody may ask.
KEPT: Final = timedelta(days=90)

#: What recurs, and how often, in the order in which it is run.
CLOCKS: Final[Mapping[str, timedelta]] = {
    "sweep": timedelta(seconds=10),
    "absorb": timedelta(minutes=1),
    "activation": timedelta(hours=1),
    "recover": timedelta(hours=1),
    "documents": timedelta(minutes=1),
    "drift": timedelta(hours=1),
    "mails": timedelta(hours=1),
    "full_sweep": timedelta(days=1),
    "prune": timedelta(days=1),
}


def collect_seldom() -> None:
    """
    Let the garbage collector look seldom: for a process that is ours alone, never in a host's.

    A batch makes a hundred thousand values that are gone a moment later and form no cycles;
    looking through them costs an eighth of a sweep.
    """
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


def handlers(world: World, engine: Rulebook, carriers: Iterable[str] = ()) -> dict[str, Handler]:
    """
    Return how every kind of effect is run, those of the engines of campaigns among them.

    Args:
        carriers: Engines that cases were handed over to, whichever new ones go to; of one that
            is gone the effects wait.

    Raises:
        ConfigError: there is no such engine as the settings name.
    """
    found = dict(engine.campaigns.handlers(engine.policies.engine))
    for name in carriers:
        try:
            found = {**engine.campaigns.handlers(name), **found}
        except ConfigError as problem:
            log.warning("the engine of older cases can not be had: %s", problem)
    return found | {kind: make(world) for kind, make in EFFECTS.items()}


def recurring(
    engine: Rulebook,
    absorb: Callable[[], object],
    *,
    recover: Callable[[], object] = lambda: None,
    scan: Callable[[], object] = lambda: None,
    documents: bool = False,
    minute: int = 20,
    queues: Sequence[str] = QUEUES,
) -> tuple[Recurring, ...]:
    """
    Return what is done again and again: look at who is due, finish what a crash left.

    Args:
        engine: What decisions are made by.
        absorb: Absorbs the events that are stored and wait.
        recover: Looks for what did not arrive, when its hour has come, for some minutes.
        scan: Looks for drift, when its hour has come, for some minutes.
        documents: Whether documents are made as soon as there is something to issue.
        minute: Of every hour by our clock, when starts that were not paid in time expire.
        queues: Those that workers serve.
    """

    def look(desk: Desk) -> None:
        sweep_all(desk, engine)

    def expire(desk: Desk) -> None:
        expire_all(desk, queues=queues)

    def mail(desk: Desk) -> None:
        days.tell(desk.engine, now=desk.now())

    def walk(desk: Desk) -> None:
        ids = everybody(desk.engine)
        recompute_all(desk.engine, ids, engine=engine, trigger=Trigger.FULL_SWEEP, now=desk.now())

    runs = {
        "sweep": look,
        "absorb": _alone(absorb),
        "activation": expire,
        "recover": _alone(recover),
        "documents": _issue if documents else _rest,
        "drift": _alone(scan),
        "mails": mail,
        "full_sweep": walk,
        "prune": _prune,
    }
    at = {"activation": timedelta(minutes=minute), "recover": timedelta(0)}
    return tuple(
        Recurring(name, every, runs[name], at.get(name)) for name, every in CLOCKS.items()
    )


def _alone(run: Callable[[], object]) -> Callable[[Desk], None]:
    """Return what does `run` at its time and needs nothing for it."""

    def go(_: Desk) -> None:
        run()

    return go


def clocks_health(connection: Connection, now: datetime) -> tuple[ClockHealth, ...]:
    """Return how everything that recurs stands at `now` (UTC), also what nobody has ever run."""
    return clocks.health(connection, CLOCKS, now=now)


def expire_all(desk: Desk, *, queues: Sequence[str] = QUEUES) -> int:
    """
    Have everybody looked at again of whom a gate's time is up; return how many are new.

    One effect a customer, which is not enqueued again until it has run; a transaction for every
    10,000 gates. It is for the queue `billing`, or for `default` where no worker serves that.
    """
    now, added = desk.now(), 0
    name = "billing" if "billing" in queues else "default"
    last: agenda.Expiring | None = None
    while True:
        with desk.engine.begin() as connection:
            found = agenda.expiring(connection, now=now, after=last, limit=EXPIRING)
            ids = dict.fromkeys(gate.customer_id for gate in found)
            effects = [NewEffect("expire", f"expire:{id}", now, name, id) for id in ids]
            added += queue.enqueue(connection, effects, now=now)
        if len(found) < EXPIRING:
            return added
        last = found[-1]


def sweep_all(desk: Desk, engine: Rulebook) -> Run:
    """Recompute everybody who is due now, batch by batch, a transaction each."""
    total = Run()
    now = desk.now()
    while True:
        with desk.engine.begin() as connection:
            run = sweep(connection, engine=engine, now=now, limit=SWEEP)
        total.seen += run.seen
        total.changes |= run.changes
        total.failed |= run.failed
        if run.seen < SWEEP:
            return total


def everybody(database: Engine) -> Iterator[list[CustomerId]]:
    """Yield the ids of all customers, a batch at a time, by id."""
    last = 0
    while True:
        with database.connect() as connection:
            ids = customers.ids_after(connection, last, limit=SWEEP)
        if not ids:
            return
        yield ids
        last = ids[-1]


def recompute_all(
    database: Engine,
    batches: Iterable[list[CustomerId]],
    *,
    engine: Rulebook,
    trigger: Trigger,
    now: datetime,
) -> int:
    """
    Recompute batch after batch, a transaction each; return how many customers changed.

    Two threads take turns: one decides while the other waits for the database.
    """

    def one(ids: list[CustomerId]) -> int:
        with database.begin() as connection:
            run = recompute(connection, ids, engine=engine, trigger=trigger, now=now)
        return len(run.changes)

    with ThreadPoolExecutor(THREADS) as threads:
        return sum(threads.map(one, batches))


@dataclass(slots=True)
class Rehearsal:
    """
    What would be decided about customers, and was not: how many changes of each kind, "case
    opened", with some of them in words; and how many customers could not be decided on.
    """

    customers: int = 0
    changed: int = 0
    failed: int = 0
    changes: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, id: CustomerId, changes: Iterable[Change]) -> None:
        """Count what would change about a customer."""
        told = [change for change in changes if not isinstance(change, WakeChanged)]
        self.changed += bool(told)
        for change in told:
            name = _CAPITAL.sub(r" \g<0>", type(change).__name__).strip().lower()
            self.changes[name] = self.changes.get(name, 0) + 1
            words = self.examples.setdefault(name, [])
            if len(words) < EXAMPLES:
                words.append(f"customer {id}: {change.words}")


def rehearsed(
    database: Engine, ids: Sequence[CustomerId], *, engine: Rulebook, now: datetime
) -> Rehearsal:
    """Return what would be decided about these customers at `now`; write nothing."""
    found = Rehearsal(customers=len(ids))
    for start in range(0, len(ids), SWEEP):
        with database.connect() as connection:
            some = ids[start : start + SWEEP]
            for id, changes in rehearse(connection, some, engine=engine, now=now):
                if isinstance(changes, Exception):
                    found.failed += 1
                else:
                    found.add(id, changes)
    return found


def _prune(desk: Desk) -> None:
    before = desk.now() - KEPT
    for prune in (
        queue.prune, commands.prune, deliveries.prune, outbox.prune, keys.prune, drift.prune,
        rollouts.prune, posts.prune, campaigns.prune,
    ):  # fmt: skip
        gone = 1
        while gone:
            with desk.engine.begin() as connection:
                gone = prune(connection, before)


def _issue(desk: Desk) -> None:
    document.want_all(desk)


def _rest(_: Desk) -> None:
    """Do nothing: what is switched off has a clock all the same, which is never late."""
