"""
How many customers a second a scan for drift goes through: what is stored against what would be
decided, and rows against the ledger.

    python -m benchmarks --only drift

A tenth of the customers is in dunning, and nothing is due. The first scan folds every ledger; it
remembers what it found in order, so those that follow fold only what has changed since.
"""

from __future__ import annotations

import os
import time
from typing import Any

from sqlalchemy import Engine as Database
from sqlalchemy.engine import make_url

from benchmarks._population import DAY, NOON, populate, tell
from recoup.core.policy import Policies
from recoup.drift.local import STEP, Local
from recoup.recompute import Engine
from recoup.reference import load_rules
from recoup.store import database
from recoup.store import drift as rows
from recoup.work import collect_seldom, recompute_all

CUSTOMERS = int(os.environ.get("RECOUP_BENCH_CUSTOMERS", "100000"))
EVERY = 10
BATCH = 1_000
FLOORS = {"customers_per_s": 15_000.0}


def run(url: str) -> dict[str, Any]:
    """Scan twice, and once more after an edit by hand, which must be found."""
    collect_seldom()
    populate(url, count=CUSTOMERS, every=EVERY, spread=5)
    made = database.connect(make_url(url).set(drivername="postgresql+psycopg"))
    entries = tell(made, count=CUSTOMERS)
    engine = Engine(Policies(), load_rules())
    for _ in range(2):  # so that nothing is due
        ids = [list(range(n, n + BATCH)) for n in range(1, CUSTOMERS + 1, BATCH)]
        recompute_all(made, ids, engine=engine, trigger="full_sweep", now=NOON)
    first, found = _scan(made, engine)
    second, again = _scan(made, engine)
    with made.begin() as connection:
        connection.exec_driver_sql("UPDATE standings SET standing = 'soft' WHERE customer_id = 7")
    third, behind = _scan(made, engine)
    made.dispose()
    assert (found, again, behind) == (0, 0, 2), (found, again, behind)
    return {
        "customers_per_s": CUSTOMERS / second,
        "first_time_per_s": CUSTOMERS / first,
        "with_a_finding_per_s": CUSTOMERS / third,
        "entries_per_customer": entries / CUSTOMERS,
        "customers": CUSTOMERS,
    }


def _scan(made: Database, engine: Engine) -> tuple[float, int]:
    now = NOON + DAY / 24
    with made.begin() as connection:
        scan = rows.begin(connection, "local", step=STEP, now=now)
    started = time.perf_counter()
    counts = Local(made, engine, lambda: now).go(scan)
    took = time.perf_counter() - started
    assert counts["customers"] == CUSTOMERS
    return took, counts["findings"]
