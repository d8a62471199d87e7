import struct
from dataclasses import replace

import pytest
from logos import CMYK, JPEG, PNG, SVG, figures, png, svg
from papers import INVOICE, SELLER, read

from recoup import pdf
from recoup.errors import ConfigError, DocumentsUnreachable
from recoup.pdf import pictures

PICTURES = {
    "logo.png": PNG,
    "rgb.png": png(color_type=2),
    "grey.png": png(color_type=0),
    "grey and alpha.png": png(color_type=4),
    "logo.JPG": JPEG,
    "logo.jpeg": JPEG,
    "logo.svg": SVG,
    "bom.svg": b"\xef\xbb\xbf" + SVG,
    "drawn.svg": b'<?xml version="1.0" encoding="UTF-8"?>\n<!-- Drawn -->\n'
    b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" '
    b'"http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">\n' + SVG,
    "used.svg": svg('<use xlink:href="#a"/><style>rect { fill: url( "#g" ) }</style>'),
    "without an ending": PNG,
}
OF_OTHERS = [
    ("<script>alert(1)</script>", "<script>"),
    ("<foreignObject><p>hi</p></foreignObject>", "<foreignObject>"),
    ('<rect onload="alert(1)"/>', "onload"),
    ("<text>Acme</text>", "letters are outlines"),
    ('<image href="http://10.0.0.1/a.png"/>', "http://10.0.0.1/a.png"),
    ('<image xlink:href="https://cdn.example.com/a.png"/>', "https://cdn.example.com/a.png"),
    ('<image href="/etc/passwd"/>', "/etc/passwd"),
    ('<image href="document.typ"/>', "document.typ"),
    ('<image href="data:image/png;base64,AAAA"/>', "data:image/png"),
    ('<use href=" file:///etc/passwd#a"/>', "file:///etc/passwd"),
    ('<a href="javascript:alert(1)"/>', "javascript:alert"),
    ('<rect fill="url(http://10.0.0.1/#a)"/>', "url"),
    ("<rect style='fill: URL( \"//10.0.0.1/#a\" )'/>", "10.0.0.1"),
    ("<style>rect { fill: url('http://10.0.0.1') }</style>", "10.0.0.1"),
    ("<style>@import 'http://10.0.0.1';</style>", "@import"),
    ("<?xml-stylesheet href='http://10.0.0.1'?>", "xml-stylesheet"),
]


@pytest.fixture
def put(tmp_path):
    """Write a file, and return its path."""

    def write(name, content):
        file = tmp_path / name
        file.write_bytes(content)
        return file

    return write


class TestALogo:
    @pytest.mark.parametrize("name", PICTURES)
    def test_is_the_bytes_of_its_file(self, put, name):
        assert pdf.logo(put(name, PICTURES[name])) == PICTURES[name]

    @pytest.mark.parametrize(
        ("name", "content", "expected"),
        [
            ("empty.png", b"", "a PNG, JPEG or SVG"),
            ("logo.gif", b"GIF89a" + bytes(20), "a PNG, JPEG or SVG"),
            ("logo.svg", b"<html><svg/></html>", "a PNG, JPEG or SVG"),
            ("logo.png", JPEG, "the .png that its name says"),
            ("logo.svg", PNG, "the .svg that its name says"),
            ("large.png", PNG + bytes(pictures.MOST), "at most 200 kB"),
            ("wide.png", png(pictures.WIDEST + 1, 1), "at most 4000 × 4000 pixels"),
            ("high.png", png(1, pictures.WIDEST + 1), "at most 4000 × 4000 pixels"),
            ("none.png", png(0, 0), "at most 4000 × 4000 pixels"),
            ("high.jpg", JPEG.replace(b"\x08\x00\x08\x00\x08", b"\x08\xff\xff\x00\x08"), "4000"),
            ("cut.png", PNG[:20], "a whole picture"),
            ("cut.jpg", JPEG[:30], "a whole picture"),
            ("odd.jpg", JPEG[:2] + bytes(20), "a PNG, JPEG or SVG"),
            ("odd.jpg", JPEG[:4] + struct.pack(">H", 2) + bytes(20), "a whole picture"),
            ("half.png", PNG[:-20], "a picture that can be set"),
            ("print.jpg", CMYK, "a picture that can be set (PDF/A"),
            ("other.svg", b"<!-- --><svg/>", "begins with <svg> of http://www.w3.org/2000/svg"),
            ("cut.svg", SVG[:-3], "an SVG in UTF-8 that can be read"),
            ("wide.svg", b"<?xml version='1.0'?>" + SVG[:-6] + b"\xff</svg>", "in UTF-8"),
        ],
    )
    def test_that_is_none_is_refused_by_setting_and_value(self, put, name, content, expected):
        with pytest.raises(ConfigError) as refused:
            pdf.logo(put(name, content))

        said = str(refused.value)
        assert said.startswith("RECOUP_DOCUMENTS_LOGO: expected ")
        assert expected in said
        assert name in said
        assert said.endswith("See docs/documents.md.")

    @pytest.mark.parametrize(("inside", "shown"), OF_OTHERS)
    def test_that_needs_anything_but_itself_is_refused(self, put, inside, shown):
        with pytest.raises(ConfigError) as refused:
            pdf.logo(put("logo.svg", svg(inside)))

        assert "expected an SVG" in str(refused.value)
        assert shown in str(refused.value)

    def test_that_declares_entities_is_refused(self, put):
        many = b'<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + svg("&b;")

        with pytest.raises(ConfigError, match="without entities of its own, such as a"):
            pdf.logo(put("logo.svg", many))

    @pytest.mark.parametrize("there", [False, True], ids=["gone", "a folder"])
    def test_that_can_not_be_read_may_be_later(self, tmp_path, there):
        file = tmp_path / "logo.png"
        if there:
            file.mkdir()

        with pytest.raises(DocumentsUnreachable, match=r"RECOUP_DOCUMENTS_LOGO: .*logo\.png"):
            pdf.logo(file)

    def test_is_read_anew_each_time(self, put):
        pdf.logo(put("logo.png", PNG))

        with pytest.raises(ConfigError):
            pdf.logo(put("logo.png", b"not a picture"))


