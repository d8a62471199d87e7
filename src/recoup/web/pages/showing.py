"""The pages as HTML: words of one language around values, and every value escaped."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from recoup.mail.base import Brand
from recoup.mail.language import catalogues, locales
from recoup.mail.language.locales import Tongue
from recoup.mail.language.speech import Speech
from recoup.mail.parts import Value

#: Most of what a browser says it can read that is looked at.
_MOST: Final = 200


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to go on: what the form sends, and what it says."""

    value: str
    words: str


@dataclass(frozen=True, slots=True)
class Form:
    """What may be done on a page."""

    challenge: str
    does: str
    button: str | None
    shown: str = ""
    legend: str = ""
    ways: tuple[Choice, ...] = ()
    more: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class Onward:
    """Where it goes on, elsewhere."""

    url: str
    words: str


@dataclass(frozen=True, slots=True)
class Table:
    """What is listed; the first cell of a row is its name."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Page:
    """What a page shows; all words are in its language already."""

    heading: str
    notes: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    table: Table | None = None
    form: Form | None = None
    onward: Onward | None = None
    help: str = ""


@dataclass(frozen=True, slots=True)
class Voice:
    """Says what the catalogues of the pages say, in one language."""

    speech: Speech
    tongue: Tongue = field(repr=False)

    @classmethod
    def of(cls, *wishes: str | None, time_zone: str | None = None) -> Voice:
        """Return the voice for the first of these languages that there is, else English."""
        tongue = locales.tongue(*wishes)
        place: ZoneInfo = locales.zone(time_zone)
        own = catalogues.own(_locales(), tongue.tag)
        return cls(Speech(own, catalogues.shared(tongue.tag), tongue, place), tongue)

    def say(self, key: str, **values: Value) -> str:
        """Return a sentence; where letters run both ways, its values are set apart."""
        return self.speech.said(key, values).text

    def value(self, value: Value) -> str:
        """Return a sum, a day or a name as the language writes it."""
        return self.speech.value(value).text


def wishes(accept_language: str) -> tuple[str, ...]:
    """Return the languages that a browser asks for, the most wanted first."""
    ranked: list[tuple[float, str]] = []
    for one in accept_language[:_MOST].split(","):
        tag, _, quality = one.strip().partition(";q=")
        try:
            ranked.append((-float(quality or 1), tag.strip()))
        except ValueError:
            continue
    known = {shipped.split("-")[0] for shipped in locales.SHIPPED}
    tags = (tag for _, tag in sorted(ranked, key=lambda pair: pair[0]))
    return tuple(tag for tag in tags if tag.lower().split("-")[0] in known)


def html(page: Page, voice: Voice, brand: Brand) -> str:
    """Return a whole page."""
    shown: Mapping[str, object] = {
        "lang": voice.tongue.tag,
        "dir": voice.tongue.direction,
        "business": brand.business,
        "style": Markup(style()),  # noqa: S704  a file of ours
    }
    parts = {name: getattr(page, name) for name in Page.__slots__}
    return _template().render(**shown, **parts)


@cache
def style() -> str:
    """Return the style sheet, which stands in each page."""
    return (resources.files("recoup.web.pages") / "page.css").read_text("utf-8").strip()


@cache
def policy() -> str:
    """Return what a browser may do on a page: show our style, and send our form back to us."""
    digest = b64encode(sha256(style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )


@cache
def _template() -> Template:
    loader = PackageLoader("recoup.web.pages", "")
    made = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    return made.get_template("page.html")


@cache
def _locales() -> Path:
    return Path(str(resources.files("recoup.web.pages") / "locales"))
