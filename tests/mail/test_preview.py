import re
from email import message_from_bytes
from email.policy import default

import pytest

from recoup.errors import InvalidValue
from recoup.mail.base import Brand
from recoup.mail.emails import EMAILS
from recoup.mail.language.locales import SHIPPED
from recoup.mail.preview import DESK, FORMATS, PHONE, render_all


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("previews")
    done: list[int] = []
    return folder, render_all(folder, progress=done.append), done


class TestThePreview:
    def test_writes_every_type_in_every_language_and_says_how_far_it_is(self, whole):
        folder, files, done = whole

        made = {path.relative_to(folder).as_posix() for path in files}
        assert files[0] == folder / "index.html"
        assert made >= {
            f"{mail}/{tag}.{end}"
            for mail in EMAILS for tag in SHIPPED for end in ("html", "txt", "eml")
        }  # fmt: skip
        assert all(path.is_file() for path in files)
        assert done == list(range(1, len(EMAILS) * len(SHIPPED) + 1))

    def test_shows_each_of_them_at_the_width_of_a_phone_and_of_a_desk(self, whole):
        folder, _, _ = whole
        index = (folder / "index.html").read_text()

        for mail in EMAILS:
            page = (folder / mail / "index.html").read_text()
            for tag in SHIPPED:
                assert f'href="{mail}/index.html#{tag}" target="mails"' in index
                assert f'<h2 id="{tag}">' in page
                for width in (PHONE, DESK):
                    assert f'<iframe src="{tag}.html" width="{width}"' in page

    def test_lets_nothing_run_and_loads_nothing_from_elsewhere(self, whole):
        folder, files, _ = whole
        pages = [path for path in files if path.name == "index.html"]

        assert len(pages) == len(EMAILS) + 1
        for path in pages:
            page = path.read_text()
            assert "default-src 'none'" in page
            assert not re.search(r"<(script|img|link)|@import|url\(", page)
            assert all("//" not in to for to in re.findall(r'(?:href|src)="([^"]*)"', page))
            if path.parent != folder:
                assert page.count("<iframe") == page.count(" sandbox ")

    def test_shows_subjects_as_text(self, whole):
        folder, _, _ = whole

        assert (
            '<p class="subject" lang="ar" dir="rtl">'
            in (folder / "receipt" / "index.html").read_text()
        )

    def test_writes_mails_that_can_be_read(self, whole):
        folder, _, _ = whole

        for mail in EMAILS:
            raw = (folder / mail / "de.eml").read_bytes()
            made = message_from_bytes(raw, policy=default)
            first = (folder / mail / "de.txt").read_text().splitlines()[0]
            assert made["Subject"].split() == first.removeprefix("Subject: ").split()

    def test_is_the_same_every_time(self, tmp_path):
        told = {"only": "receipt", "locale": "ja"}
        first = [path.read_bytes() for path in render_all(tmp_path, **told)]

        assert [path.read_bytes() for path in render_all(tmp_path, **told)] == first

    def test_writes_only_what_is_asked_for(self, tmp_path):
        files = render_all(tmp_path, only="receipt", locale="fr", formats=("txt",))

        assert [path.relative_to(tmp_path).as_posix() for path in files] == [
            "index.html", "receipt/index.html", "receipt/fr.txt",
        ]  # fmt: skip
        assert 'src="fr.txt"' in (tmp_path / "receipt" / "index.html").read_text()

    @pytest.mark.parametrize(
        ("told", "what"),
        [
            ({"only": "x"}, "no mail is called 'x'"),
            ({"locale": "tlh"}, "no language is called 'tlh'"),
            ({"formats": ("docx",)}, "no format is called 'docx'"),
        ],
    )
    def test_refuses_what_it_does_not_know(self, tmp_path, told, what):
        with pytest.raises(InvalidValue, match=what):
            render_all(tmp_path / "no", **told)

        assert not (tmp_path / "no").exists()

    def test_shows_a_brand_instead_of_the_samples(self, tmp_path):
        brand = Brand(
            business="Acme", mail_from="Acme <pay@acme.example>", base_url="https://acme.example"
        )

        render_all(tmp_path, only="receipt", locale="en", brand=brand)

        text = (tmp_path / "receipt" / "en.txt").read_text()
        assert "Acme" in text
        assert "https://acme.example/billing" in text


class TestDocuments:
    @staticmethod
    def papers(mail, locale):
        return [("a.pdf", f"{mail} {locale}".encode())] if mail == "receipt" else []

    def test_are_written_beside_the_mails_that_bring_them_and_are_in_those(self, tmp_path):
        render_all(tmp_path, locale="de", formats=FORMATS, documents=self.papers)

        assert (tmp_path / "receipt" / "de.pdf").read_bytes() == b"receipt de"
        assert not (tmp_path / "payment_failed" / "de.pdf").exists()
        raw = (tmp_path / "receipt" / "de.eml").read_bytes()
        (paper,) = message_from_bytes(raw, policy=default).iter_attachments()
        assert (paper.get_filename(), paper.get_content()) == ("a.pdf", b"receipt de")

    def test_alone_leave_out_mails_that_bring_none(self, tmp_path):
        files = render_all(tmp_path, locale="de", formats=("pdf",), documents=self.papers)

        assert [path.relative_to(tmp_path).as_posix() for path in files] == [
            "index.html", "receipt/index.html", "receipt/de.pdf",
        ]  # fmt: skip
