import pytest

from recoup.core.consequences import CONSEQUENCES
from recoup.mail import wording


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


class TestAConsequence:
    def test_is_silent_exactly_when_it_takes_nothing_away(self):
        silent = {name for name, consequence in CONSEQUENCES.items() if not consequence.takes_away}

        assert silent == wording.SILENT
        assert all(wording.change(name) is None for name in silent)

    def test_is_named_without_its_own_words(self):
        assert wording.change("downgrade:starter") == "downgrade"
        assert wording.change("no_colours") == "no_colours"


class TestALink:
    @pytest.mark.parametrize(
        "url",
        [
            "https://app.example.com/billing?x=1&y=2#z",
            "http://localhost:8000/billing",
            "https://[2001:db8::1]/",
            "https://app.example.com/links/v1.c2FtcGxl.0-_~",
        ],
    )
    def test_is_one_that_leads_to_a_page(self, url):
        assert wording.is_link(url)

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "javascript:alert(1)",
            "JaVaScRiPt://example.com/%0aalert(1)",
            "data:text/html,<script>",
            "//evil.example",
            "/billing",
            "https://",
            "https:///x",
            'https://x.example/" onmouseover=alert(1)',
            "https://x.example/'>",
            "https://x.example/ y",
            "https://x.example/\n",
            "https://x.example/\u202e",
            "https://xn\u0430mple.com/",
            "mailto:help@example.com",
        ],
    )
    def test_is_nothing_else(self, url):
        assert not wording.is_link(url)

    def test_may_be_an_address_where_that_is_asked_for(self):
        assert wording.is_link("mailto:help@example.com", "https", "mailto")
        assert not wording.is_link("mailto:<x>@example.com", "https", "mailto")
        assert not wording.is_link("http://example.com", "https", "mailto")


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
