from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.core.account import NO_ADDRESS, Case, Hold
from recoup.core.dunning import campaign
from recoup.core.periods import Period
from recoup.core.policy import DAY, DEFAULT
from recoup.core.states import NoticeState
from recoup.testing.accounts import NOON, Storage, invoice, owing

INSTANT = timedelta(microseconds=1)
CASE = Case(1, "subscription:1", NOON, NOON, DEFAULT.name, "reminded", NOON)


def notices(account, *, after, case=CASE):
    return campaign.notices(case, account, policy=DEFAULT, now=NOON + after)


def states(found):
    return {notice.step: (notice.state, notice.reason) for notice in found}


class TestNotices:
    @pytest.mark.parametrize(
        ("after", "steps"),
        [
            pytest.param(timedelta(0), {"reminder"}, id="at the failure"),
            pytest.param(5 * DAY - INSTANT, {"reminder"}, id="just before day five"),
            pytest.param(5 * DAY, {"reminder", "action_required"}, id="on day five"),
        ],
    )
    def test_exist_from_the_very_instant_they_are_due(self, after, steps):
        assert set(states(notices(owing(), after=after))) == steps

    def test_that_came_due_in_an_outage_are_not_sent_in_a_burst(self):
        found = states(notices(owing(), after=13 * DAY))

        assert found["restriction_notice"] == (NoticeState.SCHEDULED, None)
        assert found["reminder"] == (NoticeState.SKIPPED, campaign.LATE)
        assert found["action_required"] == (NoticeState.SKIPPED, campaign.LATE)

    def test_are_skipped_when_there_is_no_address(self):
        unreachable = replace(owing(), reachable=False)

        found = states(notices(unreachable, after=timedelta(0)))

        assert found["reminder"] == (NoticeState.SKIPPED, NO_ADDRESS)

    def test_already_sent_are_left_as_they_are(self):
        sent = replace(owing(), notices=notices(owing(), after=timedelta(0)))
        stored = Storage().stored(sent, now=NOON)

        assert notices(stored, after=timedelta(hours=1)) == stored.notices

    def test_about_a_debt_that_is_paid_are_called_off(self):
        scheduled = replace(owing(), notices=notices(owing(), after=timedelta(0)))
        moved = replace(CASE, anchor=NOON + 3 * DAY)

        found = notices(scheduled, after=3 * DAY, case=moved)

        assert [(n.anchor, n.state) for n in found] == [
            (NOON, NoticeState.CANCELED),
            (NOON + 3 * DAY, NoticeState.SCHEDULED),
        ]

    def test_wait_for_the_end_of_a_hold(self):
        held = replace(owing(), holds=(Hold(1, "sick", Period(NOON + DAY, NOON + 4 * DAY)),))

        assert "action_required" not in states(notices(held, after=8 * DAY - INSTANT))
        assert "action_required" in states(notices(held, after=8 * DAY))

    @given(st.lists(st.timedeltas(timedelta(0), timedelta(days=40)), min_size=1))
    def test_are_each_made_once_whenever_one_looks(self, instants):
        account = owing()
        store = Storage()
        for after in sorted(instants):
            desired = replace(account, notices=notices(account, after=after))
            account = store.stored(desired, now=NOON + after)

        steps = [notice.step for notice in account.notices]
        assert len(steps) == len(set(steps))


class TestTheGuard:
    scheduled = notices(owing(), after=timedelta(0))[0]

    def test_lets_a_true_notice_pass(self):
        account = replace(owing(), cases=(CASE,))

        assert campaign.obstacle(self.scheduled, account, now=NOON) is None

    @pytest.mark.parametrize(
        ("account", "reason"),
        [
            pytest.param(owing(), campaign.ENDED, id="no case"),
            pytest.param(
                replace(owing(invoice(failed_at=None)), cases=(CASE,)),
                campaign.MOVED,
                id="nothing owed",
            ),
            pytest.param(
                replace(owing(), cases=(replace(CASE, anchor=NOON + DAY),)),
                campaign.MOVED,
                id="another campaign",
            ),
        ],
    )
    def test_refuses_for_good_what_is_no_longer_true(self, account, reason):
        found = campaign.obstacle(self.scheduled, account, now=NOON)

        assert found == campaign.Obstacle(reason, final=True)

    def test_defers_under_a_hold_until_it_ends(self):
        hold = Hold(1, "sick", Period(NOON, NOON + DAY))
        account = replace(owing(), cases=(CASE,), holds=(hold,))

        found = campaign.obstacle(self.scheduled, account, now=NOON)

        assert (found.final, found.until) == (False, NOON + DAY)

    def test_defers_while_disputed(self):
        disputed = owing(replace(invoice(), disputed=True))

        found = campaign.obstacle(self.scheduled, replace(disputed, cases=(CASE,)), now=NOON)

        assert (found.final, found.until) == (False, None)

    def test_never_sends_what_is_not_scheduled(self):
        sent = replace(self.scheduled, state=NoticeState.SENT, delivered_at=NOON)

        assert campaign.obstacle(sent, replace(owing(), cases=(CASE,)), now=NOON).final


class TestContactHours:
    hours = (8, 21)

    @pytest.mark.parametrize(
        ("at", "zone", "allowed"),
        [
            ("2026-01-05T07:59:59", "UTC", "2026-01-05T08:00:00"),
            ("2026-01-05T08:00:00", "UTC", "2026-01-05T08:00:00"),
            ("2026-01-05T20:59:59", "UTC", "2026-01-05T20:59:59"),
            ("2026-01-05T21:00:00", "UTC", "2026-01-06T08:00:00"),
            ("2026-01-05T03:00:00", "Asia/Kathmandu", "2026-01-05T03:00:00"),
            ("2026-01-05T02:10:00", "Asia/Kathmandu", "2026-01-05T02:15:00"),
        ],
    )
    def test_are_the_customers(self, at, zone, allowed):
        found = campaign.contact_from(utc(at), self.hours, [ZoneInfo(zone)])

        assert found == utc(allowed)

    @given(st.datetimes(datetime(2015, 1, 1), datetime(2035, 1, 1)))  # noqa: DTZ001  made UTC
    def test_hold_in_every_zone_the_customer_may_be_in(self, at):
        zones = [ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")]

        found = campaign.contact_from(at.replace(tzinfo=UTC), self.hours, zones)

        assert all(8 <= found.astimezone(zone).hour < 21 for zone in zones)
        assert found - at.replace(tzinfo=UTC) < timedelta(days=1)

    def test_of_zones_that_share_none_are_the_first_ones(self):
        zones = [ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Etc/GMT+4")]

        found = campaign.contact_from(utc("2026-01-05T00:00:00"), (8, 9), zones)

        assert found.astimezone(zones[0]).hour == 8


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
