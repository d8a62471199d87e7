"""Events that a person has taken in again."""

from __future__ import annotations

import pytest

from recoup.commands.replays import MOST, NAMED
from recoup.errors import InvalidValue, NotFound


def states(scene):
    return {r["id"]: r["state"] for r in scene.rows("SELECT id, state FROM inbox ORDER BY id")}


def standings(scene):
    return scene.rows("SELECT * FROM standings"), scene.rows("SELECT * FROM invoices")


class TestAReplay:
    def test_is_rehearsed_and_made_and_changes_nothing_that_was_applied(self, scene, ann):
        scene.subscriber()
        ended, before = states(scene), standings(scene)
        ids = list(ended)

        told = ann.replay(ids[:2], reason="was it read rightly?", dry_run=True)
        assert states(scene) == ended
        made = ann.replay(ids[:2], reason="was it read rightly?")

        assert told.changes == made.changes
        assert told.changes[0].startswith(f"absorb event {ids[0]} (")
        assert states(scene) == ended | dict.fromkeys(ids[:2], "received")
        scene.pace.settle()
        assert {id: state for id, state in states(scene).items() if id in ended} == ended
        assert standings(scene) == before

    def test_is_on_record_with_the_events_it_names(self, scene, ann):
        scene.subscriber()

        ann.replay([2, 1, 1], reason="why not")

        (row,) = scene.rows("SELECT actor, args FROM commands WHERE kind = 'dunning.replay'")
        assert (row["actor"], row["args"]) == (
            "cli:ann", {"events": "1 2", "reason": "why not"},
        )  # fmt: skip

    def test_of_one_that_is_not_there_replays_none(self, scene, ann):
        scene.subscriber()
        ended = states(scene)
        for dry_run in (True, False):
            with pytest.raises(NotFound, match="no event 4711"):
                ann.replay([1, 4711], reason="x", dry_run=dry_run)

        assert states(scene) == ended

    def test_names_some_and_no_more_than_a_thousand(self, scene, ann):
        for ids in ([], list(range(1, MOST + 2))):
            with pytest.raises(InvalidValue, match=r"1 to 1,000"):
                ann.replay(ids, reason="x")

    def test_of_many_tells_the_first_and_how_many_more(self, scene, ann):
        for _ in range(6):
            scene.subscriber()
        ids = list(states(scene))
        assert len(ids) > NAMED

        told = ann.replay(ids, reason="x", dry_run=True)

        assert len(told.changes) == NAMED + 1
        assert told.changes[-1] == f"and {len(ids) - NAMED} more"
