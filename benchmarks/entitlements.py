"""
How long a question about access takes, read and kept, and what telling of changes costs.

    python -m benchmarks --only entitlements

100,000 customers, a tenth of them restricted, asked about at random. By hand is the same question
as a prepared statement on a bare connection, in turns with ours, so that both see the same
machine. Telling is measured on the two batch writes that happen most: renewals, which tell
nobody, and restrictions, which tell of everybody in them; each with the triggers on and off.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from typing import Any

import psycopg
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url

from benchmarks._population import populate
from recoup.core.billing.catalogue import Catalogue, Plan
from recoup.entitlements import Cached, Entitlements
from recoup.store import database
from recoup.store.queries import access

CUSTOMERS = 100_000
EVERY = 10
QUESTIONS = 4_000
KEPT_QUESTIONS = 200_000
BATCH = 1_000
ROUNDS = 40
FLOORS = {"kept_per_s": 20_000.0, "ratio_of_kept_to_read": 20.0}
CEILINGS = {
    "read_p99_ms": 2.0,
    "ratio_to_by_hand": 4.0,
    "ratio_of_renewals_told": 1.1,
    "ratio_of_restrictions_told": 1.25,
}

_SOLD = Catalogue({"pro": Plan("pro", frozenset({"price_1"}), frozenset({"edit"}))})
_RESTRICTED = """
    INSERT INTO restrictions (customer_id, case_id, scope, consequence, rung, since)
    SELECT id, id, scope, 'restrict_features', 'soft', now() FROM cases"""
_RENEWED = """
    UPDATE subscriptions SET period_start = now(), period_end = now() + interval '1 month',
        seen_at = now(), seen_event = 'evt' || random() WHERE id = ANY(CAST(:ids AS bigint[]))"""
_SUSPENDED = """
    INSERT INTO restrictions (customer_id, case_id, scope, consequence, rung, since)
    SELECT id, id, scope, 'suspend', 'suspended', now() FROM cases
    WHERE id = ANY(CAST(:ids AS bigint[]))"""
_TRIGGERS = {
    "subscriptions": ("access_began", "access_changed"),
    "restrictions": ("access_began", "access_changed"),
}


def run(url: str) -> dict[str, Any]:
    """Measure; return the figures."""
    populate(url, count=CUSTOMERS, every=EVERY)
    engine = database.connect(make_url(url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        connection.execute(text(_RESTRICTED))
    asked = Entitlements(engine, _SOLD, processor="fake")
    read, by_hand = _read(asked, url)
    per_s = _kept(asked.cached())
    asked.close()
    figures = {
        "read_p50_ms": statistics.median(read) * 1e3,
        "read_p99_ms": statistics.quantiles(read, n=100)[98] * 1e3,
        "by_hand_p50_ms": statistics.median(by_hand) * 1e3,
        "by_hand_p99_ms": statistics.quantiles(by_hand, n=100)[98] * 1e3,
        "ratio_to_by_hand": statistics.median(read) / statistics.median(by_hand),
        "kept_per_s": per_s,
        "ratio_of_kept_to_read": per_s * statistics.median(read),
        "ratio_of_renewals_told": _told(engine, _RENEWED, range(1, CUSTOMERS + 1)),
        "ratio_of_restrictions_told": _told(
            engine, _SUSPENDED, range(EVERY, CUSTOMERS + 1, EVERY)
        ),
    }
    engine.dispose()
    return figures


def _read(asked: Entitlements, url: str) -> tuple[list[float], list[float]]:
    """Return the seconds of each question, ours and by hand."""
    dice = random.Random(7)
    sql = access._SQL.format(who=access._BY_PROCESSOR_ID)
    ours: list[float] = []
    hand: list[float] = []
    options = "-c search_path=recoup"
    with psycopg.connect(url, autocommit=True, options=options) as connection:
        cursor = connection.cursor(binary=True)
        for _ in range(200 + QUESTIONS):
            name = f"cus_{dice.randint(1, CUSTOMERS)}"
            ours.append(_seconds(lambda name=name: asked.entitled(name, "edit")))
            given = {"given": name, "processor": "fake"}
            hand.append(
                _seconds(lambda given=given: cursor.execute(sql, given, prepare=True).fetchall())
            )
    return ours[200:], hand[200:]  # the first ones plan, prepare and warm


def _kept(cached: Cached) -> float:
    """Return how many questions a second one thread has answered from memory."""
    dice = random.Random(7)
    names = [f"cus_{dice.randint(1, CUSTOMERS)}" for _ in range(1_000)]
    cached.features(names[0])
    while not cached._listener.hears:
        time.sleep(0.01)
    for name in names:
        cached.features(name)
    began = time.perf_counter()
    for _ in range(KEPT_QUESTIONS // len(names)):
        for name in names:
            cached.entitled(name, "edit")
    return KEPT_QUESTIONS / (time.perf_counter() - began)


def _told(engine: Engine, sql: str, ids: range) -> float:
    """Return how much longer a batch takes with the triggers than without, commit and all."""
    spent: dict[str, list[float]] = {"ENABLE": [], "DISABLE": []}
    batches = [list(ids[n : n + BATCH]) for n in range(0, len(ids), BATCH)]
    for turn in range(2 * ROUNDS):
        mode = ("ENABLE", "DISABLE")[(turn + turn // 2) % 2]  # on off off on: drift cancels out
        batch = batches[turn % len(batches)]
        with engine.begin() as connection:
            for table, triggers in _TRIGGERS.items():
                for trigger in triggers:
                    connection.execute(text(f"ALTER TABLE {table} {mode} TRIGGER {trigger}"))
            connection.execute(text("DELETE FROM restrictions WHERE consequence = 'suspend'"))
        spent[mode].append(_seconds(lambda batch=batch: _write(engine, sql, batch)))
    return statistics.median(spent["ENABLE"]) / statistics.median(spent["DISABLE"])


def _write(engine: Engine, sql: str, batch: list[int]) -> None:
    with engine.begin() as connection:
        connection.execute(text(sql), {"ids": batch})


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
