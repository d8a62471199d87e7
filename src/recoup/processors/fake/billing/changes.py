"""
Changing what a subscription buys: prorated to the second, from what was really billed.

Stripe's classic rules. The period stays, and what is left of it is credited and charged; another
interval, the step from what is free to what is not, and asking for it begin a new period now and
bill it at once. A gated change waits until it is paid: see `offers`. At the end of the period
means a schedule: one at most, and a change made now drops it.
Kinder than Stripe in nothing: a credit is a part of what was billed, also after a change without
proration, where Stripe credits the price.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from recoup.core.billing.requests import ChangeSubscription, ItemChange
from recoup.errors import Rejected
from recoup.processors.fake import events
from recoup.processors.fake.billing import discounts, lines, offers
from recoup.processors.fake.billing.invoices import (
    AUTOMATIC,
    discard_offer,
    draft,
    paying_method,
    refuse_if_processing,
)
from recoup.processors.fake.billing.subscriptions import (
    bill_period,
    checked,
    new_item,
    refuse_ended,
    refuse_incomplete,
)
from recoup.processors.fake.model import Customer, Invoice, Line, Price, Subscription
from recoup.processors.fake.terms import Item, Wanted
from recoup.processors.fake.world import Session, micros

_PRORATIONS: Final = frozenset({"create", "invoice_now", "none"})


def change(s: Session, sub: Subscription, asked: ChangeSubscription) -> Invoice | None:
    """
    Change the items; return the draft that is to be paid now, if there is one.

    A gated change waits for that draft, and only tells of itself once it has to. Where nothing is
    to be billed now it waits for nothing.

    Raises:
        Rejected: ended or not begun, items that can not be, an instant outside the period, a
            bill now while collection is paused or the last offer is being paid, or a gate where
            Stripe has none.
    """
    _check(s, sub, asked)
    wanted = merged(sub.items, asked.items)
    prices = checked(s, wanted)
    if prices[0].currency != sub.currency:
        raise Rejected(f"The subscription is in {sub.currency}, the prices in another currency")
    at = prorated_at(s, sub, asked)
    if asked.at_period_end:
        _schedule(s, sub, wanted)
        return None
    _make_way(s, sub)
    before = offers.kept(sub)
    sub.next_items = None
    same = wanted == _as_wanted(sub.items) and not asked.restart
    if same and before.next_items is None:
        return None
    bill = () if same else _apply(s, sub, wanted, prices, asked, at)
    if bill and sub.pause is not None:
        raise Rejected(f"Collection of {sub.id} is paused: nothing can be billed now")
    s.save(sub)
    made = draft(s, sub, bill, "subscription_update") if bill else None
    if made is not None and asked.gated:
        offers.make(s, sub, before, made)
    else:
        previous = {"items": offers.shown(before.items)}
        events.subscription(s, "customer.subscription.updated", sub, previous)
    return made


def _check(s: Session, sub: Subscription, asked: ChangeSubscription) -> None:
    refuse_ended(sub)
    refuse_incomplete(sub)
    if asked.proration not in _PRORATIONS:
        raise Rejected(f"Invalid proration_behavior: {asked.proration!r}")
    if not asked.items and not asked.restart:
        raise Rejected("You must pass at least one of the items to change")
    if asked.restart and _in_trial(s, sub):
        raise Rejected("billing_cycle_anchor cannot be now during a trial")
    if asked.at_period_end and (asked.gated or asked.restart):
        raise Rejected("A schedule takes neither payment_behavior nor billing_cycle_anchor")
    if not asked.gated:
        return
    if sub.collection != AUTOMATIC:
        raise Rejected("pending_if_incomplete is only for what is charged automatically")
    method = paying_method(s, sub, s.get(Customer, sub.customer))
    if method is not None and method.kind in offers.BANK_DEBITS:
        raise Rejected(f"pending_if_incomplete is not for {method.kind}")


def _make_way(s: Session, sub: Subscription) -> None:
    """Let a newer change take the place of one that waits."""
    if sub.offer is not None:
        refuse_if_processing(s, s.get(Invoice, sub.offer.invoice))
        discard_offer(s, sub)


def merged(items: Sequence[Item], changes: Sequence[ItemChange]) -> list[Wanted]:
    """
    Return the items as they are to be: those not named stay, new ones come last.

    Raises:
        Rejected: an item is unknown or named twice, a new one has no price, or none is left.
    """
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
    asked: ChangeSubscription,
    at: int,
) -> tuple[Line, ...]:
    """Give the subscription its new items; return the lines that are to be billed now."""
    proration = asked.proration
    old = {item.id: item for item in sub.items}
    before = [s.get(Price, item.price) for item in sub.items]
    new = [
        Item(one.item, one.price, one.quantity) if one.item else new_item(s, one) for one in wanted
    ]
    trial = _in_trial(s, sub)
    if not trial and (asked.restart or _begins_anew(before, prices)):
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


def _in_trial(s: Session, sub: Subscription) -> bool:
    return sub.trial_end is not None and s.now < sub.trial_end


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
