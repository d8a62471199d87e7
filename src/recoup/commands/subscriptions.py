"""
Subscriptions: starting them, ending them, and everything between that is no change of plan.

A request to end and the end are different things: the request is recorded here, with who, why and
when; the end is the processor's news. Changes of what is bought are `recoup.commands.changes`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from recoup.commands import coupons, lifecycle
from recoup.commands.base import Kind, Plan, Recording
from recoup.commands.changes import Changes, When
from recoup.commands.coupons import Ref
from recoup.commands.lifecycle import (
    APPLY,
    BY_DUNNING,
    CANCEL,
    EXTEND,
    PAUSE,
    REMOVE,
    RESUME,
    START,
    UNPAUSE,
    UPDATE,
    Wish,
    begun,
    coupon_refusals,
    ending,
    method_of,
    not_over,
    starting,
)
from recoup.commands.options import verb
from recoup.core.billing import metadata as texts
from recoup.core.billing import terms
from recoup.core.billing.items import Prices, count, wanted
from recoup.core.billing.requests import (
    ApplyDiscount,
    CancelSubscription,
    Collection,
    ExtendTrial,
    ItemWanted,
    PauseBehavior,
    PauseSubscription,
    RemoveDiscount,
    Request,
    ResumeSubscription,
    UnpauseSubscription,
    UpdateSubscription,
)
from recoup.core.billing.views import Started, Subscription
from recoup.errors import InvalidValue, NotPossible, UnknownOption
from recoup.store import views

Reason = Literal[
    "requested", "payment_failed", "timeout", "dunning_exhausted", "processor", "fraud"
]
Feedback = Literal[
    "customer_service",
    "low_quality",
    "missing_features",
    "other",
    "switched_service",
    "too_complex",
    "too_expensive",
    "unused",
]

KINDS: Final[Sequence[Kind[Any]]] = lifecycle.KINDS

#: What is to be asked of a subscription as it is now; None: it is as it should be already.
_Decide = Callable[[Recording, Subscription], Plan | Request | None]


@dataclass(frozen=True, slots=True)
class Subscriptions(Changes):
    """What customers pay for again and again. `subscription` is our id or the processor's."""

    @verb
    def start(
        self,
        customer: Ref,
        prices: Prices,
        *,
        quantity: int = 1,
        trial_days: int | None = None,
        trial_end: datetime | None = None,
        anchor: datetime | None = None,
        coupon: Ref | None = None,
        promotion_code: Ref | None = None,
        default_method: Ref | None = None,
        metadata: Mapping[str, str] | None = None,
        collection: Collection = "charge_automatically",
        days_until_due: int | None = None,
        allow_duplicate: bool = False,
        gate: object = None,
        key: str | None = None,
    ) -> Started:
        """
        Start a subscription; the customer is there, so a first payment that fails makes no debt.

        Args:
            prices: One; several; each with its quantity, else `quantity`; or price -> quantity.
            trial_days, trial_end: Up to 730 days from now; one of them, and no anchor.
            anchor: When the second period begins; within the first one's length.
            allow_duplicate: Start it even if the customer has this plan already.

        Raises:
            DuplicatePlan: the customer has this plan, or a start of it is under way.
            CouponRefused: the coupon or code can not be used here and now.
        """
        if gate is not None:
            raise UnknownOption("subscriptions.start(): gate is not available yet")
        terms.at_most_one(trial_days=trial_days, trial_end=trial_end, anchor=anchor)
        terms.at_most_one(coupon=coupon, promotion_code=promotion_code)
        _due_in(collection, days_until_due)
        wish = Wish(
            _items(prices, count(quantity)),
            None if trial_days is None else count(trial_days, "trial_days"),
            terms.whole(trial_end),
            terms.whole(anchor),
            coupon,
            promotion_code,
            default_method,
            texts.merged({}, metadata or {}),
            collection,
            days_until_due,
            allow_duplicate,
        )
        with self.office.reading() as connection:
            owner = views.read_customer(connection, customer).id
        with coupon_refusals():
            return self.office.run(
                START,
                asked={"customer": owner, "start": wish},
                prepare=lambda recording: starting(recording, owner, wish, self.office.plans),
                customer=owner,
                key=key,
            )

    @verb
    def cancel(
        self,
        subscription: Ref,
        *,
        when: When | datetime = "now",
        reason: Reason = "requested",
        feedback: Feedback | None = None,
        comment: str | None = None,
        key: str | None = None,
    ) -> Subscription:
        """
        End it now, with the period that is paid, or at an instant. What has ended stays as it is.

        Asking again replaces an end that is scheduled. An instant must be to come.
        """
        at = terms.whole(when) if isinstance(when, datetime) else None
        asked = {"when": at or when, "reason": reason, "feedback": feedback, "comment": comment}

        def plan(recording: Recording, now: Subscription) -> Plan | None:
            if now.ended:
                return None
            terms.future("when", at, recording.now)
            request = CancelSubscription(
                now.processor_id,
                at_period_end=when == "period_end",
                at=at,
                reason=reason,
                feedback=feedback,
                comment=comment,
            )
            return ending(recording, now, request)

        return self._about(CANCEL, subscription, asked, plan, key)

    @verb
    def resume(self, subscription: Ref, *, key: str | None = None) -> Subscription:
        """
        Undo an end, or a change, that is scheduled. Where nothing is, nothing happens.

        Raises:
            NotPossible: it has ended, or is being ended for a debt.
        """

        def plan(_recording: Recording, now: Subscription) -> Request | None:
            not_over(now)
            if now.end_requested_at is not None and now.end_reason == BY_DUNNING:
                raise NotPossible(f"subscription {now.id} is being ended for its debt")
            scheduled = now.cancel_at or now.end_requested_at or now.next_items
            return ResumeSubscription(now.processor_id) if scheduled else None

        return self._about(RESUME, subscription, {}, plan, key)

    @verb
    def pause(
        self,
        subscription: Ref,
        *,
        behavior: PauseBehavior = "void",
        until: datetime | None = None,
        key: str | None = None,
    ) -> Subscription:
        """Stop collecting, `until` an instant to come or until it is unpaused."""
        resumes_at = terms.whole(until)

        def plan(recording: Recording, now: Subscription) -> Request | None:
            begun(now)
            terms.future("until", resumes_at, recording.now)
            if (now.paused, now.resumes_at) == (behavior, resumes_at):
                return None
            return PauseSubscription(now.processor_id, behavior, resumes_at)

        asked = {"behavior": behavior, "until": resumes_at}
        return self._about(PAUSE, subscription, asked, plan, key)

    @verb
    def unpause(self, subscription: Ref, *, key: str | None = None) -> Subscription:
        """Collect again. What is not paused stays as it is."""

        def plan(_recording: Recording, now: Subscription) -> Request | None:
            not_over(now)
            return None if now.paused is None else UnpauseSubscription(now.processor_id)

        return self._about(UNPAUSE, subscription, {}, plan, key)

    @verb
    def extend_trial(
        self, subscription: Ref, until: datetime, *, key: str | None = None
    ) -> Subscription:
        """
        Let the trial end later; the next bill comes with its end.

        Raises:
            InvalidValue: `until` is not within 730 days, or before the trial's end as it is.
        """
        last = terms.whole(until)

        def plan(recording: Recording, now: Subscription) -> Request | None:
            begun(now)
            if now.trial_end == last:
                return None
            terms.trial_end(None, last, recording.now)
            if now.trial_end is not None and last < now.trial_end:
                raise InvalidValue(f"until: the trial ends later already, {now.trial_end}")
            return ExtendTrial(now.processor_id, last)

        return self._about(EXTEND, subscription, {"until": last}, plan, key)

    @verb
    def update(
        self,
        subscription: Ref,
        *,
        metadata: Mapping[str, str] | None = None,
        default_method: Ref | None = None,
        key: str | None = None,
    ) -> Subscription:
        """Merge metadata (an empty value deletes its key), or pay with another method."""
        changed = None if metadata is None else texts.checked(metadata)
        if changed is None and default_method is None:
            raise InvalidValue("expected metadata or default_method")

        def plan(recording: Recording, now: Subscription) -> Request | None:
            not_over(now)
            texts.merged(now.metadata, changed or {})
            method = method_of(recording, now.customer_id, default_method)
            return UpdateSubscription(now.processor_id, method, changed)

        asked = {"metadata": changed, "default_method": default_method}
        return self._about(UPDATE, subscription, asked, plan, key)

    @verb
    def apply_discount(
        self,
        subscription: Ref,
        *,
        coupon: Ref | None = None,
        promotion_code: Ref | None = None,
        key: str | None = None,
    ) -> Subscription:
        """
        Lower its invoices from the next one on. It replaces any other discount.

        Raises:
            CouponRefused: the coupon or code can not be used here and now.
        """
        if (coupon is None) == (promotion_code is None):
            raise InvalidValue("expected exactly one of coupon and promotion_code")

        def plan(recording: Recording, now: Subscription) -> Request | None:
            not_over(now)
            used = coupons.redeem(
                recording,
                views.read_customer(recording.connection, now.customer_id),
                coupon=coupon,
                promotion_code=promotion_code,
                prices=[item.price for item in now.items],
                subscription_id=now.id,
            )
            return ApplyDiscount(now.processor_id, used.coupon, used.promotion_code)

        asked = {"coupon": coupon, "promotion_code": promotion_code}
        with coupon_refusals():
            return self._about(APPLY, subscription, asked, plan, key)

    @verb
    def remove_discount(self, subscription: Ref, *, key: str | None = None) -> Subscription:
        """Take the discount away. Where there is none, nothing happens."""

        def plan(_recording: Recording, now: Subscription) -> Request | None:
            not_over(now)
            none = now.coupon is None and now.promotion_code is None
            return None if none else RemoveDiscount(now.processor_id)

        return self._about(REMOVE, subscription, {}, plan, key)


def _items(prices: Prices, usual: int) -> tuple[ItemWanted, ...]:
    return tuple(ItemWanted(each.price, each.quantity or usual) for each in wanted(prices))


def _due_in(collection: Collection, days_until_due: int | None) -> None:
    sent = collection == "send_invoice"
    if sent != (days_until_due is not None):
        raise InvalidValue("days_until_due belongs to send_invoice, which needs it")
    if days_until_due is not None:
        count(days_until_due, "days_until_due")
