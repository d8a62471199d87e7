from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.core.account import LEFT_OUT, NO_ADDRESS, Case, Hold, StepRequest
from recoup.core.dunning import campaign
from recoup.core.dunning.conditions import About, When
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


def about(**known):
    """Return what conditions are asked of; nothing is known that is not said."""
    given = {"decline_class": None, "owed": (), "segment": None, "plan": None}
    return About(**(given | {"country": None, "tenure": None} | known))


PRO = When(segments=frozenset({"pro"}))


def with_when(*keys):
    """Return the default policy, these steps and what the ladder takes only for segment pro."""
    steps = tuple(replace(s, when=PRO) if s.key in keys else s for s in DEFAULT.steps)
    ladder = tuple(
        replace(rung, only=tuple((name, PRO) for name in rung.consequences))
        for rung in DEFAULT.ladder
    )
    return replace(DEFAULT, key="conditional", steps=steps, ladder=ladder)


class TestAStepWithACondition:
    every = tuple(step.key for step in DEFAULT.steps)

    def made(self, *keys, after, segment, account=None):
        found = campaign.notices(
            CASE,
            account or owing(),
            policy=with_when(*keys),
            now=NOON + after,
            about=about(segment=segment),
        )
        return states(found)

    def test_is_a_notice_where_it_fits_and_skipped_with_the_reason_where_not(self):
        fits = self.made("reminder", after=DAY, segment="pro")
        not_ = self.made("reminder", after=DAY, segment="free")

        assert fits["reminder"] == (NoticeState.SCHEDULED, None)
        assert not_["reminder"] == (
            NoticeState.SKIPPED, "not for this debt: the segment is free",
        )  # fmt: skip

    def test_that_does_not_fit_leaves_the_one_before_it_to_be_sent(self):
        scheduled = replace(owing(), notices=notices(owing(), after=timedelta(0)))

        found = self.made("action_required", after=6 * DAY, segment="free", account=scheduled)

        assert found["reminder"] == (NoticeState.SCHEDULED, None)
        assert found["action_required"][0] == NoticeState.SKIPPED

    def test_is_kept_back_when_it_alone_announces_what_may_come_yet(self):
        """The last notice is not for this debt now, and so is the rung; both may be later."""
        found = self.made(*self.every, after=22 * DAY, segment="free")

        assert "final_notice" not in found
        assert {state for state, _ in found.values()} == {NoticeState.SKIPPED}

    def test_that_was_kept_back_is_placed_when_it_fits_at_last(self):
        found = self.made(*self.every, after=25 * DAY, segment="pro")

        assert found["final_notice"] == (NoticeState.SCHEDULED, None)


class TestACaseThatAnEngineOutsideCarries:
    case = replace(CASE, engine="x:y")

    def made(self, account, *, after, patience=DAY):
        return states(
            campaign.notices(
                self.case, account, policy=DEFAULT, now=NOON + after, patience=patience
            )
        )

    @pytest.mark.parametrize(
        ("after", "placed"),
        [
            pytest.param(timedelta(0), False, id="due"),
            pytest.param(DAY - INSTANT, False, id="just before patience is over"),
            pytest.param(DAY, True, id="patience is over"),
        ],
    )
    def test_has_no_step_placed_before_patience_is_over(self, after, placed):
        assert ("reminder" in self.made(owing(), after=after)) is placed

    def test_has_a_step_placed_from_its_day_on_when_it_was_asked_for(self):
        asked = StepRequest(CASE.scope, NOON, "action_required")
        account = replace(owing(), requests=(asked,))

        assert "action_required" not in self.made(account, after=5 * DAY - INSTANT)
        found = self.made(account, after=5 * DAY)
        assert found["action_required"] == (NoticeState.SCHEDULED, None)
        assert found["reminder"] == (NoticeState.SKIPPED, campaign.LATE)

    def test_does_not_take_a_request_of_another_campaign(self):
        asked = StepRequest(CASE.scope, NOON - DAY, "reminder")

        assert self.made(replace(owing(), requests=(asked,)), after=timedelta(0)) == {}

    def test_is_looked_at_again_when_a_step_is_due_and_when_patience_is_over(self):
        def wakes(after):
            given = {"policy": DEFAULT, "now": NOON + after, "patience": DAY}
            return [at - NOON for at in campaign.wakes(self.case, owing(), **given)]

        assert wakes(timedelta(0)) == [DAY, 5 * DAY]
        assert wakes(DAY) == [5 * DAY]
        assert wakes(5 * DAY) == [6 * DAY, 12 * DAY]


