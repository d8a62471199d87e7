"""What brings a customer up is recorded and decides nothing; and whom nobody could decide on."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup.core.states import Trigger
from recoup.errors import NotPossible
from recoup.processors.fake import Declines, Pays
from recoup.recompute import recompute as decide_on
from recoup.recompute.loop import PATIENCE
from recoup.testing.scene import Scene

DAY = timedelta(days=1)


@pytest.fixture
def scene(database_url, home):
    with Scene.open(database_url, home) as opened:
        yield opened
        opened.pace.settle()
        assert opened.violations() == ()


@pytest.fixture
def debtor(scene):
    who = scene.subscriber(payer=Declines())
    scene.live(days=32)
    return who


def triggers(scene):
    return [row["trigger"] for row in scene.rows("SELECT trigger FROM runs ORDER BY id")]


class TestATrigger:
    def test_decides_nothing(self, scene, debtor):
        """The same account brought up by each of them in turn: the same changes."""
        scene.clock.advance(5 * DAY)
        scene.fake.advance(scene.now)
        recoup, id = scene.recoup, scene.customer_id(debtor)
        found = {}
        for trigger in Trigger:
            with recoup.database.connect() as connection, connection.begin() as transaction:
                run = decide_on(
                    connection, [id], engine=recoup.engine, trigger=trigger, now=scene.now
                )
                found[trigger] = [change.words for change in run.changes[id]]
                transaction.rollback()

        assert len(found[Trigger.CLOCK]) > 1
        assert all(words == found[Trigger.CLOCK] for words in found.values())

    def test_names_a_payment_that_failed(self, scene, debtor):
        assert "payment_failed" in triggers(scene)

    def test_names_what_was_given_up(self, scene, debtor):
        (row,) = scene.rows("SELECT processor_id FROM invoices WHERE status = 'open'")
        scene.fake.mark_uncollectible(row["processor_id"])
        scene.pace.settle()

        assert "marked_uncollectible" in triggers(scene)

    def test_names_the_clock(self, scene, debtor):
        scene.live(days=6)

        assert "clock" in triggers(scene)

    def test_names_a_person(self, scene, debtor):
        scene.clock.advance(5 * DAY)
        scene.fake.advance(scene.now)
        scene.recoup.dunning.recompute_now(debtor.customer, reason="asked")

        assert triggers(scene)[-1] == "operator_recompute"

    def test_names_any_other_news(self, scene, debtor):
        scene.fake.update_method(debtor.method, payer=Pays())
        scene.live(days=5)

        assert "event" in triggers(scene) or "attempt" in triggers(scene)


class TestAParkedCustomer:
    def spoil(self, scene, policy):
        with scene.recoup.database.begin() as connection:
            connection.exec_driver_sql(f"UPDATE cases SET policy = '{policy}'")

    def trouble(self, scene):
        (row,) = scene.rows("SELECT run_state, failures, next_wake_at FROM standings")
        return row

    def test_is_a_task_until_a_person_has_them_decided_on(self, scene, debtor):
        id, ann = scene.customer_id(debtor), scene.recoup.acting_as("cli:ann").dunning
        self.spoil(scene, "gone/9")
        for _ in range(PATIENCE):
            scene.recoup.recompute([id])

        assert self.trouble(scene)["run_state"] == "parked"
        (task,) = scene.rows("SELECT kind, detail, closed_at FROM tasks")
        assert (task["kind"], task["closed_at"]) == ("parked", None)
        assert f"recoup recompute {id}" in task["detail"]
        made = ann.recompute_now(id, reason="is it mended?")
        assert "gone/9" in made.failed
        assert len(scene.rows("SELECT 1 FROM tasks")) == 1

        self.spoil(scene, "default/1")
        made = ann.recompute_now(id, reason="it is mended")

        assert made.failed is None
        assert self.trouble(scene)["run_state"] == "ok"
        assert scene.rows("SELECT 1 FROM tasks WHERE closed_at IS NULL") == []

    def test_can_not_have_their_policy_changed_where_nothing_can_be_read(self, scene, debtor):
        (case,) = scene.rows("SELECT id FROM cases")
        (row,) = scene.rows("SELECT DISTINCT status FROM subscriptions")
        self.write(scene, "odd")

        with pytest.raises(NotPossible, match="rows can not be read"):
            scene.recoup.dunning.change_policy(case["id"], "default/1", reason="x")

        self.write(scene, row["status"])

    def write(self, scene, status):
        """Write what no processor of ours says, past all that checks it; or what it was."""
        with scene.recoup.database.begin() as connection:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            connection.exec_driver_sql(f"UPDATE subscriptions SET status = '{status}'")
