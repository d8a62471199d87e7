"""
Sums, days, numbers and lists as a language writes them.

Source: CLDR by Babel. What was written once is kept, since making it takes longer than a template.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_skeleton, format_time, get_timezone_name
from babel.lists import format_list
from babel.numbers import format_currency, format_decimal, format_percent

from recoup.core.money import exponent
from recoup.core.periods import utc

#: Where a letter touches a digit: "KWD1" reads as one word. Source: UTS 35, currencySpacing.
_TOUCHING: Final = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")
#: "€9,999.00" in parts.
_SUM: Final = re.compile(r"(\D*)9(\D*)999(?:(\D+)0+)?(\D*)")
_MOST_PERCENT: Final = 1_000_000
#: Below it every language groups digits by thousands, and those of India too.
_GROUPED_ALIKE: Final = 100_000

_locale = lru_cache(maxsize=256)(Locale.parse)

#: The first of a month, where people write it otherwise than CLDR's bare digit.
_FIRST: Final = {"fr": "1er", "pt_BR": "1º"}


def money(minor: int, currency: str, customs: str) -> str:
    """Return "€49.00", "49,00 €", "¥4,900": with as many decimals as its currency has."""
    places = exponent(currency)
    whole, rest = divmod(minor, 10**places)
    around = _around(currency, customs)
    if around is None or not 0 <= whole < _GROUPED_ALIKE:
        return _money(minor, currency, customs)
    # By hand, since CLDR's own way takes longer than all the rest of a mail.
    before, group, point, behind = around
    thousands, ones = divmod(whole, 1000)
    digits = f"{thousands}{group}{ones:03}" if thousands else str(ones)
    return (
        f"{before}{digits}{point}{rest:0{places}}{behind}" if places else before + digits + behind
    )


@lru_cache(maxsize=2048)
def _around(currency: str, customs: str) -> tuple[str, str, str, str] | None:
    """Return what is written before a sum, between its thousands, at its point and behind it."""
    match = _SUM.fullmatch(_money(9999 * 10 ** exponent(currency), currency, customs))
    if match is None:  # no language that we ship writes like that
        return None
    before, group, point, behind = match.groups()
    return before, group, point or "", behind


@lru_cache(maxsize=1024)
def _money(minor: int, currency: str, customs: str) -> str:
    places = exponent(currency)
    written = format_currency(
        Decimal(minor).scaleb(-places),
        currency,
        locale=_locale(customs),
        currency_digits=False,
        format=_pattern(customs, places),
    )
    return _TOUCHING.sub("\N{NO-BREAK SPACE}", written)


@lru_cache(maxsize=1024)
def _pattern(customs: str, places: int) -> str:
    """Return the language's pattern for sums, with `places` decimals."""
    pattern = _locale(customs).currency_formats["standard"].pattern
    whole, point, rest = pattern.partition(".")
    ended = rest.lstrip("0#") if point else ""
    decimals = f".{'0' * places}" if places else ""
    return f"{whole}{decimals}{ended}" if point else pattern


@lru_cache(maxsize=8192)
def day(local: date, customs: str) -> str:
    """Return "March 8, 2026", "8. März 2026"."""
    written = format_date(local, "long", _locale(customs))
    first = _FIRST.get(customs) or _FIRST.get(customs[:2])
    return first + written[1:] if first and written.startswith("1 ") else written


def local(instant: datetime, place: ZoneInfo) -> datetime:
    """Return an instant by the clocks of a place; by UTC where its calendar ends before that."""
    try:
        return utc(instant).astimezone(place)
    except OverflowError:
        return utc(instant)


def moment(instant: datetime, place: ZoneInfo, customs: str) -> str:
    """Return "March 8, 2026 at 1:00 PM (GMT+1)": the minute, and by whose clock."""
    seen = local(instant, place)
    return _moment(seen, seen.fold, place.key, customs)


@lru_cache(maxsize=4096)
def _moment(local: datetime, _fold: int, _zone: str, customs: str) -> str:
    # Equal instants of two zones, or of an hour that the clocks show twice, read differently.
    locale = _locale(customs)
    joined = locale.datetime_formats["long"].replace("'", "")
    time = format_time(local, "short", locale=locale)
    return f"{joined.format(time, day(local.date(), customs))} ({_clock(local, locale)})"


def _clock(local: datetime, locale: Locale) -> str:
    """Return "CET", "MEZ", or "UTC+1" where the language has no short name for it."""
    name = get_timezone_name(local, width="short", locale=locale)
    if name[:1] not in "+-":
        return name
    minutes = int((local.utcoffset() or timedelta()).total_seconds() // 60)
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}{f':{rest:02}' if rest else ''}"


@lru_cache(maxsize=1024)
def month(year: int, number: int, customs: str) -> str:
    """Return "April 2027"."""
    try:
        first = date(year, number, 1)
    except ValueError:  # no calendar has it, but a processor said so
        return f"{number}/{year}"
    return format_skeleton("yMMMM", first, locale=_locale(customs))


@lru_cache(maxsize=1024)
def number(value: int, customs: str) -> str:
    """Return "1,234", "1.234"."""
    return format_decimal(value, locale=_locale(customs))


@lru_cache(maxsize=1024)
def percent(share: str, customs: str) -> str:
    """Return "12.5%", "12,5 %" for "12.5"; what is no number stays as it is."""
    try:
        value = Decimal(share).scaleb(-2)
        readable = abs(value) < _MOST_PERCENT
    except ArithmeticError:  # no number
        readable = False
    if not readable:
        return f"{share}%"
    return format_percent(value, locale=_locale(customs), decimal_quantization=False)


def listed(items: Sequence[str], customs: str) -> str:
    """Return "a, b, and c", "a, b und c"."""
    return format_list(list(items), locale=_locale(customs)) if len(items) > 1 else "".join(items)


@lru_cache(maxsize=1024)
def plural(count: int, customs: str) -> str:
    """Return the category of a number, by CLDR: "zero", "one", "two", "few", "many", "other"."""
    return _locale(customs).plural_form(count)
