"""
Which document is issued of what, and what is stamped on it.

An invoice is frozen when it is finalised and says what is owed. How the matter ended is never
stamped on it afterwards: a receipt says that, and is a document of its own. Only an invoice that
nobody asked for before the matter was closed bears the stamp that was true when it was frozen.
Paid is what money was received for, and nothing else is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from recoup.core.billing.views import Invoice, Outcome
from recoup.core.documents.bill import Bill, BillLine, Party, Tax
from recoup.core.documents.document import Document, Kind, Stamp
from recoup.core.money import Money
from recoup.errors import InvalidMoney, NotPossible

PAID: Final = "paid"


def stamp(invoice: Invoice) -> Stamp | None:
    """Return how the matter was closed; None while it is open."""
    if invoice.outcome == Outcome.PAID:
        return Stamp(PAID, invoice.closed_at)
    if invoice.outcome == Outcome.RESOLVED:
        return Stamp(invoice.resolved_as or "closed", invoice.closed_at)
    return None


def subject(kind: Kind, invoice: Invoice, refund: int | None = None) -> str:
    """
    Return what tells documents of one kind and one invoice apart.

    There is one invoice, a receipt for each way in which the matter was closed, and a credit note
    for each refund.

    Raises:
        NotPossible: there is nothing of this kind to issue.
    """
    if invoice.number is None:
        raise NotPossible(f"invoice {invoice.id} has no number: it is not issued yet")
    if kind == Kind.INVOICE:
        return ""
    if kind == Kind.CREDIT_NOTE:
        if refund is None:
            raise NotPossible(f"nothing was given back of invoice {invoice.id}")
        return f"refund:{refund}"
    found = stamp(invoice)
    if found is None:
        raise NotPossible(
            f"invoice {invoice.id} is {invoice.outcome}: there is no receipt before it is closed"
        )
    return found.word


def invoice(
    bill: Bill,
    seen: Invoice,
    *,
    seller: Party,
    foot: str | None,
    color: str,
    time_zone: str,
    logo: bytes | None = None,
) -> Document:
    """
    Return the invoice that is issued of `bill`, as the matter stands.

    Args:
        seen: The same invoice in our rows: its number, and what people see of it.
        seller: Who issues it.
        foot: Their last line.
        logo: Their picture, for the head.

    Raises:
        NotPossible: it has no number yet, or the processor's says another sum or currency.
    """
    subject(Kind.INVOICE, seen)
    if (bill.currency, bill.total + bill.balance) != (seen.due.currency, seen.due.minor):
        raise NotPossible(
            f"invoice {seen.id}: the processor shows {bill.total + bill.balance} "
            f"{bill.currency} due, and our rows {seen.due.minor} {seen.due.currency}"
        )
    return Document(
        kind=Kind.INVOICE,
        number=seen.number or "",
        invoice=seen.number or "",
        issued_at=bill.issued_at,
        currency=bill.currency,
        seller=seller,
        buyer=bill.buyer,
        lines=bill.lines,
        taxes=bill.taxes or _by_rate(bill.lines),
        subtotal=bill.subtotal,
        discount=bill.discount,
        total=bill.total,
        settled=seen.paid.minor - bill.balance,
        due_at=bill.due_at,
        stamp=stamp(seen),
        note=bill.note,
        foot=foot,
        color=color,
        time_zone=time_zone,
        logo=logo,
    )


def receipt(issued: Document, seen: Invoice, *, method: str | None, now: datetime) -> Document:
    """
    Return the document that says how the matter of an invoice was closed.

    Args:
        issued: The invoice as it was frozen.
        seen: How it stands now.
        method: What was charged, in words; left out where no money was received.

    Raises:
        NotPossible: the matter is still open.
    """
    subject(Kind.RECEIPT, seen)
    closed = stamp(seen)
    paid = closed is not None and closed.word == PAID
    return replace(
        issued,
        kind=Kind.RECEIPT,
        issued_at=(closed.at if closed else None) or now,
        stamp=closed,
        settled=seen.paid.minor - (seen.due.minor - issued.total),
        method=method if paid else None,
        due_at=None,
    )


def credit_note(issued: Document, *, amount: Money, ordinal: int, at: datetime) -> Document:
    """
    Return the document that says what was given back of an invoice.

    All of it: the invoice's own lines and taxes. A part: one line, whose taxes are in proportion.

    Args:
        amount: What was given back, tax included; positive.
        ordinal: 1 for the first refund of the invoice, by our ids; part of the number.
        at: UTC instant it was given back.
    """
    lines: tuple[BillLine, ...] = (BillLine("", amount.minor),)
    taxes: tuple[Tax, ...] = ()
    if amount.minor == issued.total:
        lines, taxes = issued.lines, issued.taxes
    else:
        net, taxes = _split(amount, issued)
        lines = (BillLine("", net, taxes=taxes),)
    whole = lines is issued.lines
    return replace(
        issued,
        kind=Kind.CREDIT_NOTE,
        number=f"{issued.number}-CN{ordinal}",
        issued_at=at,
        lines=lines,
        taxes=taxes,
        subtotal=issued.subtotal if whole else lines[0].amount,
        discount=issued.discount if whole else 0,
        total=amount.minor,
        settled=amount.minor,
        due_at=None,
        stamp=None,
        method=None,
        note=None,
    )


def _split(amount: Money, issued: Document) -> tuple[int, tuple[Tax, ...]]:
    """Return the part without tax and the taxes of a part of an invoice, losing nothing."""
    taxed = sum(tax.amount for tax in issued.taxes)
    weights = [issued.total - taxed, *(tax.amount for tax in issued.taxes)]
    try:
        net, *parts = (share.minor for share in amount.allocate(weights))
    except InvalidMoney:  # credits and charges on one invoice: no proportion says anything
        return amount.minor, ()
    shares = zip(issued.taxes, parts, strict=True)
    return net, tuple(Tax(part, tax.percent, tax.reason) for tax, part in shares)


def _by_rate(lines: Sequence[BillLine]) -> tuple[Tax, ...]:
    """Return the taxes of the lines, added up by rate, in the order they are met."""
    sums: dict[tuple[object, ...], Tax] = {}
    for line in lines:
        for tax in line.taxes:
            key = tax.percent, tax.reason, tax.inclusive
            known = sums.get(key)
            sums[key] = tax if known is None else replace(tax, amount=known.amount + tax.amount)
    return tuple(sums.values())
