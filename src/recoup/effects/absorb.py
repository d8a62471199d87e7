"""
Absorbs what is stored and waits: an event that waited for an attempt of ours to have its answer.

The same is done every minute; this is sooner.
"""

from __future__ import annotations

from collections.abc import Sequence

from recoup.effects.base import World
from recoup.jobs.base import Claim, Desk, Done, Handler


def handler(world: World) -> Handler:
    """Return how effects of kind `absorb` are run."""

    def run(claims: Sequence[Claim], desk: Desk) -> None:
        world.absorb()
        with desk.engine.begin() as connection:
            desk.settle(connection, dict.fromkeys(claims, Done()))

    return Handler(run)
