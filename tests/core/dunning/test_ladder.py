from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.core.account import Case, Hold, Notice
from recoup.core.dunning import ladder
from recoup.core.money import Money
from recoup.core.periods import Period
from recoup.core.policy import DAY, DEFAULT
from recoup.core.states import NoticeState
from recoup.testing.accounts import NOON, invoice, owing

HOUR = timedelta(hours=1)
INSTANT = timedelta(microseconds=1)
SCOPE = "subscription:1"


def standing_on(rung: str | None, *, since: timedelta = timedelta(0)) -> Case:
    entered = None if rung is None else NOON + since
    return Case(1, SCOPE, NOON, NOON, DEFAULT.name, rung, entered)


def told(step: str, *, at: timedelta, bounced: bool = False) -> Notice:
    """A notice that was due at its offset and delivered, or bounced, at `at`."""
    due = next(one for one in DEFAULT.steps if one.key == step)
    when = {"bounced_at" if bounced else "delivered_at": NOON + at}
    return Notice(
        7, SCOPE, NOON, step, due.mail, NOON + due.after, NOON + at, NoticeState.SENT, **when
    )  # fmt: skip


def place(case, account, *, after, moving=False):
    return ladder.place(case, account, policy=DEFAULT, moving=moving, now=NOON + after)


class TestTheFirstRung:
    def test_holds_from_the_failure_itself(self):
        assert place(standing_on(None), owing(), after=timedelta(0)).rung == "reminded"


class TestClimbing:
    warned = told("action_required", at=5 * DAY)

    @pytest.mark.parametrize(
        ("after", "rung"),
        [
            pytest.param(8 * DAY - INSTANT, "reminded", id="just before"),
            pytest.param(8 * DAY, "soft", id="at the instant"),
        ],
    )
    def test_happens_at_the_very_instant_of_the_rung(self, after, rung):
        account = replace(owing(), notices=(self.warned,))

        assert place(standing_on("reminded"), account, after=after).rung == rung

    @pytest.mark.parametrize(
        ("delivered", "rung"),
        [
            pytest.param(6 * DAY - INSTANT, "soft", id="three days and a little before"),
            pytest.param(6 * DAY + INSTANT, "reminded", id="a little less than three days"),
        ],
    )
    def test_needs_a_notice_delivered_three_days_before(self, delivered, rung):
        account = replace(owing(), notices=(told("action_required", at=delivered),))

        assert place(standing_on("reminded"), account, after=9 * DAY).rung == rung

    def test_says_when_the_notice_will_be_old_enough(self):
        account = replace(owing(), notices=(told("action_required", at=7 * DAY),))

        found = place(standing_on("reminded"), account, after=9 * DAY)

        assert found.wake_at == NOON + 10 * DAY
        assert "its notice needs 72 h" in found.reason

    def test_does_not_happen_without_a_notice(self):
        found = place(standing_on("reminded"), owing(), after=400 * DAY)

        assert found.rung == "reminded"
        assert "no notice of it has been delivered" in found.reason

    def test_is_warned_of_by_a_notice_of_a_higher_rung(self):
        account = replace(owing(), notices=(told("final_notice", at=21 * DAY),))

        assert place(standing_on("reminded"), account, after=24 * DAY).rung == "soft"

    def test_is_not_warned_of_by_a_notice_of_a_lower_rung(self):
        account = replace(owing(), notices=(self.warned,))

        assert place(standing_on("soft"), account, after=16 * DAY).rung == "soft"

    def test_skips_no_rung(self):
        account = replace(owing(), notices=(told("final_notice", at=21 * DAY),))

        assert place(standing_on("reminded"), account, after=400 * DAY).rung == "soft"

    @pytest.mark.parametrize(
        ("stayed", "rung"), [(DAY - INSTANT, "soft"), (DAY, "limited")], ids=["short", "a day"]
    )
    def test_stays_a_day_on_each_rung(self, stayed, rung):
        account = replace(owing(), notices=(told("final_notice", at=21 * DAY),))
        case = standing_on("soft", since=30 * DAY)

        assert place(case, account, after=30 * DAY + stayed).rung == rung

    def test_waits_while_a_payment_is_in_flight(self):
        account = replace(owing(), notices=(self.warned,))

        found = place(standing_on("reminded"), account, after=9 * DAY, moving=True)

        assert (found.rung, found.wake_at) == ("reminded", None)
        assert "a payment is in flight" in found.reason

    def test_waits_while_a_payment_is_disputed(self):
        disputed = owing(replace(invoice(), disputed=True))
        account = replace(disputed, notices=(self.warned,))

        assert place(standing_on("reminded"), account, after=9 * DAY).rung == "reminded"

    def test_waits_while_the_debt_is_being_closed_without_money(self):
        account = owing(replace(invoice(), closing=True))
        account = replace(account, notices=(self.warned,))

        found = place(standing_on("reminded"), account, after=9 * DAY)

        assert (found.rung, found.wake_at) == ("reminded", None)
        assert "it is being closed" in found.reason

    def test_does_not_wait_for_another_debt_that_is_being_closed(self):
        apart = replace(invoice(2, subscription=2), closing=True)
        account = replace(owing(invoice(), apart), notices=(self.warned,))

        assert place(standing_on("reminded"), account, after=9 * DAY).rung == "soft"


