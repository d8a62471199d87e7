from __future__ import annotations

import pytest
from stripe_clerk import Clerk
from stripe_house import House, town


@pytest.fixture
def clerk():
    """Sees every request that reaches Stripe, and insists that no key is used when it is old."""
    made = Clerk()
    yield made
    assert made.late == []


@pytest.fixture
def server(clerk):
    """Stripe, played over HTTP, with a world of its own."""
    with town(watch=clerk) as server:
        clerk.now = lambda: server.fake.now
        yield server


@pytest.fixture
def house(database_url, home, server):
    """A whole installation behind its front door."""
    with House.of(database_url, home, server) as house:
        yield house
