"""
What a processor's invoice shows to whom it is addressed.

The mirror keeps sums and what dunning needs; lines with their words, addresses and taxes by rate
are looked up when a document is issued, and are frozen with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Party:
    """Who sells or buys, as it is to be printed."""

    name: str | None
    address: tuple[str, ...] = ()  #: lines, without the country
    country: str | None = None  #: ISO 3166, two letters
    email: str | None = None
    tax_id: str | None = None  #: a VAT identifier, with its country's letters where it has them


@dataclass(frozen=True, slots=True)
class Tax:
    """
    A tax on a line, or on a whole invoice.

    `percent` is what the processor says, never what sums suggest: of small sums several rates
    give the same tax.
    """

    amount: int  #: minor units
    percent: Decimal | None = None
    reason: str | None = None  #: why it is so: standard_rated, reverse_charge, customer_exempt …
    inclusive: bool = False  #: it is part of the line's amount already


@dataclass(frozen=True, slots=True)
class BillLine:
    """What was sold. Amounts are minor units of the bill's currency, of the whole line."""

    description: str
    amount: int  #: before discounts; tax that is not inclusive comes on top
    quantity: int = 1
    discount: int = 0
    taxes: tuple[Tax, ...] = ()
    begins: datetime | None = None  #: UTC; the period it is for, half-open
    ends: datetime | None = None

    @property
    def net(self) -> int:
        """Minor units after the discount, without any tax."""
        return self.amount - self.discount - sum(tax.amount for tax in self.taxes if tax.inclusive)


@dataclass(frozen=True, slots=True)
class Bill:
    """An invoice's face. All amounts are minor units of `currency`; all instants are UTC."""

    number: str | None
    currency: str  #: ISO 4217
    issued_at: datetime
    due_at: datetime | None
    buyer: Party
    lines: tuple[BillLine, ...]
    taxes: tuple[Tax, ...]  #: of the whole invoice, by rate
    subtotal: int  #: all lines, before discounts and tax on top
    discount: int
    total: int
    balance: int = 0  #: of the customer's balance: what lowers (< 0) or raises what is to be paid
    note: str | None = None  #: what the processor prints as a memo or at the foot
