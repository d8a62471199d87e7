"""
The local scan: what is stored against what would be decided, and against the ledger.

It reads only. Each batch is seen as of one instant, so what is being changed meanwhile is no
finding. Who is due, or whose last run failed, is being seen to: about those nothing is found.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import Connection
from sqlalchemy import Engine as Database

from recoup.drift.differences import findings, undecidable
from recoup.drift.hosts import Host
from recoup.recompute import Engine
from recoup.recompute.deciding import decided
from recoup.store import drift as rows
from recoup.store import journeys, observe
from recoup.store.drift import Found, Scan
from recoup.store.queries import customers
from recoup.store.snapshot import steady

#: Customers that are read at once.
BATCH: Final = 2_000
THREADS: Final = 2
#: Batches that are worked on or wait to be written.
AHEAD: Final = 4
STEP: Final = "customers"


@dataclass(slots=True)
class Batch:
    """What was found about the customers from `first` to `last`."""

    first: int
    last: int
    customers: int
    found: list[Found] = field(default_factory=list)
    passed: list[int] = field(default_factory=list)  #: on whom nothing was decided
    in_order: list[tuple[int, int, int]] = field(default_factory=list)
    folded: int = 0
    silent: list[int] = field(default_factory=list)  #: about whom the host did not answer


@dataclass(frozen=True, slots=True)
class Local:
    """
    A scan of all customers.

    Args:
        thorough: Fold every ledger, also those that have not changed since they were last folded.
        host: Whom to ask about access; None: nobody follows.
    """

    database: Database
    engine: Engine
    now: Callable[[], datetime]
    thorough: bool = False
    host: Host | None = None

    def go(
        self,
        scan: Scan,
        *,
        progress: Callable[[int], object] = lambda _: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Counter[str]:
        """Scan on from where it stopped; what was found is kept, batch by batch."""
        counts = Counter(scan.counts)
        for batch in self._batches(int(scan.cursor or 0), stop):
            counts["customers"] += batch.customers
            counts["folded"] += batch.folded
            counts["findings"] += len({one.key for one in batch.found})
            self._keep(scan, batch, counts)
            progress(counts["customers"])
        if not stop():
            with self.database.begin() as connection:
                rows.end(connection, scan, now=self.now())
        return counts

    def _batches(self, after: int, stop: Callable[[], bool]) -> Iterator[Batch]:
        """Yield batches in order, while the next ones are worked on."""
        waiting: deque[Future[Batch]] = deque()
        with ThreadPoolExecutor(THREADS, thread_name_prefix="recoup-drift") as threads:
            for ids in self._ids(after):
                if stop():
                    break
                waiting.append(threads.submit(self.one, ids))
                if len(waiting) >= AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _ids(self, after: int) -> Iterator[list[int]]:
        while True:
            with self.database.connect() as connection:
                ids = customers.ids_after(connection, after, limit=BATCH)
            if not ids:
                return
            yield ids
            after = ids[-1]

    def one(self, ids: Sequence[int]) -> Batch:
        """Return what is found about one batch of customers; write nothing."""
        batch = Batch(ids[0], ids[-1], len(ids))
        with self.database.connect() as connection:
            steady(connection)
            compared = rows.compared(connection, batch.first, batch.last, anyway=self.thorough)
            batch.found = list(compared.found)
            batch.in_order, batch.folded = compared.in_order, compared.folded
            self._decide(connection, rows.stirring(connection, batch.first, batch.last), batch)
            batch.found.extend(rows.stray(connection, batch.first, batch.last))
            asks = [] if self.host is None else self.host.asks(connection, ids)
            batch.found = rows.explained(connection, batch.found)
        if self.host is not None:  # no transaction is open while somebody is asked
            found, batch.silent = self.host.differing(asks)
            batch.found.extend(found)
        return batch

    def _decide(self, connection: Connection, ids: Sequence[int], batch: Batch) -> None:
        now = self.now()
        seen = observe.observe(connection, ids, now=now, idle=False)
        whole = [one for one in seen.accounts if one.id not in seen.troubled]
        free = set(journeys.admitted(connection, [one.id for one in whole])) if whole else set()
        batch.passed.extend(seen.troubled)
        for id, problem in seen.unreadable.items():
            if id not in seen.troubled:
                batch.found.append(undecidable(id, problem))
        for account in whole:
            due = account.next_wake_at is not None and account.next_wake_at <= now
            if due or account.id not in free:
                batch.passed.append(account.id)
                continue
            try:
                one = decided(account, self.engine, now)
            except Exception as problem:  # noqa: BLE001  whatever it is, it is this customer's
                batch.found.append(undecidable(account.id, problem))
            else:
                batch.found.extend(findings(account, one.changes))

    def _walked(self, batch: Batch) -> Iterator[tuple[rows.Store, list[int]]]:
        """Yield the stores that were compared, each with the customers that were passed over."""
        yield "decision", batch.passed
        yield "ledger", []
        if self.host is not None:
            yield "access", batch.silent

    def _keep(self, scan: Scan, batch: Batch, counts: Counter[str]) -> None:
        now = self.now()
        with self.database.begin() as connection:
            rows.settle(connection, batch.found, scan=scan.id, now=now)
            for store, but in self._walked(batch):
                rows.gone(
                    connection, store, scan=scan.id, first=batch.first, last=batch.last, but=but,
                    now=now,
                )  # fmt: skip
            rows.remember(connection, batch.in_order)
            cursor = str(batch.last)
            rows.go_on(connection, scan, step=STEP, cursor=cursor, counts=counts, now=now)
