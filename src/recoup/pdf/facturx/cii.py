"""
A document as a Cross Industry Invoice of the profile EN 16931.

What the norm needs and nobody told is not made up: then there is no such data, and why is said.
Source: EN 16931-1:2017, whose rules are named (BR-…); Factur-X 1.0.07, profile EN 16931.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring
from zoneinfo import ZoneInfo

from recoup.core.documents import BillLine, Document, Kind, Party
from recoup.core.money import exponent
from recoup.pdf.words import zone

PROFILE: Final = "urn:cen.eu:en16931:2017"
_RSM: Final = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
_RAM: Final = "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
_UDT: Final = "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100"
for _prefix, _space in (("rsm", _RSM), ("ram", _RAM), ("udt", _UDT)):
    register_namespace(_prefix, _space)

#: UNTDID 1001, UN/ECE recommendation 20 ("one"), and lines of an address that there are.
_TYPES: Final = {Kind.INVOICE: "380", Kind.CREDIT_NOTE: "381"}
_PIECE: Final = "C62"
_ADDRESS: Final = ("LineOne", "LineTwo", "LineThree")

#: Why no tax is on it -> UNTDID 5305, and the words that the norm asks for.
_UNTAXED: Final = {
    "reverse_charge": ("AE", "Reverse charge"),
    "customer_exempt": ("E", "Exempt from VAT: the customer is exempt"),
    "product_exempt": ("E", "Exempt from VAT"),
    "product_exempt_holiday": ("E", "Exempt from VAT"),
    "zero_rated": ("Z", None),
}
_STANDARD: Final = frozenset({None, "standard_rated", "reduced_rated"})
#: What XML 1.0 holds.
_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class _Lacking(Exception):
    """The norm needs what nobody told."""


@dataclass(frozen=True, slots=True)
class _Rate:
    """A category of tax and its rate."""

    category: str
    percent: Decimal
    words: str | None = None  #: why there is none


@dataclass(slots=True)
class _Sum:
    """What comes under one rate, in minor units."""

    basis: int = 0
    tax: int = 0


def made(document: Document) -> tuple[bytes | None, str | None]:
    """Return the XML, or None and why it can not be made."""
    try:
        return _Writer(document).xml(), None
    except _Lacking as lacking:
        return None, str(lacking)


class _Writer:
    """Writes one document, once everything that the norm needs has been found."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._places = exponent(document.currency)
        self._zone: ZoneInfo = zone(document.time_zone)
        self._rates = [self._rate(line) for line in document.lines]
        self._sums = self._added_up()
        self._check()

    def _rate(self, line: BillLine) -> _Rate:
        taxes = line.taxes or self._document.taxes
        if len(taxes) != 1:
            what = "several taxes" if taxes else "nothing that says how it is taxed"
            raise _Lacking(f"there is {what} on a line (BR-CO 04)")
        (tax,) = taxes
        if tax.amount == 0 and tax.reason in _UNTAXED:
            return _Rate(_UNTAXED[tax.reason][0], Decimal(0), _UNTAXED[tax.reason][1])
        if tax.percent is None:
            raise _Lacking("a tax has no rate (BR 48)")
        if tax.reason not in _STANDARD:
            raise _Lacking(f"a tax that is {tax.reason}: its category is not known (BR 47)")
        if not tax.percent:
            return _Rate("Z", Decimal(0))
        return _Rate("S", tax.percent)

    def _added_up(self) -> dict[_Rate, _Sum]:
        sums: dict[_Rate, _Sum] = {}
        for line, rate in zip(self._document.lines, self._rates, strict=True):
            one = sums.setdefault(rate, _Sum())
            one.basis += self._net(line)
            one.tax += sum(tax.amount for tax in line.taxes)
        if not any(line.taxes for line in self._document.lines):
            for one, tax in zip(sums.values(), self._document.taxes, strict=False):
                one.tax = tax.amount
        return sums

    def _net(self, line: BillLine) -> int:
        if line.taxes or not self._document.taxes:
            return line.net
        (tax,) = self._document.taxes
        if tax.inclusive and len(self._document.lines) > 1:
            raise _Lacking("prices hold a tax that is told for the whole invoice only")
        return line.net - (tax.amount if tax.inclusive else 0)

    def _check(self) -> None:
        document = self._document
        lacking = (
            (not document.lines, "it has no line (BR 16)"),
            (self._places > 2, f"{document.currency} has more than two decimals (BR-DEC)"),
            (document.total < 0, "it gives money and asks for none"),
        )
        for lacks, why in (*lacking, *self._parties()):
            if lacks:
                raise _Lacking(why)
        total = sum(one.basis + one.tax for one in self._sums.values())
        if total != document.total:
            raise _Lacking(f"its lines come to {total} and not to {document.total} (BR-CO 15)")
        for rate, one in self._sums.items():
            due = (one.basis * rate.percent / 100).quantize(Decimal(1), ROUND_HALF_UP)
            if abs(one.tax - due) > len(document.lines):
                raise _Lacking(f"{rate.percent} % of {one.basis} is not {one.tax} (BR-CO 17)")

    def _parties(self) -> Iterator[tuple[bool, str]]:
        seller, buyer = self._document.seller, self._document.buyer
        reverse = any(rate.category == "AE" for rate in self._sums)
        yield (
            not (seller.name and seller.country),
            "the seller's name and country are not set (BR 06, BR 09)",
        )
        yield not seller.tax_id, "the seller's VAT identifier is not set (BR-S 02)"
        yield (
            not (buyer.name and buyer.country),
            "the customer's name or country is not known (BR 07, BR 11)",
        )
        yield (
            reverse and not buyer.tax_id,
            "reverse charge, and the customer's VAT identifier is not known (BR-AE 02)",
        )

    def xml(self) -> bytes:
        root = Element(f"{{{_RSM}}}CrossIndustryInvoice")
        context = SubElement(root, f"{{{_RSM}}}ExchangedDocumentContext")
        guideline = _in(context, "GuidelineSpecifiedDocumentContextParameter")
        _in(guideline, "ID", PROFILE)
        document = SubElement(root, f"{{{_RSM}}}ExchangedDocument")
        _in(document, "ID", self._document.number)
        _in(document, "TypeCode", _TYPES[self._document.kind])
        self._day(_in(document, "IssueDateTime"), self._document.issued_at)
        if self._document.note:
            _in(_in(document, "IncludedNote"), "Content", self._document.note)
        trade = SubElement(root, f"{{{_RSM}}}SupplyChainTradeTransaction")
        for place, line in enumerate(self._document.lines):
            self._line(_in(trade, "IncludedSupplyChainTradeLineItem"), place, line)
        agreement = _in(trade, "ApplicableHeaderTradeAgreement")
        _party(_in(agreement, "SellerTradeParty"), self._document.seller)
        _party(_in(agreement, "BuyerTradeParty"), self._document.buyer)
        _in(trade, "ApplicableHeaderTradeDelivery")
        self._settlement(_in(trade, "ApplicableHeaderTradeSettlement"))
        return bytes(tostring(root, encoding="UTF-8", xml_declaration=True))

    def _line(self, into: Element, place: int, line: BillLine) -> None:
        net, quantity = self._net(line), max(line.quantity, 1)
        _in(_in(into, "AssociatedDocumentLineDocument"), "LineID", str(place + 1))
        name = line.description or self._document.invoice
        _in(_in(into, "SpecifiedTradeProduct"), "Name", name)
        price = _in(_in(into, "SpecifiedLineTradeAgreement"), "NetPriceProductTradePrice")
        # The price is that of the whole quantity, so that nothing has to be rounded.
        _in(price, "ChargeAmount", self._amount(abs(net)))
        _in(price, "BasisQuantity", str(quantity), unitCode=_PIECE)
        billed = str(-quantity if net < 0 else quantity)  # a price is never negative (BR 27)
        delivery = _in(into, "SpecifiedLineTradeDelivery")
        _in(delivery, "BilledQuantity", billed, unitCode=_PIECE)
        settlement = _in(into, "SpecifiedLineTradeSettlement")
        rate = self._rates[place]
        tax = _in(settlement, "ApplicableTradeTax")
        _in(tax, "TypeCode", "VAT")
        _in(tax, "CategoryCode", rate.category)
        _in(tax, "RateApplicablePercent", f"{rate.percent:f}")
        if line.begins is not None and line.ends is not None:
            period = _in(settlement, "BillingSpecifiedPeriod")
            last = max(line.begins, line.ends - timedelta(microseconds=1))
            self._day(_in(period, "StartDateTime"), line.begins)
            self._day(_in(period, "EndDateTime"), last)
        summed = _in(settlement, "SpecifiedTradeSettlementLineMonetarySummation")
        _in(summed, "LineTotalAmount", self._amount(net))

    def _settlement(self, into: Element) -> None:
        document = self._document
        _in(into, "InvoiceCurrencyCode", document.currency)
        for rate, one in self._sums.items():
            tax = _in(into, "ApplicableTradeTax")
            _in(tax, "CalculatedAmount", self._amount(one.tax))
            _in(tax, "TypeCode", "VAT")
            if rate.words is not None:
                _in(tax, "ExemptionReason", rate.words)
            _in(tax, "BasisAmount", self._amount(one.basis))
            _in(tax, "CategoryCode", rate.category)
            _in(tax, "RateApplicablePercent", f"{rate.percent:f}")
        due = max(document.total - document.settled, 0)
        if due:
            terms = _in(into, "SpecifiedTradePaymentTerms")
            self._day(_in(terms, "DueDateDateTime"), document.due_at or document.issued_at)
        summed = _in(into, "SpecifiedTradeSettlementHeaderMonetarySummation")
        basis = sum(one.basis for one in self._sums.values())
        tax_sum = sum(one.tax for one in self._sums.values())
        _in(summed, "LineTotalAmount", self._amount(basis))
        _in(summed, "TaxBasisTotalAmount", self._amount(basis))
        _in(summed, "TaxTotalAmount", self._amount(tax_sum), currencyID=document.currency)
        _in(summed, "GrandTotalAmount", self._amount(document.total))
        _in(summed, "TotalPrepaidAmount", self._amount(document.total - due))
        _in(summed, "DuePayableAmount", self._amount(due))
        if document.kind == Kind.CREDIT_NOTE:
            _in(_in(into, "InvoiceReferencedDocument"), "IssuerAssignedID", document.invoice)

    def _amount(self, minor: int) -> str:
        return f"{Decimal(minor).scaleb(-self._places):f}"

    def _day(self, into: Element, at: datetime) -> None:
        day = SubElement(into, f"{{{_UDT}}}DateTimeString", {"format": "102"})
        day.text = at.astimezone(self._zone).strftime("%Y%m%d")


def _party(into: Element, party: Party) -> None:
    _in(into, "Name", party.name or "")
    address = _in(into, "PostalTradeAddress")
    for name, line in zip(_ADDRESS, _three(party.address), strict=False):
        _in(address, name, line)
    _in(address, "CountryID", party.country or "")
    if party.tax_id and party.tax_id[:2].isalpha():
        _in(_in(into, "SpecifiedTaxRegistration"), "ID", party.tax_id, schemeID="VA")


def _three(lines: Iterable[str]) -> list[str]:
    """Return an address on the three lines that there are for it."""
    given = [line for line in lines if line]
    return [*given[:2], ", ".join(given[2:])] if len(given) > len(_ADDRESS) else given


def _in(parent: Element, name: str, text: str | None = None, **attributes: str) -> Element:
    made = SubElement(parent, f"{{{_RAM}}}{name}", attributes)
    if text is not None:
        made.text = _NOT_XML.sub("", text)
    return made
