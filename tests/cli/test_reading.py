"""What options are read from."""

from __future__ import annotations

from datetime import UTC, datetime

import click
import pytest

from recoup.cli import reading
from recoup.core.billing.requests import ItemChange, LineWanted
from recoup.core.money import Money

EUR = "EUR"


def said(form, text):
    with pytest.raises(click.BadParameter) as caught:
        form.convert(text, None, None)
    return str(caught.value)


class TestAnAmount:
    @pytest.mark.parametrize(
        ("text", "amount"),
        [
            ("12.50 EUR", Money(1250, EUR)),
            ("12.5 EUR", Money(1250, EUR)),
            ("12 EUR", Money(1200, EUR)),
            ("12.00EUR", Money(1200, EUR)),
            ("-0.01 EUR", Money(-1, EUR)),
            ("500 JPY", Money(500, "JPY")),
            ("1.234 KWD", Money(1234, "KWD")),
            ("90071992547409.93 EUR", Money(9007199254740993, EUR)),
        ],
    )
    def test_is_read_exactly(self, text, amount):
        assert reading.MONEY.convert(text, None, None) == amount

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("12.505 EUR", "EUR has 2 decimals"),
            ("12.5 JPY", "JPY has no decimals"),
            ("1.2345 KWD", "got '1.2345 KWD'"),
            ("12.50", "like '12.50 EUR'"),
            ("12.50 eur", "got '12.50 eur'"),
            ("12,50 EUR", "got '12,50 EUR'"),
            ("1e3 EUR", "got '1e3 EUR'"),
            ("١٢ EUR", "like '12.50 EUR'"),
            ("99999999999999999999 EUR", "like '12.50 EUR'"),
            ("999999999999999999.99 EUR", "64 bits"),
            ("EUR", "got 'EUR'"),
            ("", "got ''"),
        ],
    )
    def test_is_refused_rather_than_guessed(self, text, why):
        assert why in said(reading.MONEY, text)

    def test_with_zeros_beyond_the_currency_is_still_exact(self):
        assert reading.money("1.500 EUR") == Money(150, EUR)


class TestAnInstant:
    @pytest.mark.parametrize("text", ["2026-03-01T12:00:00Z", "2026-03-01T13:00+01:00"])
    def test_is_read_in_utc(self, text):
        assert reading.INSTANT.convert(text, None, None) == datetime(2026, 3, 1, 12, tzinfo=UTC)

    @pytest.mark.parametrize("text", ["2026-03-01", "2026-03-01T12:00:00"])
    def test_without_a_zone_is_refused(self, text):
        assert "it has no time zone" in said(reading.INSTANT, text)

    def test_that_is_none_is_refused(self):
        assert "expected an instant" in said(reading.INSTANT, "soon")


class TestALine:
    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("Set-up=120.00 EUR", LineWanted("Set-up", Money(12000, EUR))),
            ("a=b=1 EUR", LineWanted("a=b", Money(100, EUR))),
            ("Seats=30.00 EUR x3", LineWanted("Seats", Money(3000, EUR), 3)),
            ("Seats=30 EUR tax 5.70", LineWanted("Seats", Money(3000, EUR), 1, 570)),
            ("Seats=30 EUR x3 tax 5.70", LineWanted("Seats", Money(3000, EUR), 3, 570)),
            ("Back=-5 EUR", LineWanted("Back", Money(-500, EUR))),
        ],
    )
    def test_is_read_from_its_end(self, text, line):
        assert reading.LINE.convert(text, None, None) == line

    @pytest.mark.parametrize(
        "text",
        ["Seats", "=1 EUR", "Seats=1", "Seats=1 EUR x0", "Seats=1 EUR tax 0.001", "S=1 EUR 3"],
    )
    def test_that_is_none_is_refused(self, text):
        assert "expected TEXT=AMOUNT CURRENCY" in said(reading.LINE, text)


class TestAPrice:
    def test_may_have_a_quantity(self):
        assert reading.price("price_1") == "price_1"
        assert reading.price("price_1:3") == ("price_1", 3)

    @pytest.mark.parametrize("text", ["", ":3", "price_1:", "price_1:0", "price_1:x", "a b"])
    def test_that_is_none_is_refused(self, text):
        assert "expected a price" in said(reading.PRICE, text)


class TestAnItem:
    @pytest.mark.parametrize(
        ("text", "change"),
        [
            ("si_1=price_2", ItemChange("si_1", "price_2")),
            ("si_1=:3", ItemChange("si_1", quantity=3)),
            ("si_1=price_2:3", ItemChange("si_1", "price_2", 3)),
        ],
    )
    def test_is_given_another_price_or_quantity(self, text, change):
        assert reading.CHANGED.convert(text, None, None) == change

    @pytest.mark.parametrize("text", ["si_1", "si_1=", "=price_2", "si_1=:0"])
    def test_that_says_nothing_is_refused(self, text):
        assert "expected an item" in said(reading.CHANGED, text)

    def test_is_added_with_or_without_a_quantity(self):
        assert reading.added("price_1:2") == ItemChange(None, "price_1", 2)
        assert reading.added("price_1") == ItemChange(None, "price_1")


class TestAnOwner:
    def test_is_a_type_and_an_id(self):
        assert reading.owner("user:42") == ("user", "42")
        assert reading.owner("urn:a:b") == ("urn", "a:b")

    @pytest.mark.parametrize("text", ["user", "user:", ":42", ""])
    def test_without_both_is_refused(self, text):
        assert "expected an owner like user:42" in said(reading.OWNER, text)


class TestAnObject:
    def test_is_json(self):
        assert reading.OBJECT.convert('{"a": [1]}', None, None) == {"a": [1]}

    @pytest.mark.parametrize("text", ["[1]", "{", "sesame"])
    def test_that_is_none_is_refused_and_not_shown(self, text):
        told = said(reading.OBJECT, text)

        assert "expected a JSON object" in told
        assert text not in told
