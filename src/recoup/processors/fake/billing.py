"""
Subscriptions and invoices: Stripe Billing with its own retries switched off.

A renewal's invoice is a draft for an hour, is then finalised and tried once. When that fails the
subscription is past due, and stays so until its latest invoice is paid or given up.
"""

from __future__ import annotations

from typing import Any, Final

from recoup.core import states
from recoup.core.states import InvoiceStatus, SubscriptionStatus
from recoup.errors import Rejected
from recoup.processors.fake import books, events
from recoup.processors.fake.model import (
    Collection,
    Customer,
    Intent,
    Invoice,
    Method,
    Price,
    Subscription,
    smallest,
)
from recoup.processors.fake.world import Session

HOUR: Final = 3_600
#: A subscription whose first payment is not made by then is over. Source: docs.stripe.com,
#: "How subscriptions work", statuses.
FIRST_PAYMENT_WITHIN: Final = 23 * HOUR
DAY: Final = 24 * HOUR

AUTOMATIC: Final[Collection] = "charge_automatically"


def subscribe(
    s: Session,
    owner: Customer,
    price_id: str,
    *,
    quantity: int,
    trial: int | None,
    anchor: int | None,
    days_until_due: int | None,
    method: str | None,
    metadata: dict[str, str],
) -> Subscription:
    """
    Begin a subscription and draft its first invoice (nothing is due during a trial).

    Raises:
        Rejected: no method to pay with, another currency than the customer's, or an anchor
            that is not within the first period.
    """
    price = s.get(Price, price_id)
    full_end = price.end_after(s.now, s.now)
    first_end = full_end if trial is None else s.now + trial
    new = Subscription(
        id=s.new_id(Subscription),
        created=s.now,
        customer=owner.id,
        price=price.id,
        quantity=quantity,
        status=_first_status(trial, days_until_due),
        anchor=anchor or (s.now if trial is None else first_end),
        period_start=s.now,
        period_end=anchor or first_end,
        collection=AUTOMATIC if days_until_due is None else "send_invoice",
        days_until_due=days_until_due,
        trial_start=None if trial is None else s.now,
        trial_end=None if trial is None else first_end,
        default_method=method,
        metadata=metadata,
    )
    _check(s, new, owner, price, full_end)
    due = 0 if trial is not None else price.amount * quantity
    if anchor is not None:
        # To the second, half a unit up, as Stripe prorates.
        due = (2 * due * (anchor - s.now) + full_end - s.now) // (2 * (full_end - s.now))
        due -= due % smallest(price.currency)
    owner.currency = price.currency
    s.save(owner)
    s.save(new, owner=owner.id)
    s.schedule(new.period_end, "renew", new.id)
    events.subscription(s, "customer.subscription.created", new)
    draft(s, new, price, "subscription_create", due)
    return new


def _first_status(trial: int | None, days_until_due: int | None) -> SubscriptionStatus:
    if trial is not None:
        return SubscriptionStatus.TRIALING
    automatic = days_until_due is None
    return SubscriptionStatus.INCOMPLETE if automatic else SubscriptionStatus.ACTIVE


def _check(s: Session, new: Subscription, owner: Customer, price: Price, full_end: int) -> None:
    if new.quantity < 1:
        raise Rejected(f"Invalid quantity: {new.quantity}")
    if owner.currency not in {None, price.currency}:
        raise Rejected("You cannot combine currencies on a single customer")
    if new.default_method is not None:
        if s.get(Method, new.default_method).customer != owner.id:
            raise Rejected(f"The payment method {new.default_method!r} is not the customer's")
    elif new.collection == AUTOMATIC and owner.default_method is None:
        raise Rejected("This customer has no attached payment source or default payment method")
    if new.trial_end is None and not s.now < new.period_end <= full_end:
        raise Rejected("billing_cycle_anchor cannot be later than next natural billing date")
    if new.trial_end is not None and new.anchor != new.trial_end:
        raise Rejected("a trial ends on the anchor; give one of them")


def draft(s: Session, sub: Subscription, price: Price, reason: str, due: int) -> Invoice:
    """Create an invoice for the current period."""
    automatic = sub.collection == AUTOMATIC
    first = reason == "subscription_create"
    made = Invoice(
        id=s.new_id(Invoice),
        created=s.now,
        customer=sub.customer,
        subscription=sub.id,
        price=price.id,
        quantity=sub.quantity,
        status=InvoiceStatus.DRAFT,
        currency=price.currency,
        amount=due,
        reason=reason,
        period_start=sub.period_start,
        period_end=sub.period_end,
        collection=sub.collection,
        next_try=s.now + HOUR if automatic and not first else None,
    )
    s.save(made, owner=sub.id)
    sub.latest_invoice = made.id
    s.save(sub)
    events.invoice(s, "invoice.created", made)
    return made


