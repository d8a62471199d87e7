"""
Words: flat TOML files, read once, with names in braces where values go.

    subject = "Receipt for {bought}"

    [invoices]                              # by number: the value `count` chooses
    one = "Invoice {numbers}"
    other = "Invoices {numbers}"

A file holds nothing but words: a name in braces is a name, and neither an attribute nor a format.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final, Self

from recoup.errors import ConfigError
from recoup.mail.language.locales import SHIPPED
from recoup.mail.language.words import Words, escaped

#: The categories of numbers. Source: CLDR.
PLURALS: Final = frozenset({"zero", "one", "two", "few", "many", "other"})

#: Not those that keep words on one line, which French and others are written with.
_SPACES: Final = re.compile(r"[ \t\n]+")
_NAME: Final = re.compile(r"\{([a-z_][a-z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class Sentence:
    """What is written, cut at its names: each piece but the first comes after a name."""

    pieces: tuple[str, ...]  #: one more than there are names
    escaped: tuple[str, ...]  #: the same, as HTML
    names: tuple[str, ...]
    rest: tuple[tuple[str, str, str], ...]  #: each name, and the piece behind it twice
    still: Words | None  #: all of it, where it has no names

    @classmethod
    def of(cls, pieces: Sequence[str], names: Sequence[str]) -> Self:
        html = tuple(escaped(piece) for piece in pieces)
        rest = tuple(zip(names, pieces[1:], html[1:], strict=True))
        still = None if names else Words(pieces[0], html[0])
        return cls(tuple(pieces), html, tuple(names), rest, still)


#: One sentence, or several by category of number.
Entry = Sentence | Mapping[str, Sentence]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The words of one type of mail, or those that all share, in one language."""

    entries: Mapping[str, Entry]


def own(folder: str | Path, tag: str) -> Catalogue:
    """
    Return the words of a type in a language; in English where it has none in that.

    Args:
        folder: Of a type under `emails/`, or any folder of catalogues.
        tag: Of one of the languages that mails are written in.
    """
    return _read(folder, tag)


def shared(tag: str) -> Catalogue:
    """Return the words that all mails share; "bought.plan" is `plan` in the table `bought`."""
    return _shared(tag)


@cache
def _read(folder: str | Path, tag: str) -> Catalogue:
    at = resources.files("recoup.mail.emails") / folder if isinstance(folder, str) else folder
    words = dict(_sentences(at / f"{SHIPPED[0]}.toml"))
    if tag != SHIPPED[0] and (at / f"{tag}.toml").is_file():
        words |= _sentences(at / f"{tag}.toml")
    return Catalogue(words)


@cache
def _shared(tag: str) -> Catalogue:
    at = resources.files("recoup.mail") / "locales"
    return Catalogue(dict(_tables(at / f"{SHIPPED[0]}.toml")) | dict(_tables(at / f"{tag}.toml")))


def _sentences(file: Traversable) -> Iterator[tuple[str, Entry]]:
    """Yield the sentences of a type's own catalogue."""
    for key, value in _toml(file).items():
        yield key, _entry(value, f"{file}: {key}")


def _tables(file: Traversable) -> Iterator[tuple[str, Entry]]:
    """Yield the sentences of the shared catalogue, each by the name of its table and its own."""
    for table, values in _toml(file).items():
        if not isinstance(values, dict):
            raise ConfigError(f"{file}: {table}: expected a table")
        for key, value in values.items():
            yield f"{table}.{key}", _entry(value, f"{file}: {table}.{key}")


def _toml(file: Traversable) -> Mapping[str, object]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file}: {error}") from error


def _entry(value: object, where: str) -> Entry:
    if isinstance(value, str):
        return _sentence(value, where)
    if not isinstance(value, dict) or not value.keys() <= PLURALS or "other" not in value:
        raise ConfigError(
            f"{where}: expected a sentence, or several by category of number with `other` "
            f"among them ({', '.join(sorted(PLURALS))})"
        )
    return {category: _sentence(text, where) for category, text in value.items()}


def _sentence(value: object, where: str) -> Sentence:
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{where}: expected words")
    cut = _NAME.split(_SPACES.sub(" ", value.strip(" \t\n")))
    pieces, names = cut[::2], cut[1::2]
    if any("{" in piece or "}" in piece for piece in pieces):
        raise ConfigError(f"{where}: a brace is only for a name such as {{amount}}")
    return Sentence.of(pieces, names)
