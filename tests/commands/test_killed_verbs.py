"""Verbs whose process is killed at every step: one effect, and books as if nobody had died."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

import dying
import psycopg
import pytest
from cloning import create_clone
from sqlalchemy.engine import make_url

from recoup.processors.fake import FakeProcessor
from recoup.testing.crash import Workers, abandon, copied
from recoup.testing.scene import Scene

#: What every run proves; the other verbs take the same steps.
SHORT = frozenset({"start", "charge"})
#: What must come out the same. Who told first of a charge, its event or our request, may differ.
ROWS = (
    "SELECT owner_id, email, processor_id, deleted FROM customers",
    "SELECT processor_id, status, plan, items, coupon, ended_at, end_reason FROM subscriptions",
    "SELECT processor_id, status, amount_due, amount_paid, resolved_as FROM invoices",
    "SELECT processor_id, ordinal, idempotency_key, origin, state, amount FROM attempts",
    "SELECT amount, status FROM refunds",
    """SELECT s.processor_id, r.given_back_at FROM redemptions r
       LEFT JOIN subscriptions s ON s.id = r.subscription_id""",
    "SELECT processor_id, redemptions FROM coupons",
    "SELECT kind, state FROM commands",
    "SELECT key, closed_at FROM tasks",
    "SELECT kind, state FROM effects WHERE state NOT IN ('done', 'canceled')",
)


@dataclass(frozen=True)
class Outcome:
    """What the verb was about, the rows, the fake's books, and how often it said what."""

    about: str
    rows: tuple[Any, ...]
    captured: dict[str, Any]
    refunded: dict[str, Any]
    said: Counter[str]


@pytest.fixture(scope="module")
def workers():
    return Workers()


@pytest.fixture(scope="module")
def shops(server_url, template, tmp_path_factory):
    """Make clones of the prepared shop, each with a database of its own."""
    folder, numbers, made = tmp_path_factory.mktemp("killed"), count(), []

    def clone(of):
        made.append(f"verbs_{os.getpid()}_{next(numbers)}")
        with psycopg.connect(server_url, autocommit=True) as connection:
            create_clone(connection, made[-1], of=of)
        url = make_url(server_url).set(drivername="postgresql", database=made[-1])
        return url.render_as_string(hide_password=False), folder / made[-1]

    def drop(name):
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    prepared = dying.prepare(*clone(template))
    abandon(prepared.database_url)
    (master,) = made

    def shop():
        while len(made) > 1:  # only one is needed at a time
            drop(made.pop())
        url, home = clone(master)
        return copied(prepared, database_url=url, home=home)

    yield shop
    for name in made:
        drop(name)


def ended(where, verb, *, by_worker):
    """Let a worker go on first, or not; call again; return where that led."""
    abandon(where.database_url)
    with Scene.open(where.database_url, where.home, start=where.now) as scene:
        if by_worker:
            scene.recoup.worker().tick()
            scene.pace.settle()
        result = dying.VERBS[verb](scene.recoup)
        assert dying.VERBS[verb](scene.recoup) == result
        scene.pace.settle()
        assert scene.violations() == ()
        rows = tuple(sorted(str(row) for row in scene.rows(sql)) for sql in ROWS)
    with FakeProcessor(where.books) as fake:
        books = fake.books()
        said = Counter(json.loads(body)["type"] for _, body in fake.events(limit=10_000))
    # Not our ids of what is new: a rolled back transaction uses some up.
    about = getattr(result, "subscription", result).processor_id
    return Outcome(about, rows, dict(books.captured), dict(books.refunded), said)


class TestAVerb:
    @pytest.mark.parametrize(
        "verb",
        [
            pytest.param(verb, marks=() if verb in SHORT else pytest.mark.long)
            for verb in dying.VERBS
        ],
    )
    def test_killed_at_any_step_is_done_once(self, workers, shops, verb):
        doing = partial(dying.call, verb)
        unhurt = shops()
        steps = workers.run(unhurt, doing=doing).steps
        expected = ended(unhurt, verb, by_worker=True)
        assert {step.rpartition(" ")[2] for step in steps} >= {"received", "done", "commit"}

        for step in range(1, len(steps) + 1):
            where = shops()
            run = workers.run(where, kill_at=step, doing=doing)
            assert run.killed
            # Every second time nobody but the next call goes on with it.
            outcome = ended(where, verb, by_worker=step % 2 == 0)

            assert outcome == expected, run.last
