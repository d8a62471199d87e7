"""What a caller may ask for: a type of mail by name, and scalar ids. Rows are read when sent."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from recoup.errors import InvalidValue
from recoup.mail.emails import EMAILS

Scalar = str | int | bool | None

#: The key under which the type stands among the arguments.
TYPE: Final = "mail"


def checked_args(mail: str, /, **scalars: Scalar) -> Mapping[str, Scalar]:
    """
    Return the arguments of a delivery: `scalars`, and the type under "mail".

    Raised at the call, so that the mistake is found where it was made and not by the worker.

    Raises:
        InvalidValue: there is no such type of mail, or a value is not exactly a str, an int, a
            bool or None, or a text that the database can not hold.
    """
    if mail not in EMAILS:
        raise InvalidValue(f"no mail is called {mail!r}{_hint(mail)}. See docs/emails.md.")
    if TYPE in scalars:
        raise InvalidValue(f"{TYPE!r} is the type's own key, {scalars[TYPE]!r} can not have it")
    for name, value in scalars.items():
        _check(name, value)
    return {TYPE: mail, **scalars}


def _check(name: str, value: object) -> None:
    if value is not None and type(value) not in {str, int, bool}:
        raise InvalidValue(
            f"{name}: a mail is asked for with a str, int, bool or None, not with a "
            f"{type(value).__name__}; pass an id"
        )
    if isinstance(value, str) and any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value):
        raise InvalidValue(f"{name}: the text holds a character no database row can hold")


def _hint(mail: object) -> str:
    close = get_close_matches(mail, EMAILS, n=1) if isinstance(mail, str) else []
    return f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(EMAILS)}"
