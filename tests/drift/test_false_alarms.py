"""On what the engine itself has made there is nothing to find, at any time, whatever happened."""

from __future__ import annotations

import pytest

from recoup.testing.histories import History
from recoup.testing.scene import Scene


def alarms(scene, **more):
    scene.recoup.drift.scan(thorough=True, **more)
    return scene.recoup.drift.findings()


def lived(url, home, seed, steps):
    """Live through a random history and scan on the way and at its rest; return all findings."""
    with Scene.open(url, home, seed=seed) as scene:
        history = History(scene, seed)
        found = []
        for _ in range(steps // 10):
            history.play(10)
            found += alarms(scene)
        history.rest()
        return [*found, *alarms(scene, processor=True)]


class TestAScan:
    @pytest.mark.parametrize("seed", [3, 11])
    def test_finds_nothing_in_a_random_history(self, database_url, home, seed):
        assert lived(database_url, home, seed, 40) == []

    @pytest.mark.long
    @pytest.mark.parametrize("seed", range(200, 230))
    def test_finds_nothing_in_many_random_histories(self, database_url, home, seed):
        assert lived(database_url, home, seed, 100) == []
