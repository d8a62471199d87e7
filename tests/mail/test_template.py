import re
from dataclasses import replace

import pytest
from tests.shared.mail_pages import Page, words

from recoup.mail.base import Brand, MailFacts
from recoup.mail.emails import EMAILS
from recoup.mail.language.locales import SHIPPED
from recoup.mail.layout import colors
from recoup.mail.layout.engine import Layout
from recoup.mail.letter import SAMPLE
from recoup.mail.template import render, wrapped

RECEIPT = EMAILS["receipt"]
STYLES = re.compile(r"<style[^>]*>.*?</style>", re.DOTALL)


def page(mail: str, locale: str = "en") -> Page:
    return Page(render(EMAILS[mail].sample(), locale=locale).html)


@pytest.mark.parametrize("locale", SHIPPED)
@pytest.mark.parametrize("mail", EMAILS)
class TestThePageOfEveryMail:
    def test_holds_together_and_says_what_the_text_says(self, mail, locale):
        made = render(EMAILS[mail].sample(), locale=locale)
        page = Page(made.html)

        assert page.faults == []
        said = made.text.replace(f"\n{EMAILS[mail].sample().facts.pay_url}\n", "\n")
        assert page.words == [*words(SAMPLE.brand.business), *words(said)]

    def test_names_its_language_and_its_direction(self, mail, locale):
        (html,) = page(mail, locale).all("html")

        assert html["lang"] == locale
        assert html["dir"] == ("rtl" if locale == "ar" else "ltr")

    def test_loads_nothing_from_anywhere(self, mail, locale):
        made = render(EMAILS[mail].sample(), locale=locale)

        assert list(Page(made.html).loads()) == []
        assert not re.search(r"url\(|@import", "".join(STYLES.findall(made.html)))

    def test_has_one_heading_and_tables_that_are_named_as_layout(self, mail, locale):
        shown = page(mail, locale)

        assert len(shown.all("h1")) == 1
        assert all(
            table.get("role") == "presentation" or table.get("width") == "100%"
            for table in shown.all("table")
        )
        assert all(cell["scope"] == "row" for cell in shown.all("th"))


class TestTheColours:
    @pytest.mark.parametrize("color", ["#1f4fd8", "#ffff00", "#ffffff", "#000000", "#777777"])
    def test_can_be_read_by_day_on_what_is_behind_them(self, color):
        brand = replace(SAMPLE.brand, color=color)
        html = render(RECEIPT.about(replace(SAMPLE, brand=brand))).html

        pairs = re.findall(r"background:(#\w{6});color:(#\w{6})", html)
        assert pairs
        assert all(colors.contrast(*pair) >= colors.READABLE for pair in pairs)
        inks = set(re.findall(r"(?<![-\w])color:(#\w{6})", html)) - {p[1] for p in pairs}
        inks.discard("#ffffff")  # of the preview line, which is not shown
        assert len(inks) >= 2
        for ink in inks:
            assert all(colors.contrast(ink, paper) >= colors.READABLE for paper in colors.PAPER)

    @pytest.mark.parametrize("color", ["#1f4fd8", "#ffff00", "#ffffff", "#000000", "#777777"])
    def test_can_be_read_by_night(self, color):
        brand = replace(SAMPLE.brand, color=color)
        html = render(RECEIPT.about(replace(SAMPLE, brand=brand))).html

        night = html.partition("prefers-color-scheme: dark")[2].partition("</style>")[0]
        inks = re.findall(r"[{ ]color: (#\w{6}) !important", night)
        assert len(inks) >= 3
        for ink in inks:
            assert all(colors.contrast(ink, paper) >= colors.READABLE for paper in colors.NIGHT)

    def test_are_said_to_be_for_day_and_night(self):
        metas = {meta.get("name"): meta.get("content") for meta in page("receipt").all("meta")}

        assert metas["color-scheme"] == metas["supported-color-schemes"] == "light dark"


class TestABrand:
    def test_shows_its_picture_with_its_name_for_who_sees_none(self):
        brand = replace(SAMPLE.brand, logo="https://cdn.example.com/logo.png")
        shown = Page(render(RECEIPT.about(replace(SAMPLE, brand=brand))).html)

        (image,) = shown.all("img")
        assert image["src"] == "https://cdn.example.com/logo.png"
        assert image["alt"] == "Example"

    @pytest.mark.parametrize("logo", ["http://cdn.example.com/x.png", "data:image/png,x", "x"])
    def test_shows_its_name_where_its_picture_is_none(self, logo):
        brand = replace(SAMPLE.brand, logo=logo)
        shown = Page(render(RECEIPT.about(replace(SAMPLE, brand=brand))).html)

        assert shown.all("img") == []
        assert shown.words[0] == "Example"

    def test_is_set_in_its_font_and_in_others_where_that_is_missing(self):
        brand = replace(SAMPLE.brand, font="Inter")

        html = render(RECEIPT.about(replace(SAMPLE, brand=brand))).html

        assert "font-family:&#39;Inter&#39;, -apple-system" in html

    def test_says_whom_to_ask_and_where_it_is(self):
        made = render(RECEIPT.sample())

        assert "Questions? We are here to help: support@example.com" in made.text
        assert '<a href="mailto:support@example.com">support@example.com</a>' in made.html
        assert "Musterstraße 1" in made.text

    def test_asks_for_a_reply_where_it_names_nobody_to_ask(self):
        brand = Brand("Example", "Example <billing@example.com>", "https://app.example.com")

        text = render(RECEIPT.about(replace(SAMPLE, brand=brand))).text
        assert "reply to this" in text.lower()


