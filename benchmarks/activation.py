"""
What it takes to end the starts that were not paid in time, and whether anybody waits for it.

    python -m benchmarks --only activation

100,000 subscriptions wait for their first payment, each with an open invoice and a declined
attempt; for 5,000 of them the time is up in one tick, and for another 5,000 an hour later. The
first 5,000 are found, then ended by one worker that does nothing else, then what follows from
each is done, kind by kind, by a processor that answers at once. After the second tick one worker
does everything, while twice a second somebody else has an attempt and a command of theirs carried
out: how long those wait is the last figure.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import psycopg
from sqlalchemy import text

from benchmarks._population import NOON
from recoup.billing import Recoup
from recoup.config import Config
from recoup.core.billing.answers import Answer
from recoup.jobs import queue
from recoup.jobs.base import Claim, Desk, Handler, NewEffect
from recoup.jobs.clocks import TestClock
from recoup.jobs.worker import Worker
from recoup.processors.fake import FakeProcessor
from recoup.testing.mail import Outbox

WAITING: Final = 100_000
EXPIRING: Final = 5_000
TICK: Final = NOON + timedelta(minutes=20)
HOUR: Final = timedelta(hours=1)
#: The second tick is watched for so long, or until all is done.
SECONDS: Final = 40.0
EVERY_S: Final = 0.5
OTHERS: Final = ("collect", "ask")
NOTHING: Final = {"attempt_id": 0, "command_id": 0}
FLOORS = {"expired_per_s": 300.0}
CEILINGS = {"enqueue_s": 5.0, "others_wait_max_ms": 2_000.0}

_POPULATION = """
    INSERT INTO customers (id, processor, processor_id, email, country, currency,
                           default_method, created_at)
    SELECT n, 'fake', 'cus_' || n, 'c' || n || '@example.com', 'DE', 'EUR', 'pm_' || n, %(then)s
    FROM generate_series(1, %(count)s) n;
    INSERT INTO standings (customer_id) SELECT n FROM generate_series(1, %(count)s) n;
    INSERT INTO payment_methods (customer_id, processor, processor_id, kind, instrument, brand,
                                 country, exp_year, exp_month, changed_at, seen_at, seen_event)
    SELECT n, 'fake', 'pm_' || n, 'card', 'fp_' || n, 'visa', 'DE', 2030, 12, %(then)s, %(then)s,
           'evt' FROM generate_series(1, %(count)s) n;
    INSERT INTO subscriptions (id, customer_id, processor, processor_id, status, plan, prices,
                               currency, period_start, period_end, collection_method, seen_at,
                               seen_event)
    SELECT n, n, 'fake', 'sub_' || n, 'incomplete', 'price_1', ARRAY['price_1'], 'EUR', %(then)s,
           %(then)s::timestamptz + interval '1 month', 'charge_automatically', %(then)s, 'evt'
    FROM generate_series(1, %(count)s) n;
    INSERT INTO gates (id, customer_id, purpose, command_id, subscription_id, timeout_s, made_at,
                       evaluated_at, expires_at)
    SELECT n, n, 'start', n, n, 82800, %(then)s, %(then)s,
           %(tick)s::timestamptz + ((n - 1) / %(expiring)s) * interval '1 hour'
           - (n %% %(expiring)s) * interval '0.1 s'
    FROM generate_series(1, %(count)s) n;
    INSERT INTO invoices (id, customer_id, subscription_id, gate_id, processor, processor_id,
                          status, currency, amount_due, amount_paid, amount_remaining, reason,
                          collection_method, created_at, seen_at, seen_event)
    SELECT n, n, n, n, 'fake', 'in_' || n, 'open', 'EUR', 4900, 0, 4900, 'subscription_create',
           'charge_automatically', %(then)s, %(then)s, 'evt'
    FROM generate_series(1, %(count)s) n;
    UPDATE gates SET invoice_id = id;
    INSERT INTO attempts (customer_id, invoice_id, origin, state, amount, currency, processor,
                          processor_id, method, instrument, brand, off_session, happened_at,
                          ended_at, decline_code)
    SELECT n, n, 'processor', 'declined', 4900, 'EUR', 'fake', 'ch_' || n, 'pm_' || n, 'fp_' || n,
           'visa', false, %(then)s, %(then)s, 'insufficient_funds'
    FROM generate_series(1, %(count)s) n;
    INSERT INTO ledger_entries (customer_id, seq, type, version, subject, body, actor, cause,
                                occurred_at, recorded_at, previous, hash)
    SELECT n, seq, 'subscription.created', 1, 'subscription:' || n, '{}', 'processor', 'evt',
           %(then)s, %(then)s, decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex')
    FROM generate_series(1, %(count)s) n, generate_series(1, 6) seq;
    INSERT INTO ledger_heads (customer_id, seq, hash)
    SELECT n, 6, decode(repeat('00', 32), 'hex') FROM generate_series(1, %(count)s) n;
