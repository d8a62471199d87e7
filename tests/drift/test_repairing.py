"""Repair: the smallest change back to the truth, behind its rollout, never while money moves."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup.core.rollout import DRIFT_REPAIR

HOUR = timedelta(hours=1)

STANDING = "UPDATE standings SET standing = %(to)s WHERE customer_id = %(id)s"
LIFTED = (
    "UPDATE restrictions SET lifted_at = since WHERE customer_id = %(id)s AND lifted_at IS NULL"
)
FALSE = "UPDATE restrictions SET lifted_at = NULL, undone_at = NULL WHERE customer_id = %(id)s"
RUNG = "UPDATE cases SET rung = 'suspended' WHERE customer_id = %(id)s AND ending IS NULL"
WAKE = "UPDATE standings SET next_wake_at = NULL WHERE customer_id = %(id)s"
QUANTITY = "UPDATE subscriptions SET quantity = 7 WHERE customer_id = %(id)s"
PAST_DUE = "UPDATE subscriptions SET status = 'past_due' WHERE customer_id = %(id)s"
CARD = "UPDATE payment_methods SET exp_year = 2050, exp_month = 2 WHERE customer_id = %(id)s"


class TestARepair:
    @pytest.mark.parametrize(
        ("kind", "sql"),
        [
            ("payers", STANDING),
            ("debtors", RUNG),
            ("debtors", WAKE),
            ("payers", QUANTITY),
            ("payers", PAST_DUE),
        ],
        ids=["standing", "rung", "wake", "quantity", "status"],
    )
    def test_is_the_way_back_to_the_truth_and_nothing_more(self, business, kind, sql):
        business.let_in()
        id = business.id(kind, 0)
        business.pass_time()
        before = business.snapshot()
        business.edit(sql, id=id, to="soft")
        assert business.snapshot() != before
        assert set(business.confirm()) == {id}

        done = business.recoup.drift.repair()

        assert (done.repaired, done.task, done.waits) == (1, 0, 0)
        after = business.snapshot()
        if sql == RUNG:  # it stands there since it was put back
            assert after["case", 1].pop("rung_since") > before["case", 1].pop("rung_since")
        assert after == before
        assert business.scan() == {}
        assert business.scene.violations() == ()
        over = business.recoup.drift.findings(customer=id, ended=True)
        assert {one.state for one in over} == {"repaired"}
        assert business.recoup.drift.repair().repaired == 0

    def test_of_a_card_is_a_persons_because_it_would_count_as_a_new_one(self, business):
        business.let_in()
        business.edit(CARD, id=business.id("payers", 0))
        business.confirm()
        before = business.snapshot()

        assert business.recoup.drift.repair().task == 1
        assert business.snapshot() == before

    def test_takes_up_again_what_was_lifted_behind_the_engine(self, business):
        business.let_in()
        id = business.id("debtors", 0)
        business.edit(LIFTED, id=id)
        business.confirm()

        assert business.recoup.drift.repair().repaired == 1

        held = "SELECT consequence FROM restrictions WHERE customer_id = :id AND lifted_at IS NULL"
        assert len(business.scene.rows(held, id=id)) == 1
        assert business.scan() == {}
        assert business.scene.violations() == ()

    def test_puts_on_record_what_stood_there(self, business):
        business.let_in()
        id = business.id("payers", 0)
        business.edit(STANDING, id=id, to="soft")
        business.confirm()
        business.recoup.drift.repair()

        told = business.scene.rows(
            "SELECT type, actor, body FROM ledger_entries WHERE customer_id = :id "
            "AND subject = :subject ORDER BY seq DESC LIMIT 2",
            id=id, subject=f"standing:{id}",
        )  # fmt: skip
        assert [tuple(entry.values()) for entry in reversed(told)] == [
            ("standing.drifted", "unknown", '{"standing":["current","soft"]}'),
            ("standing.changed", "engine", '{"standing":["soft","current"]}'),
        ]

    @pytest.mark.parametrize("state", ["requested", "processing", "unknown", "action_required"])
    def test_waits_while_a_payment_is_under_way(self, business, state):
        business.let_in()
        id = business.id("debtors", 0)
        business.edit(STANDING, id=id, to="current")
        business.confirm()
        business.edit(
            "UPDATE attempts SET state = %(state)s, ended_at = NULL WHERE id = "
            "(SELECT max(id) FROM attempts WHERE customer_id = %(id)s)",
            id=id, state=state,
        )  # fmt: skip

        done = business.recoup.drift.repair()

        assert (done.repaired, done.waits) == (0, 1)
        assert business.scene.rows(
            "SELECT standing FROM standings WHERE customer_id = :id", id=id
        ) == [{"standing": "current"}]

    def test_is_not_made_before_it_has_lasted_and_was_seen_twice(self, business):
        business.let_in()
        business.edit(STANDING, id=business.id("payers", 0), to="soft")
        business.scan()
        assert business.recoup.drift.repair().repaired == 0
        business.scan()
        assert business.recoup.drift.repair().repaired == 0
        business.pass_time()
        business.scan()

        assert business.recoup.drift.repair().repaired == 1

    def test_is_not_made_where_the_rollout_is_off(self, business):
        id = business.id("payers", 0)
        business.edit(STANDING, id=id, to="soft")
        business.confirm()

        assert business.recoup.drift.repair().off == 1
        assert set(business.scan()) == {id}

    def test_is_only_worked_out_in_the_shadow(self, business):
        business.let_in(share="shadow")
        id = business.id("payers", 0)
        business.edit(STANDING, id=id, to="soft")
        business.confirm()
        before = business.snapshot()

        assert business.recoup.drift.repair().shadow == 1

        assert business.snapshot() == before
        seen = business.recoup.rollouts.get(DRIFT_REPAIR)
        assert (seen.decisions, seen.harmful) == (1, 0)

    def test_of_what_nothing_undoes_is_a_persons(self, business):
        business.let_in()
        id = business.id("debtors", 0)
        business.edit("DELETE FROM notices WHERE customer_id = %(id)s", id=id)
        business.confirm()

        assert business.recoup.drift.repair().task == 1

        tasks = business.scene.rows(
            "SELECT kind, detail FROM tasks WHERE customer_id = :id", id=id
        )
        assert {task["kind"] for task in tasks} >= {"drift"}

    def test_that_would_leave_something_different_is_not_made(self, business):
        """Who opened the case when can not be read off anything any more."""
        business.let_in()
        id = business.id("recovered", 0)
        business.edit(
            "UPDATE cases SET ended_at = ended_at + interval '1 hour' WHERE customer_id = %(id)s",
            id=id,
        )
        business.confirm()
        before = business.snapshot()

        assert business.recoup.drift.repair().task == 1
        assert business.snapshot() == before
        assert [one.state for one in business.recoup.drift.findings(customer=id)] == ["task"]

    def test_leaves_a_task_that_ends_when_the_difference_is_gone(self, business):
        business.let_in()
        id = business.id("recovered", 0)
        edit = "UPDATE cases SET ended_at = ended_at + %(by)s WHERE customer_id = %(id)s"
        business.edit(edit, id=id, by=HOUR)
        business.confirm()
        business.recoup.drift.repair()
        business.edit(edit, id=id, by=-HOUR)

        assert business.scan() == {}

        open_ = "SELECT count(*) AS n FROM tasks WHERE kind = 'drift' AND closed_at IS NULL"
        assert business.scene.rows(open_) == [{"n": 0}]
