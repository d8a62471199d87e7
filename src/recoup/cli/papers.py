"""The documents that mails bring, made of a sample, to be looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

from recoup import pdf
from recoup.core.documents import BillLine, Document, Kind, Party, Stamp, Tax
from recoup.effects import BRINGS, Issuer
from recoup.mail.letter import NOON

_NUMBERS: Final = {
    Kind.INVOICE: "INV-2026-0042",
    Kind.RECEIPT: "INV-2026-0042-R",
    Kind.CREDIT_NOTE: "INV-2026-0042-C1",
}
_TAX: Final = Tax(782, Decimal(19), "standard_rated", inclusive=True)


def papers(type: str, locale: str, *, issuer: Issuer | None = None) -> Iterator[tuple[str, bytes]]:
    """
    Yield the documents that mails of a type bring, in a language: name and bytes.

    Args:
        issuer: Who issues them, and how they look; by default the sample's.

    Raises:
        ConfigError: the extra `documents` is not installed, or the logo can not be set.
        DocumentsUnreachable: the logo can not be read.
    """
    if type in BRINGS:
        made = sample(Kind(BRINGS[type]))
        if issuer is not None:
            made = replace(
                made,
                seller=issuer.seller,
                foot=issuer.foot,
                color=issuer.color,
                time_zone=issuer.time_zone,
                logo=None if issuer.logo is None else pdf.logo(issuer.logo),
            )
        yield f"{made.number}.pdf", pdf.render(made, locale=locale).content


def sample(kind: Kind) -> Document:
    """Return a document of this kind about the sample of the mails."""
    paid = kind is not Kind.INVOICE
    return Document(
        kind=kind,
        number=_NUMBERS[kind],
        invoice=_NUMBERS[Kind.INVOICE],
        issued_at=NOON,
        currency="EUR",
        seller=Party(
            "Example GmbH", ("Musterstraße 1", "10115 Berlin"), "DE", "billing@example.com",
            "DE123456789",
        ),
        buyer=Party("Ada Lovelace", ("12 St James Square", "London"), "GB", "ada@example.com"),
        lines=(
            BillLine("Team", 4900, taxes=(_TAX,), begins=NOON, ends=NOON + timedelta(days=31)),
        ),
        taxes=(_TAX,),
        subtotal=4900,
        discount=0,
        total=4900,
        settled=4900 if paid else 0,
        due_at=None if paid else NOON + timedelta(days=14),
        stamp=Stamp("paid", NOON) if kind is Kind.RECEIPT else None,
        method="Visa •••• 4242" if kind is Kind.RECEIPT else None,
        foot="Example GmbH, Amtsgericht Charlottenburg HRB 12345",
        time_zone="Europe/Berlin",
    )  # fmt: skip
