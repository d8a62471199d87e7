"""
Subscriptions at Stripe: ended, or not after all; paused, kept on trial, paid with another method,
and discounted.

What a request did is found again by its events; see `tracing`. Stripe keeps no keys of deletions,
so an end that is there is taken for ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final, Literal

from stripe.params import SubscriptionUpdateParams, SubscriptionUpdateParamsPauseCollection

from recoup.core import states
from recoup.core.billing.requests import (
    ApplyDiscount,
    CancelSubscription,
    ExtendTrial,
    PauseSubscription,
    RemoveDiscount,
    ResumeSubscription,
    UnpauseSubscription,
    UpdateSubscription,
)
from recoup.errors import Rejected
from recoup.processors.stripe.calls.client import Client, Reply
from recoup.processors.stripe.calls.errors import Denied
from recoup.processors.stripe.calls.looking import as_it_is, look
from recoup.processors.stripe.calls.tracing import earliest, events_of
from recoup.processors.stripe.desk import schedules
from recoup.processors.stripe.desk.subscribing import (
    WHOLE,
    Json,
    discount,
    has_ended,
    read,
    retrieve,
    second,
    status,
    told,
)
from recoup.processors.stripe.desk.told import Told, Way

About = (
    CancelSubscription
    | ResumeSubscription
    | PauseSubscription
    | UnpauseSubscription
    | ExtendTrial
    | UpdateSubscription
    | ApplyDiscount
    | RemoveDiscount
)
_CHANGED: Final = ("customer.subscription.updated", "customer.subscription.deleted")


def _change(client: Client, id_: str, params: SubscriptionUpdateParams, key: str) -> Told:
    wanted: SubscriptionUpdateParams = {**params, "expand": WHOLE}
    made = client.do(
        lambda sdk, options: sdk.v1.subscriptions.update(id_, wanted, options), key=key
    )
    return told(client, as_it_is(client, made, read(id_)), billed=False)


def find(client: Client, asked: About, key: str, at: datetime) -> Told | None:
    """Return the subscription, if an event of it bears the key."""
    reply = look(client, read(asked.subscription))
    if reply is None or not events_of(client, key, at, _CHANGED):
        return None
    return told(client, reply, billed=False)


# -- ended, or not after all ------------------------------------------------------------------


def cancel(client: Client, asked: CancelSubscription, key: str) -> Told:
    """
    End a subscription, or let it end. What has ended already is left as it is.

    A change that was to come with the next period is called off, where there is none; Stripe
    wants to know nothing of an end while a schedule manages the subscription. Stripe has no place
    for a reason of ours but the comment: it is put there when nothing else is to be said.

    Raises:
        Rejected: Stripe does not take it; or it is to end later than its period, and something
            else is to come before.
    """
    now = retrieve(client, asked.subscription)
    if has_ended(now.body):
        return _ended(client, now)
    reason = None if asked.reason == "requested" else asked.reason
    details = {"comment": asked.comment or reason or "", "feedback": asked.feedback or ""}
    if not asked.at_period_end and asked.at is None:
        return _end(client, asked.subscription, details)
    _make_way(client, now.body, asked, key)
    params: SubscriptionUpdateParams = {
        "cancellation_details": {"comment": details["comment"], "feedback": details["feedback"]},
        "proration_behavior": "none",
    }
    if asked.at_period_end:
        params["cancel_at_period_end"] = True
    if asked.at is not None:
        params["cancel_at"] = second(asked.at)
    return _change(client, asked.subscription, params, key)


def _end(client: Client, id_: str, details: Mapping[str, str]) -> Told:
    try:
        gone = client.do(
            lambda sdk, options: sdk.v1.subscriptions.cancel(
                id_,
                {
                    "cancellation_details": {
                        "comment": details["comment"],
                        "feedback": details["feedback"],
                    },
                    "expand": WHOLE,
                },
                options,
            )
        )
    except Denied as error:
        found = look(client, read(id_)) if error.missing else None
        if found is None or not has_ended(found.body):
            raise
        return _ended(client, found)  # somebody was faster
    return _ended(client, gone)


def _ended(client: Client, reply: Reply) -> Told:
    """Say that it has ended; where it never began its bill is void, and nothing else is new."""
    said = told(client, reply, billed=False)
    bill = reply.body["latest_invoice"]
    if bill is None or not states.gave_up_first_payment(status(reply.body)):
        return said
    return replace(said, shown=(*said.shown, bill))


def _make_way(client: Client, sub: Json, asked: CancelSubscription, key: str) -> None:
    schedule = schedules.ours(client, sub)
    if schedule is None:
        return
    later = asked.at is not None and second(asked.at) > schedules.period(sub)[1]
    if later and schedules.coming(client, sub):
        raise Rejected(
            f"A change of {sub['id']} is scheduled before its end: call it off, or let it end"
            " with its period"
        )
    schedules.release(client, schedule, key)


def find_cancelled(
    client: Client, asked: CancelSubscription, key: str, at: datetime
) -> Told | None:
    if asked.at_period_end or asked.at is not None:
        return find(client, asked, key, at)
    reply = look(client, read(asked.subscription))
    return _ended(client, reply) if reply and has_ended(reply.body) else None


def resume(client: Client, asked: ResumeSubscription, key: str) -> Told:
    """
    Undo an end, or a change, that is scheduled.

    Raises:
        Rejected: it has ended, or nothing is scheduled.
    """
    sub = retrieve(client, asked.subscription)
    if has_ended(sub.body):
        raise Rejected(f"A canceled subscription can only update its metadata: {sub.body['id']}")
    if sub.body["cancel_at_period_end"]:
        return _change(client, asked.subscription, {"cancel_at_period_end": False}, key)
    if sub.body["cancel_at"] is not None:
        return _change(client, asked.subscription, {"cancel_at": ""}, key)
    schedule = schedules.ours(client, sub.body)
    if schedule is not None and schedules.coming(client, sub.body):
        schedules.release(client, schedule, key, alone=True)
        return told(client, retrieve(client, asked.subscription), billed=False)
    return _again(client, sub, key, f"Nothing is scheduled for the subscription {sub.body['id']}")


def _again(client: Client, sub: Reply, key: str, refusal: str) -> Told:
    """
    Return the answer of a request that was made before: nothing is left of it to do.

    Raises:
        Rejected: there never was.
    """
    if not events_of(client, key, earliest(sub.at), _CHANGED):
        raise Rejected(refusal, request_id=sub.request_id)
    return told(client, sub, billed=False)


# -- paused -----------------------------------------------------------------------------------


def pause(client: Client, asked: PauseSubscription, key: str) -> Told:
    """Stop collecting. The subscription goes on."""
    how: SubscriptionUpdateParamsPauseCollection = {"behavior": asked.behavior}
    if asked.resumes_at is not None:
        how["resumes_at"] = second(asked.resumes_at)
    return _change(client, asked.subscription, {"pause_collection": how}, key)


def unpause(client: Client, asked: UnpauseSubscription, key: str) -> Told:
    """Collect again; what is not paused is left as it is."""
    return _change(client, asked.subscription, {"pause_collection": ""}, key)


# -- kept -------------------------------------------------------------------------------------


def extend(client: Client, asked: ExtendTrial, key: str) -> Told:
    """
    Let the trial end at an instant to come.

    What is left of a period that is paid already is credited, because a trial is free.
    """
    params: SubscriptionUpdateParams = {
        "proration_behavior": "create_prorations",
        "trial_end": second(asked.trial_end),
    }
    return _change(client, asked.subscription, params, key)


def update(client: Client, asked: UpdateSubscription, key: str) -> Told:
    """
    Change the method or the metadata. Of what has ended only the metadata; "" takes the
    subscription's own method away.
    """
    params: SubscriptionUpdateParams = {}
    if asked.default_method is not None:
        params["default_payment_method"] = asked.default_method
    if asked.metadata:
        params["metadata"] = dict(asked.metadata)
    return _change(client, asked.subscription, params, key)


def apply(client: Client, asked: ApplyDiscount, key: str) -> Told:
    """
    Give the subscription a discount in the place of any other.

    Raises:
        Rejected: neither or both are named, or Stripe does not let them be redeemed.
    """
    wanted = discount(asked.coupon, asked.promotion_code)
    if not wanted:
        raise Rejected("You must pass one of coupon and promotion_code")
    (one,) = wanted
    return _change(client, asked.subscription, {"discounts": [{**one}]}, key)


def remove(client: Client, asked: RemoveDiscount, key: str) -> Told:
    """
    Raises:
        Rejected: it has ended, or has no discount.
    """
    sub = retrieve(client, asked.subscription)
    if not sub.body["discounts"]:
        return _again(client, sub, key, f"No active discount for subscription: {sub.body['id']}")
    nothing: Literal[""] = ""
    return _change(client, asked.subscription, {"discounts": nothing}, key)


WAYS: Final[Mapping[type, Way]] = {
    CancelSubscription: Way(cancel, find_cancelled),
    ResumeSubscription: Way(resume, find),
    PauseSubscription: Way(pause, find),
    UnpauseSubscription: Way(unpause, find),
    ExtendTrial: Way(extend, find),
    UpdateSubscription: Way(update, find),
    ApplyDiscount: Way(apply, find),
    RemoveDiscount: Way(remove, find),
}
