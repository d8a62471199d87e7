"""
From a document to the bytes of a PDF, by typst.

The result is PDF/A-3a (ISO 19005-3: to be kept for long, structured) and PDF/UA (ISO 14289-1: to
be read aloud). The same document, language and versions of typst and fonts give the same bytes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC
from functools import cache
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any, Final

from recoup.core.documents import Document, Kind
from recoup.errors import ConfigError
from recoup.pdf import facturx
from recoup.pdf.fonts import Fonts, fonts
from recoup.pdf.layout import layout
from recoup.pdf.words import DEFAULT, Words, tag, words

STANDARDS: Final = ("a-3a", "ua-1")
_TEMPLATE: Final = Path(__file__).with_name("template") / "document.typ"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A PDF; `without_facturx` says why it does not carry itself as data, where it was to."""

    content: bytes
    locale: str
    facturx: bool = False
    without_facturx: str | None = None


def render(document: Document, *, locale: str | None = None, as_data: bool = False) -> Rendered:
    """
    Return a document as PDF. For any number of threads, one at a time.

    Args:
        locale: BCP 47; the nearest language that there is, English if none is near.
        as_data: Have an invoice or a credit note carry itself as Factur-X, if it can.

    Raises:
        ConfigError: the extra `documents` is not installed whole.
        InvalidValue: it has too many lines, or a logo of no kind that is known.
    """
    language, at_hand = words(tag(locale)), _checked(words(tag(locale)), fonts())
    data = layout(document, language, covers=at_hand.covers)
    data["fonts"] = list(_ordered(at_hand, language))
    inputs, why, xml = {}, None, None
    if as_data and document.kind != Kind.RECEIPT:
        xml, why = facturx.made(document)
    if xml is not None:
        data["attachment"] = {"name": facturx.NAME, "description": facturx.DESCRIPTION}
        inputs["attachment"] = xml.decode()
    if document.logo is not None:  # inputs are texts: its bytes are numbers
        inputs["logo"] = json.dumps(list(document.logo))
    inputs["data"] = json.dumps(data, ensure_ascii=False, sort_keys=True)
    content = _press().pdf(inputs, document)
    content = facturx.marked(content) if xml else content
    return Rendered(content, language.tag, xml is not None, why)


class _Press:
    """One compiler, which keeps the fonts and what it has learnt of the template."""

    def __init__(self, at_hand: Fonts) -> None:
        typst = import_module("typst")
        self._lock = Lock()
        self._compiler = typst.Compiler(
            str(_TEMPLATE),
            root=str(_TEMPLATE.parent),
            font_paths=at_hand.handle,
            ignore_system_fonts=True,
        )

    def pdf(self, inputs: dict[str, str], document: Document) -> bytes:
        with self._lock:
            made: Any = self._compiler.compile(
                format="pdf",
                sys_inputs=inputs,
                pdf_standards=list(STANDARDS),
                timestamp=document.issued_at.astimezone(UTC),
            )
        return bytes(made)


@cache
def _press() -> _Press:
    return _Press(fonts())


def _ordered(at_hand: Fonts, language: Words) -> tuple[str, ...]:
    """Return the families, the one of Japanese first where that is written."""
    return at_hand.families if language.tag != "ja" else at_hand.families[::-1]


def _checked(language: Words, at_hand: Fonts) -> Fonts:
    """
    Return the fonts, which have every letter of the language's own words.

    Raises:
        ConfigError: they have not; nothing is ever set in boxes.
    """
    missing = _missing(language.tag, at_hand)
    if missing:
        raise ConfigError(
            f"no font for {language.tag}: {missing!r} can not be shown. See docs/documents.md."
        )
    return at_hand


@cache
def _missing(name: str, at_hand: Fonts) -> str:
    letters = {one for text in words(name or DEFAULT).sentences.values() for one in text}
    lost = (one for one in letters if not one.isspace() and ord(one) not in at_hand.covers)
    return "".join(sorted(lost))
