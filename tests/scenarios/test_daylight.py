"""Clocks that are set forward and back change nothing: not when, and not how often."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from recoup.core.dunning.campaign import contact_from
from recoup.processors.fake import Declines
from recoup.testing.scene import Scene

#: Zones that set their clocks at different dates and hours, or by other than an hour, and some
#: that do not at all.
ZONES = (
    "Europe/Berlin Europe/London Europe/Lisbon Europe/Kyiv Europe/Chisinau Asia/Beirut "
    "Africa/Cairo Africa/Casablanca America/New_York America/Chicago America/Denver "
    "America/Los_Angeles America/Halifax America/St_Johns America/Havana America/Santiago "
    "America/Asuncion America/Nuuk Atlantic/Azores Australia/Sydney Australia/Adelaide "
    "Australia/Lord_Howe Pacific/Auckland Pacific/Chatham Pacific/Norfolk Pacific/Easter "
    "Asia/Jerusalem America/Miquelon Asia/Kolkata Asia/Kathmandu"
).split()
HOURS = (8, 21)
QUARTER = timedelta(minutes=15)
#: In it North America, Europe and the Levant, then the southern hemisphere, change.
SPRING = datetime(2026, 3, 1, tzinfo=UTC)


def changes(zone: ZoneInfo, year: int) -> list[datetime]:
    """The instants of a year, to the hour, at which the zone's offset becomes another."""
    hours = [datetime(year, 1, 1, tzinfo=UTC) + timedelta(hours=n) for n in range(365 * 24)]
    offsets = [hour.astimezone(zone).utcoffset() for hour in hours]
    return [
        hour
        for hour, before, after in zip(hours[1:], offsets, offsets[1:], strict=False)
        if before != after
    ]


@pytest.mark.parametrize("name", ZONES)
class TestContactHours:
    def test_around_a_change_are_met_once_a_day_and_never_early(self, name):
        zone = ZoneInfo(name)
        for change in changes(zone, 2026) or [SPRING]:
            now, stop = change - timedelta(days=2), change + timedelta(days=2)
            opened: dict[object, set[datetime]] = {}
            while now < stop:
                at = contact_from(now, HOURS, [zone])
                assert at >= now
                assert HOURS[0] <= at.astimezone(zone).hour < HOURS[1]
                assert contact_from(at, HOURS, [zone]) == at
                if at != now:
                    opened.setdefault(at.astimezone(zone).date(), set()).add(at)
                now += QUARTER

            assert all(len(instants) == 1 for instants in opened.values())


@pytest.fixture
def told(database_url, tmp_path, request, monkeypatch):
    """What happened to one customer of each zone, in a process that lives in another."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    with Scene.open(database_url, tmp_path, start=SPRING) as scene:
        people = {zone: scene.subscriber(payer=Declines()) for zone in ZONES}
        with scene.recoup.database.begin() as connection:
            for zone, who in people.items():
                connection.execute(
                    text("UPDATE customers SET time_zone = :zone WHERE processor_id = :id"),
                    {"zone": zone, "id": who.customer},
                )
        scene.live(days=65)
        yield scene, people
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("told", ["America/St_Johns", "Pacific/Chatham"], indirect=True)
class TestAMonthInWhichClocksChange:
    def test_brings_every_notice_once_in_its_hours_and_every_rung_on_time(self, told):
        scene, people = told
        sql = (
            "SELECT n.step, n.due_at, n.delivered_at, n.anchor, c.opened_at, c.ended_at "
            "FROM notices n JOIN cases c ON c.id = n.case_id JOIN customers p "
            "ON p.id = n.customer_id WHERE p.processor_id = :id AND n.state = 'sent' "
            "ORDER BY n.due_at"
        )
        ends = set()
        for name, who in people.items():
            zone = ZoneInfo(name)
            notices = scene.rows(sql, id=who.customer)
            steps = [notice["step"] for notice in notices]
            assert len(steps) == len(set(steps)) == 4
            for notice in notices:
                late = notice["delivered_at"] - notice["due_at"]
                assert timedelta(0) <= late < timedelta(hours=12)
                assert HOURS[0] <= notice["delivered_at"].astimezone(zone).hour < HOURS[1]
                ends.add(notice["ended_at"])

        assert len(ends) == 1  # everybody signed up and failed at one instant, whatever the zone
        assert scene.violations() == ()