class TestABouncedNotice:
    bounced = told("action_required", at=5 * DAY, bounced=True)

    @pytest.mark.parametrize(
        ("after", "rung"),
        [(19 * DAY - INSTANT, "reminded"), (19 * DAY, "soft")],
        ids=["fourteen days less a little", "fourteen days"],
    )
    def test_holds_the_climb_for_fourteen_days_and_no_longer(self, after, rung):
        account = replace(owing(), notices=(self.bounced,))

        assert place(standing_on("reminded"), account, after=after).rung == rung


class TestAHold:
    def test_stops_the_clock(self):
        held = Hold(1, "promised to pay", Period(NOON + 7 * DAY, NOON + 9 * DAY))
        account = replace(owing(), notices=(told("action_required", at=5 * DAY),), holds=(held,))
        case = standing_on("reminded")

        assert place(case, account, after=10 * DAY - INSTANT).rung == "reminded"
        assert place(case, account, after=10 * DAY).rung == "soft"

    def test_without_an_end_leaves_no_deadline(self):
        account = replace(owing(), holds=(Hold(1, "lawyer", Period(NOON + DAY)),))

        assert ladder.deadline(standing_on("reminded"), account, policy=DEFAULT) is None


class TestComingDown:
    def test_happens_at_once_and_as_far_as_it_may(self):
        younger = replace(standing_on("suspended"), anchor=NOON + 20 * DAY)

        assert place(younger, owing(), after=21 * DAY).rung == "reminded"

    def test_is_not_held_up_by_a_payment_in_flight(self):
        younger = replace(standing_on("suspended"), anchor=NOON + 20 * DAY)

        assert place(younger, owing(), after=21 * DAY, moving=True).rung == "reminded"


class TestPartialPayment:
    @given(
        remaining=st.integers(1, 1000),
        less=st.integers(0, 999),
        days=st.integers(0, 60),
        rung=st.sampled_from([None, *(one.name for one in DEFAULT.ladder[:-1])]),
    )
    def test_never_raises_a_rung(self, remaining, less, days, rung):
        owed = replace(invoice(), remaining=Money(remaining, "EUR"))
        paid_more = replace(owed, remaining=Money(max(1, remaining - less), "EUR"))
        notices = tuple(told(step.key, at=step.after) for step in DEFAULT.steps)
        before = replace(owing(owed), notices=notices)
        after = replace(owing(paid_more), notices=notices)
        case = standing_on(rung)

        higher = place(case, before, after=days * DAY).rung
        lower = place(case, after, after=days * DAY).rung

        assert DEFAULT.place(lower) <= DEFAULT.place(higher)

    def test_of_half_makes_the_debt_count_half_as_old(self):
        half = replace(invoice(), remaining=Money(500, "EUR"))

        assert place(standing_on("limited"), owing(half), after=16 * DAY).rung == "soft"

    def test_of_nearly_all_stretches_the_ladder_twofold_at_most(self):
        cent = replace(invoice(), remaining=Money(1, "EUR"))

        assert place(standing_on("soft"), owing(cent), after=16 * DAY).rung == "soft"
