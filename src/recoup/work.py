"""
What workers do: kinds of effects to functions, and what recurs.

Adding a kind is a file in `effects/` and its line in `EFFECTS`; adding something that recurs is a
line here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from recoup.effects import EFFECTS
from recoup.effects.base import World
from recoup.jobs import queue
from recoup.jobs.base import Desk, Handlers
from recoup.jobs.clocks import Recurring
from recoup.recompute import Engine, Run, sweep

#: Customers per sweep: one transaction, one read of each store.
SWEEP: Final = 1000
#: Done and canceled effects are kept for as long as somebody may ask.
KEPT: Final = timedelta(days=90)


def handlers(world: World) -> Handlers:
    """Return how every kind of effect is run."""
    return {kind: make(world) for kind, make in EFFECTS.items()}


def recurring(engine: Engine, absorb: Callable[[], object]) -> tuple[Recurring, ...]:
    """Return what is done again and again: look at who is due, finish what a crash left."""

    def look(desk: Desk) -> None:
        sweep_all(desk, engine)

    def finish(_: Desk) -> None:
        absorb()

    return (
        Recurring("sweep", timedelta(seconds=10), look),
        Recurring("absorb", timedelta(minutes=1), finish),
        Recurring("prune", timedelta(days=1), _prune),
    )


def sweep_all(desk: Desk, engine: Engine) -> Run:
    """Recompute everybody who is due now, batch by batch, a transaction each."""
    total = Run()
    now = desk.now()
    while True:
        with desk.engine.begin() as connection:
            run = sweep(connection, engine=engine, now=now, limit=SWEEP)
        total.seen += run.seen
        total.changes |= run.changes
        total.failed |= run.failed
        if run.seen < SWEEP:
            return total


def _prune(desk: Desk) -> None:
    before = desk.now() - KEPT
    while True:
        with desk.engine.begin() as connection:
            if not queue.prune(connection, before):
                return
