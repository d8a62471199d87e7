"""
The language and the time zone of a mail: the first wish that can be met.

A wish is what somebody once typed or a browser sent: `de-AT`, `pt_PT`, `en_US.UTF-8`, or nonsense
of any length. None can make a mail fail: one that can not be met is told of, and passed over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError

from recoup.telemetry import event

#: Those that every mail is written in. The first is what is left when no wish can be met.
SHIPPED: Final = ("en", "de", "fr", "es", "pt-BR", "ja", "ar")
UTC_NAME: Final = "Etc/UTC"

#: What may begin a wish, and is all of it that counts. Source: RFC 5646 §2.1.
_TAG: Final = re.compile(r"([A-Za-z]{2,3})((?:[-_][A-Za-z0-9]{1,8}){0,4})(?![A-Za-z0-9])")


@dataclass(frozen=True, slots=True)
class Tongue:
    """A language that mails are written in, and the customs of a place where it is spoken."""

    tag: str  #: BCP 47, of the catalogue: "pt-BR"
    customs: str  #: of sums and dates, as Babel names them: "pt_PT"
    direction: str  #: "ltr", or "rtl"
    from_right: bool  #: its lines run from right to left


def tongue(*wishes: str | None) -> Tongue:
    """Return the first of these that mails are written in, or nearly so; else English."""
    for wish in wishes:
        if wish:
            found = _tongue(wish)
            if found is not None:
                return found
            event("mail.locale.unknown")
    english = _tongue(SHIPPED[0])
    assert english is not None  # noqa: S101  for mypy
    return english


def zone(*wishes: str | None) -> ZoneInfo:
    """Return the first of these time zones that there is; else Etc/UTC."""
    for wish in wishes:
        if wish:
            found = _zone(wish)
            if found is not None:
                return found
            event("mail.time_zone.unknown")
    return ZoneInfo(UTC_NAME)


@lru_cache(maxsize=1024)
def _tongue(wish: str) -> Tongue | None:
    match = _TAG.match(wish)
    if match is None:
        return None
    language = match[1].lower()
    tag = _catalogue("-".join([language, *match[2].replace("_", "-").split("-")[1:]]))
    if tag is None:
        return None
    customs = _customs(match[0].replace("-", "_")) or tag.replace("-", "_")
    direction = Locale.parse(customs).text_direction
    return Tongue(tag, customs, direction, from_right=direction == "rtl")


def _catalogue(tag: str) -> str | None:
    """Return the catalogue for `tag`: its own, a shorter one's, or any of its language."""
    known = {name.lower(): name for name in SHIPPED}
    parts = tag.lower().split("-")
    for length in range(len(parts), 0, -1):
        found = known.get("-".join(parts[:length]))
        if found is not None:
            return found
    return next((name for name in SHIPPED if name.lower().split("-")[0] == parts[0]), None)


def _customs(tag: str) -> str | None:
    """Return the locale that CLDR has for `tag` or for as much of it as it knows."""
    parts = tag.split("_")
    for length in range(len(parts), 0, -1):
        try:
            return str(Locale.parse("_".join(parts[:length])))
        except (UnknownLocaleError, ValueError):
            continue
    return None


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):  # OSError: "Europe" is a folder, 10 kB no path
        return None
