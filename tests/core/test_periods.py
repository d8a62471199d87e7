from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.core.periods import Period, elapsed, instant_after, merged, utc
from recoup.errors import InvalidPeriod

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

spans = st.timedeltas(timedelta(0), timedelta(days=60))


@st.composite
def pauses(draw):
    starts = draw(st.lists(st.tuples(spans, spans), max_size=5))
    return tuple(Period(NOON + at, NOON + at + lasting) for at, lasting in starts)


class TestPeriod:
    def test_holds_its_start_and_not_its_end(self):
        period = Period(NOON, NOON + HOUR)

        assert NOON in period
        assert NOON + HOUR - timedelta(microseconds=1) in period
        assert NOON + HOUR not in period

    def test_without_an_end_lasts_for_ever(self):
        assert datetime.max.replace(tzinfo=UTC) in Period(NOON)

    def test_does_not_end_before_it_starts(self):
        with pytest.raises(InvalidPeriod, match="before the start"):
            Period(NOON, NOON - timedelta(microseconds=1))

    def test_needs_a_time_zone(self):
        with pytest.raises(InvalidPeriod, match="time zone"):
            Period(datetime(2026, 1, 1))  # noqa: DTZ001  the point of the test

    def test_utc_keeps_the_instant(self):
        berlin = NOON.astimezone()

        assert utc(berlin) == NOON
        assert utc(berlin).tzinfo is UTC


class TestMerging:
    def test_joins_what_overlaps_or_touches(self):
        first, second = Period(NOON, NOON + HOUR), Period(NOON + HOUR, NOON + 2 * HOUR)
        apart = Period(NOON + 3 * HOUR, None)

        assert merged([apart, second, first]) == (Period(NOON, NOON + 2 * HOUR), apart)

    @given(pauses())
    def test_keeps_every_instant(self, periods):
        joined = merged(periods)

        for period in periods:
            if period.start != period.end:
                assert any(period.start in other for other in joined)


class TestElapsedTime:
    def test_does_not_count_what_is_paused(self):
        paused = [Period(NOON + HOUR, NOON + 3 * HOUR)]

        assert elapsed(NOON, NOON + 5 * HOUR, paused=paused) == 3 * HOUR

    @given(spans, pauses())
    def test_reaches_a_span_at_the_instant_after_it(self, span, periods):
        at = instant_after(NOON, span, paused=periods)

        assert at is not None
        assert elapsed(NOON, at, paused=periods) == span
        if span:
            before = at - timedelta(microseconds=1)
            assert elapsed(NOON, before, paused=periods) < span

    def test_never_reaches_it_under_a_pause_without_end(self):
        paused = [Period(NOON + HOUR)]

        assert instant_after(NOON, 2 * HOUR, paused=paused) is None
        assert instant_after(NOON, HOUR, paused=paused) == NOON + HOUR
