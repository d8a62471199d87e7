"""A few simulated payers, and everything that may collect from them."""

from __future__ import annotations

import pytest

from recoup.core.policy import Policies
from recoup.reference import load_rules
from recoup.simulation import contenders, engine, world
from recoup.simulation.contenders import DEFAULT_NAME
from recoup.simulation.payers import draw


@pytest.fixture(scope="session")
def compared():
    return contenders(engine(DEFAULT_NAME, Policies(), load_rules()))


@pytest.fixture(scope="session")
def named(compared):
    """Give a contender by its name."""
    return {one.name: one for one in compared}


@pytest.fixture(scope="session")
def payers():
    return [draw(world("mixed"), 7, number) for number in range(400)]
