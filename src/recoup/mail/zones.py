"""
The time zones in which somebody may be: their own, or else all those of their country.

Source: zone.tab of the IANA time zone database, 2026f, in `recoup/data/country_zones.csv`; of
zones that have kept the same time since 2025 only the first is listed.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import UTC, tzinfo
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo


def where(time_zone: str | None, country: str | None) -> tuple[tzinfo, ...]:
    """
    Return every zone in which it should be day before a customer is written to; never none.

    Args:
        time_zone: IANA name of the customer's own zone; then only that one.
        country: ISO 3166 code of where they live. Unknown ones count as UTC, as do unknown zones
            of customers without a country, for no mail fails because of one.
    """
    own = _zone(time_zone) if time_zone else None
    if own is not None:
        return (own,)
    names = _by_country().get((country or "").upper(), ())
    known = tuple(found for name in names if (found := _zone(name)) is not None)
    return known or (UTC,)


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):  # OSError: "Europe" is a folder, 10 kB no path
        return None


@cache
def _by_country() -> Mapping[str, tuple[str, ...]]:
    file = resources.files("recoup") / "data" / "country_zones.csv"
    rows = csv.DictReader(file.read_text("utf-8").splitlines())
    return {row["country"]: tuple(row["zones"].split()) for row in rows}
