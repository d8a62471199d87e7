"""A worker that is killed while it posts: told again, with the same id, and never lost."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from hooked import Hooked
from posting import post
from receiver import SETTINGS, receiving
from sqlalchemy.engine import make_url

from recoup.store import batch, database
from recoup.store.events import deliveries
from recoup.testing.crash import Work, Workers, abandon

SECOND = timedelta(seconds=1)
NUMBER = 3


@pytest.fixture
def receiver():
    with receiving() as made:
        yield made


@pytest.fixture
def work(database_url, home, receiver):
    """A business whose one customer has events that an endpoint was told of once."""
    with Hooked.open(database_url, home, **SETTINGS) as scene:
        scene.recoup.endpoints.create(receiver.url)
        ada = scene.customer()
        card = scene.fake.attach_method(scene.recoup.customers.get(ada).processor_id)
        scene.pace.settle()
        scene.fake.detach_method(card)
        scene.pace.settle()
        assert len(receiver.heard) == NUMBER
        return Work(database_url, home / "books.sqlite3", home, scene.now)


@contextmanager
def connected(work):
    engine = database.connect(make_url(work.database_url).set(drivername="postgresql+psycopg"))
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


class TestAWorkerThatIsKilled:
    def test_at_any_step_has_it_told_again_with_the_same_id(self, work, receiver):
        told = {event["id"]: event for event in receiver.events}
        twice = 0
        workers = Workers()
        for point in count(1):
            receiver.heard.clear()
            with connected(work) as connection:
                since = work.now - timedelta(days=1)
                assert deliveries.replay(connection, 1, now=work.now, since=since) == NUMBER
            run = workers.run(work, kill_at=point, doing=post)
            abandon(work.database_url)
            if run.killed:
                for _ in range(NUMBER):
                    work = replace(work, now=work.now + SECOND)
                    workers.run(work, doing=post)
                    abandon(work.database_url)

            heard = Counter(event["id"] for event in receiver.events)
            assert set(heard) == set(told), run.last
            assert all(event == told[event["id"]] for event in receiver.events)
            assert [*dict.fromkeys(e["id"] for e in receiver.events)] == sorted(told)
            assert max(heard.values()) <= 2
            twice += heard.total() - NUMBER
            with connected(work) as connection:
                live = "SELECT count(*) FROM effects WHERE ended_at IS NULL"
                assert batch.fetch(connection, live) == [(0,)]
            if not run.killed:
                break
        assert point > 3 * NUMBER
        assert twice == NUMBER  # once for each post whose commit did not come
