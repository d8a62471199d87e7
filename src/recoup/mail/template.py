"""
From a mail to what is shown: its subject, its HTML and its text, in one language.

Both bodies are filled with the same words, so the one says what the other says. Values are filled
into sentences, and sentences into a layout; nothing that was filled in is looked at again.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from recoup.mail.base import Brand, Email
from recoup.mail.language import catalogues, locales
from recoup.mail.language.catalogues import Catalogue
from recoup.mail.language.locales import Tongue
from recoup.mail.language.speech import Speech
from recoup.mail.language.words import NOTHING, Words
from recoup.mail.layout import engine
from recoup.mail.layout.engine import Layout
from recoup.mail.layout.looks import look
from recoup.mail.parts import Button, Link, Listing, Part, Rows, Say, Term
from recoup.mail.wording import is_link, one_line

log: Final = logging.getLogger(__name__)

#: RFC 5322 asks for at most 78 characters a line; a link is never broken.
WIDTH: Final = 72
#: Longest link that is shown, in characters; programs cut longer ones.
LONGEST_URL: Final = 2000

_LINE: Final = re.compile(rf"([^ ]{{{WIDTH},}}|.{{1,{WIDTH}}})(?: |$)")
_ITEM: Final = re.compile(rf"([^ ]{{{WIDTH - 2},}}|.{{1,{WIDTH - 2}}})(?: |$)")
_SIDES: Final = {"ltr": ("left", "right"), "rtl": ("right", "left")}


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail in one language."""

    locale: str  #: BCP 47
    subject: str  #: one line
    preview: str  #: the line that an inbox shows beside the subject
    text: str
    html: str


class Block(NamedTuple):
    """A part of a mail in words, as a layout is given it."""

    kind: str  #: "text", "list", "rows" or "button"
    words: Words = NOTHING
    items: tuple[Words, ...] = ()
    rows: tuple[tuple[Words, Words], ...] = ()
    url: str = ""


def render(
    email: Email,
    *,
    locale: str | None = None,
    time_zone: str | None = None,
    layout: Layout | None = None,
) -> Rendered:
    """
    Return the mail in `locale`, the customer's, the configured one or English: the first there is.

    Args:
        email: What it says.
        locale: BCP 47; before all others.
        time_zone: IANA name; before all others.
        layout: How it looks; by default as all mails do. One that fails is logged, and the mail
            looks as all mails do, because it is worth more than its look.
    """
    shown = words(email, locale=locale, time_zone=time_zone)
    try:
        html, text = (layout or engine.ours(email.folder)).fill(shown)
    except Exception:
        if layout is None:
            raise
        log.exception("a layout of the host's could not be filled")
        html, text = engine.ours(email.folder).fill(shown)
    subject, preview = str(shown["subject"]), str(shown["preview"])
    return Rendered(str(shown["lang"]), subject, preview, wrapped(text), html)


def words(
    email: Email, *, locale: str | None = None, time_zone: str | None = None
) -> dict[str, object]:
    """Return what a layout may show of a mail, by name; docs/emails.md has the list."""
    speech = _speech(email, locale, time_zone)
    said = email.subject()
    subject = speech.said(said.key, said.values).bare()
    return {
        **_frame(email.facts.brand, speech.tongue),
        "subject": subject,
        "preview": _beside("preview", speech, said, subject).bare(),
        "heading": _beside("heading", speech, said, subject),
        "greeting": _greeting(speech, email.facts.name),
        "blocks": [block for part in email.parts() if (block := _block(speech, part))],
    }


def _speech(email: Email, locale: str | None, time_zone: str | None) -> Speech:
    facts, brand = email.facts, email.facts.brand
    tongue = locales.tongue(locale, facts.asked_locale, facts.locale, brand.locale)
    place = locales.zone(time_zone, facts.asked_time_zone, facts.time_zone, brand.time_zone)
    return _speaking(email.folder, tongue, place)


@lru_cache(maxsize=1024)
def _speaking(folder: str | Path, tongue: Tongue, place: ZoneInfo) -> Speech:
    own, shared = catalogues.own(folder, tongue.tag), catalogues.shared(tongue.tag)
    return Speech(own, shared, tongue, place)


@lru_cache(maxsize=256)
def _frame(brand: Brand, tongue: Tongue) -> Mapping[str, object]:
    """Return what all mails of a brand have in common in one language."""
    own = Catalogue({})
    speech = Speech(own, catalogues.shared(tongue.tag), tongue, locales.zone())
    start, end = _SIDES[tongue.direction]
    return {
        **look(brand),
        "lang": tongue.tag,
        "dir": tongue.direction,
        "start": start,
        "end": end,
        "closing": speech.term(Term("closing.regards")),
        "colon": speech.term(Term("sentences.colon")),
        "business": speech.value(brand.business),
        "footer": tuple(_footer(speech, brand)),
    }


def _beside(key: str, speech: Speech, subject: Say, otherwise: Words) -> Words:
    """
    Return the catalogue's `key`, with the subject's values: "heading_plain" beside
    "subject_plain" where there is one, else "heading", else the subject itself.
    """
    for name in (key + subject.key.removeprefix("subject"), key):
        if speech.has(name):
            return speech.said(name, subject.values)
    return otherwise


def _greeting(speech: Speech, name: str | None) -> Words:
    """
    Return how the mail begins.

    A name that holds a link greets nobody: whoever signs up with another's address would
    otherwise send them a link in our name.
    """
    called = one_line(name or "")
    if not called or "://" in called or "www." in called.lower():
        return speech.term(Term("greeting.plain"))
    return speech.term(Term("greeting.named", {"name": called}))


def _block(speech: Speech, part: Part) -> Block | None:
    """Return a part in words; None where the language has none for it."""
    match part:
        case Say() | Term():
            words = speech.part(part)
            return Block("text", words) if words else None
        case Listing():
            items = tuple(words for item in part.items if (words := speech.part(item)))
            return Block("list", items=items) if items else None
        case Rows():
            rows = tuple((speech.label(label), speech.value(value)) for label, value in part.rows)
            return Block("rows", rows=rows) if rows else None
        case Button():
            words, url = speech.said(part.key, {}), one_line(part.url, longest=LONGEST_URL)
            return Block("button", words, url=url) if is_link(url) else None


def _footer(speech: Speech, brand: Brand) -> Iterator[Words]:
    if brand.support:
        yield speech.term(Term("footer.support", {"support": _support(brand.support)}))
    else:
        yield speech.term(Term("footer.reply"))
    yield speech.term(Term("footer.why", {"business": brand.business}))
    if brand.address:
        address = {"business": brand.business, "address": brand.address}
        yield speech.term(Term("footer.address", address))


def _support(support: str) -> Link:
    return Link(support if is_link(support) else f"mailto:{support}", support)


def wrapped(text: str) -> str:
    """Return `text` with lines of at most `WIDTH` characters, and one empty line at most."""
    lines = [line if len(line) <= WIDTH else _folded(line) for line in text.split("\n")]
    joined = "\n".join(lines)
    while "\n\n\n" in joined:
        joined = joined.replace("\n\n\n", "\n\n")
    return joined.strip("\n") + "\n"


def _folded(line: str) -> str:
    """Return a long line in pieces; those of a list are indented."""
    if line.startswith("- "):
        return "- " + "\n  ".join(_ITEM.findall(line[2:]))
    return "\n".join(_LINE.findall(line))
