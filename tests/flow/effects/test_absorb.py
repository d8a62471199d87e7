from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from recoup.jobs.base import QUEUES
from recoup.processors.fake import Broke, Fault
from recoup.testing.scene import Scene

DAY = timedelta(days=1)


class TestAbsorb:
    def test_takes_up_a_payment_that_waited_for_an_attempt_once_that_is_called_off(
        self, database_url, home
    ):
        with Scene.open(database_url, home) as scene:
            ada = scene.subscriber(Broke(payday=scene.now + 32 * DAY, lasts=20 * DAY))
            failed = scene.until_failed(ada)
            (invoice,) = scene.rows("SELECT id, processor_id FROM invoices WHERE status = 'open'")
            scene.fake.advance(failed + 4 * DAY)
            scene.clock.set(failed + 4 * DAY)
            scene.recoup.sweep()  # a try is intended, and not made yet
            scene.fake.customer_pays(invoice["processor_id"])
            scene.pace.listen()
            waiting = scene.rows("SELECT waiting_for FROM inbox WHERE state = 'waiting'")
            assert f"attempt:{invoice['id']}" in {row["waiting_for"] for row in waiting}

            ran = scene.recoup.worker(QUEUES).drain()

            assert ran["absorb"] == 1
            states = scene.rows(
                "SELECT origin, state FROM attempts WHERE invoice_id = :id ORDER BY id",
                id=invoice["id"],
            )
            assert [row["state"] for row in states] == ["declined", "canceled", "succeeded"]
            assert scene.violations() == ()

    def test_is_not_asked_for_when_nothing_waits(self, database_url, home):
        with Scene.open(database_url, home) as scene:
            ada = scene.subscriber(Broke(payday=scene.now + 33 * DAY, lasts=20 * DAY))
            scene.until_failed(ada)
            scene.fake.add_fault(Fault("outage"))
            scene.live(days=8)

            with scene.recoup.database.connect() as connection:
                kinds = connection.execute(text("SELECT DISTINCT kind FROM effects")).scalars()
                assert "absorb" not in set(kinds)
