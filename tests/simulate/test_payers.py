"""Payers are what their sources say, and the same whoever asks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import fields

import pytest

from recoup.errors import ConfigError
from recoup.simulation import FIRST, names, world
from recoup.simulation.bank import answer
from recoup.simulation.dice import About, Dice
from recoup.simulation.payers import DAY, HORIZON, HOUR, draw
from recoup.simulation.worlds import World, parameters

MAILS = (0, 5 * DAY, 12 * DAY, 21 * DAY)

PRINT = """
from recoup.simulation import world
from recoup.simulation.payers import draw
print([draw(world("mixed"), 3, n).openings for n in range(40)])
"""


class TestDice:
    def test_say_the_same_whenever_they_are_asked(self):
        dice = Dice(7)
        first = [dice.roll(About.BLIP, hour) for hour in range(9)]

        assert [dice.roll(About.BLIP, hour) for hour in reversed(range(9))] == first[::-1]

    def test_are_even(self):
        tenths = Counter(int(10 * Dice(n).roll(About.CAUSE)) for n in range(20_000))

        assert sorted(tenths) == list(range(10))
        assert all(abs(count - 2_000) < 250 for count in tenths.values())

    def test_pick_by_share(self):
        picked = Counter(Dice(n).pick({"a": 3, "b": 1}, About.BRAND) for n in range(8_000))

        assert abs(picked["a"] - 6_000) < 200


class TestAPayer:
    @pytest.mark.parametrize("seed", ["0", "1234"])
    def test_is_the_same_in_every_process(self, seed):
        here = [draw(world("mixed"), 3, n).openings for n in range(40)]

        told = subprocess.run(
            [sys.executable, "-c", PRINT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )

        assert told.stdout.strip() == str(here)

    @pytest.mark.parametrize("name", names())
    def test_did_not_pay_at_first(self, name):
        for number in range(300):
            payer = draw(world(name), 5, number)

            assert answer(payer, 0, ()) is not None
            assert all(HOUR // 60 <= start < end for start, end in payer.openings if start > 0)
            assert not any(start <= 0 < end for start, end in payer.openings)

    def test_pays_at_the_first_instant_that_is_said_to_be_one(self, payers):
        for payer in payers:
            first = payer.first_open(HOUR, 28 * DAY)

            if first is None:
                assert not any(payer.pays(hour * HOUR) for hour in range(1, 28 * 24))
            else:
                assert payer.pays(first)
                assert not any(payer.pays(age) for age in range(HOUR, first, HOUR // 2))

    def test_comes_sooner_or_not_at_all_when_fewer_mails_are_sent(self, payers):
        for payer in payers:
            every, two = payer.comes(MAILS), payer.comes(MAILS[:2])

            assert payer.comes(()) is None
            assert two is None or (every is not None and every <= two)

    def test_issued_in_india_is_paid_by_nobody_but_the_customer(self):
        abroad = [p for n in range(3_000) if (p := draw(world("mixed"), 1, n)).country == "IN"]

        assert abroad
        assert all(p.openings == () for p in abroad)

    def test_causes_have_their_shares(self):
        drawn = Counter(draw(world("mixed"), 2, n).cause for n in range(4_000))

        for cause, share in world("mixed").causes.items():
            assert abs(drawn[cause] / 4_000 - share) < 0.03

    def test_truth_reaches_behind_the_ladder(self, payers):
        assert HORIZON > 2 * 28 * DAY
        assert any(end > 50 * DAY for p in payers if p.cause == "funds" for _, end in p.openings)


class TestTheBank:
    def test_refuses_a_try_within_the_hour(self, payers):
        payer = next(p for p in payers if p.first_open(2 * DAY, 9 * DAY))
        age = payer.first_open(2 * DAY, 9 * DAY)

        assert answer(payer, age, [0]) is None
        assert answer(payer, age, [0, age - HOUR]) is None
        assert answer(payer, age, [0, age - HOUR + 1]) is not None

    def test_refuses_the_fifth_try_of_a_day(self, payers):
        payer = next(p for p in payers if p.first_open(2 * DAY, 9 * DAY))
        age = payer.first_open(2 * DAY, 9 * DAY)
        many = [age - DAY + 1, age - 5 * HOUR, age - 4 * HOUR, age - 3 * HOUR]

        assert answer(payer, age, [age - DAY, *many[1:]]) is None
        assert answer(payer, age, many).decline_code == "card_velocity_exceeded"

    def test_answers_by_the_instant_and_by_nothing_else(self, payers):
        for payer in payers[:50]:
            for age in range(HOUR, 28 * DAY, 7 * HOUR):
                alone = answer(payer, age, [0])
                again = answer(payer, age, [0, max(0, age - 2 * DAY)])

                assert (alone is None) == payer.pays(age)
                assert age <= 2 * DAY or again == alone


class TestAWorld:
    def test_has_every_parameter_with_a_source(self):
        told = parameters()

        assert {one.name for one in told} == {f.name for f in fields(World)} - {"name", "words"}
        assert all(one.source for one in told)

    def test_is_the_sourced_one_first(self):
        assert names()[0] == FIRST
        first = world(FIRST)
        assert all(getattr(first, one.name) == one.value for one in parameters())

    def test_that_is_not_there_is_named_with_those_that_are(self):
        with pytest.raises(ConfigError, match="'moon': there are mixed, monthly"):
            world("moon")
