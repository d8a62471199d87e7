"""The example: another system says when a step is to go out, and our guard decides."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module

import pytest
from sqlalchemy import text

from recoup.errors import ConfigError, NotFound, NotPossible
from recoup.processors.fake import NO_FUNDS, Declines
from recoup.testing.scene import Scene
from recoup.testing.suites.campaigns import CampaignEngineConformance

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


class TestHandover(CampaignEngineConformance):
    @pytest.fixture
    def carrier(self, example):
        return import_module("engine").Handover()

    def coming(self, connection, campaign):
        sql = "SELECT args ->> 'steps' FROM effects WHERE key = :key AND state = 'scheduled'"
        found = connection.scalar(text(sql), {"key": f"handover:start:{campaign.id}"})
        return [one.partition("=")[0] for one in found.split(",")] if found else []


@pytest.fixture
def scene(database_url, home, example):
    given = {"campaign_engine": "engine:Handover", "campaign_patience_hours": 24}
    with Scene.open(database_url, home, **given) as opened:
        yield opened
        assert opened.violations() == ()


@pytest.fixture
def ada(scene):
    """Her renewal has failed at 1 in the morning, and it is ten by now."""
    who = scene.subscriber(Declines(NO_FUNDS))
    scene.live(days=31, hours=10)
    return who


def steps(scene):
    sql = "SELECT step, state, reason FROM notices ORDER BY due_at"
    return [(n["step"], n["state"], n["reason"]) for n in scene.rows(sql)]


def case(scene):
    (found,) = scene.rows("SELECT id, anchor, engine FROM cases")
    return found


class TestACaseThatAnotherSystemCarries:
    def test_has_no_step_placed_by_us(self, scene, ada):
        assert case(scene)["engine"] == "engine:Handover"
        assert (steps(scene), scene.outbox.messages) == ([], [])

    def test_has_its_notice_when_it_is_asked_for(self, scene, ada):
        found = scene.recoup.dunning.send_step(case(scene)["id"], "reminder")
        scene.pace.settle()

        assert found.state == "scheduled"
        assert steps(scene) == [("reminder", "sent", None)]
        assert len(scene.outbox.messages) == 1

    def test_has_it_once_however_often_it_is_asked_for(self, scene, ada):
        for _ in range(3):
            scene.recoup.dunning.send_step(case(scene)["id"], "reminder")
            scene.pace.settle()

        found = scene.recoup.dunning.send_step(case(scene)["id"], "reminder")
        assert found.state == "sent"
        assert len(scene.outbox.messages) == 1

    def test_has_it_all_the_same_when_nobody_asks_for_a_day(self, scene, ada):
        scene.pace.until(case(scene)["anchor"] + DAY - HOUR)
        assert steps(scene) == []

        scene.pace.until(case(scene)["anchor"] + 2 * DAY)

        assert steps(scene) == [("reminder", "sent", None)]

    def test_waits_for_the_day_of_a_step_that_is_asked_for_too_early(self, scene, ada):
        early = scene.recoup.dunning.send_step(case(scene)["id"], "action_required")
        assert early.state == "waiting"
        scene.pace.until(case(scene)["anchor"] + 4 * DAY)
        assert "action_required" not in {step for step, *_ in steps(scene)}

        scene.pace.until(case(scene)["anchor"] + 5 * DAY + 9 * HOUR)

        assert ("action_required", "sent", None) in steps(scene)

    def test_reaches_its_end_with_every_notice_by_patience_alone(self, scene, ada):
        scene.live(days=60)

        (over,) = scene.rows("SELECT ending FROM cases")
        assert over == {"ending": "exhausted"}
        assert [state for _, state, _ in steps(scene)] == ["sent"] * 4


class TestAskingForAStep:
    def test_of_another_campaign_is_refused(self, scene, ada):
        with pytest.raises(NotPossible, match="is over; the present one began"):
            scene.recoup.dunning.send_step(
                case(scene)["id"], "reminder", anchor=case(scene)["anchor"] - DAY
            )

    def test_that_the_policy_does_not_have_is_refused(self, scene, ada):
        with pytest.raises(NotFound, match="has no step 'remainder'"):
            scene.recoup.dunning.send_step(case(scene)["id"], "remainder")

    def test_of_no_case_is_refused(self, scene):
        with pytest.raises(NotFound):
            scene.recoup.dunning.send_step(99, "reminder")

    def test_says_what_the_guard_waits_for(self, scene, ada):
        id = case(scene)["id"]
        scene.pace.until(case(scene)["anchor"] + 20 * HOUR)  # outside contact hours
        scene.recoup.dunning.send_step(id, "reminder")
        scene.pace.settle()

        found = scene.recoup.dunning.send_step(id, "reminder")

        assert (found.state, found.reason) == ("deferred", "outside contact hours")
        assert found.until.hour == 8


class TestAnEngineThatCanNotBeMade:
    @pytest.mark.parametrize("name", ["nowhere:Handover", "engine:Missing", "json:dumps"])
    def test_is_an_error_at_the_start(self, database_url, home, example, name):
        with (
            pytest.raises(ConfigError, match="RECOUP_CAMPAIGN_ENGINE"),
            Scene.open(database_url, home, campaign_engine=name),
        ):
            pass
