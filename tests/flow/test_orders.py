"""
Any order of the same news ends in the same state, decisions included.

A flow is played once by the fake. Each of the 720 orders of its last six events is taken in under
ids of its own, so that one database holds them all: together, or one event at a time with a
recompute after each. Whatever is decided on the way, where it leads must be the same.
"""

from __future__ import annotations

import re

import pytest
from orders import ALL, Desk, assert_one_end, one_by_one, one_by_one_and_again, some, together
from stories import FLOWS

from recoup.billing import Recoup
from recoup.config import Config
from recoup.jobs.clocks import TestClock
from recoup.processors.fake import START, FakeProcessor
from recoup.store import inbox


@pytest.fixture
def desk(database_url, home):
    home.mkdir()
    clock = TestClock(START)
    config = Config.load(database_url=database_url, home=home)
    with (
        FakeProcessor(":memory:") as fake,
        Recoup(config, processor=fake, clock=clock) as recoup,
    ):
        yield Desk(recoup)


class Mirrors(FakeProcessor):
    """Shows what the flow's own fake holds, under the ids of the order that asks."""

    played = None

    def look_up(self, kind, id):
        order = re.search(r"_o\d+_", id)[0]
        shown = self.played.look_up(kind, id.replace(order, "_fake_"))
        return None if shown is None else shown.replace(b"_fake_", order.encode())


class LookingDesk(Desk):
    """Keeps what comes as a door does, and looks at what it concerns before absorbing it."""

    def prepare(self, flow):
        self.recoup.processor.played = flow.fake

    def take(self, lines):
        with self.recoup.database.begin() as connection:
            inbox.store(connection, "fake", list(lines), now=self.recoup.clock.now())
        summary = self.recoup.absorb_stored()
        assert (summary.failed, summary.parked) == (0, {})


@pytest.fixture
def looking(database_url, home):
    home.mkdir()
    config = Config.load(database_url=database_url, home=home, webhook_mode="fetch")
    with (
        Mirrors(":memory:") as fake,
        Recoup(config, processor=fake, clock=TestClock(START)) as recoup,
    ):
        yield LookingDesk(recoup)


class TestSixEventsInAnyOrder:
    @pytest.mark.parametrize("play", FLOWS[:3])
    def test_end_in_one_state_when_they_come_together(self, desk, play):
        assert_one_end(desk, play, together, some(160))

    @pytest.mark.parametrize("play", FLOWS)
    def test_end_in_one_state_when_each_is_decided_on(self, desk, play):
        assert_one_end(desk, play, one_by_one, some(60))

    @pytest.mark.parametrize("play", FLOWS)
    def test_end_in_one_state_when_they_are_repeated(self, desk, play):
        assert_one_end(desk, play, one_by_one_and_again, some(30))

    @pytest.mark.long
    @pytest.mark.parametrize("deliver", [together, one_by_one, one_by_one_and_again])
    @pytest.mark.parametrize("play", FLOWS)
    def test_end_in_one_state_however_they_come(self, desk, play, deliver):
        assert_one_end(desk, play, deliver, ALL)


class TestSixEventsWhoseObjectsAreLookedAt:
    @pytest.mark.parametrize("play", FLOWS)
    def test_end_in_one_state_when_each_is_decided_on(self, looking, play):
        assert_one_end(looking, play, one_by_one, some(12))

    @pytest.mark.parametrize("play", FLOWS[:4])
    def test_end_in_one_state_when_they_are_repeated(self, looking, play):
        assert_one_end(looking, play, one_by_one_and_again, some(8))

    @pytest.mark.long
    @pytest.mark.parametrize("deliver", [together, one_by_one])
    @pytest.mark.parametrize("play", FLOWS)
    def test_end_in_one_state_however_they_come(self, looking, play, deliver):
        assert_one_end(looking, play, deliver, ALL)