"""


class AtOnce(FakeProcessor):
    """A processor that has stopped every payment and ended every subscription already."""

    def cancel_subscription(self, subscription: str, *, reason: str, key: str) -> None:
        """Say that it is ended."""

    def ask(self, request: Any, *, key: str) -> Answer:  # noqa: ARG002  the contract's
        """Say that it will not be paid."""
        return Answer(request.invoice, status="canceled")


def run(url: str) -> dict[str, Any]:
    """Measure; return the figures."""
    _populate(url)
    with tempfile.TemporaryDirectory(prefix="recoup-bench-") as folder:
        config = Config.load(database_url=url, home=Path(folder))
        clock = TestClock(NOON)
        with (
            AtOnce(Path(folder) / "books.sqlite3", start=NOON) as processor,
            Recoup(config, processor=processor, sender=Outbox(), clock=clock) as recoup,
        ):
            clock.set(TICK)
            alone = {"enqueue_s": _enqueued(recoup), **_one_by_one(recoup, clock)}
            clock.set(TICK + HOUR)
            again = _enqueued(recoup)
            recoup.worker().tick()  # the other clocks are not what is measured
            return {**alone, "enqueue_again_s": again, **_together(recoup)}


def _enqueued(recoup: Recoup) -> float:
    """Return how long the clock takes to find and enqueue those whose time is up."""
    worker = recoup.worker()
    began = time.perf_counter()
    worker.tick("activation")
    took = time.perf_counter() - began
    _expect(recoup, "effects WHERE kind = 'expire' AND state = 'scheduled'", EXPIRING)
    return took


def _one_by_one(recoup: Recoup, clock: TestClock) -> dict[str, float]:
    """Return how many a second one worker does, of each kind by itself."""
    rates = {}
    kinds = {
        "expire": "expired_per_s",
        "ask": "withdrawn_per_s",
        "end_subscription": "ended_per_s",
        "send_mail": "mailed_per_s",
    }
    for kind, figure in kinds.items():
        worker = Worker(recoup.database, {kind: recoup.handlers[kind]}, clock)
        began = time.perf_counter()
        ran = worker.drain()[kind]
        rates[figure] = ran / (time.perf_counter() - began)
        if kind == "expire":
            _expect(recoup, "gates WHERE status = 'expired'", EXPIRING)
    _expect(recoup, "gates WHERE withdrawal = 'canceled'", EXPIRING)
    return rates


def _together(recoup: Recoup) -> dict[str, float]:
    """Return what one worker makes of everything at once, and how long others wait meanwhile."""
    began: dict[str, float] = {}
    for kind in OTHERS:
        recoup.handlers[kind] = _noting(recoup.handlers[kind], began)
    stop, committed = threading.Event(), {}
    left, start = _left(recoup), time.perf_counter()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(recoup.worker().run, stop)
        while left and time.perf_counter() - start < SECONDS:
            for kind in OTHERS:
                key = f"{kind}:other:{len(committed)}"
                committed[key] = _come(recoup, kind, key)
            time.sleep(EVERY_S)
            left = _left(recoup)
        while len(began) < len(committed):
            time.sleep(EVERY_S)
        stop.set()
        running.result()
    waits = [(began[key] - at) * 1000 for key, at in committed.items()]
    return {
        "others": len(waits),
        "others_wait_p50_ms": statistics.median(waits),
        "others_wait_max_ms": max(waits),
        "still_left": left,
    }


def _noting(handler: Handler, began: dict[str, float]) -> Handler:
    """Return the handler that also notes when an effect's turn has come."""
    run: Callable[[Sequence[Claim], Desk], None] = handler.run

    def noted(claims: Sequence[Claim], desk: Desk) -> None:
        at = time.perf_counter()
        began.update({claim.key: at for claim in claims if ":other:" in claim.key})
        run(claims, desk)

    return replace(handler, run=noted)


def _come(recoup: Recoup, kind: str, key: str) -> float:
    """Enqueue somebody else's effect, about nothing; return when it was committed."""
    now = recoup.clock.now()
    with recoup.database.begin() as connection:
        queue.enqueue(connection, [NewEffect(kind, key, now, "billing", args=NOTHING)], now=now)
        return time.perf_counter()


def _left(recoup: Recoup) -> int:
    given = "state IN ('scheduled', 'running') AND key NOT LIKE '%:other:%'"
    with recoup.database.connect() as connection:
        return int(connection.scalar(text(f"SELECT count(*) FROM effects WHERE {given}")) or 0)


def _expect(recoup: Recoup, where: str, number: int) -> None:
    with recoup.database.connect() as connection:
        found = connection.scalar(text(f"SELECT count(*) FROM {where}"))
    if found != number:
        raise RuntimeError(f"{found} {where}, not {number}")


def _populate(url: str) -> None:
    given = {
        "count": WAITING,
        "expiring": EXPIRING,
        "tick": TICK,
        "then": NOON - timedelta(hours=22),
    }
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute("SET search_path TO recoup")
        connection.execute(_POPULATION, given)
        for table in ("customers", "subscriptions", "gates", "invoices"):
            connection.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), "
                f"(SELECT max(id) FROM {table}))"
            )
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
