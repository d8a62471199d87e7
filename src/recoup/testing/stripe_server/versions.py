"""What a request says about itself in its headers: its key, its version, its idempotency key."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import date
from typing import Final

from recoup.processors.fake.world import NEWEST, OLDEST
from recoup.testing.stripe_server.route import Refusal

_VERSION: Final = re.compile(r"(\d{4}-\d{2}-\d{2})(\.(acacia|basil|clover|dahlia|endive))?")
#: First day of each named release; before the first, versions had no names.
RELEASES: Final[Mapping[str, str]] = {
    "acacia": "2024-09-30",
    "basil": "2025-03-31",
    "clover": "2025-09-30",
    "dahlia": "2026-03-25",
    "endive": "2026-09-30",
}
LONGEST_KEY: Final = 255
_ACCESS: Final = re.compile(r"(sk|rk)_test_\w+")


def version(asked: str | None, usual: str) -> str:
    """
    Return the version of a request: the one it asks for, or the account's.

    Raises:
        Refusal: there is no such version, or it is older or newer than those played.
    """
    if asked is None:
        return usual
    match = _VERSION.fullmatch(asked)
    if match is None or not _is_release(match[1], match[3]):
        raise Refusal(
            f"Invalid Stripe API version: {asked}. See your API versions in the dashboard"
        )
    if not OLDEST <= match[1] <= NEWEST[:10]:
        raise Refusal(
            f"The server for tests plays the versions {OLDEST} to {NEWEST}, not {asked}",
            code="not_played",
        )
    return asked


def _is_release(day: str, name: str | None) -> bool:
    try:
        date.fromisoformat(day)
    except ValueError:
        return False
    named = [release for release, first in RELEASES.items() if first <= day]
    return name == (named[-1] if named else None)


def refuse_others(headers: Mapping[str, str]) -> None:
    """
    Raises:
        Refusal: the request is for a connected account; this server has one account.
    """
    for name in ("stripe-account", "stripe-context"):
        if name in headers:
            raise Refusal(f"The server for tests does not play {name}", code="not_played")


def refuse_stranger(headers: Mapping[str, str], key: str) -> None:
    """
    Raises:
        Refusal: no key, or not the account's. Restricted keys (`rk_test_…`) of the same ending
            are taken too.
    """
    given = _given_key(headers.get("authorization", ""))
    if not given:
        raise _unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization"
            " header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See"
            " https://stripe.com/docs/api#authentication for details, or we can help at"
            " https://support.stripe.com/."
        )
    if _ACCESS.fullmatch(given) is None or given[3:] != key[3:]:
        hidden = "*" * max(0, len(given) - 12) + given[-4:]
        raise _unauthorized(f"Invalid API Key provided: {given[:8]}{hidden}")


def _given_key(header: str) -> str:
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def _unauthorized(text: str) -> Refusal:
    return Refusal(text, status=401)


def idempotency_key(headers: Mapping[str, str]) -> str | None:
    """
    Return the request's key, if it has one.

    Raises:
        Refusal: it is longer than 255 characters.
    """
    key = headers.get("idempotency-key")
    if key is not None and len(key) > LONGEST_KEY:
        raise Refusal(
            f"Idempotency keys can have up to {LONGEST_KEY} characters, yours has {len(key)}",
            type="idempotency_error",
        )
    return key or None
