from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import awaited
import pytest
from awaited import End

from recoup.testing.scene import Scene


@pytest.fixture
def scene(database_url, home) -> Iterator[Scene]:
    with Scene.open(database_url, home) as scene:
        yield scene
        assert scene.violations() == ()


@pytest.fixture
def sorted_out(scene) -> Callable[..., Counter[str]]:
    def sort(**outcomes: Callable[[End], bool]) -> Counter[str]:
        """Let everything end that goes on; return how many came to which of the `outcomes`."""
        scene.pace.settle()
        assert scene.violations() == ()
        assert len(scene.outbox.ids) == len(set(scene.outbox.ids))
        found: Counter[str] = Counter()
        for end in awaited.ends(scene):
            fit = [name for name, fits in outcomes.items() if fits(end)]
            assert len(fit) == 1, f"{fit or 'none'} of {list(outcomes)}: {end}"
            found[fit[0]] += 1
        return found

    return sort
