"""Our own engine keeps its promises, with effects on the job queue."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text

from recoup.campaigns.builtin import Builtin, effect, key, upcoming
from recoup.jobs import queue
from recoup.testing.suites.campaigns import DAY, CampaignEngineConformance, campaign


def rows(engine):
    with engine.connect() as connection:
        return connection.execute(
            text("SELECT kind, key, due_at, state, reason FROM effects ORDER BY id")
        ).all()


class TestBuiltin(CampaignEngineConformance):
    @pytest.fixture
    def carrier(self):
        return Builtin()

    def coming(self, connection, campaign):
        keys = {key(campaign, step): step.key for step in campaign.steps}
        sql = "SELECT key FROM effects WHERE state = 'scheduled' AND key = ANY(:keys) ORDER BY 1"
        return [keys[found] for found in connection.scalars(text(sql), {"keys": list(keys)})]

    def test_brings_a_step_without_offset_up_at_once(self, engine, carrier):
        with engine.begin() as connection:
            carrier.start_campaign(connection, campaign())

        (row,) = rows(engine)
        assert (row.kind, row.due_at) == ("step", campaign().at)
        assert row.key == f"step:1:{campaign().anchor.isoformat()}:reminder"

    def test_brings_a_later_first_step_up_when_it_is_due(self, engine, carrier):
        late = replace(campaign(), steps=campaign().steps[1:])
        with engine.begin() as connection:
            carrier.start_campaign(connection, late)

        assert [row.due_at for row in rows(engine)] == [campaign().anchor + 5 * DAY]

    def test_removes_every_step_that_waits_however_many(self, engine, carrier):
        every = [effect(campaign(), step) for step in campaign().steps]
        with engine.begin() as connection:
            queue.enqueue(connection, every, now=campaign().at)
            carrier.cancel_campaign(connection, campaign())

        assert {(row.state, row.reason) for row in rows(engine)} == {
            ("canceled", "the campaign is over")
        }
        assert len(rows(engine)) == 3

    def test_takes_a_whole_batch_on_and_calls_it_off(self, engine, carrier):
        batch = [campaign(case) for case in range(1, 101)]
        with engine.begin() as connection:
            carrier.start_campaigns(connection, batch)
        assert len(rows(engine)) == 100

        with engine.begin() as connection:
            carrier.cancel_campaigns(connection, batch)

        assert {row.state for row in rows(engine)} == {"canceled"}


class TestTheStepThatComesNext:
    @pytest.mark.parametrize(
        ("after", "days", "then"),
        [
            pytest.param("reminder", 0, "action_required", id="the one behind"),
            pytest.param("reminder", 5, "final_notice", id="not one whose time has come too"),
            pytest.param("final_notice", 21, None, id="none behind the last"),
            pytest.param("gone", 6, "final_notice", id="by time where the step is gone"),
        ],
    )
    def test_is(self, after, days, then):
        found = upcoming(campaign(), after, campaign().anchor + days * DAY)

        assert (None if found is None else found.key) == then
