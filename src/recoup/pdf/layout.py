"""
From a document to what the template sets: texts in one language, in their places.

All texts that come from outside are data to the template and never markup. Here they become what
the fonts can show: a character without a glyph is shown as one that says so, and what would turn
the direction of a line, or cannot be seen at all, is left out.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator
from typing import Any, Final
from zoneinfo import ZoneInfo

from recoup.core.documents import BillLine, Document, Kind, Party, Tax
from recoup.core.documents.issuing import PAID
from recoup.errors import InvalidValue
from recoup.pdf import pictures
from recoup.pdf.words import Words, zone

#: Lines that a document may have, so that nobody keeps a worker busy with one.
MOST_LINES: Final = 5000
#: Characters of any one text.
LONGEST: Final = 500
#: What stands for a character that no font has.
NO_GLYPH: Final = "□"
#: Where letters are the paper of those who read them.
_LETTER: Final = frozenset({"US", "CA", "MX", "PH"})
#: Spaces that few fonts have, and marks of direction that Babel sets and nobody sees.
_SPACES: Final = {"\u202f": "\u00a0", "\u2009": "\u00a0", "\u3000": "\u00a0"}
#: Begins and ends a text whose direction is its own, in the midst of others.
_APART: Final = "\u2068"
_END: Final = "\u2069"
_MARKS: Final = frozenset("\u200e\u200f\u061c\u200c\u200d")


def layout(document: Document, words: Words, *, covers: Collection[int]) -> dict[str, Any]:
    """
    Return what the template sets.

    Args:
        covers: The code points that the fonts have.

    Raises:
        InvalidValue: it has more than 5,000 lines.
    """
    if len(document.lines) > MOST_LINES:
        raise InvalidValue(f"a document has at most {MOST_LINES} lines, not {len(document.lines)}")
    raw = _Raw(document, words, zone(document.time_zone))
    texts: dict[str, Any] = _shown(raw.everything(), covers, apart=words.right_to_left)
    return texts | {
        "lang": words.tag.partition("-")[0],
        "region": words.tag.partition("-")[2],
        "dir": "rtl" if words.right_to_left else "ltr",
        "paper": "us-letter" if document.seller.country in _LETTER else "a4",
        "color": document.color,
        "closed": document.stamp is not None and document.stamp.word == PAID,
        "logo": _logo(document, words, covers),
    }


def _logo(document: Document, words: Words, covers: Collection[int]) -> dict[str, str] | None:
    """Return what the picture at the head is, and what is read aloud in its place."""
    if document.logo is None:
        return None
    name = visible(document.seller.name or "", covers).strip()
    return {"kind": pictures.kind(document.logo), "alt": name or words.say("labels.seller")}


class _Raw:
    """The texts of one document, as they come."""

    def __init__(self, document: Document, words: Words, where: ZoneInfo) -> None:
        self._document = document
        self._words = words
        self._zone = where

    def everything(self) -> dict[str, Any]:
        document, words = self._document, self._words
        priced = document.kind != Kind.CREDIT_NOTE or len(document.lines) > 1
        return {
            "title": f"{self._title()} {document.number}",
            "heading": self._title(),
            "facts": list(self._facts()),
            "seller": self._party("seller", document.seller),
            "buyer": self._party("buyer", document.buyer),
            "columns": [
                words.say(f"labels.{name}")
                for name in ("description", "quantity", "price", "amount")
            ],
            "lines": [self._line(line, priced=priced) for line in document.lines],
            "sums": list(self._sums()),
            "stamp": self._stamp(),
            "notes": list(self._notes()),
            "page": words.say("labels.page", page="\x01", pages="\x02"),
            "foot": document.foot or "",
        }

    def _title(self) -> str:
        kind, stamp = self._document.kind, self._document.stamp
        closing = kind == Kind.RECEIPT and stamp is not None and stamp.word != PAID
        return self._words.say("titles.closing" if closing else f"titles.{kind}")

    def _facts(self) -> Iterator[list[str]]:
        document, say = self._document, self._words.say
        yield [say("labels.number"), document.number]
        yield [say("labels.date"), self._words.day(document.issued_at, self._zone)]
        if document.kind != Kind.INVOICE:
            yield [say("labels.about"), document.invoice]
        if document.due_at is not None and document.stamp is None:
            yield [say("labels.due"), self._words.day(document.due_at, self._zone)]
        if document.method:
            yield [say("labels.method"), document.method]

    def _party(self, label: str, party: Party) -> dict[str, Any]:
        country = None
        if party.country:
            country = self._words.country(party.country)
        lines = [party.name, *party.address, country, party.email]
        shown = [line for line in lines if line]
        if party.tax_id:
            shown.append(f"{self._words.say('labels.tax_id')}: {party.tax_id}")
        return {"label": self._words.say(f"labels.{label}"), "lines": shown}

    def _line(self, line: BillLine, *, priced: bool) -> list[str]:
        words, currency = self._words, self._document.currency
        what = line.description
        if not what and self._document.kind == Kind.CREDIT_NOTE:
            what = words.say("labels.credit", number=self._document.invoice)
        period = ""
        if line.begins is not None and line.ends is not None:
            period = words.span(line.begins, line.ends, self._zone)
        quantity = price = ""
        if priced and line.quantity > 0:
            quantity = words.number(line.quantity)
            price = words.price(line.amount, currency, of=line.quantity)
        return [what, period, quantity, price, words.money(line.amount, currency)]

    def _sums(self) -> Iterator[list[Any]]:
        """Yield label, sum and whether it is one of those that count."""
        document, say = self._document, self._words.say

        def row(label: str, minor: int, *, strong: bool = False) -> list[Any]:
            return [label, self._words.money(minor, document.currency), strong]

        if document.taxes or document.discount:
            yield row(say("labels.subtotal"), document.subtotal)
        if document.discount:
            yield row(say("labels.discount"), -document.discount)
        for tax in document.taxes:
            yield row(self._tax(tax), tax.amount)
        yield row(say("labels.total"), document.total, strong=True)
        if document.kind == Kind.CREDIT_NOTE:
            yield row(say("labels.returned"), document.settled)
        elif document.kind == Kind.RECEIPT and document.stamp is not None:
            yield row(say("labels.received"), document.settled)
        elif document.stamp is None or document.stamp.word == PAID:
            if document.settled:
                yield row(say("labels.settled"), -document.settled)
            yield row(say("labels.open"), document.open, strong=True)

    def _tax(self, tax: Tax) -> str:
        vat = "labels.vat" if self._document.seller.tax_id else "labels.tax"
        label = self._words.say(vat)
        if tax.percent is not None:
            label = f"{label} {self._words.percent(tax.percent)}"
        return f"{label} ({self._words.say('labels.included')})" if tax.inclusive else label

    def _stamp(self) -> dict[str, str] | None:
        stamp = self._document.stamp
        if stamp is None:
            return None
        known = self._words.knows(f"stamps.{stamp.word}")
        at = "" if stamp.at is None else self._words.day(stamp.at, self._zone)
        return {"word": self._words.say(f"stamps.{stamp.word if known else 'closed'}"), "at": at}

    def _notes(self) -> Iterator[str]:
        document = self._document
        if document.stamp is not None and document.stamp.word != PAID:
            yield self._words.say("stamps.without_money")
        for reason in dict.fromkeys(tax.reason for tax in document.taxes):
            if reason is not None and self._words.knows(f"reasons.{reason}"):
                yield self._words.say(f"reasons.{reason}")
        if document.note:
            yield document.note


def _shown(value: Any, covers: Collection[int], *, apart: bool) -> Any:
    """Return the texts within `value` made visible; `apart`: each has a direction of its own."""
    if isinstance(value, str):
        text = visible(value, covers)
        return f"{_APART}{text}{_END}" if apart and text else text
    if isinstance(value, list):
        return [_shown(one, covers, apart=apart) for one in value]
    if isinstance(value, dict):
        return {key: _shown(one, covers, apart=apart) for key, one in value.items()}
    return value


def visible(text: str, covers: Collection[int]) -> str:
    """Return a text as the fonts can show it, on one line and not too long."""
    if len(text) <= LONGEST and text.isascii() and text.isprintable():
        return text
    normal = unicodedata.normalize("NFC", text)
    shown = "".join(_character(one, covers) for one in normal)
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"


def _character(one: str, covers: Collection[int]) -> str:
    if one in "\x01\x02" or one in _MARKS:
        return one
    if one.isspace():
        return " " if one not in _SPACES and one != "\u00a0" else "\u00a0"
    if unicodedata.category(one) in {"Cc", "Cf", "Cs"}:
        return ""
    return one if ord(one) in covers else NO_GLYPH