class TestADocumentWithALogo:
    @pytest.mark.parametrize("locale", ["en", "ar", "ja"])
    @pytest.mark.parametrize("picture", [PNG, JPEG, SVG], ids=["png", "jpg", "svg"])
    def test_is_still_made_to_be_kept_and_reads_its_name_aloud(self, picture, locale):
        content = pdf.render(replace(INVOICE, logo=picture), locale=locale).content
        metadata = read(content).trailer["/Root"]["/Metadata"].get_data().decode()

        assert "<pdfaid:part>3</pdfaid:part>" in metadata
        assert "<pdfuaid:part>1</pdfuaid:part>" in metadata
        assert figures(content) == ["Beispiel GmbH"]

    def test_says_who_sells_where_nobody_has_a_name(self):
        nameless = replace(INVOICE, logo=PNG, seller=replace(SELLER, name=None))

        assert figures(pdf.render(nameless, locale="de").content) == ["Von"]

    def test_is_the_same_bytes_each_time(self):
        made = {pdf.render(replace(INVOICE, logo=picture)).content for picture in (PNG, SVG, PNG)}

        assert len(made) == 2

    def test_says_what_it_says_without(self):
        plain, branded = (
            read(pdf.render(replace(INVOICE, logo=logo)).content).pages for logo in (None, SVG)
        )

        assert branded[0].extract_text() == plain[0].extract_text()
        assert len(branded) == len(plain) == 1

    @pytest.mark.parametrize(
        ("picture", "size"),
        [(png(30, 10), (42, 14)), (png(10, 30), (14 / 3, 14)), (png(400, 10), (80, 2))],
        ids=["wide", "high", "very wide"],
    )
    def test_shows_it_not_too_large_and_where_lines_begin(self, picture, size):
        width, height = (side * 72 / 25.4 for side in size)
        left, right = (
            placed(read(pdf.render(replace(INVOICE, logo=picture), locale=locale).content))
            for locale in ("en", "ar")
        )

        margin, paper = 20 * 72 / 25.4, 595.28
        assert left[:2] == pytest.approx((width, height), abs=0.1)
        assert left[2] == pytest.approx(margin, abs=0.1)
        assert right[2] + right[0] == pytest.approx(paper - margin, abs=0.1)

    def test_with_data_carries_both(self):
        made = pdf.render(replace(INVOICE, logo=PNG), as_data=True)

        assert figures(made.content) == ["Beispiel GmbH"]
        assert list(read(made.content).attachments) == ["factur-x.xml"]

    def test_never_shows_its_bytes_in_words(self):
        assert "PNG" not in repr(replace(INVOICE, logo=PNG))


def placed(reader):
    """Return width, height and left side of the only picture on the first page, in points."""
    found = []

    def visit(operator, _, page, *__):
        if operator == b"Do":
            found.append((abs(page[0]), abs(page[3]), page[4]))

    reader.pages[0].extract_text(visitor_operand_before=visit)
    (one,) = found
    return one
