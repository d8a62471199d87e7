"""Whatever goes wrong at the processor: one deed at most, and a result or a clear no."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest
from probes import made, make

from recoup.effects.ask import KEY_LIFE
from recoup.errors import Busy, Rejected, Unreachable
from recoup.processors.fake import Fault

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
FAULTS = ("lost_reply", "error", "error_after", "outage", "busy")


@pytest.fixture
def office(scene):
    return scene.recoup.office


def move(scene, by):
    """Move both worlds' clocks, and let nothing happen."""
    scene.fake.advance(scene.now + by)
    scene.clock.set(scene.now + by)


def state(scene, key="k"):
    (row,) = scene.rows("SELECT state FROM commands WHERE key = :key", key=key)
    return row["state"]


class TestAFault:
    @pytest.mark.parametrize(
        ("kind", "error", "after", "deeds"),
        [
            ("lost_reply", Unreachable, "unknown", 1),
            ("error_after", Unreachable, "unknown", 1),
            ("outage", Unreachable, "unknown", 0),
            ("busy", Busy, "asked", 0),
        ],
    )
    def test_leaves_the_outcome_open_and_later_the_key_tells_it(
        self, scene, office, kind, error, after, deeds
    ):
        scene.fake.add_fault(Fault(kind))
        with pytest.raises(error, match="'k' tells what became of it"):
            make(office, key="k")
        assert (state(scene), made(scene.fake)) == (after, deeds)

        scene.live(hours=1)

        assert scene.recoup.result("k") == make(office, key="k")
        assert (state(scene), made(scene.fake)) == ("done", 1)

    def test_is_over_as_soon_as_somebody_asks_again(self, scene, office):
        scene.fake.add_fault(Fault("lost_reply"))
        with pytest.raises(Unreachable):
            make(office, key="k")

        assert make(office, key="k").startswith("cus_")
        assert made(scene.fake) == 1

    def test_without_effect_that_is_repeated_by_its_key_ends_as_a_clear_no(self, scene, office):
        scene.fake.add_fault(Fault("error"))
        with pytest.raises(Unreachable):
            make(office, key="k")
        scene.live(hours=19)
        assert state(scene) == "unknown"
        scene.live(hours=3)

        with pytest.raises(Rejected, match="never took effect"):
            make(office, key="k")
        assert made(scene.fake) == 0
        assert make(office, key="another").startswith("cus_")

    @pytest.mark.parametrize("first", FAULTS)
    def test_may_follow_another_at_any_step(self, scene, office, first):
        deeds = 0
        steps = product(FAULTS, (None, "outage", "busy"))
        for number, (second, looking_up) in enumerate(steps):
            key = f"k{number}"
            calls = (("CreateCustomer", first), ("CreateCustomer", second), ("find", looking_up))
            for call, kind in calls:
                if kind:
                    scene.fake.add_fault(Fault(kind, call=call, until=scene.now + 2 * HOUR))
            with pytest.raises((Busy, Unreachable)):
                make(office, key=key)
            scene.live(hours=26)

            done = state(scene, key) == "done"
            deeds += done
            assert made(scene.fake) == deeds, (first, second, looking_up)
            assert done or "error" in {first, second}


class TestAnOutage:
    def test_before_the_deed_ends_with_it_done_once(self, scene, office):
        scene.fake.add_fault(Fault("outage", times=None, until=scene.now + 6 * HOUR))
        with pytest.raises(Unreachable):
            make(office, key="k")
        scene.live(hours=8)

        assert state(scene) == "done"
        assert made(scene.fake) == 1

    def test_longer_than_keys_live_after_the_deed_is_looked_up(self, scene, office):
        scene.fake.add_fault(Fault("lost_reply"))
        scene.fake.add_fault(Fault("outage", times=None, until=scene.now + 30 * HOUR))
        with pytest.raises(Unreachable):
            make(office, key="k")
        scene.live(hours=29)
        assert state(scene) == "unknown"
        scene.live(hours=3)

        assert state(scene) == "done"
        assert made(scene.fake) == 1

    def test_longer_than_keys_live_before_the_deed_is_a_clear_no(self, scene, office):
        scene.fake.add_fault(Fault("outage", times=None, until=scene.now + 30 * HOUR))
        with pytest.raises(Unreachable):
            make(office, key="k")
        scene.live(hours=32)

        with pytest.raises(Rejected, match="ask again, with a new key"):
            scene.recoup.result("k")
        assert made(scene.fake) == 0


class TestAnOldKey:
    @pytest.mark.parametrize(
        ("age", "done"), [(KEY_LIFE - SECOND, True), (KEY_LIFE, False)], ids=["young", "old"]
    )
    def test_is_not_used_again(self, scene, office, age, done):
        scene.fake.add_fault(Fault("outage"))
        with pytest.raises(Unreachable):
            make(office, key="k")
        move(scene, age)

        if done:
            assert make(office, key="k").startswith("cus_")
        else:
            with pytest.raises(Rejected):
                make(office, key="k")
        assert made(scene.fake) == int(done)

    @pytest.mark.parametrize("days", [1, 2, 31])
    def test_that_the_processor_forgot_does_nothing_twice(self, scene, office, days, requests):
        scene.fake.add_fault(Fault("lost_reply"))
        with pytest.raises(Unreachable):
            make(office, key="k")
        move(scene, days * DAY + HOUR)

        assert make(office, key="k") == scene.recoup.result("k")
        assert [step for step, _ in requests] == ["received", "done"]
        assert made(scene.fake) == 1

    def test_is_young_when_the_command_was_never_asked(self, scene, office):
        with scene.recoup.database.begin() as connection:
            make(scene.recoup.using(connection).office, key="k")
        move(scene, 31 * DAY)

        assert make(office, key="k").startswith("cus_")
        assert made(scene.fake) == 1
