"""
Changing what a subscription buys: prorated to the second, from what was really billed.

Stripe's classic rules. The period stays, and what is left of it is credited and charged; another
interval, and the step from what is free to what is not, begin a new period now and bill it at
once. At the end of the period means a schedule: one at most, and a change made now drops it.
Kinder than Stripe in nothing: a credit is a part of what was billed, also after a change without
proration, where Stripe credits the price.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from recoup.core import states
from recoup.core.billing.requests import ChangeSubscription, ItemChange
from recoup.errors import Rejected
from recoup.processors.fake import events
from recoup.processors.fake.billing import discounts, lines
from recoup.processors.fake.billing.invoices import draft
from recoup.processors.fake.billing.subscriptions import (
    bill_period,
    checked,
    new_item,
    refuse_ended,
)
from recoup.processors.fake.model import Invoice, Line, Price, Subscription
from recoup.processors.fake.terms import Item, Wanted
from recoup.processors.fake.world import Session, micros

_PRORATIONS: Final = frozenset({"create", "invoice_now", "none"})


def change(s: Session, sub: Subscription, asked: ChangeSubscription) -> Invoice | None:
    """
    Change the items; return the draft that is to be paid now, if there is one.

    Raises:
        Rejected: ended or not begun, items that can not be, an instant outside the period, or
            a bill now while collection is paused.
    """
    refuse_ended(sub)
    if not states.is_live(sub.status):
        raise Rejected(f"The subscription {sub.id} is incomplete: its first payment is awaited")
    if asked.proration not in _PRORATIONS:
        raise Rejected(f"Invalid proration_behavior: {asked.proration!r}")
    wanted = merged(sub.items, asked.items)
    prices = checked(s, wanted)
    if prices[0].currency != sub.currency:
        raise Rejected(f"The subscription is in {sub.currency}, the prices in another currency")
    at = prorated_at(s, sub, asked)
    if asked.at_period_end:
        _schedule(s, sub, wanted)
        return None
    before, scheduled = list(sub.items), sub.next_items
    sub.next_items = None
    same = wanted == _as_wanted(before)
    if same and scheduled is None:
        return None
    bill = None if same else _apply(s, sub, wanted, prices, asked.proration, at)
    if bill and sub.pause is not None:
        raise Rejected(f"Collection of {sub.id} is paused: nothing can be billed now")
    s.save(sub)
    made = draft(s, sub, bill, "subscription_update") if bill else None
    events.subscription(s, "customer.subscription.updated", sub, {"items": _shown(before)})
    return made


def merged(items: Sequence[Item], changes: Sequence[ItemChange]) -> list[Wanted]:
    """
    Return the items as they are to be: those not named stay, new ones come last.

    Raises:
        Rejected: nothing is to be changed, an item is unknown or named twice, or a new one has
            no price.
    """
    if not changes:
        raise Rejected("You must pass at least one of the items to change")
    named = [one.item for one in changes if one.item is not None]
    unknown = set(named) - {item.id for item in items}
    if unknown:
        raise Rejected(f"No such subscription item: {min(unknown)!r}")
    if len(set(named)) < len(named):
        raise Rejected("A subscription item may be named only once")
    by_item = {one.item: one for one in changes if one.item is not None}
    result = [_merged(item, by_item.get(item.id)) for item in items]
    result += [_added(one) for one in changes if one.item is None]
    kept = [one for one in result if one is not None]
    if not kept:
        raise Rejected("A subscription must have at least one active item")
    return kept


def _merged(item: Item, to: ItemChange | None) -> Wanted | None:
    if to is None:
        return Wanted(item.price, item.quantity, item.id)
    if to.removed:
        return None
    quantity = item.quantity if to.quantity is None else to.quantity
    return Wanted(to.price or item.price, quantity, item.id)


def _added(one: ItemChange) -> Wanted:
    if one.removed or not one.price:
        raise Rejected("A new subscription item must have a price")
    return Wanted(one.price, 1 if one.quantity is None else one.quantity)


def _as_wanted(items: Sequence[Item]) -> list[Wanted]:
    return [Wanted(item.price, item.quantity, item.id) for item in items]


def prorated_at(s: Session, sub: Subscription, asked: ChangeSubscription) -> int:
    """
    Return the second that a change is prorated for: now, or the one that is pinned.

    Raises:
        Rejected: it is not within the current period, or before the last proration in it.
    """
    if asked.prorate_at is None:
        return max(s.now, sub.changed_at)
    at = micros(asked.prorate_at) // 1_000_000
    if not sub.period_start <= at < sub.period_end:
        raise Rejected("proration_date must be within the subscription's current period")
    if at < sub.changed_at:
        raise Rejected("proration_date must not be before the subscription's last change")
    return at


def _schedule(s: Session, sub: Subscription, wanted: list[Wanted]) -> None:
    if sub.ends_at is not None and sub.ends_at <= sub.period_end:
        raise Rejected(f"The subscription {sub.id} is set to cancel: it has no next period")
    to = None if wanted == _as_wanted(sub.items) else tuple(wanted)
    if to != sub.next_items:
        previous = {"schedule": sub.next_items and sub.id.replace("sub_", "sub_sched_", 1)}
        sub.next_items = to
        events.subscription(s, "customer.subscription.updated", s.save(sub), previous)


def _apply(
    s: Session,
    sub: Subscription,
    wanted: Sequence[Wanted],
    prices: Sequence[Price],
    proration: str,
    at: int,
) -> tuple[Line, ...]:
    """Give the subscription its new items; return the lines that are to be billed now."""
    old = {item.id: item for item in sub.items}
    before = [s.get(Price, item.price) for item in sub.items]
    new = [
        Item(one.item, one.price, one.quantity) if one.item else new_item(s, one) for one in wanted
    ]
    trial = sub.trial_end is not None and s.now < sub.trial_end
    if not trial and _begins_anew(before, prices):
        return _new_period(s, sub, new, prices, proration, at)
    if proration == "none" or trial:
        for item in new:
            item.rate = old[item.id].rate if item.id in old else 0
        sub.items = new
        return ()
    whole = lines.full(new, prices, at, sub.period_end)
    priced = lines.discounted(whole, discounts.active(s, sub), sub.currency)
    span = {"at": at, "end": sub.period_end, "whole": sub.whole}
    made: list[Line] = []
    for item, line in zip(new, priced, strict=True):
        was = old.pop(item.id, None)
        if was is not None and (was.price, was.quantity) == (item.price, item.quantity):
            item.rate = was.rate
        else:
            item.rate = line.amount - line.discount
            made += lines.prorated(was, item, sub.currency, **span)
    for gone in old.values():
        made += lines.prorated(gone, None, sub.currency, **span)
    sub.items, sub.changed_at = new, at
    sub.pending += tuple(made)
    if proration == "create":
        return ()
    waiting, sub.pending = sub.pending, ()
    return waiting


def _begins_anew(before: Sequence[Price], after: Sequence[Price]) -> bool:
    """Whether billing starts over: the interval is another, or what was free is no longer."""
    free = not any(price.amount for price in before)
    costs = any(price.amount for price in after)
    return before[0].rhythm != after[0].rhythm or (free and costs)


def _new_period(
    s: Session,
    sub: Subscription,
    new: list[Item],
    prices: Sequence[Price],
    proration: str,
    at: int,
) -> tuple[Line, ...]:
    if proration != "none":
        span = {"at": at, "end": sub.period_end, "whole": sub.whole}
        for item in sub.items:
            sub.pending += tuple(lines.prorated(item, None, sub.currency, **span))
    sub.items = new
    sub.anchor = sub.period_start = sub.changed_at = s.now
    sub.period_end, sub.span = prices[0].end_after(s.now, s.now), 0
    s.schedule(sub.period_end, "renew", sub.id)
    return bill_period(s, sub, prices)


def _shown(items: Sequence[Item]) -> dict[str, object]:
    return {
        "data": [
            {"id": item.id, "price": {"id": item.price}, "quantity": item.quantity}
            for item in items
        ]
    }
