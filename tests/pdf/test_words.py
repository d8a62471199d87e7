import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from recoup.core.billing.outcomes import DECIDED
from recoup.core.documents import Kind
from recoup.pdf.words import SHIPPED, tag, words, zone

BERLIN = zone("Europe/Berlin")
NAMES = re.compile(r"\{(\w+)\}")


class TestALanguage:
    @pytest.mark.parametrize("locale", SHIPPED)
    def test_has_the_same_sentences_with_the_same_names_as_english(self, locale):
        ours, english = words(locale).sentences, words("en").sentences

        assert ours.keys() == english.keys()
        assert {k: set(NAMES.findall(v)) for k, v in ours.items()} == {
            k: set(NAMES.findall(v)) for k, v in english.items()
        }

    @pytest.mark.parametrize("locale", SHIPPED)
    def test_has_a_word_for_every_way_in_which_a_matter_ends(self, locale):
        ends = {
            *DECIDED, "paid", "written_off", "voided", "credited", "nothing_due", "closed",
        }  # fmt: skip

        assert {one for one in ends if not words(locale).knows(f"stamps.{one}")} == set()
        assert {one for one in Kind if not words(locale).knows(f"titles.{one}")} == set()

    @pytest.mark.parametrize(
        ("given", "found"),
        [
            ("de-AT", "de"), ("pt", "pt-BR"), ("pt_br", "pt-BR"), ("EN-us", "en"), ("ar", "ar"),
            ("zz", "en"), ("", "en"), (None, "en"), ("../../etc", "en"), ("j", "en"),
        ],
    )  # fmt: skip
    def test_is_the_nearest_that_there_is(self, given, found):
        assert tag(given) == found


class TestASum:
    @pytest.mark.parametrize(
        ("locale", "minor", "currency", "shown"),
        [
            ("en", 123456, "USD", "$1,234.56"),
            ("de", 123456, "EUR", "1.234,56 €"),
            ("fr", 123456, "EUR", "1 234,56 €"),
            ("pt-BR", -50, "BRL", "-R$ 0,50"),
            ("ja", 1200, "JPY", "￥1,200"),
            ("en", 1234, "KWD", "KWD 1.234"),
            ("en", 990, "ISK", "ISK 990"),
            ("en", 100, "MGA", "MGA 1.00"),
        ],
    )
    def test_has_as_many_decimals_as_its_currency(self, locale, minor, currency, shown):
        assert plain(words(locale).money(minor, currency)) == shown

    @pytest.mark.parametrize(
        ("minor", "of", "shown"),
        [(4900, 7, "€7.00"), (1000, 3, "€3.3333"), (1, 8, "€0.0012"), (1, 4, "€0.0025")],
    )
    def test_divided_has_more_where_it_takes_them(self, minor, of, shown):
        assert words("en").price(minor, "EUR", of=of) == shown

    @pytest.mark.parametrize(
        ("given", "shown"), [("19", "19%"), ("5.5", "5.5%"), ("8.125", "8.125%"), ("0", "0%")]
    )
    def test_in_percent_is_not_rounded(self, given, shown):
        assert words("en").percent(Decimal(given)) == shown


class TestADay:
    def test_is_the_zones(self):
        night = datetime(2026, 3, 31, 22, 30, tzinfo=UTC)

        assert words("en").day(night, BERLIN) == "April 1, 2026"
        assert words("en").day(night, zone("Nowhere/../x")) == "March 31, 2026"

    def test_of_a_period_is_its_last_and_not_the_one_after(self):
        begins, ends = datetime(2026, 1, 31, 23, tzinfo=UTC), datetime(2026, 2, 28, 23, tzinfo=UTC)

        assert words("en").span(begins, ends, BERLIN) == "Feb 1, 2026 – Feb 28, 2026"

    def test_of_a_period_within_a_day_is_that_day(self):
        begins, ends = datetime(2026, 2, 1, 8, tzinfo=UTC), datetime(2026, 2, 1, 9, tzinfo=UTC)

        assert words("en").span(begins, ends, BERLIN) == "February 1, 2026"


def plain(text):
    return text.replace("\u202f", " ").replace("\u00a0", " ")
