import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256

import pytest
from papers import BUYER, INVOICE, LINE, NIGHT, read, text_of

from recoup import pdf
from recoup.core.documents import Kind, Stamp
from recoup.errors import InvalidValue
from recoup.pdf.fonts import fonts
from recoup.pdf.layout import MOST_LINES
from recoup.pdf.words import words

HARMFUL = [
    "{{7*7}}",
    "{0.__class__}",
    "%s $x #x",
    "#strong[loud]",
    '#eval("1+1")',
    '#read("/etc/passwd")',
    "$ x^2 $ *bold* _it_ `code` <label> @ref // comment",
    "<script>alert(1)</script>",
    '"; #panic("x"); "',
    "\\u{41} \\n",
]


class TestAPdf:
    def test_says_what_the_document_says(self):
        text = text_of(INVOICE, locale="en")

        for wanted in (
            "Invoice", "F-0001", "April 1, 2026", "April 15, 2026", "Beispiel GmbH",
            "10115 Berlin", "Germany", "Ada Lovelace", "DE123456789", "Team plan", "€7.00",
            "€49.00", "VAT 19% €9.31", "Total €58.31", "Amount due €58.31", "Page 1 of 1",
        ):  # fmt: skip
            assert wanted in text

    def test_is_made_to_be_kept_and_to_be_read_aloud(self):
        content = pdf.render(INVOICE).content
        metadata = read(content).trailer["/Root"]["/Metadata"].get_data().decode()

        assert "<pdfaid:part>3</pdfaid:part>" in metadata
        assert "<pdfaid:conformance>A</pdfaid:conformance>" in metadata
        assert "<pdfuaid:part>1</pdfuaid:part>" in metadata
        assert read(content).trailer["/Root"]["/MarkInfo"]["/Marked"]

    @pytest.mark.parametrize("locale", pdf.SHIPPED)
    def test_has_all_of_its_fonts_in_it(self, locale):
        used = fonts_of(read(pdf.render(INVOICE, locale=locale).content))

        assert used
        assert all(any(f"/FontFile{kind}" in font for kind in ("", "2", "3")) for font in used)

    def test_names_its_language_and_its_title(self):
        reader = read(pdf.render(INVOICE, locale="pt-BR").content)

        assert reader.trailer["/Root"]["/Lang"] == "pt-BR"
        assert reader.metadata.title == "Fatura F-0001"

    def test_is_the_same_bytes_each_time(self):
        first = pdf.render(INVOICE, locale="de").content
        pdf.render(replace(INVOICE, number="F-0002"), locale="ja")

        assert pdf.render(INVOICE, locale="de").content == first

    def test_is_the_same_bytes_in_every_process(self):
        program = (
            "import sys, hashlib; sys.path.insert(0, 'tests/shared'); import papers;"
            "from recoup import pdf;"
            "print(hashlib.sha256(pdf.render(papers.INVOICE, locale='ar').content).hexdigest())"
        )

        said = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        ).stdout

        assert said.strip() == sha256(pdf.render(INVOICE, locale="ar").content).hexdigest()

    def test_is_the_same_bytes_in_every_thread(self):
        with ThreadPoolExecutor(4) as threads:
            made = {one.content for one in threads.map(lambda _: pdf.render(INVOICE), range(12))}

        assert len(made) == 1

    def test_is_as_old_as_the_document(self):
        metadata = read(pdf.render(INVOICE).content).metadata

        assert metadata.creation_date == NIGHT

    def test_runs_nothing_and_reaches_for_nothing(self):
        content = pdf.render(INVOICE, as_data=True).content

        for never in (b"/JavaScript", b"/JS", b"/Launch", b"/URI", b"/AA", b"/OpenAction"):
            assert never not in content


