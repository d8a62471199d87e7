from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from recoup.store import embedded

WAITING = "SELECT count(*) FROM pg_locks WHERE relation = 'pg_database'::regclass AND NOT granted"


@pytest.fixture
def home(tmp_path):
    yield tmp_path
    embedded.stop(tmp_path)


class TestStart:
    def test_makes_the_database_once_when_two_come_at_once(self, home):
        elsewhere = embedded.start(home).replace(f"/{embedded.DATABASE}?", "/postgres?")
        with psycopg.connect(elsewhere, autocommit=True) as first:
            first.execute(f"DROP DATABASE {embedded.DATABASE}")
        with psycopg.connect(elsewhere) as held, ThreadPoolExecutor(2) as pool:
            # Both see that there is none, and neither may write that there is one.
            held.execute("LOCK TABLE pg_database IN SHARE MODE")
            asked = [pool.submit(embedded.start, home) for _ in range(2)]
            while held.execute(WAITING).fetchone() != (2,):
                assert not any(one.done() for one in asked)
                time.sleep(0.01)
            held.rollback()
            (one, other) = (url.result() for url in asked)

        assert one == other
        with psycopg.connect(one) as made:
            assert made.info.dbname == embedded.DATABASE
