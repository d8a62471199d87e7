"""The figures add up, repeat to the byte, and say what the default policy promises."""

from __future__ import annotations

import msgspec
import pytest

from recoup.simulation import games, simulate, world
from recoup.simulation.contenders import AS_IS, CEILING, DEFAULT_NAME, NOTHING, SCHEDULES

#: Few, so that it is quick; exact, because the seed decides. 10,000 are in docs/simulator.md.
PAYERS = 700


@pytest.fixture(scope="module")
def result(compared):
    return simulate(world("mixed"), compared, payers=PAYERS, seed=1)


class TestTheDefaultPolicy:
    def test_recovers_nearly_all_that_perfect_knowledge_would(self, result):
        default = result.of(DEFAULT_NAME)

        assert default.of_ceiling >= 0.97
        assert default.attempts_per_recovery <= 5.2
        assert default.forbidden == default.against_advice == 0

    def test_recovers_more_than_any_fixed_schedule_at_its_price(self, result):
        assert [one.schedule for one in result.equal_price] == list(SCHEDULES)
        for one in result.equal_price:
            assert one.default_share > one.schedule_share

    def test_recovers_more_with_more_tries(self, result):
        shares = [one.share for one in result.cut_offs]

        assert len(shares) == 7
        assert shares[0] < shares[2] < shares[-1]


class TestFigures:
    def test_add_up(self, result):
        for one in result.policies:
            assert one.recovered == one.by_retry + one.by_customer
            assert one.share == pytest.approx(one.recovered / PAYERS, abs=1e-6)
            assert sum(one.forbidden_by_rule.values()) == one.forbidden
            for groups in (one.by_class, one.by_cause):
                assert sum(group.failed for group in groups.values()) == PAYERS
                assert sum(group.recovered for group in groups.values()) == one.recovered
            assert list(one.curve) == sorted(one.curve)
            assert one.curve[-1] == pytest.approx(one.share, abs=1e-6)

    def test_have_no_price_where_nothing_was_recovered_by_a_try(self, result):
        nothing = result.of(NOTHING)

        assert (nothing.tries, nothing.by_retry) == (0, 0)
        assert nothing.attempts_per_recovery is None
        assert nothing.fees_per_recovery_usd is None

    def test_are_measured_against_the_default_and_the_ceiling(self, result):
        default, best = result.of(DEFAULT_NAME), result.of(CEILING)

        assert (default.to_default.low, default.to_default.high) == (0, 0)
        assert (best.of_ceiling, best.attempts_per_recovery) == (1.0, 1.0)
        gain = (best.recovered - default.recovered) / PAYERS
        assert best.to_default.mean == pytest.approx(gain, abs=1e-6)
        assert best.to_default.low < gain < best.to_default.high

    def test_of_forbidden_tries_are_not_nothing_where_they_are_made(self, result):
        for name in SCHEDULES:
            assert result.of(name).forbidden == 0
            assert result.of(name + AS_IS).forbidden > 100
            assert result.of(name + AS_IS).fees_usd > result.of(name).fees_usd

    def test_repeat_to_the_byte(self, compared):
        told = [
            msgspec.json.encode(simulate(world("tight"), compared, payers=60, seed=5))
            for _ in range(2)
        ]

        assert told[0] == told[1]

    def test_are_other_ones_with_another_seed(self, compared):
        few = [
            simulate(world("tight"), compared, payers=60, seed=seed, cut_offs=False)
            for seed in (1, 2)
        ]

        assert few[0].amount_minor != few[1].amount_minor
        assert few[0].cut_offs == few[0].equal_price == ()

    def test_of_one_payer_are_figures_too(self, compared):
        one = simulate(world("mixed"), compared, payers=1, seed=1, cut_offs=False)

        assert {figures.recovered for figures in one.policies} <= {0, 1}

    def test_need_an_engine_in_front(self, compared):
        with pytest.raises(TypeError, match="an engine"):
            games(compared[1:])
