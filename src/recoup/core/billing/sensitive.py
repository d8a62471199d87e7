"""
What is never kept in a customer's `data`, wherever in it: who and where somebody is.

What callers put there goes through `stripped`; of what a processor sends the mirror keeps even
less, a list of fields that are allowed. A name is split into its words, so `customer_email`,
`businessName` and `shipping_details` are left out without being listed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from recoup.errors import InvalidValue

#: A field with one of these words in its name is left out, whole.
SENSITIVE: Final = frozenset(
    "address addresses phone shipping tax taxes vat email emails name names description "
    "card cards bank iban sources birth birthday dob ssn passport ip secret token password".split()
)
#: Nothing a processor sends is deeper.
DEEPEST: Final = 20

_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")


def stripped(obj: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return `obj` without its sensitive parts, at every depth; `obj` itself stays as it is.

    What is deeper than `DEEPEST` levels is left out: nobody could say what it is.
    """
    return _object(obj, DEEPEST)


def is_sensitive(name: str) -> bool:
    """Whether a field of this name is left out."""
    return not SENSITIVE.isdisjoint(word.lower() for word in _WORD.findall(name))


def plain(name: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return a copy of what a caller gives as `name`, if it can be kept as JSON.

    Raises:
        InvalidValue: it holds something else than text, numbers, true, false, null, lists and
            maps with text as keys, or is deeper than `DEEPEST`. The text names the place and
            never the value.
    """
    return {_key(name, key): _plain(f"{name}.{key}", v, DEEPEST) for key, v in data.items()}


def _plain(place: str, value: Any, depth: int) -> Any:
    if depth == 0:
        raise InvalidValue(f"{place}: deeper than {DEEPEST} levels")
    if isinstance(value, Mapping):
        return {_key(place, k): _plain(f"{place}.{k}", v, depth - 1) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(f"{place}[{i}]", each, depth - 1) for i, each in enumerate(value)]
    if isinstance(value, str):
        return _text(place, value)
    finite = not isinstance(value, float) or math.isfinite(value)
    if value is None or (isinstance(value, bool | int | float) and finite):
        return value
    raise InvalidValue(f"{place}: expected JSON, got {type(value).__name__}")


def _key(place: str, key: object) -> str:
    if not isinstance(key, str):
        raise InvalidValue(f"{place}: expected text as key, got {type(key).__name__}")
    return _text(place, key)


def _text(place: str, text: str) -> str:
    if "\0" in text or any("\ud800" <= each <= "\udfff" for each in text):
        raise InvalidValue(f"{place}: text can not hold NUL or half a character")
    return text


def _object(obj: Mapping[str, Any], depth: int) -> dict[str, Any]:
    return {
        name: _value(value, depth - 1) for name, value in obj.items() if not is_sensitive(name)
    }


def _value(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping):
        return _object(value, depth) if depth > 0 else {}
    if isinstance(value, list | tuple):
        return [_value(each, depth - 1) for each in value] if depth > 0 else []
    return value
