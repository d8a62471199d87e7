"""A policy that is let in stage by stage, and taken back: through the loop and the front door."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from recoup.core.policy import DAY, DEFAULT, HOUR, Choice, Policies, Rung, Step
from recoup.core.rollout import SOONER
from recoup.errors import InvalidValue, NotFound, NotPossible
from recoup.processors.fake import NO_FUNDS, Declines
from recoup.testing.scene import Scene

HASTY = replace(
    DEFAULT,
    key="hasty",
    ladder=(
        Rung("reminded", timedelta(0), ("notify",)),
        Rung("soft", 4 * DAY, ("restrict_features",)),
        Rung("ended", 28 * DAY, ("cancel",)),
    ),
    steps=(Step("reminder", timedelta(0), "dunning_reminder", announces="ended"),),
)
#: As the default one, with another word in a step's key.
KIND = replace(DEFAULT, key="kind")
NAME = "policy:kind/1"
HARMFUL = "policy:hasty/1"
POLICIES = Policies((Choice(HASTY, rollout=HARMFUL), Choice(KIND, rollout=NAME), Choice(DEFAULT)))
POLICY = "SELECT c.policy FROM cases c WHERE c.customer_id = :id"
SHADOWS = "SELECT customer_id, harm FROM shadows WHERE rollout = :name ORDER BY 1"


@pytest.fixture
def scene(database_url, home):
    with Scene.open(database_url, home, policies=POLICIES, rollout_sample=1) as made:
        yield made


def failed(scene, number=2):
    """Sign people up whose first renewal fails; return our ids of them, a month later."""
    who = [scene.subscriber(Declines(NO_FUNDS)) for _ in range(number)]
    scene.pace.until(scene.now + 31 * DAY + 2 * HOUR, at_least=6 * HOUR)
    return [scene.customer_id(one) for one in who]


def policies(scene, ids):
    return [scene.rows(POLICY, id=id)[0]["policy"] for id in ids]


class TestTheShadow:
    def test_is_recorded_and_does_nothing(self, scene):
        scene.recoup.rollouts.widen(NAME, reason="try it")
        ids = failed(scene)

        assert policies(scene, ids) == ["default/1", "default/1"]
        rows = scene.rows(SHADOWS, name=NAME)
        assert {row["customer_id"] for row in rows} == set(ids)
        assert all(row["harm"] == [] for row in rows)
        seen = scene.recoup.rollouts.get(NAME)
        assert (seen.stage, seen.harmful) == ("shadow", 0)
        assert seen.decisions == len(rows) > 0
        assert scene.violations() == ()

    def test_is_not_worked_out_while_the_rollout_is_off(self, scene):
        failed(scene, 1)

        assert scene.rows(SHADOWS, name=NAME) == []

    def test_that_shows_harm_keeps_the_rollout_from_going_on(self, scene):
        rollouts = scene.recoup.rollouts
        rollouts.widen(HARMFUL, reason="try it")
        (id,) = failed(scene, 1)
        scene.pace.until(scene.now + 6 * DAY, at_least=6 * HOUR)

        assert rollouts.get(HARMFUL).harmful > 0
        with pytest.raises(NotPossible, match="would have done harm"):
            rollouts.widen(HARMFUL, reason="go on")

        assert rollouts.get(HARMFUL).stage == "shadow"
        assert {one.harm for one in rollouts.harmful(HARMFUL)} == {(SOONER,)}
        assert {one.customer_id for one in rollouts.harmful(HARMFUL)} == {id}

    def test_that_has_shown_too_little_does_too(self, scene):
        scene.recoup.rollouts.widen(NAME, reason="try it")

        with pytest.raises(NotPossible, match="only 0 of 1 decisions"):
            scene.recoup.rollouts.widen(NAME, reason="go on")


class TestARollout:
    def let_in(self, scene, *, to="100"):
        """Widen from the shadow to a stage, with what it has shown by then."""
        rollouts = scene.recoup.rollouts
        while rollouts.get(NAME).stage != to:
            rollouts.widen(NAME, reason="all is well")

    def test_is_for_whom_it_names_first(self, scene):
        rollouts = scene.recoup.rollouts
        rollouts.widen(NAME, reason="try it")
        early = failed(scene, 1)
        who = [scene.subscriber(Declines(NO_FUNDS)) for _ in range(2)]
        named, other = map(scene.customer_id, who)
        rollouts.name(NAME, [named], reason="our own")
        self.let_in(scene, to="named")
        scene.pace.until(scene.now + 32 * DAY, at_least=6 * HOUR)

        assert policies(scene, [*early, named, other]) == ["default/1", "kind/1", "default/1"]
        assert scene.violations() == ()

    def test_is_taken_back_from_everybody_at_once(self, scene):
        rollouts = scene.recoup.rollouts
        rollouts.widen(NAME, reason="try it")
        (old,) = failed(scene, 1)
        self.let_in(scene)
        new = scene.customer_id(scene.subscriber(Declines(NO_FUNDS)))
        scene.pace.until(scene.now + 32 * DAY, at_least=6 * HOUR)
        assert policies(scene, [old, new]) == ["default/1", "kind/1"]

        scene.recoup.acting_as("cli:ann").rollouts.rollback(NAME, reason="it looks wrong")
        scene.pace.settle()

        assert policies(scene, [old, new]) == ["default/1", "default/1"]
        assert rollouts.get(NAME).stage == "off"
        newest = rollouts.moves(NAME)[0]
        assert (newest.source, newest.target, newest.actor) == ("100", "off", "cli:ann")
        assert newest.reason == "it looks wrong"
        assert scene.violations() == ()

    def test_begins_anew_after_it_was_taken_back(self, scene):
        rollouts = scene.recoup.rollouts
        rollouts.widen(NAME, reason="try it")
        failed(scene, 1)
        rollouts.rollback(NAME, reason="another look")

        rollouts.widen(NAME, reason="once more")

        assert (rollouts.get(NAME).stage, rollouts.get(NAME).decisions) == ("shadow", 0)

    def test_drops_nobody_who_is_named(self, scene):
        rollouts = scene.recoup.rollouts
        rollouts.widen(NAME, reason="try it")
        first, second = (scene.customer_id(scene.subscriber()) for _ in range(2))

        rollouts.name(NAME, [first], reason="a")
        rollouts.name(NAME, [second], reason="b")

        assert rollouts.get(NAME).named == (first, second)

    @pytest.mark.parametrize("name", ["policy:other/1", "timer:payday"])
    def test_is_refused_where_there_is_nothing_to_let_in(self, scene, name):
        with pytest.raises(NotPossible, match="no policy in use is under it"):
            scene.recoup.rollouts.widen(name, reason="try it")

    def test_that_nobody_moved_is_off(self, scene):
        rollouts = scene.recoup.rollouts

        never = rollouts.get("drift_repair")
        assert (never.stage, never.since) == ("off", None)
        assert never in rollouts.list()
        assert rollouts.moves("drift_repair") == ()
        assert rollouts.harmful("drift_repair") == ()
        with pytest.raises(NotFound):
            rollouts.get("timer:payday")

    def test_needs_a_name_and_a_reason(self, scene):
        with pytest.raises(InvalidValue, match="expected drift_repair"):
            scene.recoup.rollouts.widen("everything", reason="try it")
        with pytest.raises(InvalidValue, match="reason"):
            scene.recoup.rollouts.widen(NAME, reason=" ")
        with pytest.raises(NotFound):
            scene.recoup.rollouts.rollback(NAME, reason="try it")
