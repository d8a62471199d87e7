from dataclasses import replace

import pytest
from papers import INVOICE, LINE, NIGHT, SELLER, text_of

from recoup.core.documents import BillLine, Kind, Stamp, Tax
from recoup.pdf.layout import layout
from recoup.pdf.words import words

ALL = range(0x110000)


def laid_out(document, locale="en"):
    return layout(document, words(locale), covers=ALL)


def sums(document):
    return {label: value.replace("\u00a0", " ") for label, value, _ in laid_out(document)["sums"]}


class TestAStamp:
    def test_says_paid_only_where_money_was_received(self):
        paid = replace(INVOICE, kind=Kind.RECEIPT, stamp=Stamp("paid", NIGHT), settled=5831)

        shown = laid_out(paid)

        assert shown["stamp"] == {"word": "Paid", "at": "April 1, 2026"}
        assert shown["heading"] == "Receipt"
        assert sums(paid)["Received"] == "€58.31"

    @pytest.mark.parametrize(
        ("word", "shown"),
        [
            ("forgiven", "Forgiven"),
            ("written_off", "Written off"),
            ("voided", "Voided"),
            ("credited", "Credited"),
            ("superseded", "Replaced"),
            ("nothing_due", "Nothing due"),
            ("paid_out_of_band", "Settled by other means"),
            ("closed", "Closed"),
            ("a_new_way", "Closed"),
        ],
    )
    def test_says_how_a_matter_was_closed_without_money(self, word, shown):
        closed = replace(INVOICE, kind=Kind.RECEIPT, stamp=Stamp(word, NIGHT))

        text = text_of(closed, locale="en")

        assert laid_out(closed)["stamp"]["word"] == shown
        assert "Closed without a payment through us." in text
        assert "Confirmation" in text
        assert "Receipt" not in text
        assert "Paid" not in text

    def test_is_not_on_what_is_open(self):
        assert laid_out(INVOICE)["stamp"] is None
        assert sums(INVOICE)["Amount due"] == "€58.31"

    def test_leaves_nothing_due_on_what_was_closed(self):
        closed = replace(INVOICE, stamp=Stamp("voided", NIGHT))

        assert "Amount due" not in sums(closed)
        assert "Due" not in [label for label, _ in laid_out(closed)["facts"]]


class TestSums:
    def test_tell_discount_and_each_tax(self):
        taxes = (Tax(931, 19), Tax(70, 7), Tax(5, None, inclusive=True))
        document = replace(INVOICE, discount=500, taxes=taxes, subtotal=6400, total=6901)

        assert sums(document) == {
            "Subtotal": "€64.00",
            "Discount": "-€5.00",
            "VAT 19%": "€9.31",
            "VAT 7%": "€0.70",
            "VAT (included)": "€0.05",
            "Total": "€69.01",
            "Amount due": "€69.01",
        }

    def test_tell_what_is_settled_already(self):
        assert sums(replace(INVOICE, settled=831)) == {
            "Subtotal": "€49.00",
            "VAT 19%": "€9.31",
            "Total": "€58.31",
            "Already settled": "-€8.31",
            "Amount due": "€50.00",
        }

    def test_are_few_where_there_is_no_tax(self):
        document = replace(INVOICE, taxes=(), total=4900)

        assert list(sums(document)) == ["Total", "Amount due"]

    def test_call_it_vat_only_of_who_has_a_number_for_it(self):
        document = replace(INVOICE, seller=replace(SELLER, tax_id=None))

        assert "Tax 19%" in sums(document)

    def test_of_what_went_back_say_so(self):
        document = replace(
            INVOICE, kind=Kind.CREDIT_NOTE, number="F-0001-CN1", lines=(BillLine("", 1000),),
            taxes=(), total=1000, settled=1000,
        )  # fmt: skip

        assert sums(document) == {"Total": "€10.00", "Returned": "€10.00"}
        assert laid_out(document)["lines"][0][0] == "Credit for invoice F-0001"


class TestALine:
    def test_tells_its_period_its_quantity_and_its_price(self):
        (line,) = laid_out(INVOICE)["lines"]

        assert line == ["Team plan", "Apr 1, 2026 – May 1, 2026", "7", "€7.00", "€49.00"]

    @pytest.mark.parametrize("quantity", [0, -1])
    def test_of_no_quantity_has_no_price(self, quantity):
        (line,) = laid_out(replace(INVOICE, lines=(replace(LINE, quantity=quantity),)))["lines"]

        assert line[2:4] == ["", ""]


class TestNotes:
    def test_say_why_there_is_no_tax(self):
        document = replace(INVOICE, taxes=(Tax(0, 0, "reverse_charge"),), note="Thank you")

        assert laid_out(document)["notes"] == [
            "Reverse charge: the customer accounts for the tax.", "Thank you",
        ]  # fmt: skip


class TestThePaper:
    @pytest.mark.parametrize(
        ("country", "paper"), [("US", "us-letter"), ("DE", "a4"), (None, "a4")]
    )
    def test_is_the_sellers(self, country, paper):
        document = replace(INVOICE, seller=replace(SELLER, country=country))

        assert laid_out(document)["paper"] == paper
