"""Invoices as who they are addressed to sees them."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recoup.core.documents import Bill, BillLine, Party, Tax
from recoup.processors.fake.model import Customer, Invoice, Line, instant

#: Decimals of a rate that the fake may have used.
_STEP: Final = Decimal("0.01")


def bill(i: Invoice, c: Customer) -> Bill:
    """Return the face of an invoice; a customer who is gone has no name and no address."""
    subtotal, discount, tax = i.sums
    lines = tuple(_line(line) for line in i.lines)
    return Bill(
        number=i.number,
        currency=i.currency,
        issued_at=instant(i.created if i.finalized_at is None else i.finalized_at),
        due_at=None if i.due_date is None else instant(i.due_date),
        buyer=_buyer(c),
        lines=lines,
        taxes=_by_rate(lines),
        subtotal=subtotal,
        discount=discount,
        total=subtotal - discount + tax,
        balance=i.amount - i.total,
        note=i.description,
    )


def _buyer(c: Customer) -> Party:
    known = c.address or {}
    place = " ".join(known[name] for name in ("postal_code", "city", "state") if known.get(name))
    lines = (known.get("line1"), known.get("line2"), place)
    return Party(
        name=c.name,
        address=tuple(line for line in lines if line),
        country=known.get("country") or c.country,
        email=c.email,
    )


def _line(line: Line) -> BillLine:
    period = line.start is not None and line.end is not None and line.start < line.end
    return BillLine(
        description=line.description,
        amount=line.amount,
        quantity=line.quantity,
        discount=line.discount,
        taxes=(Tax(line.tax, _percent(line), "standard_rated"),) if line.tax else (),
        begins=instant(line.start) if period else None,
        ends=instant(line.end) if period else None,
    )


def _percent(line: Line) -> Decimal | None:
    """Return the rate, where it is one of two decimals at most: the fake's own are."""
    exact = Decimal(100 * line.tax) / (line.amount - line.discount)
    return exact.normalize() if exact == exact.quantize(_STEP) else None


def _by_rate(lines: tuple[BillLine, ...]) -> tuple[Tax, ...]:
    sums: dict[tuple[Decimal | None, str | None], int] = {}
    for line in lines:
        for tax in line.taxes:
            key = tax.percent, tax.reason
            sums[key] = sums.get(key, 0) + tax.amount
    return tuple(Tax(amount, *key) for key, amount in sums.items())
