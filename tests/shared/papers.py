"""A document to set: Ada's, with words that somebody means harm by."""

import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pypdf

from recoup import pdf
from recoup.core.documents import BillLine, Document, Kind, Party, Tax

#: The last of March in UTC, the first of April in Berlin.
NIGHT = datetime(2026, 3, 31, 22, 30, tzinfo=UTC)
SELLER = Party(
    "Beispiel GmbH", ("Invalidenstraße 1", "10115 Berlin"), "DE", "billing@example.com",
    "DE123456789",
)  # fmt: skip
BUYER = Party("Ada Lovelace", ("St James's Sq. 12", "London"), "GB", "ada@example.com")
VAT = Tax(931, Decimal(19), "standard_rated")
LINE = BillLine("Team plan", 4900, 7, taxes=(VAT,), begins=NIGHT, ends=NIGHT + timedelta(days=30))
INVOICE = Document(
    kind=Kind.INVOICE,
    number="F-0001",
    invoice="F-0001",
    issued_at=NIGHT,
    currency="EUR",
    seller=SELLER,
    buyer=BUYER,
    lines=(LINE,),
    taxes=(VAT,),
    subtotal=4900,
    discount=0,
    total=5831,
    due_at=NIGHT + timedelta(days=14),
    time_zone="Europe/Berlin",
)


def read(content):
    return pypdf.PdfReader(io.BytesIO(content), strict=True)


def text_of(document, **how):
    """Return everything that can be read in the PDF, each page with a blank line behind it."""
    pages = read(pdf.render(document, **how).content).pages
    return "\n\n".join(page.extract_text() for page in pages)
