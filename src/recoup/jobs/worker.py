"""The worker: claims batches, has them run, and sees to it that each is settled."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from sqlalchemy import Engine

from recoup.errors import LostClaim
from recoup.jobs import claims
from recoup.jobs.base import QUEUES, Claim, Fail, Handler, Handlers, perform
from recoup.jobs.carriers.base import Ear
from recoup.jobs.carriers.postgres import PostgresCarrier
from recoup.jobs.claims import Batch
from recoup.jobs.clocks import Clock, Recurring
from recoup.jobs.heartbeat import Heartbeat
from recoup.jobs.loop import POLL, Housekeeping, OurDesk, serve
from recoup.jobs.words import described

log: Final = logging.getLogger(__name__)

NOT_SETTLED: Final = "not settled"
SLICE: Final = 1.0  #: seconds of work before housekeeping has its turn
BEATS_PER_LEASE: Final = 3


class Worker:
    """
    Runs the effects of some queues, one batch after another, in the calling thread.

    Any number of workers share the queues; start more of them for more at once. Queues have
    equal turns, and so have the kinds of effects in a queue. An instance is used by one thread at
    a time.
    """

    def __init__(
        self,
        engine: Engine,
        handlers: Handlers,
        clock: Clock,
        queues: Sequence[str] = QUEUES,
        *,
        recurring: Sequence[Recurring] = (),
        ear: Ear | None = None,
        poll: timedelta = POLL,
    ) -> None:
        self._desk = OurDesk(engine, clock, handlers)
        self._takes: Callable[[Handler], bool] = _any
        self._queues = tuple(queues)
        #: Of each kind in each queue. So ten thousand effects of one kind keep no other waiting.
        self._turns: dict[tuple[str, str], int] = {}
        self._housekeeping = Housekeeping(self._desk, recurring)
        self._ear = ear or PostgresCarrier(engine)
        self._poll = poll
        leases = [handler.lease for handler in handlers.values()]
        shortest = min(leases, default=timedelta(minutes=5))
        self._heart = Heartbeat(engine, every=shortest / BEATS_PER_LEASE)

    def drain(self, limit_seconds: float | None = None) -> Counter[str]:
        """
        Run what is due, and what that makes due, until nothing is left; return kind -> runs.

        After `limit_seconds` no further batch is begun. Recurring runs and rescues are not part
        of it: see `tick`.
        """
        ran: Counter[str] = Counter()
        with self._heart.beating():
            self._work(ran, until=_deadline(limit_seconds), stop=None)
        return ran

    def tick(self, *only: str) -> tuple[str, ...]:
        """
        Rescue what lost its worker and run the clocks that are due; return their names.

        With `only`, no clock but those is looked at.
        """
        self._housekeeping.rescue()
        return self._housekeeping.run_clocks(only)

    def wind(self, *names: str) -> tuple[str, ...]:
        """Run these clocks now, due or not; return the names of those that nobody else runs."""
        return self._housekeeping.run_clocks(names, anyway=True)

    def run(self, stop: threading.Event) -> None:
        """
        Work until `stop` is set; the batch in hand is finished first.

        Set `stop` from the handler of SIGTERM: it takes a quarter of a second when idle. What may
        take long runs in a thread of its own, if there is any such kind when it begins.
        """
        lanes = [lane for lane in LANES if any(map(lane, self._desk.handlers.values()))]
        if self._takes is _any and lanes:
            with self._beside(stop, lanes):
                self._run(stop)
        else:
            self._run(stop)

    @contextmanager
    def _beside(
        self, stop: threading.Event, lanes: Sequence[Callable[[Handler], bool]]
    ) -> Iterator[None]:
        """Leave what may take long, and what comes first, to workers with threads of their own."""
        desk = self._desk
        threads = []
        for lane in lanes:
            other = Worker(desk.engine, desk.handlers, desk.clock, self._queues, poll=self._poll)
            other._takes = lane
            other._desk.lasting = True
            name = f"recoup-{lane.__name__.strip('_')}"
            threads.append(threading.Thread(target=other.run, args=(stop,), name=name))
        self._takes = lambda handler: not any(lane(handler) for lane in lanes)
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()
            self._takes = _any

    def _run(self, stop: threading.Event) -> None:
        def work() -> bool:
            return self._work(Counter(), until=_deadline(SLICE), stop=stop)

        with self._heart.beating():
            serve(
                stop,
                ear=self._ear,
                housekeeping=self._housekeeping,
                work=work,
                poll=self._poll,
            )

    def _work(
        self, ran: Counter[str], *, until: float | None, stop: threading.Event | None
    ) -> bool:
        while (until is None or time.monotonic() < until) and not (stop and stop.is_set()):
            batch = self._claim()
            if batch is None:
                return False
            if batch.claims:
                ran[batch.kind] += len(batch.claims)
                with self._heart.holding(batch):
                    self._perform(batch.claims)
        return True

    def _claim(self) -> Batch | None:
        now, known = self._desk.now(), self._desk.handlers
        mine = {kind: handler for kind, handler in dict(known).items() if self._takes(handler)}
        with self._desk.engine.begin() as connection:
            batch = claims.claim(connection, self._queues, mine, now=now, turns=self._turns)
        if batch is not None:  # its queue has had its turn, and so has its kind there
            others = (queue for queue in self._queues if queue != batch.queue)
            self._queues = (*others, batch.queue)
            self._turns[batch.queue, batch.kind] = max(self._turns.values(), default=0) + 1
        return batch

    def _perform(self, given: Sequence[Claim]) -> None:
        error: str | None = None
        self._desk.settled.clear()
        try:
            perform(self._desk.handlers[given[0].kind], given, self._desk)
        except LostClaim as lost:
            log.warning("%s: %s", _named(given), lost)
            error = described(lost)
        except Exception as raised:
            log.exception("%s failed", _named(given))
            error = described(raised)
        if error is None and self._desk.settled.issuperset(claim.id for claim in given):
            return
        # The table knows what is settled: a handler's transaction may have been rolled back.
        with self._desk.engine.begin() as connection:
            left = claims.still_held(connection, given)
        if error is not None and len(given) > 1:
            for each in left:
                self._perform((each,))
        elif left:
            self._give_back(left, Fail(error or NOT_SETTLED))

    def _give_back(self, left: Sequence[Claim], wish: Fail) -> None:
        try:
            with self._desk.engine.begin() as connection:
                self._desk.settle(connection, dict.fromkeys(left, wish))
        except LostClaim as lost:
            log.warning("%s: %s", _named(left), lost)


def _any(_: Handler) -> bool:
    return True


def _aside(handler: Handler) -> bool:
    return handler.aside and not handler.first


def _first(handler: Handler) -> bool:
    return handler.first


#: What has a thread of its own each, in a worker that runs.
LANES: Final = (_aside, _first)


def _deadline(seconds: float | None) -> float | None:
    return None if seconds is None else time.monotonic() + seconds


def _named(given: Sequence[Claim]) -> str:
    first = given[0]
    if len(given) == 1:
        return f"effect {first.id} ({first.kind} {first.key}, attempt {first.attempt})"
    return f"{len(given)} effects ({first.kind}, from {first.id})"
