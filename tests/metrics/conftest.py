from __future__ import annotations

import pytest

from recoup.testing.scene import Scene


@pytest.fixture
def scene(database_url, home):
    """An empty business; whatever the story, every invariant must hold when it ends."""
    with Scene.open(database_url, home) as opened:
        yield opened
        assert opened.violations() == ()
