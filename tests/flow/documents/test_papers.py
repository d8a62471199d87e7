import pytest
from papers import read

from recoup.core.documents import Party
from recoup.core.money import Money
from recoup.errors import DocumentsUnreachable, InvalidValue, NotFound, NotPossible
from recoup.pdf.stores import Folder, Null
from recoup.testing.suites.documents import Failing


def text(issued):
    return "\n".join(page.extract_text() for page in read(issued.content).pages)


class TestAnInvoice:
    def test_says_what_was_sold_to_whom_by_whom(self, shop):
        issued = shop.papers.pdf(shop.bill().id)

        for wanted in (
            "Invoice", issued.number, "Beispiel GmbH", "10115 Berlin", "DE123456789",
            "Ada Lovelace", "Germany", "Work", "€24.50", "VAT 19% €9.31", "€58.31",
        ):  # fmt: skip
            assert wanted in text(issued)
        assert "Paid" not in text(issued)
        assert shop.scene.violations() == ()

    def test_is_named_by_our_id_or_the_processors(self, shop):
        bill = shop.bill()

        assert shop.papers.pdf(bill.processor_id) == shop.papers.pdf(bill.id)
        with pytest.raises(NotFound):
            shop.papers.pdf("in_nobodys")

    def test_is_frozen_whatever_changes(self, shop):
        bill = shop.bill()
        issued = shop.papers.pdf(bill.id)

        shop.scene.recoup.customers.update(shop.customer, name="Countess of Lovelace")
        shop.pay(bill)
        later = shop.others(seller=Party("Somebody else"), color="#ff0000", foot="New")

        assert later.pdf(bill.id).content == issued.content
        assert shop.papers.pdf(bill.id).digest == issued.digest

    def test_says_the_same_in_another_language_years_later(self, shop):
        bill = shop.bill()
        issued = shop.papers.pdf(bill.id)
        later = shop.others(seller=Party("Somebody else"))

        translated = later.pdf(bill.id, locale="de-AT")

        assert translated.locale == "de"
        assert "Beispiel GmbH" in text(translated)
        assert "Rechnung" in text(translated)
        assert later.pdf(bill.id).content == issued.content

    def test_is_in_the_customers_language_at_first(self, shop):
        shop.scene.recoup.customers.update(shop.customer, locale="fr")

        assert shop.papers.pdf(shop.bill().id).locale == "fr"

    def test_of_a_customer_whose_language_there_is_not_is_english(self, shop):
        shop.scene.recoup.customers.update(shop.customer, locale="fi")

        assert shop.papers.pdf(shop.bill().id).locale == "en"

    @pytest.mark.parametrize("locale", ["xx", "fi", "", "no language", "../../etc"])
    def test_in_a_language_that_there_is_not_is_none(self, shop, locale):
        with pytest.raises(InvalidValue, match="locale: expected one of en, de, fr, es, pt-BR"):
            shop.papers.pdf(shop.bill().id, locale=locale)

    def test_that_is_a_draft_is_none_yet(self, shop):
        draft = shop.bill(finalize=False)

        with pytest.raises(NotPossible, match="not issued yet"):
            shop.papers.pdf(draft.id)

    def test_of_an_unknown_kind_is_none(self, shop):
        with pytest.raises(InvalidValue, match="invoice, receipt, credit_note"):
            shop.papers.pdf(shop.bill().id, kind="bill")

    def test_with_many_lines_has_all_of_them(self, shop):
        lines = [(f"Line {n:03d}", Money(100, "EUR")) for n in range(150)]
        bill = shop.scene.recoup.invoices.create(shop.customer, lines)

        issued = shop.papers.pdf(bill.id)

        said = text(issued)
        assert all(f"Line {n:03d}" in said for n in range(150))
        assert len(read(issued.content).pages) > 3


class TestAReceipt:
    def test_is_a_document_of_its_own_stamped_as_paid(self, shop):
        bill = shop.bill()
        issued = shop.papers.pdf(bill.id)
        shop.pay(bill)

        receipt = shop.papers.pdf(bill.id, kind="receipt")

        assert "Receipt" in text(receipt)
        assert "Paid" in text(receipt)
        assert "Visa •••• " in text(receipt)
        assert "Received €58.31" in text(receipt)
        assert shop.papers.pdf(bill.id).content == issued.content
        assert "Paid" not in text(issued)

    def test_is_none_before_the_money_came(self, shop):
        with pytest.raises(NotPossible, match="no receipt before it is closed"):
            shop.papers.pdf(shop.bill().id, kind="receipt")

    @pytest.mark.parametrize(
        ("close", "stamp"),
        [
            ("void", "Voided"),
            ("forgive", "Forgiven"),
            ("mark_uncollectible", "Written off"),
            ("mark_paid_out_of_band", "Settled by other means"),
        ],
    )
    def test_of_what_was_closed_without_money_never_says_paid(self, shop, close, stamp):
        bill = shop.bill()
        getattr(shop.scene.recoup.invoices, close)(bill.id, reason="a test")
        shop.scene.pace.settle()

        closed = shop.papers.pdf(bill.id, kind="receipt")

        assert stamp in text(closed)
        assert "Paid" not in text(closed)
        assert "Receipt" not in text(closed)

    def test_stays_what_it_is_when_the_money_went_back(self, shop):
        bill = shop.bill()
        paid = shop.pay(bill)
        receipt = shop.papers.pdf(bill.id, kind="receipt")

        shop.scene.recoup.payments.refund(paid.id, reason="requested_by_customer")
        shop.scene.pace.settle()

        assert shop.papers.pdf(bill.id, kind="receipt").content == receipt.content


