from __future__ import annotations

import pytest
from mailed import Town


@pytest.fixture
def make(database_url, home):
    """Open a town with every type switched on; whatever happens, every invariant holds."""
    opened = []

    def open_(**settings):
        opener = Town.open(database_url, home, **{"mail_off": (), **settings})
        opened.append((opener, opener.__enter__()))
        return opened[-1][1]

    yield open_
    for opener, town in opened:
        try:
            assert town.violations() == ()
        finally:
            opener.__exit__(None, None, None)


@pytest.fixture(params=["told", "backwards"])
def town(make, request):
    """The last news of a story comes as it was told, or backwards; then all of it again."""
    made = make()
    made.order = request.param
    return made
