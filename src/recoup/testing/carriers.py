"""
What a carrier promises, as tests.

Subclass `CarrierConformance` and give it the fixtures `engine`, `carrier`, `broken` and `fleet`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from sqlalchemy import Engine

from recoup.jobs.base import Claim, Desk, Done, Handler, Handlers, NewEffect
from recoup.jobs.carriers.base import Carrier
from recoup.jobs.clocks import SystemClock
from recoup.jobs.listing import EffectRow, listing
from recoup.jobs.queue import enqueue

KIND: Final = "conformance"
QUEUE: Final = "default"
PATIENCE: Final = 60.0  #: seconds until an effect counts as never run


def _run(claims: Sequence[Claim], desk: Desk) -> None:
    with desk.engine.begin() as connection:
        desk.settle(connection, dict.fromkeys(claims, Done()))


#: What the fleet's workers must run.
HANDLERS: Final[Handlers] = {KIND: Handler(run=_run, batch=10)}


@pytest.mark.usefixtures("fleet")
class CarrierConformance:
    """
    The promises of `recoup.jobs.carriers.base.Carrier`.

    The fleet must not find effects by itself: what is run was rung for, or rung by the commit.
    """

    @pytest.fixture
    def carrier(self) -> Carrier:
        """The carrier under test, on the database of `engine`."""
        raise NotImplementedError

    @pytest.fixture
    def broken(self) -> Carrier:
        """The same kind of carrier with nothing at the other end."""
        raise NotImplementedError

    @pytest.fixture
    def fleet(self) -> Any:
        """Running workers of `HANDLERS` on queue "default", woken by `carrier` alone."""
        raise NotImplementedError

    def test_has_a_due_effect_run(self, engine: Engine, carrier: Carrier) -> None:
        key = enqueued(engine, "one")

        carrier.ring([QUEUE])

        assert eventually(engine, key, "done").attempt == 1

    def test_has_all_due_effects_run_by_one_ring(self, engine: Engine, carrier: Carrier) -> None:
        keys = [enqueued(engine, f"of many {number}") for number in range(25)]

        carrier.ring([QUEUE])

        assert [eventually(engine, key, "done").attempt for key in keys] == [1] * 25

    def test_runs_an_effect_once_however_often_it_rings(
        self, engine: Engine, carrier: Carrier
    ) -> None:
        key = enqueued(engine, "rung often")

        for _ in range(20):
            carrier.ring([QUEUE, QUEUE])

        assert eventually(engine, key, "done").attempt == 1

    def test_may_ring_for_nothing(self, engine: Engine, carrier: Carrier) -> None:
        carrier.ring([])
        carrier.ring([QUEUE])

        key = enqueued(engine, "after nothing")
        carrier.ring([QUEUE])

        assert eventually(engine, key, "done").attempt == 1

    def test_brings_no_due_date_forward(self, engine: Engine, carrier: Carrier) -> None:
        due_at = SystemClock().now() + timedelta(seconds=2)
        later = enqueued(engine, "later", due_at=due_at)
        much_later = enqueued(engine, "much later", due_at=due_at + timedelta(hours=1))
        sooner = enqueued(engine, "sooner")

        carrier.ring([QUEUE])
        eventually(engine, sooner, "done")
        before = row(engine, much_later)
        while SystemClock().now() <= due_at:
            time.sleep(0.05)
        carrier.ring([QUEUE])

        assert (before.state, before.attempt) == ("scheduled", 0)
        after = eventually(engine, later, "done")
        assert after.ended_at is not None
        assert after.ended_at >= due_at

    def test_never_runs_what_was_rolled_back(self, engine: Engine, carrier: Carrier) -> None:
        now = SystemClock().now()
        with engine.connect() as connection:
            enqueue(connection, [NewEffect(KIND, "undone", due_at=now)], now=now)
            connection.rollback()
        key = enqueued(engine, "kept")

        carrier.ring([QUEUE])

        eventually(engine, key, "done")
        with engine.connect() as connection:
            assert [each.key for each in listing(connection)] == ["kept"]

    def test_loses_no_effect_when_it_is_down(
        self, engine: Engine, carrier: Carrier, broken: Carrier
    ) -> None:
        key = enqueued(engine, "unheard")

        broken.ring([QUEUE])
        carrier.ring([QUEUE])

        assert eventually(engine, key, "done").attempt == 1


def enqueued(engine: Engine, key: str, *, due_at: datetime | None = None) -> str:
    """Commit one effect, due now unless said otherwise; return its key."""
    now = SystemClock().now()
    with engine.begin() as connection:
        enqueue(connection, [NewEffect(KIND, key, due_at=due_at or now)], now=now)
    return key


def row(engine: Engine, key: str) -> EffectRow:
    """Return the effect with this key."""
    with engine.connect() as connection:
        return next(each for each in listing(connection) if each.key == key)


def eventually(engine: Engine, key: str, state: str) -> EffectRow:
    """Return the effect once it is in `state`; fail when that takes too long."""
    until = time.monotonic() + PATIENCE
    while (found := row(engine, key)).state != state:
        assert time.monotonic() < until, f"{key} is still {found.state}: {found.reason}"
        time.sleep(0.02)
    return found
