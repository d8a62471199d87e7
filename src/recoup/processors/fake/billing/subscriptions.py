"""
Subscriptions: renewed, paused and ended. How they begin is `beginning`.

All items of one share currency and interval, as Stripe's classic billing mode wants it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from recoup.core import states
from recoup.core.states import SubscriptionStatus
from recoup.errors import Rejected
from recoup.processors.fake import events
from recoup.processors.fake.billing import discounts, lines
from recoup.processors.fake.billing.invoices import (
    DAY,
    HOUR,
    close,
    discard_offer,
    draft,
    finalize,
    shelve,
)
from recoup.processors.fake.billing.standing import become
from recoup.processors.fake.model import Invoice, Method, Price, Subscription
from recoup.processors.fake.terms import Item, Line, Pause, Wanted
from recoup.processors.fake.world import Session

#: A subscription whose first payment is not made by then is over. Source: docs.stripe.com,
#: "How subscriptions work", statuses.
FIRST_PAYMENT_WITHIN: Final = 23 * HOUR
LONGEST_TRIAL: Final = 730 * DAY
MOST_ITEMS: Final = 20


def checked(s: Session, wanted: Sequence[Wanted | Item]) -> list[Price]:
    """
    Return the prices of what is wanted.

    Raises:
        Rejected: nothing, too much, a price twice or unknown, no quantity, or prices of more
            than one currency or interval.
    """
    if not 0 < len(wanted) <= MOST_ITEMS:
        raise Rejected(f"A subscription has 1 to {MOST_ITEMS} items, not {len(wanted)}")
    prices = [s.get(Price, one.price) for one in wanted]
    for one in wanted:
        if one.quantity < 1:
            raise Rejected(f"Invalid quantity: {one.quantity}")
    if len({price.id for price in prices}) < len(prices):
        raise Rejected("Cannot add multiple subscription items with the same price")
    if len({price.currency for price in prices}) > 1:
        raise Rejected("All prices on a subscription must have the same currency")
    if len({price.rhythm for price in prices}) > 1:
        raise Rejected("All prices on a subscription must have the same interval and count")
    return prices


def check_trial(s: Session, trial_end: int) -> None:
    """
    Raises:
        Rejected: the trial would end now or earlier, or after more than 730 days.
    """
    if trial_end <= s.now:
        raise Rejected("Invalid timestamp: trial_end must be an instant in the future")
    if trial_end > s.now + LONGEST_TRIAL:
        raise Rejected("trial_end cannot be more than 730 days from now")


def new_item(s: Session, wanted: Wanted) -> Item:
    """Return an item that nothing was billed for yet."""
    return Item(f"si_fake_{s.count('si'):06d}", wanted.price, wanted.quantity)


def own_method(s: Session, method: str, customer: str) -> None:
    """
    Raises:
        Rejected: the method is not the customer's.
    """
    if s.get(Method, method).customer != customer:
        raise Rejected(f"The payment method {method!r} is not the customer's")


def bill_period(s: Session, sub: Subscription, prices: Sequence[Price]) -> tuple[Line, ...]:
    """
    Return the lines of the invoice for the current period, with what waited for it, and keep
    what each item was billed for. A trial costs nothing; a shortened first period its part.
    """
    coupon = discounts.active(s, sub)
    whole = lines.full(sub.items, prices, sub.period_start, sub.period_end)
    trial = sub.trial_end is not None and sub.period_start < sub.trial_end
    if trial:
        for line in whole:
            line.amount, line.description = 0, f"Trial period for {line.description}"
    priced = lines.discounted(whole, coupon, sub.currency)
    for item, line in zip(sub.items, priced, strict=True):
        item.rate = line.amount - line.discount
    if sub.span and not trial:
        for line in whole:
            length = sub.period_end - sub.period_start
            line.amount = lines.part(line.amount, length, sub.span, sub.currency)
        priced = lines.discounted(whole, coupon, sub.currency)
    discounts.spend(sub, coupon, priced)
    waiting, sub.pending = sub.pending, ()
    return waiting + priced


def renew(s: Session, subscription: str) -> None:
    """Begin the next period, if this one is over and there is to be a next."""
    sub = s.get(Subscription, subscription)
    if sub.period_end > s.now or not states.is_live(sub.status):
        return
    if sub.ends_at is not None and sub.ends_at <= s.now:
        end(s, sub, reason="cancellation_requested", comment=sub.end_comment)
        return
    discard_offer(s, sub, expired=True)
    previous: dict[str, Any] = {"latest_invoice": sub.latest_invoice}
    if not s.basil:
        previous |= {
            "current_period_end": sub.period_end,
            "current_period_start": sub.period_start,
        }
    if sub.trial_end == sub.period_end:
        previous["status"], sub.status = sub.status, SubscriptionStatus.ACTIVE
    made = draft(s, sub, next_period(s, sub), "subscription_cycle")
    events.subscription(s, "customer.subscription.updated", sub, previous)
    s.schedule(sub.period_end, "renew", sub.id)
    if sub.pause is None:
        s.schedule(s.now + HOUR, "collect", made.id)
    elif made.auto_advance:  # nobody is to change it any more: it is closed at once
        finalize(s, made)


def next_period(s: Session, sub: Subscription) -> tuple[Line, ...]:
    """Let the next period begin, with the items scheduled for it; return what it bills."""
    at = sub.period_end
    before = s.get(Price, sub.items[0].price).rhythm
    if sub.next_items is not None:
        sub.items = [
            Item(one.item, one.price, one.quantity) if one.item else new_item(s, one)
            for one in sub.next_items
        ]
        sub.next_items = None
    elif sub.schedule is not None:
        _complete(s, sub)
    discounts.drop_if_over(s, sub)
    prices = [s.get(Price, item.price) for item in sub.items]
    if prices[0].rhythm != before:
        sub.anchor = at
    sub.period_start, sub.changed_at, sub.span = at, at, 0
    sub.period_end = prices[0].end_after(sub.anchor, at)
    return bill_period(s, sub, prices)


def _complete(s: Session, sub: Subscription) -> None:
    """Let the schedule go, whose last phase is over."""
    for one in sub.schedules:
        if one.id == sub.schedule:
            one.completed_at = s.now
    sub.schedule = None


def expire(s: Session, subscription: str) -> None:
    """End a subscription whose first payment was never made, and void its invoice."""
    sub = s.get(Subscription, subscription)
    if not states.is_incomplete(sub.status):
        return
    sub.ended_at = s.now
    become(s, sub, SubscriptionStatus.INCOMPLETE_EXPIRED)
    first = None if sub.latest_invoice is None else s.get(Invoice, sub.latest_invoice)
    if first is not None and states.is_owed(first.status):  # somebody may have closed it before
        close(s, first, states.InvoiceStatus.VOID)


def end(s: Session, sub: Subscription, *, reason: str, comment: str | None) -> None:
    """
    End the subscription now. Its open invoices stay owed; its drafts are never finalised.

    One whose first payment was awaited is `incomplete_expired`, as if its time were up, and that
    invoice is void.
    Source: github.com/pay-rails/pay/issues/91, an event of Stripe's.
    """
    discard_offer(s, sub)
    sub.canceled_at = sub.canceled_at or s.now
    sub.end_reason, sub.end_comment = reason, comment
    sub.next_items, sub.pending, sub.pause, sub.schedule = None, (), None, None
    if states.is_incomplete(sub.status):
        expire(s, sub.id)
        return
    sub.ended_at, sub.status = s.now, SubscriptionStatus.CANCELED
    events.subscription(s, "customer.subscription.deleted", s.save(sub))
    for invoice in s.owned(Invoice, sub.id):
        shelve(s, invoice)


def refuse_ended(sub: Subscription) -> None:
    """
    Raises:
        Rejected: the subscription has ended.
    """
    if states.has_ended(sub.status):
        raise Rejected(f"A canceled subscription can only update its metadata: {sub.id}")


def refuse_incomplete(sub: Subscription) -> None:
    """
    Raises:
        Rejected: the subscription waits for its first payment: only its metadata and its
            default method can be changed. Source: docs.stripe.com/api/subscriptions/object.
    """
    if states.is_incomplete(sub.status):
        raise Rejected(f"The subscription {sub.id} is incomplete: its first payment is awaited")


def leave(
    s: Session,
    sub: Subscription,
    comment: str | None,
    *,
    feedback: str | None = None,
    at: int | None = None,
) -> None:
    """
    Let the subscription end at `at`, or with its period instead of renewing.

    What was to become of its items then is forgotten, if it ends before.

    Raises:
        Rejected: it has ended or not begun, or `at` is not in the future.
    """
    refuse_ended(sub)
    refuse_incomplete(sub)
    if at is not None and at <= s.now:
        raise Rejected("Invalid timestamp: cancel_at must be an instant in the future")
    known = (sub.cancel_at_period_end, sub.cancel_at, sub.end_comment, sub.feedback)
    if known == (at is None, at, comment, feedback):
        return
    previous = {
        "cancel_at": sub.ends_at,
        "cancel_at_period_end": sub.cancel_at_period_end,
        "canceled_at": sub.canceled_at,
    }
    sub.cancel_at_period_end, sub.cancel_at = at is None, at
    sub.canceled_at, sub.end_comment, sub.feedback = s.now, comment, feedback
    if at is None or at <= sub.period_end:
        sub.next_items = None
    if at is not None:
        s.schedule(at, "lapse", sub.id)
    events.subscription(s, "customer.subscription.updated", s.save(sub), previous)


def stay(s: Session, sub: Subscription) -> None:
    """
    Forget an end, or a change of items, that is scheduled.

    Raises:
        Rejected: it has ended, or nothing is scheduled.
    """
    refuse_ended(sub)
    if sub.ends_at is None and sub.next_items is None:
        raise Rejected(f"Nothing is scheduled for the subscription {sub.id}")
    previous = {"cancel_at": sub.ends_at, "cancel_at_period_end": sub.cancel_at_period_end}
    if sub.ends_at is not None:
        previous["canceled_at"] = sub.canceled_at
        sub.cancel_at_period_end, sub.cancel_at, sub.canceled_at = False, None, None
        sub.end_comment = sub.feedback = None
    sub.next_items = None
    events.subscription(s, "customer.subscription.updated", s.save(sub), previous)


def extend_trial(s: Session, sub: Subscription, trial_end: int) -> None:
    """
    Let the trial end at `trial_end`, and billing begin there.

    Who is billed for the current period already is credited what is left of it, with the next
    bill, because a trial is free: no time is ever billed twice. That is what Stripe does unless
    it is asked not to prorate.
    Source: docs.stripe.com/billing/subscriptions/billing-cycle, "add a trial".

    Raises:
        Rejected: it has ended or not begun, or Stripe takes no such trial.
    """
    refuse_ended(sub)
    refuse_incomplete(sub)
    check_trial(s, trial_end)
    previous = {
        "billing_cycle_anchor": sub.anchor,
        "status": sub.status,
        "trial_end": sub.trial_end,
    }
    discard_offer(s, sub)
    if sub.trial_end is None or sub.trial_end <= s.now:
        _credit_rest(s, sub)
        sub.trial_start = sub.period_start = sub.changed_at = s.now
        sub.status = SubscriptionStatus.TRIALING
    sub.anchor = sub.trial_end = sub.period_end = trial_end
    sub.span = 0
    s.schedule(trial_end, "renew", sub.id)
    events.subscription(s, "customer.subscription.updated", s.save(sub), previous)


def _credit_rest(s: Session, sub: Subscription) -> None:
    """Have the next bill give back what was billed for the rest of the current period."""
    span = {"at": max(s.now, sub.changed_at), "end": sub.period_end, "whole": sub.whole}
    for item in sub.items:
        sub.pending += tuple(lines.prorated(item, None, sub.currency, **span))
        item.rate = 0


def lapse(s: Session, subscription: str) -> None:
    """End the subscription if this is the instant it was to end at."""
    sub = s.get(Subscription, subscription)
    if sub.cancel_at is not None and sub.cancel_at <= s.now and not states.has_ended(sub.status):
        end(s, sub, reason="cancellation_requested", comment=sub.end_comment)


def unpause(s: Session, subscription: str) -> None:
    """Collect again, if a pause is over by now."""
    sub = s.get(Subscription, subscription)
    until = None if sub.pause is None else sub.pause.resumes_at
    if until is not None and until <= s.now:
        collect_again(s, sub)


def pause(s: Session, sub: Subscription, wanted: Pause) -> None:
    """
    Stop collecting, or go on not collecting in another way.

    Raises:
        Rejected: it has ended or not begun, or is to resume at an instant that is not in the
            future.
    """
    refuse_ended(sub)
    refuse_incomplete(sub)
    if wanted.resumes_at is not None:
        if wanted.resumes_at <= s.now:
            raise Rejected("pause_collection[resumes_at] must be an instant in the future")
        s.schedule(wanted.resumes_at, "unpause", sub.id)
    before, sub.pause = sub.pause, wanted
    if before != wanted:
        told = before and {"behavior": before.behavior, "resumes_at": before.resumes_at}
        previous = {"pause_collection": told}
        events.subscription(s, "customer.subscription.updated", s.save(sub), previous)


def collect_again(s: Session, sub: Subscription) -> None:
    """End the pause, if there is one. Invoices made meanwhile stay what they have become."""
    if sub.pause is not None:
        pause, sub.pause = sub.pause, None
        previous = {
            "pause_collection": {"behavior": pause.behavior, "resumes_at": pause.resumes_at}
        }
        events.subscription(s, "customer.subscription.updated", s.save(sub), previous)
