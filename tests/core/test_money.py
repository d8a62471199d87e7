from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.core.money import LARGEST, Money, exponent, totals
from recoup.errors import CurrencyMismatch, InvalidMoney

amounts = st.integers(-LARGEST, LARGEST)


class TestMoney:
    @pytest.mark.parametrize("minor", [1.0, True, "1", None])
    def test_is_an_integer_number_of_minor_units(self, minor):
        with pytest.raises(InvalidMoney, match="integer"):
            Money(minor, "EUR")

    @pytest.mark.parametrize("currency", ["eur", "EURO", "", "E1R", "ÄÖÜ"])
    def test_has_an_iso_4217_currency(self, currency):
        with pytest.raises(InvalidMoney, match="three capital letters"):
            Money(1, currency)

    @pytest.mark.parametrize("minor", [LARGEST, -LARGEST])
    def test_reaches_to_the_edge_of_64_bits(self, minor):
        assert Money(minor, "EUR").minor == minor

    @pytest.mark.parametrize("minor", [LARGEST + 1, -LARGEST - 1])
    def test_is_refused_beyond_it(self, minor):
        with pytest.raises(InvalidMoney, match="64 bits"):
            Money(minor, "EUR")

    def test_of_two_currencies_is_never_combined(self):
        euro, dollar = Money(1, "EUR"), Money(1, "USD")

        for combine in (euro.__add__, euro.__sub__, euro.__lt__, euro.__le__):
            with pytest.raises(CurrencyMismatch):
                combine(dollar)

    @pytest.mark.parametrize(
        ("minor", "currency", "shown"),
        [
            (1250, "EUR", "12.50 EUR"),
            (5, "EUR", "0.05 EUR"),
            (-5, "EUR", "-0.05 EUR"),
            (1250, "JPY", "1250 JPY"),
            (1250, "KWD", "1.250 KWD"),
            (0, "UGX", "0 UGX"),
        ],
    )
    def test_is_shown_with_its_currencys_decimals(self, minor, currency, shown):
        assert str(Money(minor, currency)) == shown

    def test_exponents_are_those_of_the_currency(self):
        assert [exponent(code) for code in ("JPY", "EUR", "BHD")] == [0, 2, 3]


class TestAllocation:
    @given(amounts, st.lists(st.integers(0, 10**6), min_size=1, max_size=20).filter(any))
    def test_loses_nothing(self, minor, weights):
        parts = Money(minor, "EUR").allocate(weights)

        assert sum(part.minor for part in parts) == minor
        assert len(parts) == len(weights)

    @given(st.integers(0, 10**12), st.lists(st.integers(0, 100), min_size=2).filter(any))
    def test_gives_each_part_its_share_within_one_unit(self, minor, weights):
        parts = Money(minor, "EUR").allocate(weights)

        for part, weight in zip(parts, weights, strict=True):
            assert abs(part.minor * sum(weights) - minor * weight) < sum(weights)

    def test_gives_what_is_left_over_to_the_largest_remainders(self):
        parts = Money(100, "EUR").allocate([1, 1, 1])

        assert [part.minor for part in parts] == [34, 33, 33]

    @pytest.mark.parametrize("weights", [[0, 0], [-1, 2], [0]])
    def test_needs_weights_that_make_sense(self, weights):
        with pytest.raises(InvalidMoney, match="weights"):
            Money(1, "EUR").allocate(weights)


class TestTotals:
    @given(st.lists(st.tuples(st.integers(-(10**9), 10**9), st.sampled_from(["EUR", "USD"]))))
    def test_keep_currencies_apart(self, pairs):
        sums = totals(Money(minor, currency) for minor, currency in pairs)

        for currency in {currency for _, currency in pairs}:
            wanted = sum(minor for minor, other in pairs if other == currency)
            assert Money(wanted, currency) in sums
