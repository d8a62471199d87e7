"""The instant at which a gate's time is up, stood on from both sides, at every place that asks."""

from __future__ import annotations

from datetime import timedelta

import awaited
import pytest
from awaited import HOUR, paid

from recoup import work
from recoup.jobs.clocks import FixedClock
from recoup.jobs.loop import OurDesk
from recoup.store.queries import agenda

TICK = timedelta(microseconds=1)
INSTANTS = [
    pytest.param(-TICK, False, id="a microsecond before"),
    pytest.param(timedelta(0), True, id="at the instant"),
    pytest.param(TICK, True, id="a microsecond after"),
]
WAKES = "SELECT next_wake_at FROM standings"
GATES = "SELECT status, reason, expires_at, ended_at FROM gates"


@pytest.fixture(params=[awaited.starts, awaited.offers], ids=["a start", "a change"])
def waiting(request, scene):
    """Have one start, or one change, wait for its payment for an hour."""
    ((only,), end) = request.param(scene, 1), scene.now + HOUR
    assert [row["expires_at"] for row in scene.rows(GATES)] == [end]
    return only, end


def desk(scene, at):
    return OurDesk(scene.recoup.database, FixedClock(at), scene.recoup.handlers)


@pytest.mark.parametrize(("off", "up"), INSTANTS)
class TestTheEndOfAWindow:
    def test_is_found_by_the_clock_from_its_very_instant(self, scene, waiting, off, up):
        _, end = waiting

        with scene.recoup.database.connect() as connection:
            found = agenda.expiring(connection, now=end + off, limit=10)

        assert len(found) == up
        assert work.expire_all(desk(scene, end + off)) == up

    def test_is_acted_on_from_its_very_instant(self, scene, waiting, off, up):
        only, end = waiting
        work.expire_all(desk(scene, end))
        scene.clock.set(end + off)

        scene.recoup.office.carry_out(f"expire:{only.customer}")
        scene.pace.settle()

        (gate,) = scene.rows(GATES)
        assert (gate["status"] == "expired") == up
        assert gate["ended_at"] == (end + off if up else None)

    def test_is_acted_on_by_any_look_from_its_very_instant(self, scene, waiting, off, up):
        only, end = waiting
        scene.clock.set(end + off)

        scene.recoup.recompute([only.customer])
        scene.pace.settle()

        assert (scene.rows(GATES)[0]["status"] == "expired") == up

    def test_is_not_the_end_of_what_is_known_to_be_paid(self, scene, waiting, off, up):
        only, end = waiting
        work.expire_all(desk(scene, end))
        told = paid(scene, [only])
        scene.clock.set(end + off)

        scene.recoup.ingest(told[only.customer_name])
        scene.recoup.office.carry_out(f"expire:{only.customer}")

        assert scene.rows(GATES)[0]["status"] == "satisfied"
