"""What holds for every mail about a debt, in every language."""

import tomllib
from dataclasses import replace
from importlib import resources

import pytest

from recoup.core.collection.rules import DeclineClass
from recoup.core.consequences import CONSEQUENCES
from recoup.effects._letters import TOLD
from recoup.mail.base import Announced, Brand, MailFacts
from recoup.mail.emails import EMAILS, NOTICES
from recoup.mail.language.locales import SHIPPED
from recoup.mail.template import render

OURS = sorted(
    {*NOTICES, "access_restricted", "access_restored", "bad_debt_paid", "payment_recovered"}
)
#: The least that is known of anybody.
STRANGER = MailFacts(
    to="someone@example.com",
    name=None,
    brand=Brand("Example", "Example <billing@example.com>", "https://app.example.com"),
)


def table(locale: str, name: str) -> dict[str, str]:
    file = resources.files("recoup.mail") / "locales" / f"{locale}.toml"
    return tomllib.loads(file.read_text("utf-8"))[name]


def spoken(mail: str, facts: MailFacts, locale: str) -> str:
    written = render(EMAILS[mail].about(facts), locale=locale)
    return f"{written.subject}\n{written.preview}\n{written.text}"


@pytest.mark.parametrize("locale", SHIPPED)
class TestTheWords:
    def test_are_there_for_every_refusal_that_is_told(self, locale):
        assert table(locale, "declines").keys() == TOLD

    def test_are_there_for_every_class_of_refusals(self, locale):
        helps = table(locale, "helps")

        assert helps.keys() == {named.value for named in DeclineClass}
        assert helps["fraud"] == helps["unknown"]

    def test_are_there_for_exactly_what_takes_something_away(self, locale):
        felt = {name for name, one in CONSEQUENCES.items() if one.takes_away}

        assert table(locale, "consequences").keys() == felt


@pytest.mark.parametrize("locale", SHIPPED)
@pytest.mark.parametrize("mail", OURS)
class TestEveryMailAboutADebt:
    def test_can_be_written_to_somebody_of_whom_nothing_is_known(self, mail, locale):
        said = spoken(mail, STRANGER, locale)

        assert "https://app.example.com/billing" in said.splitlines()
        assert not [sign for sign in ("None", "{", "}") if sign in said]

    def test_is_calm(self, mail, locale):
        sample = EMAILS[mail].sample().facts

        said = spoken(mail, sample, locale) + spoken(mail, STRANGER, locale)

        assert not set("!！") & set(said)


@pytest.mark.parametrize("mail", OURS)
class TestArabic:
    def test_is_written_with_its_own_marks(self, mail):
        folder = resources.files("recoup.mail.emails") / mail
        words = (folder / "ar.toml").read_text("utf-8")

        assert not set(",;?") & set(words)


class TestAConsequenceWithoutWords:
    @pytest.mark.parametrize("locale", SHIPPED)
    def test_is_announced_all_the_same(self, facts, noon, locale):
        dim = Announced("dim", noon, ("no_colours",))

        said = spoken("dunning_final_notice", replace(facts, announced=(dim,)), locale)

        assert "No colours" in said
