"""Stripe's limits on metadata. Source: docs.stripe.com/metadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from recoup.errors import Rejected

KEYS: Final = 50
KEY: Final = 40
VALUE: Final = 500


def merged(have: Mapping[str, str], given: Mapping[str, str] | None) -> dict[str, str]:
    """
    Return `have` with `given` over it; an empty value deletes its key, None changes nothing.

    Raises:
        Rejected: more than 50 keys are left, a key has no or more than 40 characters or a
            square bracket, or a value has more than 500 characters.
    """
    for key, value in (given or {}).items():
        if not 0 < len(key) <= KEY or set("[]") & set(key):
            raise Rejected(f"Metadata keys have 1 to {KEY} characters and no brackets: {key!r}")
        if len(value) > VALUE:
            raise Rejected(f"Metadata values can be at most {VALUE} characters: {key!r}")
    after = {key: value for key, value in {**have, **(given or {})}.items() if value}
    if len(after) > KEYS:
        raise Rejected(f"You may only specify up to {KEYS} metadata keys; got {len(after)}")
    return after
