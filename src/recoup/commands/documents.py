"""What callers give to be kept as JSON, checked before the database is asked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from recoup.core.billing.contact import storable
from recoup.core.billing.sensitive import DEEPEST
from recoup.errors import InvalidValue


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
    if not storable(text):
        raise InvalidValue(f"{place}: text can not hold NUL or half a character")
    return text
