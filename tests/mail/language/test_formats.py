from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recoup.core.money import THREE_DECIMAL, ZERO_DECIMAL
from recoup.mail.language import formats

BERLIN = ZoneInfo("Europe/Berlin")
CUSTOMS = "en en_GB en_IN de de_AT de_CH fr fr_CA es es_MX pt_BR pt_PT ja ar ar_EG".split()
currencies = st.sampled_from([*sorted(ZERO_DECIMAL | THREE_DECIMAL), "EUR", "USD", "GBP", "INR"])


def plain(text: str) -> str:
    """The text with ordinary spaces, and without marks that nobody sees."""
    return text.replace("\u00a0", " ").replace("\u202f", " ").replace("\u200f", "")


class TestASum:
    @pytest.mark.parametrize(
        ("minor", "currency", "customs", "written"),
        [
            (4900, "EUR", "en", "€49.00"),
            (4900, "EUR", "de", "49,00 €"),
            (4900, "EUR", "pt_BR", "€ 49,00"),
            (123456, "EUR", "fr", "1 234,56 €"),
            (4900, "JPY", "en", "¥4,900"),
            (4900, "JPY", "ja", "￥4,900"),
            (1234567, "KWD", "en", "KWD 1,234.567"),
            (4900, "USD", "en", "$49.00"),
            (4900, "USD", "en_GB", "US$49.00"),
            (5, "EUR", "en", "€0.05"),
            (0, "EUR", "de", "0,00 €"),
            (-4900, "EUR", "en", "-€49.00"),
            (12345678900, "INR", "en_IN", "₹12,34,56,789.00"),
            (9999999, "EUR", "en", "€99,999.99"),
            (10000000, "EUR", "en", "€100,000.00"),
            (4900, "ISK", "en", "ISK 4,900"),
            (4900, "EUR", "ar", "49.00 €"),
        ],
    )
    def test_has_the_decimals_of_its_currency_and_the_signs_of_its_language(
        self, minor, currency, customs, written
    ):
        assert plain(formats.money(minor, currency, customs)) == written

    @settings(max_examples=300, deadline=None, database=None, derandomize=True)
    @given(
        minor=st.integers(0, 10**12) | st.integers(0, 10**5),
        currency=currencies,
        customs=st.sampled_from(CUSTOMS),
    )
    def test_reads_as_cldr_writes_it(self, minor, currency, customs):
        assert formats.money(minor, currency, customs) == formats._money(minor, currency, customs)

    def test_stays_on_one_line(self):
        assert " " not in formats.money(123456, "EUR", "fr")


class TestAnInstant:
    def test_is_told_with_the_name_of_the_clock(self):
        evening = datetime(2026, 3, 8, 23, 5, tzinfo=UTC)

        assert plain(formats.moment(evening, BERLIN, "de")) == "9. März 2026, 00:05 (MEZ)"
        assert plain(formats.moment(evening, BERLIN, "en")) == "March 9, 2026, 12:05 AM (UTC+1)"

    def test_of_an_hour_that_comes_twice_says_which_one(self):
        first, second = (datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1))

        assert formats.moment(first, BERLIN, "de") == "25. Oktober 2026, 02:30 (MESZ)"
        assert formats.moment(second, BERLIN, "de") == "25. Oktober 2026, 02:30 (MEZ)"

    def test_at_the_end_of_the_calendar_is_told_all_the_same(self):
        last = datetime.max.replace(tzinfo=UTC)

        assert "9999" in formats.moment(last, BERLIN, "de")
        assert formats.local(last, BERLIN) == last

    def test_in_a_zone_of_half_an_hour_says_so(self):
        noon = datetime(2026, 3, 8, 12, tzinfo=UTC)

        assert "(UTC+5:30)" in formats.moment(noon, ZoneInfo("Asia/Kolkata"), "de")


class TestADay:
    @pytest.mark.parametrize(
        ("customs", "written"),
        [
            ("en", "March 8, 2026"),
            ("en_GB", "8 March 2026"),
            ("de", "8. März 2026"),
            ("fr", "8 mars 2026"),
            ("ja", "2026年3月8日"),
        ],
    )
    def test_is_written_as_people_do(self, customs, written):
        assert formats.day(date(2026, 3, 8), customs) == written


class TestOther:
    @pytest.mark.parametrize(
        ("year", "month", "written"),
        [(2027, 4, "April 2027"), (2027, 13, "13/2027"), (0, 1, "1/0"), (10**6, 1, "1/1000000")],
    )
    def test_months_are_named_where_there_are_such(self, year, month, written):
        assert formats.month(year, month, "de") == written

    @pytest.mark.parametrize(
        ("share", "written"),
        [("25", "25 %"), ("12.5", "12,5 %"), ("x", "x%"), ("NaN", "NaN%"), ("1e9999", "1e9999%")],
    )
    def test_shares_have_the_decimals_that_they_have(self, share, written):
        assert plain(formats.percent(share, "de")) == written

    def test_lists_read_like_a_sentence(self):
        assert formats.listed(["a", "b", "c"], "de") == "a, b und c"
        assert formats.listed(["a"], "de") == "a"
        assert formats.listed([], "de") == ""

    def test_numbers_have_the_category_of_their_language(self):
        assert [formats.plural(n, "ar") for n in (0, 1, 2, 3, 11, 100)] == [
            "zero", "one", "two", "few", "many", "other",
        ]  # fmt: skip
        assert formats.plural(0, "fr") == "one"
        assert formats.plural(0, "en") == "other"