def renew(s: Session, subscription: str) -> None:
    """Begin the next period, if this one is over and there is to be a next."""
    sub = s.get(Subscription, subscription)
    if sub.period_end > s.now or not states.is_live(sub.status):
        return
    if sub.cancel_at_period_end:
        end(s, sub, reason="cancellation_requested", comment=sub.end_comment)
        return
    price = s.get(Price, sub.price)
    previous: dict[str, Any] = {"latest_invoice": sub.latest_invoice}
    if not s.basil:
        previous |= {
            "current_period_end": sub.period_end,
            "current_period_start": sub.period_start,
        }
    if sub.trial_end == sub.period_end:
        previous["status"], sub.status = sub.status, SubscriptionStatus.ACTIVE
    sub.period_start = sub.period_end
    sub.period_end = price.end_after(sub.anchor, sub.period_start)
    made = draft(s, sub, price, "subscription_cycle", price.amount * sub.quantity)
    events.subscription(s, "customer.subscription.updated", sub, previous)
    s.schedule(sub.period_end, "renew", sub.id)
    s.schedule(s.now + HOUR, "collect", made.id)


def finalize(s: Session, invoice: Invoice) -> None:
    """Number the draft; from now on it is owed. What costs nothing is paid at once."""
    invoice.status, invoice.finalized_at = InvoiceStatus.OPEN, s.now
    invoice.number = f"FAKE-{s.count('number'):06d}"
    books.billed(s, invoice)
    sub = _subscription(s, invoice)
    if sub is not None and sub.days_until_due is not None:
        invoice.due_date = s.now + sub.days_until_due * DAY
        s.schedule(invoice.due_date, "overdue", invoice.id)
    s.save(invoice)
    if invoice.amount:
        invoice.intent = _intent(s, invoice).id
    events.invoice(s, "invoice.finalized", invoice)
    if not invoice.amount:
        settled(s, invoice)


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
    sub = _subscription(s, invoice)
    if sub is None or sub.latest_invoice != invoice.id or not states.is_live(sub.status):
        return
    if not states.is_past_due(sub.status):
        _become(s, sub, SubscriptionStatus.PAST_DUE)
        owner = s.get(Customer, sub.customer)
        if not owner.delinquent:
            owner.delinquent = True
            events.customer(s, "customer.updated", s.save(owner), {"delinquent": False})


def started(s: Session, invoice: Invoice) -> None:
    """Let a subscription begin whose first payment was made or is on its way."""
    sub = _subscription(s, invoice)
    if sub is not None and states.is_incomplete(sub.status):
        _become(s, sub, SubscriptionStatus.ACTIVE)


def overdue(s: Session, invoice_id: str) -> None:
    """Let the due date of an invoice that is sent pass."""
    invoice = s.get(Invoice, invoice_id)
    if states.is_owed(invoice.status):
        fall_past_due(s, invoice)


def expire(s: Session, subscription: str) -> None:
    """End a subscription whose first payment was never made, and void its invoice."""
    sub = s.get(Subscription, subscription)
    if not states.is_incomplete(sub.status):
        return
    sub.ended_at = s.now
    _become(s, sub, SubscriptionStatus.INCOMPLETE_EXPIRED)
    if sub.latest_invoice is not None:
        close(s, s.get(Invoice, sub.latest_invoice), InvoiceStatus.VOID)


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
        Rejected: it is not open, or a payment for it is processing.
    """
    if not states.is_owed(invoice.status):
        raise Rejected(f"Invoice {invoice.id} is not open")
    refuse_if_processing(s, invoice)
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


def end(s: Session, sub: Subscription, *, reason: str, comment: str | None) -> None:
    """End the subscription now. Its open invoices stay owed; its draft is never finalised."""
    sub.ended_at = sub.canceled_at = s.now
    sub.end_reason, sub.end_comment = reason, comment
    sub.status = SubscriptionStatus.CANCELED
    events.subscription(s, "customer.subscription.deleted", s.save(sub))
    if sub.latest_invoice is None:
        return
    invoice = s.get(Invoice, sub.latest_invoice)
    if invoice.finalized_at is None and invoice.auto_advance:
        invoice.auto_advance, invoice.next_try = False, None
        events.invoice(s, "invoice.updated", s.save(invoice), {"auto_advance": True})


def leave(s: Session, sub: Subscription, comment: str | None) -> None:
    """
    Let the subscription end with its period instead of renewing.

    Raises:
        Rejected: it has ended.
    """
    if states.has_ended(sub.status):
        raise Rejected(f"A canceled subscription can only update its metadata: {sub.id}")
    if not sub.cancel_at_period_end:
        sub.cancel_at_period_end, sub.canceled_at, sub.end_comment = True, s.now, comment
        previous = {"cancel_at_period_end": False}
        events.subscription(s, "customer.subscription.updated", s.save(sub), previous)


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
    return _paying_method(s, _subscription(s, invoice), s.get(Customer, invoice.customer))


def _subscription(s: Session, invoice: Invoice) -> Subscription | None:
    return None if invoice.subscription is None else s.get(Subscription, invoice.subscription)


def _become(s: Session, sub: Subscription, to: SubscriptionStatus) -> None:
    previous = {"status": sub.status}
    sub.status = to
    events.subscription(s, "customer.subscription.updated", s.save(sub), previous)


def _restore(s: Session, invoice: Invoice) -> None:
    # Only the latest invoice counts: an older one that is paid leaves the newer debt.
    sub = _subscription(s, invoice)
    if sub is None or sub.latest_invoice != invoice.id:
        return
    if states.is_past_due(sub.status):
        _become(s, sub, SubscriptionStatus.ACTIVE)
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