class TestGreeting:
    def test_uses_the_name(self):
        assert "\nHello Ada Lovelace,\n" in render(RECEIPT.sample()).text

    @pytest.mark.parametrize("name", [None, "", " \n", "Win at http://evil.example", "WWW.evil.x"])
    def test_names_nobody_when_the_name_is_missing_or_a_link(self, name):
        assert "\nHello,\n" in render(RECEIPT.about(replace(SAMPLE, name=name))).text


class TestTheLanguage:
    @pytest.mark.parametrize(
        ("explicit", "own", "configured", "taken"),
        [
            ("fr", "de", "ja", "fr"),
            (None, "de", "ja", "de"),
            (None, None, "ja", "ja"),
            (None, None, None, "en"),
            ("tlh", "de", "ja", "de"),
            (None, "xx-XX", "ja", "ja"),
            ("", "not a language", "x" * 10_000, "en"),
        ],
    )
    def test_is_the_first_that_mails_are_written_in(self, explicit, own, configured, taken):
        brand = replace(SAMPLE.brand, locale=configured)
        facts = replace(SAMPLE, locale=own, brand=brand)

        assert render(RECEIPT.about(facts), locale=explicit).locale == taken

    def test_writes_days_by_the_clock_of_the_first_zone_that_there_is(self):
        late = replace(SAMPLE, at=SAMPLE.at.replace(hour=23))
        brand = replace(SAMPLE.brand, time_zone="Asia/Tokyo")

        def shown(time_zone: str | None, facts: MailFacts) -> str:
            text = render(RECEIPT.about(facts), time_zone=time_zone).text
            return next(line for line in text.splitlines() if line.startswith("Date:"))

        assert shown(None, late) == "Date: March 3, 2026"
        assert shown("America/New_York", late) == "Date: March 2, 2026"
        assert shown("Mars/Olympus", replace(late, time_zone=None)) == "Date: March 2, 2026"
        lost = replace(late, time_zone="Mars/Olympus", brand=brand)
        assert shown(None, lost) == "Date: March 3, 2026"

    @pytest.mark.parametrize(
        ("locale", "row"),
        [
            ("en", "Amount: €49.00"),
            ("fr", "Montant\u00a0: 49,00\u00a0€"),
            ("ja", "金額：€49.00"),
        ],
    )
    def test_has_its_own_colon(self, locale, row):
        assert row in render(RECEIPT.sample(), locale=locale).text.splitlines()


class TestALayoutOfTheHosts:
    def test_shows_the_same_words(self, tmp_path):
        file = tmp_path / "plain.html"
        file.write_text(
            "<h1>{{ heading }}</h1>{% for b in blocks %}<p>{{ b.words }}</p>{% endfor %}"
        )

        made = render(RECEIPT.sample(), layout=Layout.from_file(file))

        assert made.html.startswith("<h1>Thank you for your payment</h1><p>We received")
        assert made.text == render(RECEIPT.sample()).text

    def test_that_can_not_be_filled_loses_no_mail(self, tmp_path, caplog):
        file = tmp_path / "wrong.html"
        file.write_text("{{ nobody_knows_this }}")

        made = render(RECEIPT.sample(), layout=Layout.from_file(file))

        assert made == render(RECEIPT.sample())
        assert "could not be filled" in caplog.text


class TestWrapping:
    def test_breaks_long_lines_at_spaces(self):
        lines = wrapped(" ".join(["word"] * 60)).splitlines()

        assert max(map(len, lines)) <= 72
        assert " ".join(lines) == " ".join(["word"] * 60)

    def test_never_breaks_a_link(self):
        link = "https://app.example.com/" + "a-b" * 60

        assert wrapped(f"See {link} and more") == f"See\n{link}\nand more\n"

    def test_indents_what_goes_on_in_a_list(self):
        lines = wrapped("- " + " ".join(["word"] * 30)).splitlines()

        assert lines[0].startswith("- word")
        assert all(line.startswith("  word") for line in lines[1:])
        assert max(map(len, lines)) <= 72

    def test_keeps_what_belongs_together(self):
        assert "49,00\u00a0€" in wrapped("x" * 66 + " 49,00\u00a0€ y")

    def test_leaves_one_empty_line_at_most(self):
        assert wrapped("\n\na\n\n\n\nb\n\n\n") == "a\n\nb\n"
