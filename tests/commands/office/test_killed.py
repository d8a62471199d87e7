"""A process that dies at any step of a command: what it began is ended once, or refused."""

from __future__ import annotations

from datetime import timedelta

import pytest
from probes import call, made, make, opened, order

from recoup.errors import Rejected
from recoup.processors.fake import START
from recoup.testing.crash import Work, Workers, abandon

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def workers():
    return Workers()


@pytest.fixture
def world(new_database, tmp_path):
    """Make places to work in, each on a database of its own."""

    def make_place(name):
        home = tmp_path / name
        home.mkdir()
        return Work(new_database(), home / "books.sqlite3", home, START)

    return make_place


def afterwards(where, after, *, by_worker):
    """Come back `after` that; return the result or None, who knows of it, and what was done."""
    abandon(where.database_url)
    with opened(where.database_url, where.home, books=where.books, start=START + after) as scene:
        scene.fake.advance(START + after)
        if by_worker:
            scene.recoup.worker().tick()
            scene.pace.settle()
        known = [row["state"] for row in scene.rows("SELECT state FROM commands")]
        try:
            result = make(scene.recoup.office, key="k")
        except Rejected:
            result = None  # it never arrived, and its key is too old
        scene.pace.settle()
        assert scene.violations() == ()
        return result, known, made(scene.fake)


class TestACaller:
    def test_passes_every_step_when_nobody_kills_it(self, workers, world):
        run = workers.run(world("unhurt"), doing=call)

        assert not run.killed
        assert [step.rpartition(" ")[2] for step in run.steps].count("received") == 1

    @pytest.mark.parametrize("by_worker", [True, False], ids=["a worker", "the next call"])
    @pytest.mark.parametrize("after", [timedelta(0), 25 * HOUR], ids=["at once", "25 h later"])
    def test_killed_at_any_step_has_its_customer_made_once(self, workers, world, after, by_worker):
        graves = []
        for step in range(1, 100):
            where = world(f"step{step}")
            run = workers.run(where, kill_at=step, doing=call)
            if not run.killed:
                break
            graves.append(run.steps[-1])
            result, known, deeds = afterwards(where, after, by_worker=by_worker)

            assert deeds == (result is not None), run.last
            assert set(known) <= ({"done", "refused"} if by_worker else set(known)), run.last
            if after < 20 * HOUR:
                assert result is not None, run.last
        assert len(graves) >= 9
        assert any(grave.endswith("received") for grave in graves)
        assert any(grave.endswith("done") for grave in graves)


class TestAHost:
    @pytest.mark.parametrize("by_worker", [True, False], ids=["a worker", "the next call"])
    def test_killed_before_its_commit_asked_for_nothing(self, workers, world, by_worker):
        where = world("before")
        run = workers.run(where, kill_at=1, doing=order)
        _, known, deeds = afterwards(where, timedelta(0), by_worker=by_worker)

        assert (run.killed, run.steps) == (True, ("recorded",))
        assert known == []
        assert deeds == 1  # by the call that came afterwards, which is a new one

    @pytest.mark.parametrize("by_worker", [True, False], ids=["a worker", "the next call"])
    def test_killed_right_after_its_commit_gets_what_it_asked_for_once(
        self, workers, world, by_worker
    ):
        where = world("after")
        run = workers.run(where, kill_at=2, doing=order)
        result, known, deeds = afterwards(where, timedelta(0), by_worker=by_worker)

        assert (run.killed, run.steps) == (True, ("recorded", "committed"))
        assert known == (["done"] if by_worker else ["recorded"])
        assert result.startswith("cus_")
        assert deeds == 1

    def test_killed_at_any_step_after_it_gets_that_too(self, workers, world):
        for step in range(3, 100):
            where = world(f"step{step}")
            run = workers.run(where, kill_at=step, doing=order)
            if not run.killed:
                break
            result, _, deeds = afterwards(where, timedelta(0), by_worker=True)

            assert (deeds, result is not None) == (1, True), run.last
        assert step > 8
