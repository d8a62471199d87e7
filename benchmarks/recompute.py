"""
How many customers a second the loop brings up to date, against the same reads and writes made
by hand without deciding anything.

    python -m benchmarks --only recompute

A tenth of the customers is in dunning, and for a fifth of those a rung is due: a case moves, a
restriction, a standing, a wake-up, a decision record and ledger entries are written; for the
others the next look is put on record. The script by hand reads what the loop reads and writes as
many rows of the same width, without working out which. Both run in two threads of one process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

from benchmarks._population import DAY, NOON, populate
from recoup.core.policy import Policies
from recoup.recompute import Engine
from recoup.reference import load_rules
from recoup.store import database
from recoup.store.observe import accounts as observe
from recoup.work import THREADS, collect_seldom, recompute_all

CUSTOMERS = 100_000
BATCH = 1_000
EVERY = 10
#: Of those in dunning one in so many has a rung due; a customer's state changes about twelve
#: times in 28 days, so even daily sweeps find fewer.
SPREAD = 5
FLOORS = {"customers_per_s": 15_000.0, "ratio_to_by_hand": 0.35}


def run(url: str) -> dict[str, Any]:
    """Measure both on halves of one population, in turns, so that both see the same machine."""
    collect_seldom()
    populate(url, count=CUSTOMERS, every=EVERY, spread=SPREAD)
    database_ = database.connect(make_url(url).set(drivername="postgresql+psycopg"))
    rules = Engine(Policies(), load_rules())
    spent = {"loop": 0.0, "hand": 0.0}
    changed = 0
    with ThreadPoolExecutor(THREADS) as threads:
        for turn, batches in enumerate(_turns()):
            started = time.perf_counter()
            if turn % 2:
                list(threads.map(partial(_by_hand, url), batches))
                spent["hand"] += time.perf_counter() - started
            else:
                changed += recompute_all(
                    database_, batches, engine=rules, trigger="bench", now=NOON
                )
                spent["loop"] += time.perf_counter() - started
    database_.dispose()
    half = CUSTOMERS / 2
    return {
        "customers_per_s": half / spent["loop"],
        "by_hand_per_s": half / spent["hand"],
        "ratio_to_by_hand": spent["hand"] / spent["loop"],
        "changed": changed,
    }


def _turns() -> Iterator[list[list[int]]]:
    """Yield ten batches at a time."""
    step = 10 * BATCH
    for first in range(1, CUSTOMERS + 1, step):
        yield [list(range(n, n + BATCH)) for n in range(first, first + step, BATCH)]


_LOCAL = threading.local()


def _by_hand(url: str, ids: list[int]) -> None:
    connection = getattr(_LOCAL, "connection", None)
    if connection is None:
        options = "-c search_path=recoup -c timezone=UTC"
        connection = _LOCAL.connection = psycopg.connect(url, options=options)
    _batch_by_hand(connection, ids)
    connection.commit()


def _batch_by_hand(connection: psycopg.Connection[Any], ids: list[int]) -> None:
    cursor = connection.cursor(binary=True)
    fetch: Callable[..., list[Any]] = lambda sql, *given: cursor.execute(sql, given).fetchall()  # noqa: E731
    fetch("SELECT id FROM customers WHERE id = ANY(%s) ORDER BY id FOR UPDATE", ids)
    fetch(observe._CUSTOMERS, ids)
    cases = [row[1] for row in fetch(observe._CASES, ids)]
    invoices = fetch(observe._INVOICES, ids, ids, cases)
    fetch(observe._RESTRICTIONS, ids)
    fetch(observe._TASKS, ids)
    busy = [row[0] for row in invoices]
    fetch(observe._SUBSCRIPTIONS, busy)
    instruments = [row[3] for row in fetch(observe._METHODS, busy)]
    fetch(observe._ATTEMPTS, [row[1] for row in invoices])
    fetch(observe._NOTICES, cases)
    fetch(observe._HOLDS, busy)
    fetch(observe._USES, instruments, NOON - observe.WINDOW)
    _write_by_hand(cursor, busy, busy[::SPREAD])


def _write_by_hand(cursor: psycopg.Cursor[Any], busy: list[int], due: list[int]) -> None:
    n, m = len(due), len(busy)
    cursor.execute(
        "UPDATE cases t SET rung = v.rung, rung_since = v.since FROM unnest(%s::bigint[], "
        "%s::text[], %s::timestamptz[]) v(id, rung, since) WHERE t.id = v.id",
        (due, ["soft"] * n, [NOON] * n),
    )
    cursor.execute(
        "UPDATE standings t SET standing = v.standing, next_wake_at = v.wake FROM "
        "unnest(%s::bigint[], %s::text[], %s::timestamptz[]) v(id, standing, wake) "
        "WHERE t.customer_id = v.id",
        (busy, ["soft"] * m, [NOON + 2 * DAY] * m),
    )
    copies = {
        "restrictions (customer_id, case_id, scope, consequence, rung, since)": (
            (id, id, f"subscription:{id}", "restrict_features", "soft", NOON) for id in due
        ),
        "decisions (run_id, customer_id, trigger, at, inputs_hash, policy, reasons, changes)": (
            (1, id, "bench", NOON, "0" * 64, "default/1", ["because"] * 5, ["changed"] * 4)
            for id in due
        ),
        "ledger_entries (customer_id, seq, type, version, subject, body, actor, cause, "
        "occurred_at, recorded_at, previous, hash)": (
            (id, seq, "case.moved", 1, f"case:{id}", '{"rung":["reminded","soft"]}', "engine",
             "run:1", NOON, NOON, bytes(32), bytes(32))
            for id in due for seq in (1, 2, 3)
        ),
        "ledger_heads (customer_id, seq, hash)": ((id, 3, bytes(32)) for id in due),
    }  # fmt: skip
    for into, rows in copies.items():
        with cursor.copy(f"COPY {into} FROM STDIN") as writer:
            for row in rows:
                writer.write_row(row)
