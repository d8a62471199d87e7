"""A worker that is killed while it tells the host: told again, with the same version."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from following import Follow, settings
from host import HttpHost
from receiver import receiving
from sqlalchemy import text
from sqlalchemy.engine import make_url

from recoup.store import database
from recoup.testing.crash import Work, Workers, abandon
from recoup.testing.scene import Scene

SECOND = timedelta(seconds=1)
LIFTED = """
    WITH over AS (
        INSERT INTO cases (customer_id, scope, anchor, opened_at, policy, ending, ended_at)
        VALUES (1, 'subscription:1', :now, :now, 'default/1', 'recovered', :now) RETURNING id)
    INSERT INTO restrictions (customer_id, case_id, scope, consequence, rung, since, lifted_at)
    SELECT 1, id, 'subscription:1', 'read_only', 'limited', :now, :now FROM over"""
WAITS = (
    "UPDATE restrictions SET undone_at = NULL",
    "UPDATE standings SET standing = 'lifting', next_wake_at = NULL",
)


@pytest.fixture
def host():
    return HttpHost()


@pytest.fixture
def receiver(host):
    with receiving() as made:
        made.choose = host.answer
        yield made


@pytest.fixture
def scene(database_url, home, receiver):
    """A business whose one customer waits for something to be undone."""
    with Scene.open(database_url, home, **settings(receiver.url)) as opened:
        opened.subscriber()
        do(opened.recoup.database, LIFTED, now=opened.now)
        yield opened


def do(engine, *statements, **given):
    with engine.begin() as connection:
        for sql in statements:
            connection.execute(text(sql), given)


def seen(url):
    """Return the standing, whether all is undone, and what of the host's is not done."""
    engine = database.connect(make_url(url).set(drivername="postgresql+psycopg"))
    sql = """SELECT (SELECT standing FROM standings), (SELECT undone_at FROM restrictions) IS NOT
        NULL, (SELECT count(*) FROM effects WHERE key = 'access:1' AND ended_at IS NULL),
        (SELECT behind_since FROM access_versions)"""
    try:
        with engine.connect() as connection:
            return tuple(connection.execute(text(sql)).one())
    finally:
        engine.dispose()


class TestAWorkerThatIsKilled:
    def test_at_any_step_has_the_host_told_again_with_the_same_version(
        self, scene, database_url, home, receiver, host
    ):
        work = Work(database_url, home / "books.sqlite3", home, scene.now)
        workers, follow, twice = Workers(), Follow(receiver.url), 0
        for point in count(1):
            host.calls.clear()
            do(scene.recoup.database, *WAITS)
            scene.recoup.access.retry(1)
            run = workers.run(work, kill_at=point, doing=follow)
            scene.recoup.database.dispose()
            abandon(database_url)
            work = replace(work, now=work.now + SECOND)
            scene.clock.set(work.now)
            if run.killed:
                assert not workers.run(work, doing=follow).killed
                abandon(database_url)

            assert seen(database_url) == ("current", True, 0, None), run.last
            assert len({call.version for call in host.calls}) == 1
            twice += len(host.calls) - 1
            if not run.killed:
                break
        assert twice >= 1  # dead between the call and its commit
        assert twice <= 2
