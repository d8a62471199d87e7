"""Every currency of ISO 4217: written, split and handed to the processor without losing a unit."""

from __future__ import annotations

import random

import pytest
from currencies import CURRENCIES

from recoup.core.money import Money, exponent, totals
from recoup.errors import CurrencyMismatch, InvalidMoney
from recoup.processors.fake.model import smallest
from recoup.processors.stripe.amounts import money, stripe_amount

CASES = 100_000


def split(dice: random.Random) -> tuple[Money, tuple[Money, ...]]:
    """An amount of any currency, and its parts by random weights."""
    currency = dice.choice(CODES)
    whole = Money(dice.choice((1, -1)) * dice.randrange(10 ** dice.randrange(1, 13)), currency)
    weights = [dice.randrange(10 ** dice.randrange(1, 7)) for _ in range(dice.randrange(1, 6))]
    return whole, whole.allocate([*weights, 1])


CODES = tuple(CURRENCIES)


@pytest.mark.parametrize(("code", "places"), CURRENCIES.items())
class TestEveryCurrency:
    def test_has_the_decimals_of_the_standard(self, code, places):
        assert exponent(code) == places

    def test_is_written_with_them(self, code, places):
        written = str(Money(1_234_567, code))

        assert written.partition(" ")[0].replace(".", "") == "1234567"
        assert len(written.partition(" ")[0].partition(".")[2]) == places

    def test_comes_back_from_the_processor_as_it_went(self, code, places):
        for units in (1, 7, 99, 12_345):
            amount = Money(units * smallest(code), code)

            assert money(stripe_amount(amount), code.lower()) == amount

    def test_has_no_processors_unit_below_the_smallest(self, code, places):
        finest = smallest(code)
        if code == "MGA":
            with pytest.raises(InvalidMoney):
                stripe_amount(Money(finest - 1, code))
        assert stripe_amount(Money(finest, code)) >= 1

    def test_is_never_summed_with_another(self, code, places):
        other = "EUR" if code != "EUR" else "USD"

        with pytest.raises(CurrencyMismatch):
            Money(1, code) + Money(1, other)
        assert len(totals([Money(1, code), Money(1, other)])) == 2


class TestAHundredThousandCases:
    def test_of_tax_lines_lose_nothing(self):
        dice = random.Random("tax lines")
        for _ in range(CASES):
            whole, parts = split(dice)

            assert sum(part.minor for part in parts) == whole.minor
            assert {part.currency for part in parts} == {whole.currency}

    def test_of_partial_refunds_give_back_exactly_what_was_paid(self):
        dice = random.Random("refunds")
        for _ in range(CASES):
            paid = Money(dice.randrange(1, 10**9), dice.choice(CODES))
            left = paid
            while left:
                back = Money(dice.randrange(left.minor // 2 + 1, left.minor + 1), paid.currency)
                assert back <= left
                left -= back

            assert left == Money(0, paid.currency)
