"""
What the options of commands are read from: money, instants, prices, lines, owners, JSON.

Nothing is guessed: what is not exactly of its form exits 2 and says which option, what was given
and what was expected.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar

import click
import msgspec

from recoup.core.billing.requests import ItemChange, LineWanted
from recoup.core.money import Money, exponent

_F = TypeVar("_F", bound=Callable[..., Any])

#: Longer values are cut in messages.
_SHOWN: Final = 60
_AMOUNT: Final = r"-?[0-9]{1,19}(?:\.[0-9]{1,3})?"
_MONEY: Final = re.compile(rf"({_AMOUNT}) ?([A-Z]{{3}})")
_LINE: Final = re.compile(
    rf"(.+)=({_AMOUNT}) ?([A-Z]{{3}})(?: x([0-9]{{1,9}}))?(?: tax ({_AMOUNT}))?"
)
_PRICE: Final = re.compile(r"([^\s:=]+)(?::([0-9]{1,9}))?")
_SPAN: Final = re.compile(r"([0-9]{1,6})([mhd])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
_ITEM: Final = re.compile(r"([^\s:=]+)=([^\s:=]+)?(?::([0-9]{1,9}))?")


class Form(click.ParamType):  # type: ignore[type-arg]  # older ones take none
    """
    A form that text is read from.

    Args:
        name: What the help calls it.
        expected: Ends the sentence "expected …".
        read: Raises ValueError, with what is wrong or nothing to add.
        private: The value is never shown.
    """

    def __init__(
        self, name: str, expected: str, read: Callable[[str], Any], *, private: bool = False
    ) -> None:
        self.name = name
        self._expected = expected
        self._read = read
        self._private = private

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self._read(value)
        except ValueError as error:
            got = "" if self._private else f", got {value!r:.{_SHOWN}}"
            why = f": {error}" if str(error) else ""
            self.fail(f"expected {self._expected}{got}{why}", param, ctx)


def _matched(pattern: re.Pattern[str], given: str) -> re.Match[str]:
    found = pattern.fullmatch(given)
    if found is None:
        raise ValueError
    return found


def minor(amount: str, currency: str) -> int:
    """
    Return decimal text as minor units, exactly.

    Raises:
        ValueError: it has more decimals than the currency.
    """
    scaled = Decimal(amount).scaleb(exponent(currency))
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{currency} has {exponent(currency) or 'no'} decimals")
    return int(scaled)


def money(given: str) -> Money:
    """Return the amount that "12.50 EUR" names."""
    amount, currency = _matched(_MONEY, given).groups()
    return Money(minor(amount, currency), currency)


def instant(given: str) -> datetime:
    """Return the instant, in UTC, that ISO 8601 text names."""
    try:
        at = datetime.fromisoformat(given)
    except ValueError:
        raise ValueError from None
    if at.tzinfo is None:
        raise ValueError("it has no time zone")
    return at.astimezone(UTC)


def line(given: str) -> LineWanted:
    """Return the line of an invoice that "TEXT=AMOUNT CURRENCY[ xQUANTITY][ tax AMOUNT]" names."""
    text, amount, currency, quantity, tax = _matched(_LINE, given).groups()
    return LineWanted(
        text,
        Money(minor(amount, currency), currency),
        _count(quantity) or 1,
        0 if tax is None else minor(tax, currency),
    )


def price(given: str) -> str | tuple[str, int]:
    """Return a price, with its quantity where one is said."""
    name, quantity = _matched(_PRICE, given).groups()
    return name if quantity is None else (name, _counted(quantity))


def added(given: str) -> ItemChange:
    """Return the item to add that "PRICE[:QUANTITY]" names."""
    name, quantity = _matched(_PRICE, given).groups()
    return ItemChange(None, name, _count(quantity))


def changed(given: str) -> ItemChange:
    """Return the change of an item that "ITEM=[PRICE][:QUANTITY]" names."""
    item, name, quantity = _matched(_ITEM, given).groups()
    if name is None and quantity is None:
        raise ValueError
    return ItemChange(item, name, _count(quantity))


def owner(given: str) -> tuple[str, str]:
    """Return type and id of the host's own name for a customer."""
    kind, colon, name = given.partition(":")
    if not (kind and colon and name):
        raise ValueError
    return kind, name


def span(given: str) -> timedelta:
    """Return the span of time that "90m", "23h" or "2d" names."""
    amount, unit = _matched(_SPAN, given).groups()
    return timedelta(**{_UNITS[unit]: int(amount)})


def _pair(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not (name and equals):
        raise ValueError
    return name, value


def _object(given: str) -> dict[str, Any]:
    text = sys.stdin.buffer.read() if given == "-" else given.encode()
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        raise ValueError from None


def _count(digits: str | None) -> int | None:
    return None if digits is None else _counted(digits)


def _counted(digits: str) -> int:
    if int(digits) < 1:
        raise ValueError("a quantity is at least 1")
    return int(digits)


MONEY: Final = Form("AMOUNT", "an amount with its currency like '12.50 EUR'", money)
INSTANT: Final = Form("ISO", "an instant with its time zone like 2026-03-01T12:00:00Z", instant)
PRICE: Final = Form("PRICE[:QUANTITY]", "a price, or one with its quantity like price_1:3", price)
ADDED: Final = Form("PRICE[:QUANTITY]", "a price, or one with its quantity like price_1:3", added)
CHANGED: Final = Form(
    "ITEM=[PRICE][:QUANTITY]",
    "an item and what becomes of it like si_1=price_2, si_1=:3 or si_1=price_2:3",
    changed,
)
LINE: Final = Form(
    "LINE", "TEXT=AMOUNT CURRENCY[ xQUANTITY][ tax AMOUNT] like 'Seats=30.00 EUR x3'", line
)
SPAN: Final = Form("SPAN", "minutes, hours or days like 90m, 23h or 2d", span)
OWNER: Final = Form("TYPE:ID", "an owner like user:42", owner)
_PAIR: Final = Form("NAME=VALUE", "NAME=VALUE", _pair, private=True)
OBJECT: Final = Form("JSON", "a JSON object, or - to read one from standard input", _object,
                     private=True)  # fmt: skip


def metadata_option(command: _F) -> _F:
    """Give a command `--metadata`, as a map, or None where it is not said."""
    decorate = click.option(
        "--metadata",
        type=_PAIR,
        multiple=True,
        callback=_map,
        help="NAME=VALUE, once for each; an empty value deletes the name.",
    )
    return decorate(command)


def _map(
    ctx: click.Context, param: click.Parameter, pairs: tuple[tuple[str, str], ...]
) -> Mapping[str, str] | None:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise click.BadParameter(f"expected each name once, got {name!r} twice", ctx, param)
    return dict(pairs) or None
