"""Where a customer may be, and when it is day in all of it."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from recoup.core.dunning.campaign import contact_from
from recoup.mail.zones import where

HOURS = (8, 21)


class TestWhereACustomerMayBe:
    @pytest.mark.parametrize(
        ("zone", "country", "names"),
        [
            pytest.param("Asia/Tokyo", "US", ["Asia/Tokyo"], id="their own zone"),
            pytest.param(None, "DE", ["Europe/Berlin"], id="their country's"),
            pytest.param(None, "es", ["Europe/Madrid", "Atlantic/Canary"], id="all of them"),
            pytest.param("Mars/Phobos", "DE", ["Europe/Berlin"], id="an unknown zone"),
            pytest.param("Europe", "DE", ["Europe/Berlin"], id="the name of a folder"),
            pytest.param("Mars/Phobos", None, ["UTC"], id="an unknown zone and no country"),
            pytest.param(None, "ZZ", ["UTC"], id="an unknown country"),
            pytest.param(None, None, ["UTC"], id="nothing known"),
        ],
    )
    def test_is(self, zone, country, names):
        assert [str(found) for found in where(zone, country)] == names

    def test_is_told_for_every_country_of_the_database(self):
        assert len(where(None, "US")) == 8
        assert all(isinstance(zone, ZoneInfo) for zone in where(None, "US"))
        assert where(None, "AF") != (UTC,)
        assert where(None, "ZW") != (UTC,)


class TestContactInACountryOfManyZones:
    @pytest.mark.parametrize(
        ("hour", "then"),
        [
            pytest.param(13, 18, id="breakfast in New York is night in Honolulu"),
            pytest.param(18, 18, id="eight in Honolulu"),
            pytest.param(1, 1, id="eight in the evening in New York"),
            pytest.param(2, 18, id="nine in the evening in New York"),
        ],
    )
    def test_is_allowed_when_it_is_day_from_coast_to_coast(self, hour, then):
        """In January New York is five hours behind UTC, Honolulu and Adak are ten."""
        at = contact_from(datetime(2026, 1, 14, hour, tzinfo=UTC), HOURS, where(None, "US"))

        assert (at.day, at.hour, at.minute) == (14, then, 0)

    def test_goes_by_the_first_zone_where_it_is_never_day_in_all(self):
        at = contact_from(datetime(2026, 1, 14, tzinfo=UTC), HOURS, where(None, "AQ"))

        assert HOURS[0] <= at.astimezone(where(None, "AQ")[0]).hour < HOURS[1]
