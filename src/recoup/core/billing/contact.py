"""What callers say about people, checked: short texts on one line, and languages."""

from __future__ import annotations

import re
from typing import Final

from recoup.errors import InvalidValue

#: Most characters by field. Source: Stripe, "Customers" (email 512, name 256).
LONGEST: Final = {
    "owner_type": 100,
    "owner_id": 255,
    "email": 512,
    "name": 256,
    "reason": 500,
    "actor": 100,
}
#: Source: BCP 47 (RFC 5646), 2.1: subtags of 1 to 8 letters and digits, the first of letters.
_LOCALE: Final = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")


def storable(text: str) -> bool:
    """Whether a text can be kept: it holds no NUL and no half of a character."""
    return "\0" not in text and not any("\ud800" <= each <= "\udfff" for each in text)


def line(field: str, value: str) -> str:
    """
    Return a text that fits on one line, an empty one too.

    Raises:
        InvalidValue: too long, or with a line break or another character that is not printed.
            The text names the field and never the value.
    """
    if len(value) > LONGEST[field]:
        raise InvalidValue(f"{field}: up to {LONGEST[field]} characters, got {len(value)}")
    if not value.isprintable():
        raise InvalidValue(f"{field}: a line break or a character that can not be printed")
    return value


def words(field: str, value: str) -> str:
    """
    Return a text on one line without the space around it.

    Raises:
        InvalidValue: there is nothing else, or see `line`.
    """
    if not value.strip():
        raise InvalidValue(f"{field}: expected text, got an empty one")
    return line(field, value.strip())


def language(locale: str) -> str:
    """
    Return a language tag; an empty text is one that clears it.

    Raises:
        InvalidValue: it has not the shape of one.
    """
    if locale and not _LOCALE.fullmatch(locale):
        raise InvalidValue("locale: expected a language tag (BCP 47) such as 'de' or 'pt-BR'")
    return locale
