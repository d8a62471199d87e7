"""
Metadata: a flat map of text to text that the host keeps with a thing.

At most 50 keys, a key of 1 to 40 characters, a value of up to 500. Merging adds and replaces; an
empty value deletes its key. Source: Stripe, "Metadata", whose limits these are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from recoup.core.billing.contact import storable
from recoup.errors import InvalidMetadata

MOST_KEYS: Final = 50
LONGEST_KEY: Final = 40
LONGEST_VALUE: Final = 500
#: How much of a wrong key an error shows.
_SHOWN: Final = 40


def checked(changes: object) -> dict[str, str]:
    """
    Return `changes` as they were given, each key and value allowed by itself.

    Raises:
        InvalidMetadata: not a flat map of text to text within the limits. The text names the
            key and never the value.
    """
    if not isinstance(changes, Mapping):
        raise InvalidMetadata(f"metadata: expected a map of text to text, got {_kind(changes)}")
    return {_key(key): _value(key, value) for key, value in changes.items()}


def merged(before: Mapping[str, str], changes: object) -> dict[str, str]:
    """
    Return `before` with `changes` merged into it; both stay as they are.

    Raises:
        InvalidMetadata: the changes are not allowed, or there would be more than 50 keys.
    """
    after = {**before, **checked(changes)}
    after = {key: value for key, value in after.items() if value}
    if len(after) > MOST_KEYS:
        raise InvalidMetadata(
            f"metadata: at most {MOST_KEYS} keys, and there would be {len(after)}"
        )
    return after


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise InvalidMetadata(f"metadata: expected text as key, got {_kind(key)}")
    if not 1 <= len(key) <= LONGEST_KEY:
        shown = key if len(key) <= _SHOWN else key[:_SHOWN] + "…"
        raise InvalidMetadata(
            f"metadata[{shown!r}]: a key has 1 to {LONGEST_KEY} characters, this has {len(key)}"
        )
    if not storable(key):
        raise InvalidMetadata(f"metadata[{key!r}]: a key can not hold NUL or half a character")
    return key


def _value(key: object, value: object) -> str:
    if not isinstance(value, str):
        flat = ": it is flat" if isinstance(value, Mapping | list | tuple) else ""
        raise InvalidMetadata(f"metadata[{key!r}]: expected text, got {_kind(value)}{flat}")
    if len(value) > LONGEST_VALUE:
        raise InvalidMetadata(
            f"metadata[{key!r}]: a value has up to {LONGEST_VALUE} characters, "
            f"this has {len(value)}"
        )
    if not storable(value):
        raise InvalidMetadata(f"metadata[{key!r}]: a value can not hold NUL or half a character")
    return value


def _kind(value: object) -> str:
    return "nothing" if value is None else type(value).__name__
