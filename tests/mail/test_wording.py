from datetime import UTC, datetime

import pytest

from recoup.core.consequences import CONSEQUENCES
from recoup.core.money import Money
from recoup.mail import wording
from recoup.mail.base import Announced

EVENING = datetime(2026, 3, 8, 23, 5, tzinfo=UTC)


class TestOneLine:
    @pytest.mark.parametrize(
        ("given", "shown"),
        [
            ("Ada", "Ada"),
            ("  Ada \t Lovelace ", "Ada Lovelace"),
            ("a\r\nb\0c\u2028d\x85e", "a b c d e"),
            ("\u202egnp.exe", "gnp.exe"),
            ("می\u200cخواهم", "می\u200cخواهم"),
            ("\ud800", ""),
        ],
    )
    def test_keeps_what_can_be_seen(self, given, shown):
        assert wording.one_line(given) == shown

    def test_cuts_only_what_is_too_long(self):
        assert wording.one_line("a" * 100) == "a" * 100
        assert wording.one_line("a" * 101) == "a" * 99 + "…"


class TestGreeting:
    def test_uses_the_name(self):
        assert wording.greeting("Ada") == "Hello Ada,"

    @pytest.mark.parametrize("name", [None, "", " \n", "Win at http://evil.example", "WWW.evil.x"])
    def test_names_nobody_when_the_name_is_missing_or_a_link(self, name):
        assert wording.greeting(name) == "Hello,"


class TestListing:
    @pytest.mark.parametrize(
        ("items", "text"),
        [
            ([], ""),
            (["a"], "a"),
            (["a", "b"], "a and b"),
            (["a", "b", "c"], "a, b and c"),
            (list("abcde"), "a, b, c, d and e"),
            (list("abcdef"), "a, b, c, d, e and 1 more"),
        ],
    )
    def test_reads_like_a_sentence(self, items, text):
        assert wording.listed(items) == text

    def test_never_adds_currencies_up(self):
        amounts = (Money(100, "EUR"), Money(3000, "JPY"), Money(1500, "KWD"))

        assert wording.sums(amounts) == "1.00 EUR, 3000 JPY and 1.500 KWD"


class TestInstants:
    def test_are_shown_in_the_customers_zone(self):
        assert wording.moment(EVENING, "Europe/Berlin") == "9 March 2026, 00:05 (Europe/Berlin)"
        assert wording.day(EVENING, "Europe/Berlin") == "9 March 2026"

    @pytest.mark.parametrize(
        "name",
        [None, "", "Mars/Olympus", "Europe", "../../etc/passwd", "a\0b", "x" * 10_000, "\ud800"],
    )
    def test_are_shown_in_utc_when_the_zone_means_nothing(self, name):
        assert wording.moment(EVENING, name) == "8 March 2026, 23:05 (Etc/UTC)"


class TestConsequences:
    def test_have_words_exactly_when_they_take_something_away(self):
        felt = {name for name, consequence in CONSEQUENCES.items() if consequence.takes_away}

        assert wording.CONSEQUENCES.keys() == felt
        assert CONSEQUENCES.keys() - felt == wording.SILENT

    def test_are_silent_when_nothing_is_taken_away(self):
        assert wording.change(Announced("reminded", EVENING, ("notify",))) == ""

    def test_without_words_are_named_by_their_rung(self):
        words = wording.change(Announced("dim", EVENING, ("read_only", "no_colours")))

        assert (
            words == "you can see everything but change nothing; access is limited further (dim)"
        )


class TestTheBusiness:
    @pytest.mark.parametrize(
        ("mail_from", "name"),
        [
            ("Acme <billing@acme.example>", "Acme"),
            ('"Acme, Inc." <billing@acme.example>', "Acme, Inc."),
            ("billing@acme.example", "acme.example"),
        ],
    )
    def test_is_the_senders_name_or_domain(self, mail_from, name):
        assert wording.business_of(mail_from) == name
