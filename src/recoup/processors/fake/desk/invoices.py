"""
Invoices that the host makes and closes.

Left out: totals below Stripe's minimum charge, and above its largest, are taken all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from recoup.core import states
from recoup.core.billing.requests import (
    CreateInvoice,
    FinalizeInvoice,
    LineWanted,
    MarkPaidOutOfBand,
    MarkUncollectible,
    SendInvoice,
    VoidInvoice,
)
from recoup.core.states import InvoiceStatus
from recoup.errors import Rejected
from recoup.processors.fake import billing, customers, events
from recoup.processors.fake.desk import metadata
from recoup.processors.fake.desk.told import Told
from recoup.processors.fake.model import Customer, Invoice, Line, smallest
from recoup.processors.fake.world import Session

_SENT: Final = "send_invoice"


def create(s: Session, asked: CreateInvoice) -> Told:
    """
    Make an invoice of its own; nobody tries to collect it before they are told to.

    A currency is free here: only subscriptions tie a customer to theirs.

    Raises:
        Rejected: no lines or of several currencies, a total below 0, an amount finer than
            Stripe's, due days without a collection that sends, or nobody to send it to.
    """
    owner = customers.living(s, asked.customer)
    lines = tuple(_line(s, wanted) for wanted in asked.lines)
    currencies = sorted({wanted.amount.currency for wanted in asked.lines})
    if len(currencies) != 1:
        raise Rejected(f"An invoice has lines of one currency; got {currencies}")
    total = sum(line.amount + line.tax for line in lines)
    if total < 0:
        raise Rejected(f"The total of an invoice is not negative; got {total}")
    _check_collection(asked, owner)
    made = Invoice(
        id=s.new_id(Invoice),
        created=s.now,
        customer=owner.id,
        subscription=None,
        status=InvoiceStatus.DRAFT,
        currency=currencies[0],
        amount=total,
        reason="manual",
        period_start=s.now,
        period_end=s.now,
        lines=lines,
        collection=asked.collection,
        days_until_due=asked.days_until_due,
        description=asked.description or None,
        metadata=metadata.merged({}, asked.metadata),
        auto_advance=False,
    )
    events.invoice(s, "invoice.created", s.save(made, owner=owner.id))
    if asked.finalize:
        billing.finalize(s, made)
    return Told(made.id, made.status)


def _line(s: Session, wanted: LineWanted) -> Line:
    minor, step = wanted.amount.minor, smallest(wanted.amount.currency)
    if not wanted.description:
        raise Rejected("Missing required param: description")
    if wanted.quantity < 1:
        raise Rejected(f"Invalid quantity: {wanted.quantity}")
    if minor % step or wanted.tax % step:
        raise Rejected(f"Invalid amount: {wanted.amount} with tax {wanted.tax}")
    if wanted.tax * minor < 0 or (wanted.tax and not minor):
        raise Rejected(f"Tax of {wanted.tax} is not a part of {wanted.amount}")
    return Line(
        wanted.description,
        minor,
        start=s.now,
        end=s.now,
        quantity=wanted.quantity,
        tax=wanted.tax,
    )


def _check_collection(asked: CreateInvoice, owner: Customer) -> None:
    sent = asked.collection == _SENT
    if sent and asked.days_until_due is None:
        raise Rejected("days_until_due is required where the invoice is sent")
    if not sent and asked.days_until_due is not None:
        raise Rejected("days_until_due is only for invoices that are sent")
    if asked.days_until_due is not None and asked.days_until_due < 0:
        raise Rejected(f"Invalid days_until_due: {asked.days_until_due}")
    if sent:
        _check_reachable(owner)


def _check_reachable(owner: Customer) -> None:
    if owner.email is None:
        raise Rejected("Missing email. Invoices are sent to customers with a valid email")


def finalize(s: Session, asked: FinalizeInvoice) -> Told:
    """
    Number the draft and owe it. A renewal's is still tried when its hour is over.

    Raises:
        Rejected: it is no draft, or its customer was deleted.
    """
    invoice = s.get(Invoice, asked.invoice)
    if invoice.finalized_at is not None:
        raise Rejected(f"Invoice {invoice.id} is already finalized")
    customers.living(s, invoice.customer)
    billing.finalize(s, invoice)
    return Told(invoice.id, invoice.status)


def send(s: Session, asked: SendInvoice) -> Told:
    """
    Mail the invoice to its customer; a draft is finalised first.

    Raises:
        Rejected: it is closed, a draft that is not meant to be sent, or nobody is there to
            send it to.
    """
    invoice = s.get(Invoice, asked.invoice)
    is_draft = invoice.finalized_at is None
    if is_draft and invoice.collection != _SENT:
        raise Rejected("A draft is only sent if its collection method is send_invoice")
    if not is_draft and not states.is_owed(invoice.status):
        raise Rejected(f"Invoice {invoice.id} is not open")
    _check_reachable(customers.living(s, invoice.customer))
    if is_draft:
        billing.finalize(s, invoice)
    events.invoice(s, "invoice.sent", invoice)
    return Told(invoice.id, invoice.status)


def void(s: Session, asked: VoidInvoice) -> Told:
    """
    Raises:
        Rejected: it is a draft or paid, or its payment is processing.
    """
    invoice = s.get(Invoice, asked.invoice)
    if invoice.finalized_at is None:
        raise Rejected(f"Invoice {invoice.id} is a draft: it can not be voided, only deleted")
    if invoice.voided_at is None:
        billing.close(s, invoice, InvoiceStatus.VOID)
    return Told(invoice.id, invoice.status)


def give_up(s: Session, asked: MarkUncollectible) -> Told:
    """
    Raises:
        Rejected: it is not open, or its payment is processing.
    """
    invoice = s.get(Invoice, asked.invoice)
    billing.close(s, invoice, InvoiceStatus.UNCOLLECTIBLE)
    return Told(invoice.id, invoice.status)


def paid_elsewhere(s: Session, asked: MarkPaidOutOfBand) -> Told:
    """
    Raises:
        Rejected: it is neither open nor given up, or its payment is processing.
    """
    invoice = s.get(Invoice, asked.invoice)
    billing.paid_elsewhere(s, invoice)
    return Told(invoice.id, invoice.status)


ANSWERS: Final[Mapping[type, Callable[[Session, Any], Told]]] = {
    CreateInvoice: create,
    FinalizeInvoice: finalize,
    SendInvoice: send,
    VoidInvoice: void,
    MarkUncollectible: give_up,
    MarkPaidOutOfBand: paid_elsewhere,
}
