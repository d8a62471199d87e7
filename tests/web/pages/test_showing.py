import tomllib
from pathlib import Path

import pytest

import recoup.web.pages
from recoup.mail.base import Brand
from recoup.mail.language import catalogues
from recoup.mail.language.catalogues import Sentence
from recoup.mail.language.locales import SHIPPED
from recoup.web.pages.showing import Choice, Form, Onward, Page, Table, Voice, html, policy, wishes

FOLDER = Path(recoup.web.pages.__file__).parent / "locales"
BRAND = Brand(business="Example", mail_from="x@example.com", base_url="https://app.example.com")
EVIL = "\"><script>alert('1')</script>&"


def names(entry) -> set[str]:
    sentences = [entry] if isinstance(entry, Sentence) else entry.values()
    return {name for sentence in sentences for name in sentence.names}


class TestTheWords:
    def test_are_there_in_every_language(self):
        assert {path.stem for path in FOLDER.glob("*.toml")} == set(SHIPPED)

    @pytest.mark.parametrize("tag", SHIPPED)
    def test_are_the_same_sentences_with_the_same_names(self, tag):
        english = tomllib.loads((FOLDER / "en.toml").read_text("utf-8"))
        own = tomllib.loads((FOLDER / f"{tag}.toml").read_text("utf-8"))
        assert own.keys() == english.keys()

        first, other = (catalogues.own(FOLDER, one) for one in ("en", tag))
        for key in own:
            assert names(other.entries[key]) == names(first.entries[key]), key

    @pytest.mark.parametrize("tag", SHIPPED)
    def test_are_said_for_every_number(self, tag):
        voice = Voice.of(tag)
        for count in (0, 1, 2, 3, 5, 11, 60, 100):
            assert voice.say("too_often", count=count)


class TestAPage:
    def test_makes_everything_harmless_that_is_put_into_it(self):
        choice = Choice(EVIL, EVIL)
        page = Page(
            EVIL, (EVIL,), (EVIL,), Table(EVIL, (EVIL,), ((EVIL,),)),
            Form(EVIL, EVIL, EVIL, EVIL, EVIL, (choice,), (choice,)), Onward(EVIL, EVIL), EVIL,
        )  # fmt: skip
        evil = Brand(business=EVIL, mail_from=EVIL, base_url=EVIL)

        text = html(page, Voice.of("en"), evil)

        assert "<script" not in text
        assert "alert('1')" not in text
        assert text.count("&lt;script&gt;") == 21

    def test_is_labelled_for_who_can_not_see_it(self):
        form = Form("c", "pay", "Pay", legend="With", ways=(Choice("1", "Visa"),))
        table = Table("Invoices", ("Number",), (("INV1",),))

        text = html(Page("Title", ("Note",), table=table, form=form), Voice.of("ar"), BRAND)

        for part in (
            '<html lang="ar" dir="rtl">', "<title>Title – Example</title>", "<main>",
            "<h1>Title</h1>", 'role="status"', "<caption>Invoices</caption>", 'scope="col"',
            'scope="row"', "<legend>With</legend>", "<label>",
            'content="width=device-width, initial-scale=1"',
        ):  # fmt: skip
            assert part in text

    def test_allows_its_own_style_and_no_other(self):
        assert "style-src 'sha256-" in policy()
        assert "unsafe" not in policy()


class TestTheWishesOfABrowser:
    @pytest.mark.parametrize(
        ("header", "found"),
        [
            ("", ()),
            ("de", ("de",)),
            ("en;q=0.1, de-AT;q=0.8, ja", ("ja", "de-AT", "en")),
            ("xx, *;q=0.5", ()),
            ("de;q=x, fr;q=, es", ("fr", "es")),
            (";q=1,,, ,", ()),
        ],
    )
    def test_are_heard_in_their_order(self, header, found):
        assert wishes(header) == found

    def test_are_no_longer_than_they_need_be(self):
        assert wishes("xx," * 10_000 + "de") == ()
