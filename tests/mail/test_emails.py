"""What holds for every type in every language, whoever adds one or the other."""

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from babel import Locale

import recoup.mail.emails
from recoup.core.money import Money
from recoup.core.policy import DEFAULT
from recoup.mail.base import Announced, Card, Email, MailFacts
from recoup.mail.emails import EMAILS, NOTICES
from recoup.mail.language.locales import SHIPPED
from recoup.mail.letter import NOON, SAMPLE
from recoup.mail.message import compose
from recoup.mail.template import render

FOLDER = Path(recoup.mail.emails.__file__).parent
SHARED = FOLDER.parent / "locales"
ROOT = Path(__file__).parents[2]
NAME = re.compile(r"\{(\w+)\}")

#: One value for every fact that a sample leaves out.
MORE: dict[str, Any] = {
    "next_try_at": NOON + timedelta(days=3),
    "due_at": NOON + timedelta(days=14),
    "whole": Money(9900, "EUR"),
    "days": 7,
    "trial_ends_at": NOON + timedelta(days=3),
    "ends_at": NOON + timedelta(days=9),
    "resumes_at": NOON + timedelta(days=30),
    "why": "requested",
    "coupon": "Spring",
    "percent_off": "12.5",
    "amount_off": Money(500, "EUR"),
    "months": 3,
    "announced": (Announced("over", NOON + timedelta(days=9), ("cancel",)),),
    "consequences": ("read_only",),
    "decline": "expired_card",
    "decline_class": "hard",
    "card": Card("sepa_debit", "3000"),
    "invoices": ("INV-1", "INV-2", "INV-3"),
    "owed": (Money(4900, "EUR"), Money(100, "JPY")),
    "link": "https://app.example.com/links/1",
    "plan": "Solo",
}


def sentences(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text("utf-8"))


