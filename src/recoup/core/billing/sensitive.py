"""
What is never kept in a customer's `data`, wherever in it: who and where somebody is.

What callers put there goes through `stripped`; of what a processor sends the mirror keeps even
less, a list of fields that are allowed. A name is split into its words, so `customer_email`,
`businessName` and `shipping_details` are left out without being listed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

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
