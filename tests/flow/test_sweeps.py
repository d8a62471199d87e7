from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from recoup import work
from recoup.jobs.clocks import FixedClock
from recoup.jobs.loop import OurDesk
from recoup.processors.fake import NO_FUNDS, Declines
from recoup.testing.scene import Scene

DAY = timedelta(days=1)


class TestTheFullSweep:
    def test_finds_a_customer_whose_wake_up_was_lost(self, database_url, home):
        with Scene.open(database_url, home) as scene:
            ada = scene.subscriber(Declines(NO_FUNDS))
            failed = scene.until_failed(ada)
            with scene.recoup.database.begin() as connection:
                connection.execute(text("UPDATE standings SET next_wake_at = NULL"))
            scene.clock.set(failed + 6 * DAY)
            assert scene.recoup.sweep().seen == 0

            clocks = {
                each.name: each
                for each in work.recurring(scene.recoup.engine, scene.recoup.absorb_stored)
            }
            clocks["full_sweep"].run(
                OurDesk(scene.recoup.database, scene.clock, scene.recoup.handlers)
            )

            (found,) = scene.rows("SELECT next_wake_at FROM standings")
            assert found["next_wake_at"] is not None
            steps = [n["step"] for n in scene.rows("SELECT step FROM notices ORDER BY id")]
            assert steps == ["reminder", "action_required"]

    def test_walks_over_everybody_in_batches(self, engine):
        with engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO customers (processor, processor_id, created_at) "
                    "SELECT 'fake', 'cus_' || n, now() FROM generate_series(1, 2500) n"
                )
            )

        sizes = [len(ids) for ids in work.everybody(engine)]

        assert sizes == [1000, 1000, 500]


class TestTheSweep:
    def test_ends_when_nobody_is_due(self, database_url, home):
        with Scene.open(database_url, home) as scene:
            ada = scene.subscriber(Declines(NO_FUNDS))
            failed = scene.until_failed(ada)
            later = FixedClock(failed + 3 * DAY)

            first = work.sweep_all(
                OurDesk(scene.recoup.database, later, scene.recoup.handlers), scene.recoup.engine
            )
            second = work.sweep_all(
                OurDesk(scene.recoup.database, later, scene.recoup.handlers), scene.recoup.engine
            )

            assert (first.seen, second.seen) == (1, 0)
