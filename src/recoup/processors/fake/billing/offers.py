"""
Changes that wait to be paid: Stripe's pending updates.

Until then the subscription goes on as if nobody had asked. One at a time; a newer one takes the
place of the older. What is not paid in time, or before the period is over, is discarded, and
its invoice is void.
Source: docs.stripe.com/billing/subscriptions/pending-updates, and its reference.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from recoup.processors.fake import events
from recoup.processors.fake.model import Invoice, Subscription
from recoup.processors.fake.terms import Item, Offer
from recoup.processors.fake.world import Session

#: How long a change waits at most.
PATIENCE: Final = 23 * 3_600
#: What is debited from a bank account: the outcome is days away, so nothing waits for it.
BANK_DEBITS: Final = frozenset(
    {"acss_debit", "au_becs_debit", "bacs_debit", "sepa_debit", "us_bank_account"}
)

_UPDATED: Final = "customer.subscription.updated"


def kept(sub: Subscription) -> Subscription:
    """Return the subscription as it is, apart from what becomes of it."""
    return msgspec.json.decode(msgspec.json.encode(sub), type=Subscription)


def make(s: Session, sub: Subscription, before: Subscription, bill: Invoice) -> None:
    """
    Keep as an offer what `sub` has become, and let it be again what it was `before`.

    It expires with the period, the trial, or after 23 hours, whichever is first.
    """
    ends = [s.now + PATIENCE, before.period_end]
    if before.trial_end is not None and before.trial_end > s.now:
        ends.append(before.trial_end)
    used = sub.discount if sub.discount is not None and sub.discount.spent else None
    before.offer = offer = Offer(
        invoice=bill.id,
        expires_at=min(ends),
        items=sub.items,
        anchor=sub.anchor,
        period_start=sub.period_start,
        period_end=sub.period_end,
        span=sub.span,
        changed_at=sub.changed_at,
        restarts=sub.anchor != before.anchor,
        spends=None if used is None else used.id,
    )
    before.latest_invoice = bill.id
    bill.offered = True
    s.save(bill)
    for name in Subscription.__struct_fields__:
        setattr(sub, name, getattr(before, name))
    s.schedule(offer.expires_at, "withdraw", f"{sub.id} {bill.id}")
    s.save(sub)


def of(sub: Subscription | None, invoice: Invoice) -> Offer | None:
    """Return the offer that waits for this invoice, if any does."""
    offer = None if sub is None else sub.offer
    return offer if offer is not None and offer.invoice == invoice.id else None


def tell(s: Session, sub: Subscription) -> None:
    """Tell that a change waits: its payment was declined, or takes its time."""
    if sub.offer is not None and not sub.offer.told:
        sub.offer.told = True
        events.subscription(s, _UPDATED, s.save(sub), {"pending_update": None})


def accept(s: Session, sub: Subscription, offer: Offer) -> None:
    """Carry the change out: its invoice is paid. What was scheduled before is forgotten."""
    previous: dict[str, Any] = {"items": shown(sub.items)}
    if offer.restarts:
        previous["billing_cycle_anchor"] = sub.anchor
    if offer.told:
        previous["pending_update"] = {"expires_at": offer.expires_at}
    sub.items, sub.changed_at, sub.span = offer.items, offer.changed_at, offer.span
    sub.anchor, sub.period_start = offer.anchor, offer.period_start
    sub.period_end = offer.period_end
    sub.offer, sub.next_items, sub.pending = None, None, ()
    if sub.discount is not None and sub.discount.id == offer.spends:
        sub.discount.spent = True
    events.subscription(s, _UPDATED, s.save(sub), previous)
    if offer.told:
        events.subscription(s, "customer.subscription.pending_update_applied", sub)


def forget(s: Session, sub: Subscription, *, expired: bool = False) -> None:
    """Discard what waits; `expired` when that happens by itself. Its invoice is not touched."""
    offer, sub.offer = sub.offer, None
    if offer is None or not offer.told:
        s.save(sub)
        return
    previous = {"pending_update": {"expires_at": offer.expires_at}}
    events.subscription(s, _UPDATED, s.save(sub), previous)
    if expired:
        events.subscription(s, "customer.subscription.pending_update_expired", sub)


def shown(items: list[Item]) -> dict[str, object]:
    """Return items as an event shows what they were."""
    return {
        "data": [
            {"id": item.id, "price": {"id": item.price}, "quantity": item.quantity}
            for item in items
        ]
    }
