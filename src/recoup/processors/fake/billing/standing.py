"""How a subscription stands, which its invoices decide."""

from __future__ import annotations

from recoup.core import states
from recoup.core.states import SubscriptionStatus
from recoup.processors.fake import events
from recoup.processors.fake.model import Customer, Invoice, Subscription
from recoup.processors.fake.world import Session


def subscription_of(s: Session, invoice: Invoice) -> Subscription | None:
    """Return the subscription that the invoice is for, if any."""
    return None if invoice.subscription is None else s.get(Subscription, invoice.subscription)


def become(s: Session, sub: Subscription, to: SubscriptionStatus) -> None:
    """Give the subscription another status, and tell."""
    previous = {"status": sub.status}
    sub.status = to
    events.subscription(s, "customer.subscription.updated", s.save(sub), previous)


def started(s: Session, invoice: Invoice) -> None:
    """Let a subscription begin whose first payment was made or is on its way."""
    sub = subscription_of(s, invoice)
    if sub is not None and states.is_incomplete(sub.status):
        become(s, sub, SubscriptionStatus.ACTIVE)


def fall_past_due(s: Session, invoice: Invoice) -> None:
    """Mark the subscription past due, if the invoice is its latest and it was good."""
    sub = subscription_of(s, invoice)
    if sub is None or not states.is_live(sub.status):
        return
    newest = _deciding(s, sub)
    if newest is None or newest.id != invoice.id:
        return
    if not states.is_past_due(sub.status):
        become(s, sub, SubscriptionStatus.PAST_DUE)
        owner = s.get(Customer, sub.customer)
        if not owner.delinquent:
            owner.delinquent = True
            events.customer(s, "customer.updated", s.save(owner), {"delinquent": False})


def overdue(s: Session, invoice_id: str) -> None:
    """Let the due date of an invoice that is sent pass."""
    invoice = s.get(Invoice, invoice_id)
    if states.is_owed(invoice.status):
        fall_past_due(s, invoice)


def restore(s: Session, invoice: Invoice) -> None:
    """Let the subscription stand as its invoices do, now that this one is closed."""
    sub = subscription_of(s, invoice)
    if sub is None:
        return
    if states.is_past_due(sub.status):
        newest = _deciding(s, sub)
        if newest is None or states.is_paid(newest.status) or states.is_written_off(newest.status):
            become(s, sub, SubscriptionStatus.ACTIVE)
            owner = s.get(Customer, sub.customer)
            if owner.delinquent:
                owner.delinquent = False
                events.customer(s, "customer.updated", s.save(owner), {"delinquent": True})
    elif states.is_paid(invoice.status):
        started(s, invoice)


def _deciding(s: Session, sub: Subscription) -> Invoice | None:
    """
    Return the invoice that decides how the subscription stands: the newest.

    An older one that is paid leaves the newer debt. What is void, or asked by an offer that was
    not taken, is passed over.
    Source: docs.stripe.com/billing/subscriptions/overview, "Handle unpaid subscriptions".
    """
    latest = None if sub.latest_invoice is None else s.get(Invoice, sub.latest_invoice)
    if latest is None or not _passed_over(latest):
        return latest
    others = [one for one in s.owned(Invoice, sub.id) if not _passed_over(one)]
    return others[-1] if others else None


def _passed_over(invoice: Invoice) -> bool:
    return states.is_void(invoice.status) or invoice.offered
