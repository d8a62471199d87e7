"""Words, once as plain text and once as HTML, so that both bodies of a mail say the same."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from markupsafe import escape

_ISOLATE, _END = "\N{FIRST STRONG ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"
_MARKS: Final = {ord(_ISOLATE): None, ord(_END): None}
_MARKUP: Final = re.compile("[&<>'\"]")
#: Hebrew, Arabic and the other letters that run from right to left.
_FROM_RIGHT: Final = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff]")


class Words(NamedTuple):
    """The same words, as plain text and as HTML. A template shows the one that it is made of."""

    text: str
    html: str

    def __bool__(self) -> bool:
        return bool(self.text)

    def __str__(self) -> str:
        return self.text

    def __html__(self) -> str:
        return self.html

    def bare(self) -> Words:
        """Return them without marks of direction, for a line that stands alone."""
        if _ISOLATE not in self.text:
            return self
        return words(self.text.translate(_MARKS))


NOTHING: Final = Words("", "")


def escaped(text: str) -> str:
    """Return `text` as HTML that shows it."""
    return str(escape(text)) if _MARKUP.search(text) else text


def words(text: str) -> Words:
    """Return `text` as it stands."""
    return Words(text, escaped(text))


def apart(text: str) -> Words:
    """Return `text` so that it can not turn around what is beside it."""
    return Words(f"{_ISOLATE}{text}{_END}", f"<bdi>{escaped(text)}</bdi>")


def turns(text: str) -> bool:
    """Return whether some of `text` runs from right to left."""
    return not text.isascii() and _FROM_RIGHT.search(text) is not None


def capital(first: Words) -> Words:
    """Return words that begin a sentence, with a capital where they begin with a letter."""
    text, html = first
    if not text[:1].islower() or text[0] != html[0]:
        return first
    return Words(text[0].upper() + text[1:], html[0].upper() + html[1:])
