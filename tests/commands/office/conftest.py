from __future__ import annotations

import pytest
from probes import opened


@pytest.fixture
def requests():
    """What the processor received and did, as it is told: (step, key)."""
    return []


@pytest.fixture
def scene(database_url, home, requests):
    with opened(database_url, home, watch=lambda *told: requests.append(told)) as scene:
        yield scene
        assert scene.violations() == ()
