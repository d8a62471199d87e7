"""Subscriptions, as the host begins, ends, pauses and keeps them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from recoup.core import states
from recoup.core.billing.requests import (
    CancelSubscription,
    ExtendTrial,
    PauseSubscription,
    ResumeSubscription,
    StartSubscription,
    UnpauseSubscription,
    UpdateSubscription,
)
from recoup.errors import Rejected
from recoup.processors.fake import billing, customers, events, payments
from recoup.processors.fake.billing import discounts, subscriptions
from recoup.processors.fake.desk import metadata
from recoup.processors.fake.desk.told import Told, to_pay
from recoup.processors.fake.model import Intent, Invoice, Subscription
from recoup.processors.fake.terms import Pause, Wanted
from recoup.processors.fake.world import Session, micros

#: Stripe's words for why somebody leaves. Source: docs.stripe.com/api/subscriptions/object,
#: `cancellation_details.feedback`.
FEEDBACK: Final = frozenset(
    "customer_service low_quality missing_features other switched_service too_complex "
    "too_expensive unused".split()
)
_BEHAVIORS: Final = frozenset({"void", "keep_as_draft", "mark_uncollectible"})


def start(s: Session, asked: StartSubscription) -> Told:
    """
    Begin a subscription and try its first invoice, the customer being there.

    The status is Stripe's, or "requires_action" when the customer must authenticate. A declined
    first payment leaves it incomplete, as does one that waits for its customer; 23 h later it is
    over.
    """
    owner = customers.living(s, asked.customer)
    wanted = [Wanted(one.price, one.quantity) for one in asked.items]
    subscriptions.checked(s, wanted)
    begun = billing.subscribe(
        s,
        owner,
        wanted,
        trial_end=second(asked.trial_end),
        anchor=second(asked.anchor),
        days_until_due=_days(asked),
        method=asked.default_method,
        metadata=metadata.merged({}, asked.metadata),
        discount=discounts.redeem(
            s, owner, wanted, coupon=asked.coupon, promotion_code=asked.promotion_code
        ),
        backdate=second(asked.backdate),
        prorate=asked.prorate,
    )
    payments.begin(s, begun, authenticated=False)
    if not states.is_incomplete(begun.status):
        return Told(begun.id, begun.status)
    intent = s.get(Intent, str(s.get(Invoice, str(begun.latest_invoice)).intent))
    if intent.tries and states.awaits_customer(intent.tries[-1].state):
        return Told(begun.id, "requires_action", to_pay(s, intent))
    return Told(begun.id, begun.status)


def second(at: datetime | None) -> int | None:
    """Return the whole second of an instant: Stripe's clock has no fractions."""
    return None if at is None else micros(at) // 1_000_000


def _days(asked: StartSubscription) -> int | None:
    if asked.collection == billing.AUTOMATIC:
        if asked.days_until_due is not None:
            raise Rejected("You can only pass days_until_due if collection is send_invoice")
        return None
    if asked.days_until_due is None or asked.days_until_due < 1:
        raise Rejected("days_until_due must be given, and positive, if invoices are sent")
    return asked.days_until_due


def cancel(s: Session, asked: CancelSubscription) -> Told:
    """
    End a subscription, or let it end. What has ended already is left as it is.

    Stripe has no place for a reason of ours but the comment: it is put there when nothing else
    is to be said.
    """
    sub = s.get(Subscription, asked.subscription)
    if asked.feedback is not None and asked.feedback not in FEEDBACK:
        raise Rejected(f"Invalid cancellation_details[feedback]: {asked.feedback!r}")
    if asked.at_period_end and asked.at is not None:
        raise Rejected("You may only specify one of these: cancel_at, cancel_at_period_end")
    if states.has_ended(sub.status):
        return Told(sub.id, sub.status)
    reason = None if asked.reason == "requested" else asked.reason
    comment = asked.comment or reason
    if asked.at_period_end or asked.at is not None:
        billing.leave(s, sub, comment, feedback=asked.feedback, at=second(asked.at))
    else:
        sub.feedback = asked.feedback
        billing.end(s, sub, reason="cancellation_requested", comment=comment)
    return Told(sub.id, sub.status)


def resume(s: Session, asked: ResumeSubscription) -> Told:
    sub = s.get(Subscription, asked.subscription)
    subscriptions.stay(s, sub)
    return Told(sub.id, sub.status)


def pause(s: Session, asked: PauseSubscription) -> Told:
    if asked.behavior not in _BEHAVIORS:
        raise Rejected(f"Invalid pause_collection[behavior]: {asked.behavior!r}")
    sub = s.get(Subscription, asked.subscription)
    subscriptions.pause(s, sub, Pause(asked.behavior, second(asked.resumes_at)))
    return Told(sub.id, sub.status)


def unpause(s: Session, asked: UnpauseSubscription) -> Told:
    """Collect again; what is not paused is left as it is."""
    sub = s.get(Subscription, asked.subscription)
    subscriptions.refuse_ended(sub)
    subscriptions.collect_again(s, sub)
    return Told(sub.id, sub.status)


def extend(s: Session, asked: ExtendTrial) -> Told:
    sub = s.get(Subscription, asked.subscription)
    subscriptions.extend_trial(s, sub, micros(asked.trial_end) // 1_000_000)
    return Told(sub.id, sub.status)


def update(s: Session, asked: UpdateSubscription) -> Told:
    """
    Change the method or the metadata. Of what has ended only the metadata; "" takes the
    subscription's own method away.
    """
    sub = s.get(Subscription, asked.subscription)
    texts = metadata.merged(sub.metadata, asked.metadata)
    previous: dict[str, object] = {}
    if asked.default_method is not None:
        subscriptions.refuse_ended(sub)
        if asked.default_method:
            subscriptions.own_method(s, asked.default_method, sub.customer)
        if (asked.default_method or None) != sub.default_method:
            previous["default_payment_method"] = sub.default_method
            sub.default_method = asked.default_method or None
    if texts != sub.metadata:
        changed = {key for key, _ in texts.items() ^ sub.metadata.items()}
        previous["metadata"] = {key: sub.metadata.get(key) for key in sorted(changed)}
        sub.metadata = texts
    if previous:
        events.subscription(s, "customer.subscription.updated", s.save(sub), previous)
    return Told(sub.id, sub.status)


ANSWERS: Final[Mapping[type, Callable[[Session, Any], Told]]] = {
    StartSubscription: start,
    CancelSubscription: cancel,
    ResumeSubscription: resume,
    PauseSubscription: pause,
    UnpauseSubscription: unpause,
    ExtendTrial: extend,
    UpdateSubscription: update,
}
