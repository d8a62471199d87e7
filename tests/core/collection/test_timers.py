"""The next try follows from the refusals and the clock, never from a counter."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import recoup
from recoup.core.account import Signal
from recoup.core.collection import timers
from recoup.core.collection.declines import read
from recoup.core.collection.timers import (
    ADVANCES,
    CYCLE,
    DEBIT,
    Decline,
    History,
    class_aware,
    fixed,
    spread,
    timer_of,
)
from recoup.core.policy import DEFAULT
from recoup.errors import InvalidPolicy
from recoup.reference import load_rules

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
T = datetime(2026, 1, 5, 10, tzinfo=UTC)
RULES = load_rules()


def decline(at, code="insufficient_funds", *, advances=True, here=True, advice=None):
    signal = Signal(decline_code=code, network_advice_code=advice)
    verdict = read(signal, brand="mastercard", kind="card", rules=RULES)
    return Decline(at, advances, here, verdict)


def tried(timer, code, *, anchor=T, kind="card", late=timedelta(0)):
    """Follow a timer whose every try is refused the same way; return when it tried."""
    history = History(anchor, (decline(anchor, code),), kind)
    instants = []
    while (at := timer(history).at) is not None and len(instants) < 99:
        instants.append(at)
        history = replace(history, declines=(*history.declines, decline(at + late, code)))
    return instants


class TestFixed:
    @pytest.mark.parametrize("count", range(13))
    @pytest.mark.parametrize("code", ["insufficient_funds", "processing_error", "do_not_honor"])
    def test_makes_every_try_at_its_exact_instant(self, count, code):
        schedule = tuple(n * 2 * DAY for n in range(1, count + 1))

        assert tried(fixed(schedule), code) == [T + span for span in schedule]

    def test_makes_tries_missed_in_an_outage_once(self):
        timer = fixed((DAY, 2 * DAY, 3 * DAY))
        after = History(T, (decline(T), decline(T + 2 * DAY + HOUR)))

        assert timer(History(T, (decline(T),))).at == T + DAY
        assert timer(after).at == T + 3 * DAY

    def test_takes_a_refusal_noted_by_a_slower_clock_for_the_one_it_was(self):
        timer, at = fixed((DAY, 2 * DAY)), T + DAY

        early = History(T, (decline(T), decline(at - timedelta(seconds=60))))
        assert timer(early).at == T + 2 * DAY
        earlier = History(T, (decline(T), decline(at - timedelta(seconds=61))))
        assert timer(earlier).at == at


class TestClassAware:
    def test_spreads_funds_over_a_pay_cycle(self):
        anchor = datetime(2026, 2, 3, 10, tzinfo=UTC)
        days = [
            (at - anchor).days for at in tried(class_aware, "insufficient_funds", anchor=anchor)
        ]

        # Saturdays 7 and 14, Sunday 15, Sunday 22, Thursday 26 February and Sunday 1 March; the
        # two others know of no likelier day.
        assert days == [4, 7, 11, 12, 16, 19, 23, 26]

    @given(st.datetimes(datetime(2026, 1, 1), datetime(2031, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001  aware by timezones
    def test_leaves_the_middle_of_a_window_for_a_likelier_day_only(self, anchor):
        for at, window in zip(
            tried(class_aware, "insufficient_funds", anchor=anchor), spread(8), strict=True
        ):
            middle = anchor + window[1]
            assert at - anchor in window
            assert at == middle or timers._likely(at) > timers._likely(middle)

    @pytest.mark.parametrize(
        ("at", "likelier"),
        [
            pytest.param(datetime(2026, 2, 14, 10, tzinfo=UTC), True, id="a Saturday"),
            pytest.param(datetime(2026, 2, 13, 12, tzinfo=UTC), True, id="a Friday noon"),
            pytest.param(datetime(2026, 2, 13, 11, 59, tzinfo=UTC), False, id="before it"),
            pytest.param(datetime(2026, 4, 1, 10, tzinfo=UTC), True, id="the first"),
            pytest.param(datetime(2026, 4, 7, 10, tzinfo=UTC), False, id="a Tuesday"),
        ],
    )
    def test_knows_on_which_days_money_is_likely_to_be_there(self, at, likelier):
        assert (timers._likely(at) > 0) is likelier

    def test_leaves_days_between_tries_for_a_generic_decline(self):
        days = [(at - T).days for at in tried(class_aware, "generic_decline")]

        assert days == [5, 10, 12, 17, 21, 27]

    def test_tries_a_refusal_to_speak_to_the_bank_no_more_than_its_row_says(self):
        assert [(at - T).days for at in tried(class_aware, "call_issuer")] == [8, 16, 24]

    @pytest.mark.parametrize("most", range(1, 9))
    def test_spreads_fewer_tries_over_the_same_cycle(self, most):
        history = History(T, (decline(T),), most=most)
        instants = []
        while (at := class_aware(history).at) is not None:
            instants.append(at)
            history = replace(history, declines=(*history.declines, decline(at)))

        assert len(instants) == most
        assert T + 16 * DAY < instants[-1] < T + CYCLE

    def test_presents_a_bank_debit_late(self):
        history = History(T, (decline(T),), "sepa_debit")

        assert class_aware(history).at == T + DEBIT[0][0]

    def test_tries_a_technical_failure_soon_and_then_as_planned(self):
        hours = [(at - T) // HOUR for at in tried(class_aware, "issuer_not_available")]

        assert hours == [1, 6, 24, 72, 6 * 24, 10 * 24, 12 * 24, 16 * 24]

    def test_tries_a_technical_failure_as_often_as_its_row_says(self):
        assert [(at - T) // HOUR for at in tried(class_aware, "reenter_transaction")][:2] == [1, 6]
        assert tried(class_aware, "reenter_transaction")[2] == T + 3 * DAY

    def test_uses_up_nothing_for_a_technical_failure(self):
        slot = T + 3 * DAY
        failed = (decline(T), decline(slot, "processing_error"))
        refused = (*failed, decline(slot + HOUR))

        assert class_aware(History(T, failed)).at == slot + HOUR
        assert class_aware(History(T, refused)).at == T + 6 * DAY

    def test_ends_after_eight_tries_whatever_they_were(self):
        tries = tuple(decline(T + n * HOUR, "processing_error") for n in range(9))

        assert class_aware(History(T, tries)).at is None
        assert class_aware(History(T, tries[1:])).at is not None

    def test_believes_a_forecast_once(self):
        first = decline(T, advice="27")
        again = decline(T + 4 * DAY, advice="25")

        assert class_aware(History(T, (first,))).at == T + 4 * DAY
        assert class_aware(History(T, (first, again))).at == T + 6 * DAY

    def test_takes_a_forecast_of_an_hour_for_a_least_wait(self):
        assert class_aware(History(T, (decline(T, advice="24"),))).at == T + 3 * DAY

    def test_is_careful_when_we_were_only_told_that_it_failed(self):
        assert class_aware(History(T, ())).at == T + 3 * DAY

    def test_keeps_its_place_when_the_customer_tries(self):
        theirs = decline(T + 5 * DAY, advances=False)

        assert class_aware(History(T, (decline(T), theirs))).at == T + 6 * DAY

    def test_leaves_a_day_after_the_customers_own_try(self):
        theirs = decline(T + 5 * DAY / 2, advances=False)

        assert class_aware(History(T, (decline(T), theirs))).at == theirs.at + DAY


codes = st.sampled_from(
    ["insufficient_funds", "generic_decline", "call_issuer", "processing_error", "never_heard_of",
     "card_velocity_exceeded", "reenter_transaction"]
)  # fmt: skip


@st.composite
def histories(draw):
    """Give refusals at any time, of any timed kind, by anybody."""
    spans = draw(st.lists(st.integers(0, 40 * 24 * 60), max_size=7))
    return History(
        T,
        tuple(
            decline(
                T + timedelta(minutes=span),
                draw(codes),
                advances=draw(st.booleans()),
                here=draw(st.booleans()),
                advice=draw(st.sampled_from([None, "02", "24", "25", "28", "30"])),
            )
            for span in sorted(spans)
        ),
    )


class TestAnyTimer:
    @given(histories(), st.sampled_from([class_aware, fixed((DAY, 3 * DAY, 40 * DAY))]))
    def test_answers_the_same_twice_and_after_what_counted(self, history, timer):
        chosen = timer(history)

        assert chosen == timer(history)
        assert chosen.why
        if chosen.at is not None:
            assert chosen.at > history.advanced_to

    @given(histories())
    def test_waits_the_least_delay_of_the_newest_refusal(self, history):
        at, here = class_aware(history).at, history.here

        if at is not None and here is not None:
            assert at >= here.at + here.verdict.min_delay

    @given(codes, st.integers(0, 30 * 24))
    def test_rises_however_late_its_tries_are_made(self, code, late):
        instants = tried(class_aware, code, late=late * HOUR)

        assert instants == sorted(set(instants))
        assert len(instants) <= 8


class TestOrigins:
    def test_each_either_advances_the_schedule_or_does_not(self):
        sql = Path(recoup.__file__).parent / "store/migrations/versions/0001_foundation.sql"
        listed = re.search(r"origin +text NOT NULL CHECK \(origin IN \((.*?)\)\)",
                           sql.read_text("utf-8"), re.DOTALL)  # fmt: skip

        assert listed is not None
        assert set(ADVANCES) == set(re.findall(r"'(\w+)'", listed[1]))

    def test_of_people_do_not_advance_it(self):
        moved = {origin for origin, advances in ADVANCES.items() if advances}

        assert moved == {"renewal", "retry", "processor"}


class TestAPolicy:
    def test_names_its_timer(self):
        assert timer_of(DEFAULT) is class_aware
        daily = timer_of(replace(DEFAULT, timer="fixed", schedule=(DAY,)))
        assert daily(History(T, ())).at == T + DAY

    def test_with_an_unknown_timer_is_refused(self):
        strange = replace(DEFAULT)
        object.__setattr__(strange, "timer", "learned")

        with pytest.raises(InvalidPolicy, match="learned"):
            timer_of(strange)

    def test_has_schedules_that_rise(self):
        for schedule in (*(spread(tries) for tries in range(28)), DEBIT):
            flat = [span for window in schedule for span in window]
            assert flat == sorted(set(flat))
        assert timers.BACKOFF == (HOUR, 6 * HOUR, 24 * HOUR, 72 * HOUR)