class TestWordsOfOthers:
    @pytest.mark.parametrize("harm", HARMFUL)
    def test_are_shown_and_never_run(self, harm):
        buyer = replace(BUYER, name=harm)
        document = replace(INVOICE, buyer=buyer, lines=(replace(LINE, description=harm),))

        text = text_of(replace(document, note=harm), locale="en")

        assert "".join(text.split()).count("".join(harm.split())) == 3

    @pytest.mark.parametrize("locale", ["en", "ar"])
    @pytest.mark.parametrize(
        "odd",
        [
            "\x00\x07\x1b[31m", "\u202egnp.exe", "a\r\nb", "\ud83d", "😀👩‍👧", "हिन्दी", "￾\uffff",
            "\u2028\u2029", "x" * 10_000, "", " ", "e\u0301" * 50, "\u2066\u2069", "ﷺ",
        ],
    )  # fmt: skip
    def test_never_stop_a_document(self, locale, odd):
        buyer = replace(BUYER, name=odd, address=(odd,), email=odd, tax_id=odd, country=odd)
        document = replace(
            INVOICE, number=odd, buyer=buyer, seller=buyer, note=odd, foot=odd, method=odd,
            lines=(replace(LINE, description=odd),),
        )  # fmt: skip

        assert len(read(pdf.render(document, locale=locale).content).pages) == 1

    def test_are_not_left_out_where_no_font_has_them(self):
        text = text_of(replace(INVOICE, buyer=replace(BUYER, name="A😀B")), locale="en")

        assert "A□B" in text

    @pytest.mark.parametrize(
        "name", ["株式会社山田", "홍길동", "王小明", "شركة", "Ζωή", "Żółć", "Ольга"]
    )
    def test_are_shown_in_every_script_there_is_a_font_for(self, name):
        text = text_of(replace(INVOICE, buyer=replace(BUYER, name=name)), locale="en")

        assert "□" not in text

    def test_can_not_turn_the_direction_of_a_line(self):
        text = text_of(replace(INVOICE, note="a\u202eb"), locale="en")

        assert "ab" in text
        assert "\u202e" not in text


class TestALongInvoice:
    def test_goes_on_over_pages_each_with_its_header(self):
        lines = tuple(replace(LINE, description=f"Line {n:03d}") for n in range(120))

        pages = text_of(replace(INVOICE, lines=lines), locale="en").split("\n\n")

        assert len(pages) > 3
        assert all("Description Quantity" in page for page in pages)
        assert all(f"Page {n} of {len(pages)}" in page for n, page in enumerate(pages, 1))
        assert [n for n in range(120) if sum(f"Line {n:03d}" in p for p in pages) != 1] == []

    def test_has_a_size_that_it_must_not_pass(self):
        with pytest.raises(InvalidValue, match="5000 lines"):
            pdf.render(replace(INVOICE, lines=(LINE,) * (MOST_LINES + 1)))


class TestALanguage:
    @pytest.mark.parametrize("locale", pdf.SHIPPED)
    def test_has_a_glyph_for_every_letter_of_its_own(self, locale):
        letters = {one for text in words(locale).sentences.values() for one in text}

        assert {one for one in letters if not one.isspace()} <= set(map(chr, fonts().covers))

    @pytest.mark.parametrize(
        ("locale", "title", "stamp"),
        [
            ("en", "Receipt", "Paid"),
            ("de", "Zahlungsbeleg", "Bezahlt"),
            ("fr", "Reçu", "Payée"),
            ("es", "Recibo", "Pagada"),
            ("pt-BR", "Recibo", "Paga"),
            ("ja", "領収書", "支払済み"),
        ],
    )
    def test_is_the_customers(self, locale, title, stamp):
        receipt = replace(INVOICE, kind=Kind.RECEIPT, stamp=Stamp("paid", NIGHT), settled=5831)

        text = text_of(receipt, locale=locale)

        assert title in text
        assert stamp in text

    def test_may_be_written_from_right_to_left(self):
        reader = read(pdf.render(INVOICE, locale="ar-EG").content)
        label, number = {}, {}

        def visit(text, page, matrix, *_):
            for wanted, places in (("F-0001", number), ("58.31", label)):
                if wanted in text:
                    places.setdefault("x", matrix[4] * page[0] + page[4])

        reader.pages[0].extract_text(visitor_text=visit)

        assert reader.trailer["/Root"]["/Lang"] == "ar"
        assert number["x"] > 300 > label["x"]  # facts at the right, sums at the left


def fonts_of(reader):
    """Return the descriptors of the fonts of all pages."""
    found = []
    for page in reader.pages:
        for font in page["/Resources"].get("/Font", {}).values():
            parts = font.get_object().get("/DescendantFonts", [font])
            found.extend(part.get_object()["/FontDescriptor"] for part in parts)
    return found
