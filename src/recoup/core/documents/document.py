"""A document as it is issued: everything that is printed, frozen."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from recoup.core.documents.bill import BillLine, Party, Tax


class Kind(StrEnum):
    """What there is to issue."""

    INVOICE = "invoice"  #: what is owed; frozen when the invoice is finalised
    RECEIPT = "receipt"  #: how the matter was closed, with money or without
    CREDIT_NOTE = "credit_note"  #: what was given back of it


@dataclass(frozen=True, slots=True)
class Stamp:
    """
    How the matter stood when the document was issued.

    `word` is "paid" only if money was received; else how it was closed without: forgiven,
    written_off, voided, credited, superseded, nothing_due, paid_out_of_band, closed.
    """

    word: str
    at: datetime | None  #: UTC; when it came to that


@dataclass(frozen=True, slots=True)
class Document:
    """
    An invoice, a receipt or a credit note. Amounts are minor units of `currency`.

    It holds words of others: they are data and are set as they are, never as markup.
    """

    kind: Kind
    number: str
    invoice: str  #: number of the invoice that it is, or is about
    issued_at: datetime  #: UTC
    currency: str  #: ISO 4217
    seller: Party
    buyer: Party
    lines: tuple[BillLine, ...]
    taxes: tuple[Tax, ...]
    subtotal: int
    discount: int
    total: int
    settled: int = 0  #: already received, given back, or set off against the customer's balance
    due_at: datetime | None = None
    stamp: Stamp | None = None
    method: str | None = None  #: what was charged: "Visa •••• 4242"
    note: str | None = None
    foot: str | None = None  #: the seller's own last line
    color: str = "#1f4fd8"
    time_zone: str = "Etc/UTC"  #: IANA name; days are the seller's
    logo: bytes | None = field(default=None, repr=False)  #: a PNG, JPEG or SVG

    @property
    def open(self) -> int:
        """Minor units that are still to be paid by it."""
        return max(self.total - self.settled, 0)