def flat(words: dict[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Yield each sentence by the way to it: "expires.one"."""
    for key, value in words.items():
        if isinstance(value, str):
            yield f"{before}{key}", value
        else:
            yield from flat(value, f"{before}{key}.")


def forms(words: dict[str, Any], before: str = "") -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each sentence by its name, with all its categories of number."""
    for key, value in words.items():
        if isinstance(value, str):
            yield f"{before}{key}", {"other": value}
        elif "other" in value and isinstance(value["other"], str):
            yield f"{before}{key}", value
        else:
            yield from forms(value, f"{before}{key}.")


def names(sentence: dict[str, str]) -> set[str]:
    return {name for text in sentence.values() for name in NAME.findall(text)}


def variations(email: Email) -> Iterator[MailFacts]:
    """Yield the sample's facts with each fact gone, each there, and with hardly any."""
    facts = email.facts
    bare = MailFacts(facts.to, None, facts.brand)
    yield bare
    for field in fields(MailFacts):
        now, empty = getattr(facts, field.name), getattr(bare, field.name)
        if isinstance(now, bool):
            yield replace(facts, **{field.name: not now})
            yield replace(bare, **{field.name: not now})
        elif field.name not in {"to", "brand"}:
            yield replace(facts, **{field.name: empty})
        if field.name in MORE:
            yield replace(facts, **{field.name: MORE[field.name]})
            yield replace(bare, **{field.name: MORE[field.name]})
    yield replace(facts, **MORE)
    yield replace(facts, days=1, months=1, invoices=("INV-1",))


class TestTheCatalogue:
    def test_registers_every_folder(self):
        folders = {p.name for p in FOLDER.iterdir() if (p / "email.py").exists()}

        assert folders == set(EMAILS)

    def test_has_every_mail_the_default_policy_sends(self):
        assert {step.mail for step in DEFAULT.steps} <= NOTICES < EMAILS.keys()


@pytest.mark.parametrize("mail", EMAILS)
class TestEveryEmail:
    def test_has_a_heading_in_the_docs(self, mail):
        assert f"## `{mail}`" in (ROOT / "docs" / "emails.md").read_text().splitlines()

    def test_has_a_test_file(self, mail):
        assert (ROOT / "tests" / "mail" / "emails" / f"test_{mail}.py").is_file()

    def test_is_a_frozen_value(self, mail):
        email = EMAILS[mail].sample()

        assert email == EMAILS[mail].sample()
        with pytest.raises((FrozenInstanceError, AttributeError)):
            email.facts = SAMPLE

    def test_can_be_told_whatever_is_known_or_not(self, mail):
        sample = EMAILS[mail].sample()

        for facts in variations(sample):
            for locale in SHIPPED:
                made = render(type(sample).about(facts), locale=locale)
                assert made.subject
                assert "{" not in made.subject + made.text
                assert "None" not in made.text

    def test_has_one_button_at_most_and_a_way_to_it_in_the_text(self, mail):
        made = render(EMAILS[mail].sample())

        assert made.html.count('class="button"') <= 1
        if 'class="button"' in made.html:
            assert EMAILS[mail].sample().facts.pay_url in made.text.splitlines()

    def test_says_every_sentence_that_it_has(self, mail):
        said = used(FOLDER / mail / "email.py")

        for key, _ in forms(sentences(FOLDER / mail / "en.toml")):
            assert said(key), f"{mail}/en.toml: nobody says {key}"


@pytest.mark.parametrize("locale", SHIPPED)
@pytest.mark.parametrize("mail", EMAILS)
class TestEveryEmailInEveryLanguage:
    def test_becomes_a_message_that_holds_both_bodies(self, mail, locale):
        email = EMAILS[mail].about(replace(EMAILS[mail].sample().facts, locale=locale))
        made = render(email)

        message = compose(email, email.facts, key=mail, case=None, date=NOON)

        assert made.locale == locale
        for kind, body in (("plain", made.text), ("html", made.html)):
            part = message.get_body((kind,))
            assert part.get_content().replace("\r\n", "\n") == body
            assert part["Content-Language"] == locale
        assert len(message.as_bytes()) < 100_000
        assert "\n" not in made.subject + made.preview

    def test_has_the_sentences_of_english_with_the_same_names(self, mail, locale):
        english = dict(forms(sentences(FOLDER / mail / "en.toml")))
        words = dict(forms(sentences(FOLDER / mail / f"{locale}.toml")))

        assert words.keys() == english.keys()
        for key, text in words.items():
            assert names(text) == names(english[key]), f"{mail}/{locale}.toml: {key}"


@pytest.mark.parametrize("locale", SHIPPED)
class TestTheSharedWords:
    def test_are_those_of_english_with_the_same_names(self, locale):
        english = dict(forms(sentences(SHARED / "en.toml")))
        words = dict(forms(sentences(SHARED / f"{locale}.toml")))

        assert words.keys() == english.keys()
        for key, text in words.items():
            assert names(text) == names(english[key]), f"{locale}.toml: {key}"


@pytest.mark.parametrize("locale", SHIPPED)
class TestSentencesByNumber:
    def test_have_the_categories_of_their_language_and_no_others(self, locale):
        category = Locale.parse(locale, sep="-").plural_form
        wanted = {"other", *map(category, range(1, 200))}
        allowed = wanted | category.tags  # "many" is of millions, in some

        for file in [SHARED / f"{locale}.toml", *FOLDER.glob(f"*/{locale}.toml")]:
            for key, text in forms(sentences(file)):
                numbered = f"[{key}" in file.read_text("utf-8")
                if numbered:
                    assert wanted <= text.keys() <= allowed, (
                        f"{file.parent.name}/{file.name}: {key}"
                    )


@pytest.mark.parametrize(
    "file", [*sorted(SHARED.glob("*.toml")), *sorted(FOLDER.glob("*/*.toml"))]
)
def test_a_catalogue_holds_words_and_nothing_else(file):
    for key, text in flat(sentences(file)):
        assert not re.search(r"[<>\\]|\{\{|https?:|%\w|\$\w", text), f"{file.name}: {key}"
        assert text == re.sub(r"[ \t\n]+", " ", text).strip(" "), f"{file.name}: {key}"
        assert "!" not in text, f"{file.name}: {key}"
        assert text.count("{") == text.count("}") == len(NAME.findall(text)), key


def used(file: Path) -> Any:
    """Return whether a sentence's name is written in a class, or beside it, or begins there."""
    letter = FOLDER.parent / "letter.py"
    written = {
        node.value
        for source in (file, letter)
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    written |= {"preview", "heading", "button"}
    starts = tuple(text for text in written if text.endswith("_") and text != "_")
    ends = tuple(text for text in written if text.startswith("_") and text != "_")

    def said(key: str) -> bool:
        first = key.partition("_")[0]
        return (
            key in written
            or key.startswith(starts)
            or any(key.endswith(end) and key.removesuffix(end) in written for end in ends)
            or (first in {"preview", "heading"} and key.replace(first, "subject", 1) in written)
        )

    return said
