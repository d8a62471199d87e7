from __future__ import annotations

import json
import sys

import pytest
from logos import SVG, figures

from recoup.effects import BRINGS


class TestMailPreview:
    def test_writes_one_mail_and_says_where(self, cli, tmp_path):
        to = str(tmp_path / "out")

        result = cli("mail", "preview", "--only", "receipt", "--locale", "de", "--to", to)

        assert result.exit_code == 0, result.output
        assert f"Open {(tmp_path / 'out' / 'index.html').as_uri()}" in result.output
        assert (tmp_path / "out" / "receipt" / "de.html").is_file()
        assert (tmp_path / "out" / "receipt" / "de.pdf").read_bytes().startswith(b"%PDF-")

    def test_lists_its_files_for_programs(self, cli, tmp_path):
        words = ("mail", "preview", "--only", "receipt", "--format", "txt", "--to", str(tmp_path))

        told = json.loads(cli(*words, "--json").stdout)

        assert told["index"] == str(tmp_path / "index.html")
        assert str(tmp_path / "receipt" / "ja.txt") in told["files"]
        assert not any(name.endswith((".eml", ".pdf", "ja.html")) for name in told["files"])

    @pytest.mark.parametrize("type", sorted(BRINGS))
    def test_makes_the_document_of_each_type_that_brings_one(self, cli, tmp_path, type):
        to = str(tmp_path)

        result = cli(
            "mail", "preview", "--only", type, "--format", "pdf", "--locale", "en", "--to", to
        )

        assert result.exit_code == 0, result.output
        assert (tmp_path / type / "en.pdf").read_bytes().startswith(b"%PDF-")

    def test_refuses_documents_of_types_that_bring_none(self, cli, tmp_path):
        words = ("--only", "payment_failed", "--format", "pdf", "--to", str(tmp_path / "no"))

        result = cli("mail", "preview", *words)

        assert result.exit_code == 2
        assert "payment_failed brings no document; these do: " in result.output
        assert not (tmp_path / "no").exists()

    def test_shows_your_own_brand_where_asked(self, cli, tmp_path):
        words = ("--only", "receipt", "--format", "txt", "--locale", "en", "--to", str(tmp_path))

        result = cli(
            "mail", "preview", *words, "--branded", recoup_mail_from="Acme <a@acme.example>"
        )

        assert result.exit_code == 0, result.output
        assert "Acme" in (tmp_path / "receipt" / "en.txt").read_text()

    def test_has_your_own_logo_on_documents_where_asked(self, cli, tmp_path):
        (tmp_path / "logo.svg").write_bytes(SVG)
        settings = {"recoup_documents_logo": str(tmp_path / "logo.svg")}
        settings["recoup_seller_name"] = "Acme GmbH"
        found = []

        for brand in ((), ("--branded",)):
            to = tmp_path / "-".join(("of", *brand))
            words = ("--only", "receipt", "--format", "pdf", "--locale", "en", "--to", str(to))
            assert cli("mail", "preview", *words, *brand, **settings).exit_code == 0
            found.append(figures((to / "receipt" / "en.pdf").read_bytes()))

        assert found == [[], ["Acme GmbH"]]

    def test_opens_nothing_where_nobody_looks(self, cli, tmp_path):
        words = ("--only", "receipt", "--locale", "en", "--format", "txt", "--to", str(tmp_path))

        assert not sys.stdout.isatty()
        assert cli("mail", "preview", "--open", *words).exit_code == 0
