import re
from dataclasses import replace
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest
from facturx import xml_check_xsd
from papers import BUYER, INVOICE, LINE, SELLER, read

from recoup import pdf
from recoup.core.documents import BillLine, Kind, Tax
from recoup.pdf import facturx

RAM = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"
REVERSE = Tax(0, Decimal(0), "reverse_charge")
BOOKS = BillLine("Books", 1000, taxes=(Tax(70, Decimal(7), "standard_rated"),))
UNUSED = BillLine("Unused time", -2000, taxes=(Tax(-380, Decimal(19), "standard_rated"),))
GERMAN = replace(BUYER, country="DE")
TWO_RATES = replace(INVOICE, lines=(LINE, BOOKS, UNUSED), taxes=(), total=4521)
INCLUDED = replace(LINE, amount=5831, taxes=(replace(LINE.taxes[0], inclusive=True),))


def amounts(xml, name):
    return [one.text for one in ET.fromstring(xml).iter(f"{RAM}{name}")]


class TestTheData:
    @pytest.mark.parametrize(
        "document",
        [
            pytest.param(INVOICE, id="one line"),
            pytest.param(TWO_RATES, id="two rates and a credit"),
            pytest.param(replace(INVOICE, lines=(INCLUDED,)), id="tax in the price"),
            pytest.param(replace(INVOICE, settled=5831), id="nothing due"),
            pytest.param(replace(INVOICE, currency="JPY"), id="no decimals"),
            pytest.param(
                replace(
                    INVOICE, lines=(replace(LINE, taxes=(REVERSE,)),), taxes=(REVERSE,),
                    total=4900, buyer=replace(BUYER, tax_id="FR12345678901"),
                ),
                id="reverse charge",
            ),
            pytest.param(
                replace(INVOICE, kind=Kind.CREDIT_NOTE, number="F-0001-CN1", settled=5831),
                id="a credit note",
            ),
            pytest.param(
                replace(INVOICE, buyer=replace(BUYER, name='<&>\x00\ud800"', address=("a",) * 9)),
                id="odd words",
            ),
            pytest.param(
                replace(INVOICE, lines=(replace(LINE, taxes=()),)), id="tax of the whole only"
            ),
        ],
    )  # fmt: skip
    def test_fits_the_schema_of_the_norm(self, document):
        xml, why = facturx.made(document)

        assert why is None
        assert xml_check_xsd(xml, flavor="factur-x", level="en16931")

    def test_has_sums_that_agree(self):
        xml, _ = facturx.made(TWO_RATES)

        lines = [Decimal(one) for one in amounts(xml, "LineTotalAmount")]
        taxes = [Decimal(one) for one in amounts(xml, "CalculatedAmount")]
        assert lines[:-1] == [Decimal("49.00"), Decimal("10.00"), Decimal("-20.00")]
        assert sum(lines[:-1]) == lines[-1] == Decimal(amounts(xml, "TaxBasisTotalAmount")[0])
        assert sum(taxes) == Decimal(amounts(xml, "TaxTotalAmount")[0]) == Decimal("6.21")
        assert amounts(xml, "GrandTotalAmount") == ["45.21"]

    def test_has_a_price_that_gives_its_line(self):
        xml, _ = facturx.made(INVOICE)

        assert amounts(xml, "ChargeAmount") == ["49.00"]
        assert amounts(xml, "BasisQuantity") == amounts(xml, "BilledQuantity") == ["7"]

    def test_has_what_is_paid_and_what_is_due(self):
        xml, _ = facturx.made(replace(INVOICE, settled=831))

        assert amounts(xml, "TotalPrepaidAmount") == ["8.31"]
        assert amounts(xml, "DuePayableAmount") == ["50.00"]

    @pytest.mark.parametrize(
        ("document", "why"),
        [
            (replace(INVOICE, seller=replace(SELLER, tax_id=None)), "VAT identifier is not set"),
            (replace(INVOICE, seller=replace(SELLER, country=None)), "seller's name and country"),
            (replace(INVOICE, buyer=replace(BUYER, country=None)), "customer's name or country"),
            (replace(INVOICE, buyer=replace(BUYER, name=None)), "customer's name or country"),
            (replace(INVOICE, lines=()), "no line"),
            (replace(INVOICE, currency="KWD"), "more than two decimals"),
            (replace(INVOICE, total=5832), "come to 5831 and not to 5832"),
            (replace(INVOICE, total=-1), "gives money"),
            (replace(INVOICE, lines=(replace(LINE, taxes=()),), taxes=()), "how it is taxed"),
            (
                replace(INVOICE, lines=(replace(LINE, taxes=(Tax(931),)),)),
                "a tax has no rate",
            ),
            (
                replace(INVOICE, lines=(replace(LINE, taxes=(Tax(931, Decimal(7)),)),)),
                "7 % of 4900 is not 931",
            ),
            (
                replace(
                    INVOICE, lines=(replace(LINE, taxes=(Tax(931, Decimal(19), "odd"),)),)
                ),
                "its category is not known",
            ),
            (
                replace(INVOICE, lines=(replace(LINE, taxes=(REVERSE,)),), total=4900),
                "customer's VAT identifier",
            ),
            (
                replace(INVOICE, lines=(INCLUDED, replace(LINE, taxes=())), taxes=(REVERSE,) * 2),
                "several taxes",
            ),
        ],
    )  # fmt: skip
    def test_is_not_made_up(self, document, why):
        xml, said = facturx.made(document)

        assert xml is None
        assert why in said


class TestThePdf:
    def test_carries_the_data_and_says_so(self):
        made = pdf.render(replace(INVOICE, buyer=GERMAN), as_data=True)

        reader = read(made.content)

        assert made.facturx
        assert xml_check_xsd(reader.attachments["factur-x.xml"][0], flavor="factur-x")
        (spec,) = reader.trailer["/Root"]["/AF"]
        assert spec.get_object()["/AFRelationship"] == "/Alternative"
        metadata = reader.trailer["/Root"]["/Metadata"].get_data().decode()
        assert "<fx:ConformanceLevel>EN 16931</fx:ConformanceLevel>" in metadata
        assert "<fx:DocumentFileName>factur-x.xml</fx:DocumentFileName>" in metadata
        assert ET.fromstring(metadata[metadata.index("?>") + 2 : metadata.rindex("<?")])

    def test_has_its_offsets_where_they_were(self):
        content = pdf.render(INVOICE, as_data=True).content
        table = int(re.search(rb"startxref\n(\d+)", content)[1])

        entries = re.findall(rb"(\d{10}) 00000 n", content[table:])

        assert content[table:].startswith(b"xref")
        assert len(entries) > 10
        places = [content[int(at) :][:12] for at in entries]
        assert [p for n, p in enumerate(places, 1) if not p.startswith(b"%d 0 obj" % n)] == []

    def test_is_there_without_what_it_can_not_carry(self):
        made = pdf.render(replace(INVOICE, seller=replace(SELLER, tax_id=None)), as_data=True)

        assert not made.facturx
        assert "VAT identifier" in made.without_facturx
        assert read(made.content).attachments == {}

    def test_of_a_receipt_carries_none(self):
        made = pdf.render(replace(INVOICE, kind=Kind.RECEIPT), as_data=True)

        assert (made.facturx, made.without_facturx) == (False, None)

    def test_of_another_form_is_refused(self):
        with pytest.raises(ValueError, match="no metadata"):
            facturx.marked(b"%PDF-1.7")
