import pytest
from logos import SVG, figures

SELLER = {"recoup_seller_name": "Beispiel GmbH", "recoup_seller_country": "DE"}


@pytest.fixture
def bill(cli):
    """An open invoice of Ada's."""
    cli("db", "upgrade")
    cli("customers", "create", "--owner", "user:42", "--name", "Ada", "--email", "ada@example.com")
    return cli.json(
        "invoices", "create", "user:42", "--line", "Set-up=120.00 EUR tax 22.80",
        "--send-invoice", "14",
    )  # fmt: skip


class TestInvoicesPdf:
    def test_writes_the_invoice_and_says_what_it_is(self, cli, bill, tmp_path):
        place = tmp_path / "bill.pdf"

        told = cli.json("invoices", "pdf", str(bill["id"]), "--out", str(place))

        assert place.read_bytes().startswith(b"%PDF-1.7")
        assert told["number"] == bill["number"]
        assert (told["kind"], told["locale"], told["file"]) == ("invoice", "en", str(place))
        assert told["bytes"] == place.stat().st_size

    def test_writes_a_file_of_its_own_name_here(self, cli, bill, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)

        result = cli("invoices", "pdf", str(bill["id"]), "--locale", "de")

        assert result.exit_code == 0, result.output
        assert [one.name for one in tmp_path.glob("*.pdf")] == [f"invoice-{bill['number']}.pdf"]

    def test_has_the_logo_of_the_settings(self, cli, bill, tmp_path):
        (tmp_path / "logo.svg").write_bytes(SVG)
        place = tmp_path / "bill.pdf"
        settings = {"recoup_documents_logo": str(tmp_path / "logo.svg"), **SELLER}

        cli("invoices", "pdf", str(bill["id"]), "--out", str(place), **settings)

        assert figures(place.read_bytes()) == ["Beispiel GmbH"]

    def test_refuses_a_logo_that_can_not_be_set(self, cli, bill, tmp_path):
        (tmp_path / "logo.png").write_bytes(SVG)
        logo, place = str(tmp_path / "logo.png"), tmp_path / "bill.pdf"

        result = cli(
            "invoices", "pdf", str(bill["id"]), "--out", str(place), recoup_documents_logo=logo
        )

        assert result.exit_code == 2
        assert "RECOUP_DOCUMENTS_LOGO: expected the .png that its name says" in result.output
        assert not place.exists()

    def test_is_the_same_file_each_time(self, cli, bill, tmp_path):
        first, second = tmp_path / "1.pdf", tmp_path / "2.pdf"

        cli("invoices", "pdf", str(bill["id"]), "--out", str(first))
        cli("invoices", "pdf", str(bill["id"]), "--out", str(second), **SELLER)

        assert first.read_bytes() == second.read_bytes()

    @pytest.mark.parametrize(
        ("more", "why"),
        [
            (("--kind", "receipt"), "no receipt before it is closed"),
            (("--kind", "credit_note"), "nothing was given back"),
            (("--facturx",), "no Factur-X"),
        ],
    )
    def test_refuses_what_there_is_not(self, cli, bill, tmp_path, more, why):
        place = tmp_path / "no.pdf"

        result = cli("invoices", "pdf", str(bill["id"]), *more, "--out", str(place))

        assert result.exit_code == 1
        assert why in result.output
        assert not place.exists()

    def test_refuses_a_language_that_there_is_not(self, cli, bill, tmp_path):
        place = tmp_path / "no.pdf"

        result = cli("invoices", "pdf", str(bill["id"]), "--locale", "xx", "--out", str(place))

        assert result.exit_code == 2
        assert "locale: expected one of en, de, fr" in result.output
        assert not place.exists()

    def test_says_where_it_can_not_write(self, cli, bill, tmp_path):
        nowhere = tmp_path / "nowhere" / "x.pdf"

        result = cli("invoices", "pdf", str(bill["id"]), "--out", str(nowhere))

        assert result.exit_code == 1
        assert "No such file" in result.output
