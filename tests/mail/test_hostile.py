"""Whatever a value holds, a mail says it and obeys it not."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.shared.mail_pages import Page, words

from recoup.mail.base import Brand, Card, MailFacts
from recoup.mail.emails import EMAILS
from recoup.mail.message import compose
from recoup.mail.template import render
from recoup.mail.wording import one_line

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

MARKUP = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</title></style></td></table><h1>Pay me",
    '" onmouseover="alert(1)',
    "' style='position:fixed",
    "<a href=https://evil.example>here</a>",
    "&lt;b&gt;",
    "&#60;script&#62;",
    "<!--[if mso]><script><![endif]-->",
    "<![CDATA[<x>]]>",
    "--><svg/onload=alert(1)>",
]
TEMPLATES = [
    "{{ 7*7 }}",
    "{{7*7}}",
    "{% for x in range(9**9) %}{% endfor %}",
    "{# gone #}",
    "{0.__class__}",
    "{name}",
    "{amount}",
    "{{ brand.__class__.__mro__ }}",
    "%s%(name)s%n",
    "$x ${x}",
    "#{7*7}",
    "\\1\\g<0>",
]
ODD = [
    "\r\nBcc: eve@evil.example\r\n",
    "\0",
    "\x1b[2J",
    "\u2028",
    "\u202egnp.exe",
    "\u2066x",
    "\u2069\u2069",
    "\ud800",
    "\ufeff",
    "=?utf-8?q?=0d=0aBcc=3a_eve=40evil=2eexample?=",
    "שלום",
    "محمد (1)",
    "😀👨‍👩‍👧",
    "é" * 10_000,
    "A" * 10_000,
    "漢" * 10_000,
    " " * 10_000,
]
#: Facts that are words of somebody's, or could be.
WORDS = sorted(
    field.name for field in fields(MailFacts) if field.name != "to" and "str" in str(field.type)
)


def injected(facts: MailFacts, value: str) -> MailFacts:
    """Return the facts with `value` in every place that holds words."""
    made = {name: value for name in WORDS if isinstance(getattr(facts, name), str | None)}
    made = {name: text for name, text in made.items() if "tuple" not in kind(name)}
    card = replace(facts.card or Card(None, None), brand=value, last4=value)
    brand = replace(
        facts.brand, business=value, support=value, address=value, logo=value, color=value,
        font=value, locale=value, time_zone=value, unsubscribe_url=value,
    )  # fmt: skip
    more = {name: (value, value) for name in WORDS if kind(name).startswith("tuple[str")}
    return replace(facts, **made, **more, card=card, brand=brand)


def kind(name: str) -> str:
    return next(str(field.type) for field in fields(MailFacts) if field.name == name)


def anywhere(pieces: list[str]) -> st.SearchStrategy[str]:
    either = st.one_of(st.sampled_from(pieces), st.text(max_size=20))
    return st.lists(either, min_size=1, max_size=4).map("".join)


hostile = anywhere([*MARKUP, *TEMPLATES, *ODD])
either = st.sampled_from(sorted(EMAILS))


def rounds(examples: int) -> settings:
    return settings(max_examples=examples, deadline=None, database=None, derandomize=True)


def assert_shown(mail: str, value: str) -> None:
    made = render(EMAILS[mail].about(injected(EMAILS[mail].sample().facts, value)))

    assert_harmless(made.html, made.text)
    assert "\n" not in made.subject + made.preview
    assert len(made.html) < 100_000


def assert_goes_to_one(mail: str, value: str) -> None:
    facts = injected(EMAILS[mail].sample().facts, value)
    facts = replace(facts, brand=replace(facts.brand, mail_from="Us <us@example.com>"))

    message = compose(EMAILS[mail].about(facts), facts, key="k", case="c", date=NOON)

    received = message_from_bytes(message.as_bytes(), policy=default)
    assert [a.addr_spec for a in received["To"].addresses] == [facts.to]
    assert [a.addr_spec for a in received["From"].addresses] == ["us@example.com"]
    assert received.get_all("Bcc") is None
    assert [part.get_content_type() for part in received.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]


def assert_harmless(html: str, text: str) -> None:
    page = Page(html)
    assert page.faults == []
    assert page.scripts() == []
    assert list(page.loads()) == []
    assert {tag for tag, _ in page.tags} <= {
        "html", "head", "title", "meta", "style", "body", "div", "table", "tbody", "tr", "td",
        "th", "h1", "ul", "li", "a", "br", "bdi",
    }  # fmt: skip
    assert all(link.startswith(("https://", "http://", "mailto:")) for link in page.links())
    assert "\0" not in html + text
    assert all(mark not in text for mark in "\r\x1b\u2028\u2029\u202e\ud800\x85")


class TestAMail:
    @rounds(100)
    @given(mail=either, value=hostile)
    def test_shows_a_value_and_does_not_obey_it(self, mail, value):
        assert_shown(mail, value)

    @pytest.mark.long
    @rounds(200)
    @given(mail=either, value=hostile)
    def test_shows_a_value_and_does_not_obey_it_in_longer_rounds(self, mail, value):
        assert_shown(mail, value)

    @pytest.mark.parametrize("value", [*MARKUP, *TEMPLATES, *ODD])
    def test_shows_each_known_trick_as_it_is_in_all_types(self, value):
        for email in EMAILS.values():
            made = render(email.about(injected(email.sample().facts, value)), locale="de")

            assert_harmless(made.html, made.text)
            # What is shown is the same in both bodies, trick and all.
            assert Page(made.html).words == words(one_line(value)) + words(made.text)

    @pytest.mark.parametrize("value", TEMPLATES)
    def test_fills_no_name_that_a_value_holds(self, value):
        sample = EMAILS["receipt"].sample()

        made = render(EMAILS["receipt"].about(replace(sample.facts, name=value, plan=value)))

        assert f"Hello {' '.join(value.split())}," in made.text
        assert " ".join(value.split()) in made.subject

    @rounds(60)
    @given(mail=either, value=hostile)
    def test_goes_to_one_recipient_whatever_the_values_hold(self, mail, value):
        assert_goes_to_one(mail, value)

    @pytest.mark.long
    @rounds(500)
    @given(mail=either, value=hostile)
    def test_goes_to_one_recipient_in_longer_rounds(self, mail, value):
        assert_goes_to_one(mail, value)

    @pytest.mark.parametrize("link", ["javascript:alert(1)", 'https://x/" onclick="y', "x", "/"])
    def test_leads_nowhere_but_to_a_page(self, link):
        facts = replace(EMAILS["receipt"].sample().facts, link=link)

        made = render(EMAILS["receipt"].about(facts))

        assert "javascript" not in made.html
        assert "onclick" not in made.html
        assert 'class="button"' not in made.html

    @pytest.mark.parametrize("mail", EMAILS)
    def test_ends_what_runs_from_right_to_left(self, mail):
        sample = EMAILS[mail].sample().facts
        facts = replace(sample, name="محمد", plan="שלום", brand=Brand("محمد", "a@b.example", "x"))

        made = render(EMAILS[mail].about(facts))

        for line in made.text.splitlines():
            if any(letter in line for letter in "\u0645\u05e9"):
                assert line.count("\u2068") == line.count("\u2069") >= 1
        assert made.html.count("<bdi>") == made.html.count("</bdi>") >= 1
