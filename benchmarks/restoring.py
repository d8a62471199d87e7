"""
How soon access is given back, while a hundred thousand restrictions wait to be told of.

    python -m benchmarks --only restoring

100,000 effects that tell the host of what was closed are due, and longest. The host takes 5 ms a
call, and one worker runs. Twenty who are restricted pay one after the other. Measured is from the
transaction of the money to the host's confirmation in the ledger; once with all that waiting, and
once with nothing waiting.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import text

from benchmarks._population import DAY, NOON, populate
from recoup.billing import Recoup
from recoup.config import Config
from recoup.core.account.access import AccessState
from recoup.core.states import Trigger
from recoup.jobs.clocks import TestClock
from recoup.recompute import recompute, sweep
from recoup.testing.mail import Outbox

MANY = 100_000
PAYING = 20  #: in each turn
CALL = 0.005  #: seconds that the host takes
LONGEST = 60.0
CEILINGS = {"given_back_max_s": LONGEST}

#: Analyzed in between, or each row looks for its customer through the whole table.
_CROWD = """
    INSERT INTO customers (processor, processor_id, created_at)
    SELECT 'fake', 'cus_crowd_' || n, %(now)s FROM generate_series(1, %(many)s) n"""
_WAITS = """
    INSERT INTO standings (customer_id, standing)
    SELECT id, 'soft' FROM customers WHERE starts_with(processor_id, 'cus_crowd_');
    INSERT INTO access_versions (customer_id, version, changed_at, behind_since)
    SELECT id, 1, %(now)s, %(now)s FROM customers WHERE starts_with(processor_id, 'cus_crowd_');
    INSERT INTO effects (kind, key, queue, customer_id, args, due_at, created_at)
    SELECT 'sync_access', 'access:' || id, 'default', id, '{}', %(now)s, %(now)s
    FROM customers WHERE starts_with(processor_id, 'cus_crowd_')"""
_NO_CARDS = "UPDATE customers SET default_method = NULL; DELETE FROM payment_methods"
_PAYS = text("""
    UPDATE invoices SET status = 'paid', amount_paid = amount_due, amount_remaining = 0,
        closed_at = :now WHERE customer_id = :id""")
_GIVEN_BACK = text("""
    SELECT count(*) FILTER (WHERE undone_at IS NULL) = 0 AND count(*) > 0
    FROM restrictions WHERE customer_id = :id""")
_WAITING = text("""
    SELECT count(*) FROM effects WHERE kind = 'sync_access' AND state = 'scheduled'""")
_TOLD = text("""
    UPDATE effects SET state = 'done', ended_at = :now
    WHERE kind = 'sync_access' AND state = 'scheduled'""")
_ALL_TOLD = text("""
    UPDATE access_versions
    SET applied_version = version, applied_at = :now, behind_since = NULL""")


class Host:
    """Follows; notes how many calls there were."""

    def __init__(self) -> None:
        self.calls = 0

    def follow(self, _: AccessState) -> None:
        time.sleep(CALL)
        self.calls += 1


def run(url: str) -> dict[str, Any]:
    """Measure; return the figures."""
    populate(url, count=2 * PAYING, every=1)
    host, sender = Host(), Outbox()
    with tempfile.TemporaryDirectory(prefix="recoup-bench-") as folder:
        config = Config.load(database_url=url, home=Path(folder))
        with Recoup(config, sender=sender, clock=TestClock(NOON)) as recoup:
            recoup.access.use(host.follow)
            _restrict(recoup, url)
            waiting = _waiting(recoup)
            with _working(recoup):
                began, told = time.perf_counter(), host.calls
                behind = [_paid(recoup, 1 + number) for number in range(PAYING)]
                took, told = time.perf_counter() - began, host.calls - told
                left = _waiting(recoup)
            with recoup.database.begin() as connection:
                for sql in (_TOLD, _ALL_TOLD):
                    connection.execute(sql, {"now": NOON})
            with _working(recoup):
                alone = [_paid(recoup, 1 + PAYING + number) for number in range(PAYING)]
    if not left > MANY // 2:
        raise RuntimeError(f"only {left} of {waiting} still waited when the last had paid")
    return {
        "waiting": waiting,
        "still_waiting": left,
        "told_meanwhile_per_s": told / took,
        "given_back_p50_s": statistics.median(behind),
        "given_back_max_s": max(behind),
        "alone_p50_s": statistics.median(alone),
        "ratio_to_alone": statistics.median(behind) / statistics.median(alone),
    }


def _restrict(recoup: Recoup, url: str) -> None:
    """Restrict those who will pay and tell the host of it; then have the others wait."""
    with recoup.database.begin() as connection:
        connection.exec_driver_sql(_NO_CARDS)  # nobody climbs while a payment is tried
        sweep(connection, engine=recoup.engine, now=NOON)
        connection.execute(text("DELETE FROM effects WHERE kind <> 'sync_access'"))
        if (found := connection.scalar(_WAITING)) != 2 * PAYING:
            raise RuntimeError(f"{found} of {2 * PAYING} are restricted")
    recoup.worker().drain()
    given = {"many": MANY, "now": NOON - DAY}
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute("SET search_path TO recoup")
        connection.execute(_CROWD, given)
        connection.execute("ANALYZE customers")
        connection.execute(_WAITS, given)
        connection.execute("VACUUM ANALYZE")


@contextmanager
def _working(recoup: Recoup) -> Iterator[None]:
    """Have one worker run what tells the host, as `recoup worker` does."""
    stop = threading.Event()
    worker = recoup.worker()
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _paid(recoup: Recoup, id: int) -> float:
    """Let a customer's money come in; return how many seconds until the host has confirmed."""
    began = time.perf_counter()
    with recoup.database.begin() as connection:
        connection.execute(_PAYS, {"id": id, "now": NOON})
        recompute(connection, [id], engine=recoup.engine, trigger=Trigger.EVENT, now=NOON)
    while time.perf_counter() - began < 2 * LONGEST:
        with recoup.database.connect() as connection:
            if connection.scalar(_GIVEN_BACK, {"id": id}):
                return time.perf_counter() - began
        time.sleep(0.005)
    return 2 * LONGEST


def _waiting(recoup: Recoup) -> int:
    with recoup.database.connect() as connection:
        return int(connection.scalar(_WAITING) or 0)
