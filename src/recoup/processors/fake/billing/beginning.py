"""
How a subscription begins: now, with a trial, with an anchor to come, or a while ago.

Left out: a trial of what began a while ago; Stripe takes it.
"""

from __future__ import annotations

from collections.abc import Sequence

from recoup.core.states import SubscriptionStatus
from recoup.errors import Rejected
from recoup.processors.fake import events
from recoup.processors.fake.billing import discounts, lines
from recoup.processors.fake.billing.invoices import AUTOMATIC, draft
from recoup.processors.fake.billing.subscriptions import (
    bill_period,
    check_trial,
    checked,
    new_item,
    own_method,
)
from recoup.processors.fake.model import Customer, Price, Subscription, instant
from recoup.processors.fake.terms import Discount, Line, Wanted
from recoup.processors.fake.world import Session


def subscribe(
    s: Session,
    owner: Customer,
    wanted: Sequence[Wanted],
    *,
    trial_end: int | None,
    anchor: int | None,
    days_until_due: int | None,
    method: str | None,
    metadata: dict[str, str],
    discount: Discount | None = None,
    backdate: int | None = None,
    prorate: bool = True,
) -> Subscription:
    """
    Begin a subscription and draft its first invoice (nothing is due during a trial).

    What has run since `backdate` is billed at once. Without `prorate` it is not, and the stretch
    up to an anchor costs nothing: then the subscription is active and there is no invoice.
    Source: docs.stripe.com, "Backdate subscriptions" and "Disable prorations".

    Raises:
        Rejected: no method to pay with, another currency than the customer's, prices that do
            not go together, or a trial, an anchor or a beginning that Stripe would not take.
    """
    prices = checked(s, wanted)
    first = prices[0]
    _check_times(s, trial_end, anchor, backdate)
    full_end = first.end_after(s.now, s.now)
    free = anchor is not None and not prorate
    new = Subscription(
        id=s.new_id(Subscription),
        created=s.now,
        customer=owner.id,
        items=[new_item(s, one) for one in wanted],
        currency=first.currency,
        status=_first_status(trial_end, days_until_due, free=free),
        anchor=anchor or trial_end or s.now,
        period_start=s.now,
        period_end=anchor or trial_end or full_end,
        span=0 if anchor is None else full_end - s.now,
        changed_at=s.now,
        discount=discount,
        collection=AUTOMATIC if days_until_due is None else "send_invoice",
        days_until_due=days_until_due,
        started=backdate or 0,
        trial_start=None if trial_end is None else s.now,
        trial_end=trial_end,
        default_method=method,
        metadata=metadata,
    )
    _check(s, new, owner, full_end)
    _tie_currency(s, owner, first.currency)
    s.save(new, owner=owner.id)
    s.schedule(new.period_end, "renew", new.id)
    events.subscription(s, "customer.subscription.created", new)
    if not free:
        bill = _bill(s, new, prices, since=backdate if prorate else None, anchored=bool(anchor))
        draft(s, new, bill, "subscription_create")
    return new


def _tie_currency(s: Session, owner: Customer, currency: str) -> None:
    if owner.currency != currency:
        owner.currency = currency
        s.save(owner)


def _check_times(
    s: Session, trial_end: int | None, anchor: int | None, backdate: int | None
) -> None:
    if trial_end is not None and anchor is not None:
        raise Rejected("a trial ends on the anchor; give one of them")
    if trial_end is not None:
        check_trial(s, trial_end)
    if backdate is None:
        return
    if backdate >= s.now:
        raise Rejected("backdate_start_date must be in the past")
    if trial_end is not None:
        raise Rejected("a trial of what began a while ago is left out of the fake")


def _first_status(
    trial_end: int | None, days_until_due: int | None, *, free: bool
) -> SubscriptionStatus:
    if trial_end is not None:
        return SubscriptionStatus.TRIALING
    charged = days_until_due is None and not free
    return SubscriptionStatus.INCOMPLETE if charged else SubscriptionStatus.ACTIVE


def _check(s: Session, new: Subscription, owner: Customer, full_end: int) -> None:
    if owner.currency not in {None, new.currency}:
        raise Rejected("You cannot combine currencies on a single customer")
    if new.default_method is not None:
        own_method(s, new.default_method, owner.id)
    elif new.collection == AUTOMATIC and owner.default_method is None:
        raise Rejected("This customer has no attached payment source or default payment method")
    if new.trial_end is None and not s.now < new.period_end <= full_end:
        raise Rejected("billing_cycle_anchor cannot be later than next natural billing date")


def _bill(
    s: Session, new: Subscription, prices: Sequence[Price], *, since: int | None, anchored: bool
) -> tuple[Line, ...]:
    """
    Return the lines of the first invoice.

    What has run `since` is a line an item. With an anchor to come that line goes up to it;
    without one the first whole period follows. Both are measured in periods that begin at `since`.
    """
    coupon = discounts.active(s, new)
    period = bill_period(s, new, prices)
    if since is None:
        return period
    end = new.period_end if anchored else s.now
    ran = tuple(
        Line(
            description=f"{item.quantity} × {item.price} since {instant(since):%d %b %Y}",
            amount=lines.stretch(price, price.amount * item.quantity, since, end),
            start=since,
            end=end,
            quantity=item.quantity,
            price=item.price,
            item=item.id,
        )
        for item, price in zip(new.items, prices, strict=True)
    )
    return lines.discounted(ran if anchored else ran + period, coupon, new.currency)
