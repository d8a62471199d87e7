from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

import pytest

from recoup.core.money import Money
from recoup.errors import ConfigError, InvalidPeriod
from recoup.mail.language import catalogues
from recoup.mail.language.catalogues import Catalogue
from recoup.mail.language.locales import tongue
from recoup.mail.language.speech import Speech
from recoup.mail.parts import Day, Link, Term


class Kind(StrEnum):
    PLAIN = "plain"


@dataclass(frozen=True)
class Odd:
    """No value that a language could write."""


@pytest.fixture
def speech(tmp_path):
    """Return a function from catalogues to the speech that has their words."""

    def made(own: str = 'x = "x"', shared: str = 'x = "x"', locale: str = "en") -> Speech:
        (tmp_path / "en.toml").write_text(own)
        both = tmp_path / "shared"
        both.mkdir(exist_ok=True)
        (both / "en.toml").write_text(shared)
        catalogues._read.cache_clear()
        words, terms = catalogues.own(tmp_path, "en"), catalogues.own(both, "en")
        named = {f"t.{key}": entry for key, entry in terms.entries.items()}
        return Speech(words, Catalogue(named), tongue(locale), ZoneInfo("Etc/UTC"))

    return made


class TestASentence:
    def test_is_filled_with_its_values(self, speech):
        said = speech('paid = "We received {amount} from {who}."').said(
            "paid", {"amount": Money(4900, "EUR"), "who": "<Ada>"}
        )

        assert said.text == "We received €49.00 from <Ada>."
        assert said.html == "We received €49.00 from &lt;Ada&gt;."

    def test_is_chosen_by_its_number(self, speech):
        days = speech('[left]\none = "{count} day"\nother = "{count} days"')

        assert days.said("left", {"count": 1}).text == "1 day"
        assert days.said("left", {"count": 1200}).text == "1,200 days"

    def test_begins_with_a_capital_where_shared_words_begin_it(self, speech):
        said = speech('rests = "{bought} rests."', 'plan = "your {plan} plan"').said(
            "rests", {"bought": Term("t.plan", {"plan": "team"})}
        )

        assert said.text == said.html == "Your team plan rests."

    def test_leaves_a_name_as_its_owner_writes_it(self, speech):
        assert speech('rests = "{plan} rests."').said("rests", {"plan": "iTeam"}).text == (
            "iTeam rests."
        )

    def test_that_is_not_there_is_a_mistake(self, speech):
        with pytest.raises(LookupError, match="no sentence is called 'gone'"):
            speech().said("gone", {})

    def test_without_its_values_is_a_mistake(self, speech):
        with pytest.raises(LookupError, match="who"):
            speech('x = "Hello {who}"').said("x", {})

    def test_by_number_without_one_is_a_mistake(self, speech):
        left = speech('[left]\none = "a"\nother = "b"')

        with pytest.raises(LookupError, match="count"):
            left.said("left", {})
        with pytest.raises(TypeError, match="whole"):
            left.said("left", {"count": "1"})


class TestATerm:
    def test_that_is_not_there_reads_otherwise_or_not_at_all(self, speech):
        assert speech().term(Term("t.gone", otherwise="Elo <b>")).html == "Elo &lt;b&gt;"
        assert not speech().term(Term("t.gone"))


class TestAValue:
    def test_of_a_kind_that_no_language_has_words_for_is_a_mistake(self, speech):
        for value in (Decimal(1), 1.5, Odd(), None, b"x"):
            with pytest.raises(TypeError, match="no language has words"):
                speech().value(value)

    def test_that_is_a_name_of_ours_reads_as_its_words(self, speech):
        assert speech().value(Kind.PLAIN).text == "plain"

    def test_is_set_apart_where_it_runs_the_other_way(self, speech):
        assert speech().value("محمد") == ("\u2068محمد\u2069", "<bdi>محمد</bdi>")
        assert speech().value("Ada") == ("Ada", "Ada")
        assert speech(locale="ar").value("Ada") == ("\u2068Ada\u2069", "<bdi>Ada</bdi>")

    def test_that_is_a_long_list_names_the_first_ones(self, speech):
        assert speech().value(tuple("abc")).text == "a, b, and c"
        more = speech(shared='x = "x"')
        more = Speech(more.own, catalogues.shared("en"), more.tongue, more.place)
        assert more.value(tuple("abcdefg")).text == "a, b, c, d, e, and 2 more"

    def test_that_is_a_link_leads_there_only_if_it_may(self, speech):
        assert speech().value(Link("mailto:a@b.example", "a@b.example")).html == (
            '<a href="mailto:a@b.example">a@b.example</a>'
        )
        assert speech().value(Link("javascript:x", "<x>")).html == "&lt;x&gt;"

    def test_that_is_no_instant_is_a_mistake(self, speech):
        with pytest.raises(InvalidPeriod):
            speech().value(Day(datetime(2026, 3, 2)))  # noqa: DTZ001  the mistake


class TestACatalogue:
    @pytest.mark.parametrize(
        "text",
        [
            "x = 1",
            'x = ""',
            'x = "{0}"',
            'x = "{a.b}"',
            'x = "{a!r}"',
            'x = "{a:>9}"',
            'x = "{ a }"',
            'x = "{{a}}"',
            'x = "{"',
            "[x]\none = 'a'",
            "[x]\nother = 'a'\nsome = 'b'",
            "x = ",
        ],
    )
    def test_holds_words_with_names_and_nothing_else(self, speech, text):
        with pytest.raises(ConfigError, match=r"en\.toml"):
            speech(text)

    def test_keeps_the_spaces_that_hold_a_line_together(self, speech):
        assert speech('x = "Merci\u00a0: {a}"').said("x", {"a": "b"}).text == "Merci\u00a0: b"

    def test_speaks_english_where_it_has_no_words_of_its_own(self, tmp_path):
        (tmp_path / "en.toml").write_text('x = "one"\ny = "two"')
        (tmp_path / "de.toml").write_text('x = "eins"')

        words = catalogues.own(tmp_path, "de").entries

        assert [words[key].still.text for key in "xy"] == ["eins", "two"]