class TestACreditNote:
    def test_says_what_was_given_back_and_of_what(self, shop):
        bill = shop.bill()
        paid = shop.pay(bill)
        shop.scene.recoup.payments.refund(
            paid.id, amount=Money(1000, "EUR"), reason="requested_by_customer"
        )
        shop.scene.pace.settle()

        note = shop.papers.pdf(bill.id, kind="credit_note")

        assert note.number == f"{bill.number}-CN1"
        assert "Credit note" in text(note)
        assert f"Credit for invoice {bill.number}" in text(note)
        assert "VAT 19% €1.60" in text(note)
        assert "Returned €10.00" in text(note)

    def test_is_one_for_each_refund(self, shop):
        bill = shop.bill()
        paid = shop.pay(bill)
        for minor in (1000, 500):
            shop.scene.recoup.payments.refund(
                paid.id, amount=Money(minor, "EUR"), reason="duplicate", key=str(minor)
            )
        shop.scene.pace.settle()
        first, second = (
            row["id"] for row in shop.scene.rows("SELECT id FROM refunds ORDER BY id")
        )

        notes = [
            shop.papers.pdf(bill.id, kind="credit_note", refund=one)
            for one in (None, first, second)
        ]

        assert [one.number[-3:] for one in notes] == ["CN2", "CN1", "CN2"]
        assert notes[0] == notes[2]

    def test_is_none_where_nothing_was_given_back(self, shop):
        bill = shop.bill()
        shop.pay(bill)

        with pytest.raises(NotPossible, match="nothing was given back"):
            shop.papers.pdf(bill.id, kind="credit_note")


class TestAsData:
    def test_carries_itself_where_the_settings_say_so(self, open_shop):
        shop = open_shop(documents_facturx=True)

        issued = shop.papers.pdf(shop.bill().id, facturx=True)

        assert issued.facturx
        assert list(read(issued.content).attachments) == ["factur-x.xml"]

    def test_is_refused_where_something_is_lacking(self, open_shop):
        shop = open_shop(documents_facturx=True, seller_vat_id="")
        bill = shop.bill()

        with pytest.raises(NotPossible, match="no Factur-X: the seller's VAT identifier"):
            shop.papers.pdf(bill.id, facturx=True)

        assert not shop.papers.pdf(bill.id).facturx

    def test_is_refused_of_what_was_issued_without(self, shop):
        with pytest.raises(NotPossible, match="RECOUP_DOCUMENTS_FACTURX was off"):
            shop.papers.pdf(shop.bill().id, facturx=True)


class TestAStore:
    def test_may_be_changed_and_what_was_issued_is_still_found(self, shop, tmp_path):
        before, after = shop.bill(), shop.bill()
        issued = shop.papers.pdf(before.id)
        moved = shop.others(contents=Folder(tmp_path))

        assert moved.pdf(before.id).content == issued.content
        kept = moved.pdf(after.id)
        assert (tmp_path / kept.digest[:2] / kept.digest).read_bytes() == kept.content
        with pytest.raises(DocumentsUnreachable, match="kept in folder"):
            shop.papers.pdf(after.id)

    def test_that_fails_leaves_nothing_on_record(self, shop, tmp_path):
        bill = shop.bill()
        failing = shop.others(contents=Failing(Folder(tmp_path), times=1))

        with pytest.raises(DocumentsUnreachable):
            failing.pdf(bill.id)

        assert shop.made() == []
        assert failing.pdf(bill.id).content == failing.pdf(bill.id).content

    def test_that_keeps_nothing_gives_out_once(self, shop):
        bill = shop.bill()
        papers = shop.others(contents=Null())

        assert papers.pdf(bill.id).content.startswith(b"%PDF")
        with pytest.raises(NotFound, match="nothing is kept"):
            papers.pdf(bill.id)

    def test_holds_a_document_once(self, shop):
        bill = shop.bill()
        for _ in range(3):
            shop.papers.pdf(bill.id)

        (row,) = shop.scene.rows("SELECT count(*) AS n FROM document_contents")
        assert row["n"] == 2  # what it says, and how it looks
