"""
Subscriptions: starting them, ending them, and everything between that is no change of plan.

A request to end and the end are different things: the request is recorded here, with who, why and
when; the end is the processor's news. Changes of what is bought are `recoup.commands.changes`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

from recoup.commands import coupons, lifecycle
from recoup.commands.base import Kind, Plan, Recording
from recoup.commands.changes import When
from recoup.commands.lifecycle import (
    APPLY,
    BY_DUNNING,
    CANCEL,
    EXTEND,
    PAUSE,
    REMOVE,
    RESUME,
    UNPAUSE,
    UPDATE,
    awaited,
    begun,
    coupon_refusals,
    ending,
    method_of,
    not_over,
    refuse_awaited,
    stays,
)
from recoup.commands.offers import refuse_offered
from recoup.commands.options import verb
from recoup.commands.scheduling import Scheduling
from recoup.commands.starting import not_ours
from recoup.core.billing import metadata as texts
from recoup.core.billing import terms
from recoup.core.billing.requests import (
    ApplyDiscount,
    CancelSubscription,
    ExtendTrial,
    PauseBehavior,
    PauseSubscription,
    RemoveDiscount,
    Request,
    ResumeSubscription,
    UnpauseSubscription,
    UpdateSubscription,
)
from recoup.core.billing.views import Subscription
from recoup.errors import InvalidValue, NotPossible
from recoup.store import views
from recoup.store.views.reading import Ref

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


@dataclass(frozen=True, slots=True)
class Subscriptions(Scheduling):
    """What customers pay for again and again. `subscription` is our id or the processor's."""

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

        Asking again replaces an end that is scheduled. An instant must be to come. What still
        waits for its first payment ends now, whenever it was to: there is nothing to wait for.

        Raises:
            OfferPending: a change of plan is offered and awaits its payment.
        """
        at = terms.whole(when) if isinstance(when, datetime) else None
        asked = {"when": at or when, "reason": reason, "feedback": feedback, "comment": comment}

        def plan(recording: Recording, now: Subscription) -> Plan | None:
            if now.ended:
                return None
            refuse_offered(now)
            terms.future("when", at, recording.now)
            if awaited(now):
                # The loop ends its gate in this very transaction, and asks the processor after.
                request = CancelSubscription(now.processor_id, reason=reason)
                return replace(ending(recording, now, request), decides=True)
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

        def plan(recording: Recording, now: Subscription) -> Plan | Request | None:
            not_over(now)
            if now.end_requested_at is not None and now.end_reason == BY_DUNNING:
                raise NotPossible(f"subscription {now.id} is being ended for its debt")
            if self._taken_back(recording, now):
                now = views.read_subscription(
                    recording.connection, now.id, plans=self.office.plans
                )
                if not (now.cancel_at or now.end_requested_at):
                    return Plan(result=now)
            scheduled = now.cancel_at or now.end_requested_at or now.next_items
            if not scheduled and stays(recording, now):
                return None
            return ResumeSubscription(now.processor_id)

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
            so_already = (now.paused, now.resumes_at) == (behavior, resumes_at)
            if so_already and stays(recording, now):
                return None
            return PauseSubscription(now.processor_id, behavior, resumes_at)

        asked = {"behavior": behavior, "until": resumes_at}
        return self._about(PAUSE, subscription, asked, plan, key)

    @verb
    def unpause(self, subscription: Ref, *, key: str | None = None) -> Subscription:
        """Collect again. What is not paused stays as it is."""

        def plan(recording: Recording, now: Subscription) -> Request | None:
            not_over(now)
            refuse_awaited(now)
            if now.paused is None and stays(recording, now):
                return None
            return UnpauseSubscription(now.processor_id)

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
            if now.trial_end == last and stays(recording, now):
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
        changed = None if metadata is None else texts.checked(not_ours(metadata))
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
            refuse_awaited(now)
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

        def plan(recording: Recording, now: Subscription) -> Request | None:
            not_over(now)
            refuse_awaited(now)
            none = now.coupon is None and now.promotion_code is None
            if none and stays(recording, now):
                return None
            return RemoveDiscount(now.processor_id)

        return self._about(REMOVE, subscription, {}, plan, key)
