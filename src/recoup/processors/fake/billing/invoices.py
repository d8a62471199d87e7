"""
Invoices: drafted, finalised, settled, failed and closed.

What a customer has to its good lowers what is due when an invoice is finalised; an invoice whose
total is below 0 adds to it.
"""

from __future__ import annotations

from typing import Final

from recoup.core import states
from recoup.core.states import InvoiceStatus, SubscriptionStatus
from recoup.errors import Rejected
from recoup.processors.fake import books, events
from recoup.processors.fake.model import (
    Collection,
    Customer,
    Intent,
    Invoice,
    Line,
    Method,
    Subscription,
)
from recoup.processors.fake.world import Session

HOUR: Final = 3_600
DAY: Final = 24 * HOUR

AUTOMATIC: Final[Collection] = "charge_automatically"


def draft(s: Session, sub: Subscription, lines: tuple[Line, ...], reason: str) -> Invoice:
    """Create an invoice of these lines for the current period."""
    cycle = reason == "subscription_cycle"
    kept = sub.pause is not None and sub.pause.behavior == "keep_as_draft"
    made = Invoice(
        id=s.new_id(Invoice),
        created=s.now,
        customer=sub.customer,
        subscription=sub.id,
        status=InvoiceStatus.DRAFT,
        currency=sub.currency,
        amount=0,
        reason=reason,
        period_start=sub.period_start,
        period_end=sub.period_end,
        lines=lines,
        collection=sub.collection,
        days_until_due=sub.days_until_due,
        auto_advance=not kept,
        next_try=s.now + HOUR if sub.collection == AUTOMATIC and cycle and not kept else None,
    )
    made.amount = max(made.total, 0)
    if sub.discount is not None and made.sums[1]:
        made.discount = sub.discount.id
    s.save(made, owner=sub.id)
    sub.latest_invoice = made.id
    s.save(sub)
    events.invoice(s, "invoice.created", made)
    return made


def finalize(s: Session, invoice: Invoice) -> None:
    """
    Number the draft; from now on it is owed. What costs nothing is paid at once.

    While collection of its subscription is paused it is closed again at once.
    """
    invoice.status, invoice.finalized_at = InvoiceStatus.OPEN, s.now
    invoice.number = f"FAKE-{s.count('number'):06d}"
    _use_credit(s, invoice)
    books.billed(s, invoice)
    if invoice.days_until_due is not None:
        invoice.due_date = s.now + invoice.days_until_due * DAY
        s.schedule(invoice.due_date, "overdue", invoice.id)
    s.save(invoice)
    if invoice.amount:
        invoice.intent = _intent(s, invoice).id
    events.invoice(s, "invoice.finalized", invoice)
    if not invoice.amount:
        settled(s, invoice)
        return
    sub = subscription_of(s, invoice)
    if sub is not None and sub.pause is not None and sub.pause.behavior != "keep_as_draft":
        void = sub.pause.behavior == "void"
        close(s, invoice, InvoiceStatus.VOID if void else InvoiceStatus.UNCOLLECTIBLE)


def _use_credit(s: Session, invoice: Invoice) -> None:
    owner = s.get(Customer, invoice.customer)
    total = invoice.total
    same = owner.currency == invoice.currency
    invoice.credit_before = owner.credit if same else 0
    invoice.credit_used = min(invoice.credit_before, total)
    invoice.amount = total - invoice.credit_used
    _add_credit(s, owner, -invoice.credit_used)


def _add_credit(s: Session, owner: Customer, minor: int) -> None:
    if minor:
        previous = {"balance": -owner.credit}
        owner.credit += minor
        events.customer(s, "customer.updated", s.save(owner), previous)


def _intent(s: Session, invoice: Invoice) -> Intent:
    made = Intent(
        id=s.new_id(Intent),
        created=s.now,
        customer=invoice.customer,
        invoice=invoice.id,
        amount=invoice.amount,
        currency=invoice.currency,
    )
    s.save(made)
    events.intent(s, "payment_intent.created", made)
    return made


def settled(s: Session, invoice: Invoice) -> None:
    """Mark the invoice paid, and its subscription good if it was the latest."""
    invoice.status, invoice.paid_at, invoice.next_try = InvoiceStatus.PAID, s.now, None
    invoice.attempted = True
    s.save(invoice)
    if invoice.intent is not None:
        intent = s.get(Intent, invoice.intent)
        if intent.received:
            events.invoice_paid_by(s, invoice, intent)
    events.invoice(s, "invoice.paid", invoice)
    _restore(s, invoice)


def failed(s: Session, invoice: Invoice) -> None:
    """Record that a payment of the invoice did not work; its subscription falls past due."""
    first, invoice.failed_once = not invoice.failed_once, True
    s.save(invoice)
    events.invoice(s, "invoice.payment_failed", invoice)
    if first:
        _stir_habits(s, invoice)
    if states.is_owed(invoice.status):
        fall_past_due(s, invoice)


def fall_past_due(s: Session, invoice: Invoice) -> None:
    """Mark the subscription past due, if the invoice is its latest and it was good."""
    sub = subscription_of(s, invoice)
    if sub is None or sub.latest_invoice != invoice.id or not states.is_live(sub.status):
        return
    if not states.is_past_due(sub.status):
        become(s, sub, SubscriptionStatus.PAST_DUE)
        owner = s.get(Customer, sub.customer)
        if not owner.delinquent:
            owner.delinquent = True
            events.customer(s, "customer.updated", s.save(owner), {"delinquent": False})


