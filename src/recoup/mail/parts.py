"""
What a mail consists of: sentences by the name they have in its catalogue, and the values in them.

A value says what it is (a sum, a day, a number), and not how it reads: that is the language's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from recoup.core.money import Money


@dataclass(frozen=True, slots=True)
class Day:
    """An instant of which the day is told, in the customer's zone: "8 March 2026"."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant told to the minute, with its zone."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Month:
    """A month of a year: "March 2026"."""

    year: int
    month: int


@dataclass(frozen=True, slots=True)
class Percent:
    """A share, as decimal text: "25", "12.5"; read as the language writes it: "12,5 %"."""

    value: str


@dataclass(frozen=True, slots=True)
class Term:
    """
    Words from the catalogue that all mails share: `Term("bought.plan", {"plan": "Team"})`.

    A name that the catalogue does not have reads as its `otherwise`.
    """

    key: str
    values: Mapping[str, Value] = field(default_factory=dict)
    otherwise: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """An address of mail or a page, shown as itself; a link only if it is https or mailto."""

    url: str
    shown: str


#: A `str` came from outside and is shown as it is; several are listed, as the language lists.
Value = (
    str
    | int
    | Money
    | Percent
    | Day
    | Moment
    | Month
    | Link
    | Term
    | tuple[str, ...]
    | tuple[Money, ...]
)


@dataclass(frozen=True, slots=True)
class Say:
    """
    A paragraph: the sentence `key` of the mail's own catalogue.

    Where the catalogue has several of it by number (`one`, `other` …), `count` chooses.
    """

    key: str
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Listing:
    """Lines under one another, each a sentence."""

    items: tuple[Say | Term, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """A table of two columns: a label from the shared catalogue's `labels`, and a value."""

    rows: tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True)
class Button:
    """The one thing to do; the catalogue's `button`, or another key of it."""

    url: str
    key: str = "button"


Part = Say | Term | Listing | Rows | Button
