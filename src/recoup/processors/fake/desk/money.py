"""Payments that a customer confirms, money given back, and money that banks take back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from recoup.core import states
from recoup.core.billing.requests import CreateRefund, PreparePayment, WithdrawPayment
from recoup.core.money import Money
from recoup.core.states import InvoiceStatus
from recoup.errors import Rejected
from recoup.processors.fake import billing, books, events, payments
from recoup.processors.fake.desk import metadata
from recoup.processors.fake.desk.told import Told, to_pay
from recoup.processors.fake.model import (
    Charge,
    Dispute,
    Instrument,
    Intent,
    Invoice,
    Method,
    Refund,
    smallest,
)
from recoup.processors.fake.world import Session

_REASONS: Final = frozenset({"duplicate", "fraudulent", "requested_by_customer"})


def prepare(s: Session, asked: PreparePayment) -> Told:
    """
    Say what the customer must do to pay the invoice; nothing is changed.

    Raises:
        Rejected: it is not open.
    """
    invoice = s.get(Invoice, asked.invoice)
    if not states.is_owed(invoice.status):
        raise Rejected(f"Invoice {invoice.id} is not open")
    intent = s.get(Intent, str(invoice.intent))
    return Told(intent.id, intent.status, to_pay(s, intent))


def withdraw(s: Session, asked: WithdrawPayment) -> Told:
    """
    Void the invoice, which cancels its payment: Stripe refuses to cancel that by itself.

    "too_late": its money is here. "unsupported": its payment is on its way, so that the invoice
    can not be voided, and stays. A draft is not finalised any more; only Stripe's own hand could
    delete it.
    Source: docs.stripe.com/invoicing/overview; github.com/frappe/press/pull/2421, for what is on
    its way.
    """
    invoice = s.get(Invoice, asked.invoice)
    if any(states.succeeded(charge.state) for charge in s.owned(Charge, invoice.id)):
        return Told(invoice.id, "too_late")
    if billing.is_processing(s, invoice):
        return Told(invoice.id, "unsupported")
    if invoice.finalized_at is None:
        billing.shelve(s, invoice)
    elif states.is_owed(invoice.status) or states.is_written_off(invoice.status):
        billing.close(s, invoice, InvoiceStatus.VOID)
    return Told(invoice.id, "canceled")


def pay_anyway(s: Session, invoice_id: str, method: str | None) -> Charge:
    """
    Let money come for an invoice that is not owed any more: its bank had not heard of that.

    What is paid already is paid once more, by a payment of its own. The invoice stays as it is.

    Raises:
        Rejected: it is still owed, or nothing was ever due for it, or it can not be paid with
            this method.
    """
    invoice = s.get(Invoice, invoice_id)
    if invoice.intent is None or states.is_owed(invoice.status):
        raise Rejected(f"Invoice {invoice_id} is owed, or nothing ever was due for it")
    intent = s.get(Intent, invoice.intent)
    if intent.received:
        intent = billing.new_intent(s, invoice)
    return payments.slipped(s, invoice, intent, payments.chosen(s, invoice, method))


def confirm(s: Session, intent: Intent, method: str) -> None:
    """
    Let the customer confirm the payment in the browser; the bank may want a challenge first.

    A method of nobody's pays once, and is spent.

    Raises:
        Rejected: the invoice can not be paid now, or not with this method.
    """
    invoice = payments.payable(s, intent.invoice)
    named = s.get(Method, method)
    if named.customer is None and not named.spent:
        named.spent = True
        s.save(named)
    else:
        payments.chosen(s, invoice, method)
    payments.attempt(s, invoice, named, off_session=False, key=None, authenticated=False)


def create_refund(s: Session, asked: CreateRefund) -> Told:
    if asked.reason is not None and asked.reason not in _REASONS:
        raise Rejected(f"Invalid reason: must be one of {sorted(_REASONS)}, got {asked.reason!r}")
    texts = metadata.merged({}, asked.metadata)
    made = refund(s, asked.charge, asked.amount, reason=asked.reason, texts=texts)
    return Told(made.id, "succeeded")


def refund(
    s: Session,
    charge_id: str,
    amount: Money | None,
    *,
    reason: str | None = None,
    texts: dict[str, str] | None = None,
) -> Refund:
    """
    Give back `amount` of a charge, or all that is left of it.

    Raises:
        Rejected: the charge took no money, less than that is left of it, a bank has taken it
            back or may yet, or its own takes nothing back.
    """
    charge = s.get(Charge, charge_id)
    mood = s.get(Instrument, charge.instrument).refunds
    if mood.refused:
        raise Rejected(f"Charge {charge_id} can not be refunded any more (charge_not_refundable)")
    if any(dispute.open or dispute.lost for dispute in s.owned(Dispute, charge_id)):
        raise Rejected(f"Charge {charge_id} has been charged back (charge_disputed)")
    minor = _within(charge, amount, _left(charge), "Refund")
    charge.refunded += minor
    s.save(charge)
    made = Refund(
        id=s.new_id(Refund),
        created=s.now,
        charge=charge_id,
        intent=charge.intent,
        amount=minor,
        currency=charge.currency,
        reason=reason,
        metadata=texts or {},
    )
    s.save(made, owner=charge_id)
    books.refunded(s, s.get(Invoice, charge.invoice), minor)
    events.refund(s, "refund.created", made)
    events.charge(s, "charge.refunded", charge)
    if mood.after is not None:
        s.schedule(s.now + int(mood.after.total_seconds()), "send_back", made.id)
    return made


def send_back(s: Session, refund_id: str) -> None:
    """
    Let the bank send a refund back, for good: the money is the merchant's again.

    Source: docs.stripe.com/refunds, "Failed refunds".

    Raises:
        Rejected: it has done so.
    """
    refund_ = s.get(Refund, refund_id)
    if refund_.failed:
        raise Rejected(f"Refund {refund_id} has failed already")
    refund_.failed = True
    s.save(refund_)
    charge = s.get(Charge, refund_.charge)
    charge.refunded -= refund_.amount
    s.save(charge)
    books.refunded(s, s.get(Invoice, charge.invoice), -refund_.amount)
    events.refund(s, "charge.refund.updated", refund_)
    events.refund(s, "refund.failed", refund_)


def open_dispute(s: Session, charge_id: str, amount: Money | None) -> Dispute:
    """
    Let the cardholder's bank take back `amount`, or all that is left.

    Raises:
        Rejected: the charge is disputed already, or there is less to take back.
    """
    charge = s.get(Charge, charge_id)
    others = s.owned(Dispute, charge_id)
    if any(dispute.open for dispute in others):
        raise Rejected(f"Charge {charge_id} is disputed already")
    lost = sum(dispute.amount for dispute in others if dispute.lost)
    minor = _within(charge, amount, _left(charge) - lost, "Dispute")
    made = Dispute(
        id=s.new_id(Dispute),
        created=s.now,
        charge=charge_id,
        intent=charge.intent,
        amount=minor,
        currency=charge.currency,
    )
    charge.disputed = True
    s.save(charge)
    s.save(made, owner=charge_id)
    books.disputed(s, s.get(Invoice, charge.invoice), minor)
    events.dispute(s, "charge.dispute.created", made)
    events.dispute(s, "charge.dispute.funds_withdrawn", made)
    return made


def close_dispute(s: Session, dispute_id: str, *, won: bool) -> None:
    """
    Let the bank decide: the money comes back when the merchant has `won`, and never otherwise.

    Raises:
        Rejected: it has decided.
    """
    dispute = s.get(Dispute, dispute_id)
    if not dispute.open:
        raise Rejected(f"Dispute {dispute_id} is closed")
    dispute.open, dispute.lost = False, not won
    s.save(dispute)
    if won:
        invoice = s.get(Invoice, s.get(Charge, dispute.charge).invoice)
        books.reinstated(s, invoice, dispute.amount)
        events.dispute(s, "charge.dispute.funds_reinstated", dispute)
    events.dispute(s, "charge.dispute.closed", dispute)


def _left(charge: Charge) -> int:
    return charge.amount - charge.refunded if states.succeeded(charge.state) else 0


def _within(charge: Charge, amount: Money | None, left: int, what: str) -> int:
    wanted = Money(left, charge.currency) if amount is None else amount
    fits = 0 < wanted.minor <= left and not wanted.minor % smallest(charge.currency)
    if not fits or wanted.currency != charge.currency:
        raise Rejected(f"{what} of {wanted} is not within what is left of {charge.id}: {left}")
    return wanted.minor


ANSWERS: Final[Mapping[type, Callable[[Session, Any], Told]]] = {
    PreparePayment: prepare,
    WithdrawPayment: withdraw,
    CreateRefund: create_refund,
}
