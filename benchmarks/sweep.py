"""
Whether a sweep costs what is due and not how many customers there are.

    python -m benchmarks --only sweep

10,000 customers in dunning are due: once among 10,000, once among 1,000,000.
"""

from __future__ import annotations

import time
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

from benchmarks._population import NOON, populate
from recoup.core.policy import Policies
from recoup.recompute import Engine, sweep
from recoup.reference import load_rules
from recoup.store import database

DUE = 10_000
MANY = 1_000_000
CEILINGS = {"ratio_of_many_to_few": 1.3}


def run(url: str) -> dict[str, Any]:
    """Measure both, the small population in a database of its own."""
    few = _beside(url, "few")
    seconds_few = _swept(few, count=DUE)
    seconds_many = _swept(url, count=MANY)
    return {
        "seconds_among_10_000": seconds_few,
        "seconds_among_1_000_000": seconds_many,
        "ratio_of_many_to_few": seconds_many / seconds_few,
    }


def _swept(url: str, *, count: int) -> float:
    # Those in dunning are spread over the whole population, and all of them are due.
    populate(url, count=count, every=count // DUE)
    engine = database.connect(make_url(url).set(drivername="postgresql+psycopg"))
    rules = Engine(Policies(), load_rules())
    started = time.perf_counter()
    seen = 0
    while True:
        with engine.begin() as connection:
            run = sweep(connection, engine=rules, now=NOON)
        seen += run.seen
        if run.seen < 1000:
            break
    spent = time.perf_counter() - started
    engine.dispose()
    if seen != DUE:
        raise RuntimeError(f"{seen} were due, not {DUE}")
    return spent


def _beside(url: str, name: str) -> str:
    """Return the URL of another fresh database on the same server."""
    other = make_url(url).set(database=f"{make_url(url).database}_{name}")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{other.database}"')
    engine = database.connect(other.set(drivername="postgresql+psycopg"))
    database.upgrade(engine)
    engine.dispose()
    return other.set(drivername="postgresql").render_as_string(hide_password=False)