class TestWhatNobodyWouldAnnounce:
    @pytest.mark.parametrize(
        ("without", "rung"),
        [
            ((), None),
            (("reminder",), None),
            (("action_required",), None),
            (("action_required", "restriction_notice"), None),
            (("final_notice",), "suspended"),
            (("restriction_notice", "final_notice"), "limited"),
        ],
    )
    def test_is_the_first_rung_that_no_other_step_names(self, without, rung):
        found = campaign.unannounced(CASE, owing(), policy=DEFAULT, without=without)

        assert (None if found is None else found.name) == rung

    def test_is_nothing_of_what_the_case_has_passed(self):
        suspended = replace(CASE, rung="suspended")
        last = replace(DEFAULT.steps[3], announces="suspended")
        steps = (*DEFAULT.steps[:3], last)
        policy = replace(DEFAULT, ladder=DEFAULT.ladder[:4], steps=steps)

        found = campaign.unannounced(suspended, owing(), policy=policy, without=["final_notice"])

        assert found is None

    def test_counts_what_a_person_has_left_out(self):
        left = replace(
            notices(owing(), after=6 * DAY)[-1], state=NoticeState.SKIPPED, reason=LEFT_OUT
        )
        account = replace(owing(), notices=(left,))
        without = ["restriction_notice", "final_notice"]

        found = campaign.unannounced(CASE, account, policy=DEFAULT, without=without)

        assert found is not None
        assert found.name == "soft"


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

    def test_defers_while_the_debt_is_being_closed_without_money(self):
        closing = owing(replace(invoice(), closing=True))

        found = campaign.obstacle(self.scheduled, replace(closing, cases=(CASE,)), now=NOON)

        assert (found.final, found.until) == (False, None)
        assert "closed" in found.reason

    def test_defers_while_disputed(self):
        disputed = owing(replace(invoice(), disputed=True))

        found = campaign.obstacle(self.scheduled, replace(disputed, cases=(CASE,)), now=NOON)

        assert (found.final, found.until) == (False, None)

    def test_defers_what_a_hold_has_put_off_to_its_new_day(self):
        """It was due, then a person gave time that lies before it."""
        five = notices(owing(), after=5 * DAY)[-1]
        hold = Hold(1, "sick", Period(NOON + DAY, NOON + 2 * DAY))
        account = replace(owing(), cases=(CASE,), holds=(hold,))
        given = {"policy": DEFAULT}

        found = campaign.obstacle(five, account, now=NOON + 6 * DAY - INSTANT, **given)

        assert found == campaign.Obstacle(campaign.EARLY, until=NOON + 6 * DAY)
        assert campaign.obstacle(five, account, now=NOON + 6 * DAY, **given) is None

    def test_lets_what_was_sent_pass_again_and_nothing_else(self):
        account = replace(owing(), cases=(CASE,))
        sent = replace(self.scheduled, state=NoticeState.SENT, delivered_at=NOON)

        assert campaign.obstacle(sent, account, now=NOON, again=True) is None
        assert campaign.obstacle(sent, owing(), now=NOON, again=True).reason == campaign.ENDED
        unsent = campaign.obstacle(self.scheduled, account, now=NOON, again=True)
        assert unsent == campaign.Obstacle(campaign.UNSENT, final=True)

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
