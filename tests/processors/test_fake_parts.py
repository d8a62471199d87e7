"""Parts of periods in every currency: what is credited and charged is what a span costs."""

from __future__ import annotations

import random

from currencies import CURRENCIES

from recoup.processors.fake.billing.lines import part, prorated
from recoup.processors.fake.model import smallest
from recoup.processors.fake.terms import Item

CODES = sorted(CURRENCIES)
CASES = 100_000


def cases(name, number=CASES // 5):
    """Yield (currency, two rates in it, seconds left, seconds of the period)."""
    dice = random.Random(name)
    for _ in range(number):
        currency = dice.choice(CODES)
        unit = smallest(currency)
        old, new = (dice.randrange(10 ** dice.randrange(1, 9)) * unit for _ in "ab")
        whole = dice.choice((86_400, 604_800, 2_419_200, 2_678_400, 31_536_000))
        yield currency, old, new, dice.randrange(whole + 1), whole


def change(currency, old, new, left, whole):
    """Return what it costs to go from one rate to the other with so much left."""
    lines = prorated(
        Item("si_1", "a", rate=old), Item("si_1", "b", rate=new), currency,
        at=whole - left, end=whole, whole=whole,
    )  # fmt: skip
    assert all(line.amount % smallest(currency) == 0 for line in lines)
    return sum(line.amount for line in lines)


class TestChanges:
    def test_cost_what_a_full_recomputation_gives_to_half_a_unit_a_line(self):
        for currency, old, new, left, whole in cases("recomputed", CASES):
            paid = old + change(currency, old, new, left, whole)

            exact = old * (whole - left) + new * left
            assert abs(paid * whole - exact) <= whole * smallest(currency)

    def test_lose_no_unit_on_the_way_there_and_back(self):
        for currency, old, new, left, whole in cases("there and back"):
            there = change(currency, old, new, left, whole)

            assert there + change(currency, new, old, left, whole) == 0
            assert there == part(new, left, whole, currency) - part(old, left, whole, currency)

    def test_are_worth_all_at_the_start_and_nothing_at_the_end(self):
        for currency, old, new, left, whole in cases("ends"):
            assert change(currency, old, new, whole, whole) == new - old
            assert change(currency, old, new, 0, whole) == 0
            low, high = sorted((0, change(currency, 0, new, left, whole)))
            assert 0 <= low <= high <= new
