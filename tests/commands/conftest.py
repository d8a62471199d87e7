from __future__ import annotations

import pytest

from recoup.testing.scene import Scene


@pytest.fixture
def scene(database_url, home):
    """An empty business; whatever people do, every invariant must hold when it ends."""
    with Scene.open(database_url, home) as opened:
        yield opened
        opened.pace.settle()
        assert opened.violations() == ()


@pytest.fixture
def ada(scene) -> str:
    """A customer with an address and no way to pay; the processor's id."""
    made = scene.fake.create_customer(email="ada@example.com", name="Ada", country="DE")
    scene.pace.settle()
    return made


@pytest.fixture
def card(scene, ada) -> str:
    """Ada's default card, which pays; the processor's id."""
    made = scene.fake.attach_method(ada, fingerprint="ada's card", country="DE")
    scene.pace.settle()
    return made


@pytest.fixture
def ann(scene):
    """What may be decided about debts, in an operator's name."""
    return scene.recoup.acting_as("cli:ann").dunning
