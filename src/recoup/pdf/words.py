"""
The words of documents in the languages that there are, and how these write sums and days.

Sums, days and shares are CLDR's, by Babel. Digits are European everywhere: amounts on invoices
are compared with bank statements.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from copy import copy
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale
from babel.dates import format_date
from babel.numbers import NumberPattern, format_decimal

from recoup.core.money import exponent

DEFAULT: Final = "en"
SHIPPED: Final = ("en", "de", "fr", "es", "pt-BR", "ja", "ar")
_RIGHT_TO_LEFT: Final = frozenset({"ar"})
_MOST_DECIMALS: Final = 4
#: Between a currency in letters and its sum CLDR wants a space, and Babel has none.
_TOUCHING: Final = re.compile(r"(?<=[A-Za-z])(?=\d)")


def tag(locale: str | None) -> str:
    """Return the shipped language that is nearest to a BCP 47 tag; English if none is."""
    return near(locale or "") or DEFAULT


def near(locale: str) -> str | None:
    """Return the shipped language that is nearest to a BCP 47 tag; None if none is."""
    wanted = locale.replace("_", "-").lower()
    for one in SHIPPED:
        if wanted == one.lower():
            return one
    language = wanted.partition("-")[0]
    return next((one for one in SHIPPED if one.partition("-")[0] == language), None)


class Words:
    """One language: its sentences, and its ways to write sums and days."""

    def __init__(self, name: str) -> None:
        file = resources.files("recoup.pdf") / "locales" / f"{name}.toml"
        tables = tomllib.loads(file.read_text("utf-8"))
        self.tag = name
        self.right_to_left = name in _RIGHT_TO_LEFT
        self.sentences: Mapping[str, str] = {
            f"{table}.{key}": text for table, keys in tables.items() for key, text in keys.items()
        }
        self._locale = Locale.parse(name, sep="-")

    def say(self, key: str, **values: str) -> str:
        """Return a sentence with its values in the place of their names; "labels.due"."""
        text = self.sentences[key]
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    def knows(self, key: str) -> bool:
        return key in self.sentences

    def money(self, minor: int, currency: str) -> str:
        """Return a sum with as many decimals as its currency has."""
        places = exponent(currency)
        return self._money(Decimal(minor).scaleb(-places), currency, places, places)

    def price(self, minor: int, currency: str, *, of: int) -> str:
        """Return a sum divided by `of`, with more decimals where it takes them."""
        places = exponent(currency)
        value = (Decimal(minor) / of).scaleb(-places)
        return self._money(value, currency, places, max(_MOST_DECIMALS, places))

    def _money(self, value: Decimal, currency: str, least: int, most: int) -> str:
        pattern = _precise(self._locale.currency_formats["standard"], least, most)
        shown = str(pattern.apply(value, self._locale, currency=currency, currency_digits=False))
        return _TOUCHING.sub("\u00a0", shown)

    def country(self, code: str) -> str:
        """Return the name of a country; the code itself for one that nobody knows."""
        return str(self._locale.territories.get(code, code))

    def number(self, value: int) -> str:
        return str(format_decimal(value, locale=self._locale))

    def percent(self, value: Decimal) -> str:
        """Return a share in percent, "19 %", as the language writes it."""
        pattern = _precise(self._locale.percent_formats[None], 0, 3)
        return str(pattern.apply(value / 100, self._locale))

    def day(self, at: datetime, zone: ZoneInfo) -> str:
        """Return the day of a UTC instant in a zone."""
        return self._day(at.astimezone(zone).date())

    def span(self, begins: datetime, ends: datetime, zone: ZoneInfo) -> str:
        """Return a half-open period by its first and its last day."""
        first = begins.astimezone(zone).date()
        last = (ends.astimezone(zone) - timedelta(microseconds=1)).date()
        if last <= first:
            return self._day(first)
        return f"{self._day(first, 'medium')} – {self._day(last, 'medium')}"

    def _day(self, day: date, form: Literal["long", "medium"] = "long") -> str:
        return format_date(day, form, locale=self._locale)


def _precise(pattern: NumberPattern, least: int, most: int) -> NumberPattern:
    """Return a pattern of Babel's with as many decimals as wanted, and no others."""
    made = copy(pattern)
    made.frac_prec = (least, most)
    return made


@cache
def words(name: str) -> Words:
    """Return a shipped language, read once."""
    return Words(name)


def zone(name: str) -> ZoneInfo:
    """Return a time zone; UTC for one that nobody knows."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("Etc/UTC")
