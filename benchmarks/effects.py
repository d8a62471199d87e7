"""
How many effects one worker runs, and how soon it wakes.

    python benchmarks/effects.py postgresql://…

Works in a schema of its own, which it drops. The floors are for one worker in one process, on
the machine that also runs the server.
"""

from __future__ import annotations

import json
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url

from recoup.jobs.base import Claim, Desk, Done, Handler, NewEffect
from recoup.jobs.clocks import SystemClock
from recoup.jobs.queue import enqueue
from recoup.jobs.worker import Worker
from recoup.store import database

SCHEMA: Final = "recoup_benchmark"
KIND: Final = "write"
BATCH: Final = 100
ROUNDS: Final = 3
FLOORS: Final = {"effects_per_s": 4000.0, "ratio_to_bare_loop": 0.5}
CEILINGS: Final = {"wake_p99_ms": 50.0}

_WRITE: Final = text("""
    INSERT INTO writes (effect_id, note)
    SELECT id, 'written' FROM unnest(CAST(:ids AS bigint[])) AS given (id)
""")
_TAKE: Final = text("""
    SELECT id FROM effects WHERE queue = 'default' AND state = 'scheduled' AND due_at <= :now
    ORDER BY due_at, id LIMIT :batch FOR UPDATE SKIP LOCKED
""")
_MARK: Final = text("""
    UPDATE effects SET state = 'running', attempt = attempt + 1, claim_id = gen_random_uuid(),
                       lease_until = clock_timestamp() + interval '5 minutes'
    WHERE id = ANY(CAST(:ids AS bigint[]))
""")
_END: Final = text("""
    UPDATE effects SET state = 'done', ended_at = :now, claim_id = NULL, lease_until = NULL
    WHERE id = ANY(CAST(:ids AS bigint[]))
""")


def run(
    database_url: str, *, effects: int = 20_000, wakes_per_s: int = 50, wake_seconds: int = 10
) -> dict[str, Any]:
    """Measure; return the figures, the limits, and whether all are kept (`ok`)."""
    url = make_url(database_url).set(drivername="postgresql+psycopg")
    engine = database.connect(url, schema=SCHEMA)
    try:
        _fresh(engine)
        # In turns, so that a slow minute of the machine hurts both.
        runs = [
            (_ours(engine, effects), _bare(engine, effects), _unmarked(engine, effects))
            for _ in range(ROUNDS)
        ]
        waits = _waits(engine, per_s=wakes_per_s, seconds=wake_seconds)
    finally:
        _drop(engine)
        engine.dispose()
    figures = {
        "effects_per_s": round(statistics.median(ours for ours, _, _ in runs)),
        "bare_loop_per_s": round(statistics.median(bare for _, bare, _ in runs)),
        "one_transaction_loop_per_s": round(statistics.median(one for _, _, one in runs)),
        "ratio_to_bare_loop": round(statistics.median(a / b for a, b, _ in runs), 2),
        "wake_p50_ms": round(statistics.median(waits), 1),
        "wake_p99_ms": round(statistics.quantiles(waits, n=100)[98], 1),
        "wake_max_ms": round(max(waits), 1),
    }
    kept = all(figures[name] >= floor for name, floor in FLOORS.items())
    kept = kept and all(figures[name] < ceiling for name, ceiling in CEILINGS.items())
    return {
        **figures,
        "effects": effects,
        "batch": BATCH,
        "floors": FLOORS,
        "ceilings": CEILINGS,
        "ok": kept,
    }


def _write(claims: Sequence[Claim], desk: Desk) -> None:
    with desk.engine.begin() as connection:
        connection.execute(_WRITE, {"ids": [claim.id for claim in claims]})
        desk.settle(connection, dict.fromkeys(claims, Done()))


def _ours(engine: Engine, effects: int) -> float:
    _fill(engine, effects)
    worker = Worker(engine, {KIND: Handler(run=_write, batch=BATCH)}, SystemClock())
    began = time.perf_counter()
    ran = worker.drain()
    rate = _rate(engine, effects, began)
    if ran[KIND] != effects:
        raise RuntimeError(f"{ran[KIND]} of {effects} effects ran")
    return rate


def _bare(engine: Engine, effects: int) -> float:
    """Make the same writes: mark, commit, write, end, commit. Nothing is fenced or checked."""
    _fill(engine, effects)
    began = time.perf_counter()
    while True:
        now = SystemClock().now()
        with engine.begin() as connection:
            ids = list(connection.scalars(_TAKE, {"now": now, "batch": BATCH}))
            if not ids:
                break
            connection.execute(_MARK, {"ids": ids})
        with engine.begin() as connection:
            connection.execute(_WRITE, {"ids": ids})
            connection.execute(_END, {"ids": ids, "now": now})
    return _rate(engine, effects, began)


def _unmarked(engine: Engine, effects: int) -> float:
    """Hold the rows' locks instead of marking them: one transaction, no work outside allowed."""
    _fill(engine, effects)
    began = time.perf_counter()
    while True:
        now = SystemClock().now()
        with engine.begin() as connection:
            ids = list(connection.scalars(_TAKE, {"now": now, "batch": BATCH}))
            if not ids:
                break
            connection.execute(_WRITE, {"ids": ids})
            connection.execute(_END, {"ids": ids, "now": now})
    return _rate(engine, effects, began)


def _rate(engine: Engine, effects: int, began: float) -> float:
    took = time.perf_counter() - began
    if _written(engine) != effects:
        raise RuntimeError(f"not all of {effects} effects were written")
    return effects / took


def _waits(engine: Engine, *, per_s: int, seconds: int) -> list[float]:
    """Return how many ms each effect waited from its commit until its handler began."""
    began: dict[str, float] = {}
    committed: dict[str, float] = {}

    def note(claims: Sequence[Claim], desk: Desk) -> None:
        at = time.perf_counter()
        began.update({claim.key: at for claim in claims})
        _write(claims, desk)

    handlers = {KIND: Handler(run=note, batch=BATCH)}
    worker = Worker(engine, handlers, SystemClock(), poll=timedelta(seconds=60))
    stop = threading.Event()
    with ThreadPoolExecutor(max_workers=1) as pool:
        running = pool.submit(worker.run, stop)
        time.sleep(1)
        start = time.perf_counter()
        for number in range(per_s * seconds):
            time.sleep(max(0.0, start + number / per_s - time.perf_counter()))
            key = f"wake:{number}"
            now = SystemClock().now()
            with engine.begin() as connection:
                enqueue(connection, [NewEffect(KIND, key, due_at=now)], now=now)
                before = time.perf_counter()
            committed[key] = before
        time.sleep(1)
        stop.set()
        running.result()
    return [(began[key] - at) * 1000 for key, at in committed.items()]


def _fresh(engine: Engine) -> None:
    _drop(engine)
    database.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE writes (effect_id bigint PRIMARY KEY, note text)"))


def _drop(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text(f'DROP SCHEMA IF EXISTS "{SCHEMA}" CASCADE'))


def _fill(engine: Engine, effects: int) -> None:
    now = SystemClock().now()
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE effects, writes"))
        new = [NewEffect(KIND, f"write:{number}", due_at=now) for number in range(effects)]
        enqueue(connection, new, now=now)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE effects"))


def _written(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text("SELECT count(*) FROM writes")) or 0)


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1]), indent=2))