def started(s: Session, invoice: Invoice) -> None:
    """Let a subscription begin whose first payment was made or is on its way."""
    sub = subscription_of(s, invoice)
    if sub is not None and states.is_incomplete(sub.status):
        become(s, sub, SubscriptionStatus.ACTIVE)


def overdue(s: Session, invoice_id: str) -> None:
    """Let the due date of an invoice that is sent pass."""
    invoice = s.get(Invoice, invoice_id)
    if states.is_owed(invoice.status):
        fall_past_due(s, invoice)


def close(s: Session, invoice: Invoice, to: InvoiceStatus) -> None:
    """
    Close an open invoice without money: void or uncollectible.

    Raises:
        Rejected: it is not open (a written-off one may still be voided), or a payment for it
            is processing.
    """
    may = states.is_owed(invoice.status) or states.is_written_off(invoice.status)
    void = not states.is_written_off(to)
    if not may or (not void and states.is_written_off(invoice.status)):
        raise Rejected(f"You can only pass in open invoices. {invoice.id} isn't open.")
    refuse_if_processing(s, invoice)
    if states.is_written_off(invoice.status):
        books.revived(s, invoice)
    if void:
        books.voided(s, invoice)
        if invoice.credit_used > 0:
            _add_credit(s, s.get(Customer, invoice.customer), invoice.credit_used)
            invoice.credit_used = 0
        invoice.voided_at, event = s.now, "invoice.voided"
        _withdraw(s, invoice)
    else:
        books.written_off(s, invoice)
        invoice.uncollectible_at, event = s.now, "invoice.marked_uncollectible"
    invoice.status, invoice.next_try = to, None
    events.invoice(s, event, s.save(invoice))
    _restore(s, invoice)


def paid_elsewhere(s: Session, invoice: Invoice) -> None:
    """
    Mark the invoice paid by money that did not come through here.

    Raises:
        Rejected: it is neither open nor written off, or a payment for it is processing.
    """
    written_off = states.is_written_off(invoice.status)
    if not (written_off or states.is_owed(invoice.status)):
        raise Rejected(f"Invoice {invoice.id} is not open")
    refuse_if_processing(s, invoice)
    if written_off:
        books.revived(s, invoice)
    books.paid_elsewhere(s, invoice)
    invoice.out_of_band = True
    _withdraw(s, invoice)
    settled(s, invoice)


def refuse_if_processing(s: Session, invoice: Invoice) -> None:
    """
    Raises:
        Rejected: a payment of the invoice is on its way.
    """
    if invoice.intent is None:
        return
    tries = s.get(Intent, invoice.intent).tries
    if tries and states.in_flight(tries[-1].state):
        raise Rejected(f"The payment of {invoice.id} is processing; wait for its outcome")


def _withdraw(s: Session, invoice: Invoice) -> None:
    if invoice.intent is None:
        return
    intent = s.get(Intent, invoice.intent)
    if intent.tries and states.awaits_customer(intent.tries[-1].state):
        intent.tries[-1].state = states.AttemptState.CANCELED
    intent.status, intent.canceled_at = "canceled", s.now
    events.intent(s, "payment_intent.canceled", s.save(intent))


def _paying_method(s: Session, sub: Subscription | None, owner: Customer) -> Method | None:
    """Return what an invoice is paid with: the subscription's own method, or the customer's."""
    own = None if sub is None else sub.default_method
    for id_ in (own, owner.default_method):
        if id_ is not None:
            found = s.get(Method, id_)
            if found.customer == owner.id:
                return found
    return None


def method_for(s: Session, invoice: Invoice) -> Method | None:
    """Return what this invoice would be paid with, if anything."""
    return _paying_method(s, subscription_of(s, invoice), s.get(Customer, invoice.customer))


def subscription_of(s: Session, invoice: Invoice) -> Subscription | None:
    """Return the subscription that the invoice is for, if any."""
    return None if invoice.subscription is None else s.get(Subscription, invoice.subscription)


def become(s: Session, sub: Subscription, to: SubscriptionStatus) -> None:
    """Give the subscription another status, and tell."""
    previous = {"status": sub.status}
    sub.status = to
    events.subscription(s, "customer.subscription.updated", s.save(sub), previous)


def _restore(s: Session, invoice: Invoice) -> None:
    # Only the latest invoice counts: an older one that is paid leaves the newer debt.
    sub = subscription_of(s, invoice)
    if sub is None or sub.latest_invoice != invoice.id:
        return
    if states.is_past_due(sub.status):
        become(s, sub, SubscriptionStatus.ACTIVE)
        owner = s.get(Customer, sub.customer)
        if owner.delinquent:
            owner.delinquent = False
            events.customer(s, "customer.updated", s.save(owner), {"delinquent": True})
    elif states.is_paid(invoice.status):
        started(s, invoice)


def _stir_habits(s: Session, invoice: Invoice) -> None:
    for number, habit in enumerate(s.get(Customer, invoice.customer).habits):
        if s.dice("habit", invoice.id, number) < habit.per_mille:
            at = s.now + int(habit.after.total_seconds())
            s.schedule(at, "habit", f"{invoice.id} {number}")
