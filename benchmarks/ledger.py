"""
How many entries a second the ledger takes in batches, and how many it verifies.

    python -m benchmarks --only ledger

Works in a schema of its own, which it drops. Entries are appended in batches over many customers,
so that verifying, which goes by customer, meets them as scattered as they are in real life.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url

from recoup.store import database, ledger
from recoup.store.chain import checkpoint, verify
from recoup.store.ledger import NewEntry

SCHEMA: Final = "recoup_benchmark"
CUSTOMERS: Final = 20_000
BATCH: Final = 1_000
ROUNDS: Final = 3
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
FLOORS: Final = {"appended_per_s": 10_000.0, "verified_per_s": 100_000.0}

_CUSTOMERS: Final = text("""
    INSERT INTO customers (id, processor, created_at)
    SELECT id, 'fake', now() FROM generate_series(1, :count) AS given (id)
""")


def run(database_url: str, *, entries: int = 200_000) -> dict[str, Any]:
    """Measure; return entries a second, the best of a few rounds each."""
    url = make_url(database_url).set(drivername="postgresql+psycopg")
    engine = database.connect(url, schema=SCHEMA)
    _drop(engine)
    try:
        database.upgrade(engine)
        with engine.begin() as connection:
            connection.execute(_CUSTOMERS, {"count": CUSTOMERS})
        appended = _appended(engine, entries)
        verified = max(_verified(engine) for _ in range(ROUNDS))
        return {
            "entries": entries,
            "appended_per_s": appended,
            "verified_per_s": verified,
            "checkpoint_s": _checkpoint(engine),
        }
    finally:
        _drop(engine)
        engine.dispose()


def _appended(engine: Engine, entries: int) -> float:
    """Every batch is one entry for each of its customers, and a transaction of its own."""
    started = time.perf_counter()
    for number in range(entries // BATCH):
        first = number * BATCH % CUSTOMERS
        lap = number * BATCH // CUSTOMERS
        batch = [_entry(first + place + 1, lap, place) for place in range(BATCH)]
        now = START + timedelta(hours=number)
        with engine.begin() as connection:
            ledger.append(connection, batch, actor="engine", cause=f"run:{number}", now=now)
    return entries / (time.perf_counter() - started)


def _entry(customer: int, lap: int, place: int) -> NewEntry:
    changes = {
        "state": (None if lap == 0 else f"state {lap - 1}", f"state {lap}"),
        "amount": (None if lap == 0 else lap - 1, lap),
    }
    at = START + timedelta(seconds=7.3 * place)
    return NewEntry(customer, "attempt.changed", f"attempt:{customer}", changes, at)


def _verified(engine: Engine) -> float:
    with engine.connect() as connection:
        started = time.perf_counter()
        report = verify(connection)
        took = time.perf_counter() - started
    if not report.sound:
        raise AssertionError(report.problems[0])
    return report.entries / took


def _checkpoint(engine: Engine) -> float:
    with engine.connect() as connection:
        started = time.perf_counter()
        checkpoint(connection)
        return time.perf_counter() - started


def _drop(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))
