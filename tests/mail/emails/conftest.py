"""How a mail reads, for tests that care about its words and not about its lines."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from importlib import resources

import pytest

from recoup.mail.base import Email
from recoup.mail.parts import Button, Listing, Rows, Say, Term
from recoup.mail.template import render


@pytest.fixture
def read() -> Callable[..., str]:
    """Return a function from a mail and a language to its text, as one line."""

    def words(email: Email, locale: str = "en") -> str:
        return " ".join(render(email, locale=locale).text.split())

    return words


@pytest.fixture
def shared() -> Callable[[str], str]:
    """Return a function from a name such as "helps.soft" to what all mails say in English."""
    words = tomllib.loads(
        (resources.files("recoup.mail") / "locales" / "en.toml").read_text("utf-8")
    )

    def sentence(key: str) -> str:
        table, _, name = key.partition(".")
        return words[table][name]

    return sentence


@pytest.fixture
def keys() -> Callable[[Email], list[str]]:
    """Return a function from a mail to the names of all it says, in order, the subject first."""

    def named(email: Email) -> list[str]:
        return [name for part in (email.subject(), *email.parts()) for name in _names(part)]

    return named


def _names(part: object) -> Iterator[str]:
    match part:
        case Say(key, values) | Term(key, values):
            yield key
            for value in values.values():
                yield from _names(value)
        case Listing(items):
            for item in items:
                yield from _names(item)
        case Rows(rows):
            yield from (f"labels.{label}" for label, _ in rows)
        case Button(_, key):
            yield key
