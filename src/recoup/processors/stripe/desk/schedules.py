"""
Changes for the end of a period: a schedule of Stripe's, made of the subscription, with what it is
until then as its first phase and what it becomes as the second.

Stripe shows them on the schedule and not on the subscription. So a schedule of ours bears the key
of the request, by which it is found again, and what is to come is kept with us.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import stripe
from stripe.params import (
    SubscriptionScheduleListParams,
    SubscriptionScheduleUpdateParams,
    SubscriptionScheduleUpdateParamsPhase,
    SubscriptionScheduleUpdateParamsPhaseItem,
)

from recoup.core.billing.requests import ChangeSubscription, ItemChange
from recoup.errors import Rejected
from recoup.processors.stripe.calls.client import Client, Reply
from recoup.processors.stripe.calls.errors import Denied
from recoup.processors.stripe.calls.looking import look, mark_of
from recoup.processors.stripe.desk.subscribing import (
    CLOVER,
    Json,
    read,
    refuse_quantity,
    retrieve,
    told,
)
from recoup.processors.stripe.desk.told import Told
from recoup.processors.stripe.shapes import OURS

_PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Piece:
    """One item as it is to be; without an id it is new."""

    price: str
    quantity: int
    item: str | None = None


def period(subscription: Json) -> tuple[int, int]:
    """Return the first and the last second of the current period: its first item's, now."""
    items = subscription["items"]["data"]
    holder = subscription if "current_period_end" in subscription else items[0]
    return holder["current_period_start"], holder["current_period_end"]


def pieces(subscription: Json) -> list[Piece]:
    """Return the items as they are."""
    return [
        Piece(one["price"]["id"], one.get("quantity") or 1, one["id"])
        for one in subscription["items"]["data"]
    ]


def after(subscription: Json, changes: Sequence[ItemChange]) -> list[Piece]:
    """
    Return the items as `changes` make them: those not named stay, new ones come last.

    Raises:
        Rejected: an item is unknown or named twice, a new one has no price, none is left, or a
            quantity is below 1.
    """
    have = pieces(subscription)
    named = [one.item for one in changes if one.item is not None]
    if len(set(named)) < len(named) or not set(named) <= {one.item for one in have}:
        raise Rejected(f"No such subscription items, or one named twice: {sorted(named)}")
    by_item = {one.item: one for one in changes if one.item is not None}
    kept = [(one, by_item.get(one.item or "", ItemChange(one.item))) for one in have]
    result = [
        Piece(to.price or one.price, to.quantity or one.quantity, one.item)
        for one, to in kept
        if not to.removed
    ]
    for one in changes:
        if one.quantity is not None:
            refuse_quantity(one.quantity)
        if one.item is None:
            if not one.price or one.removed:
                raise Rejected("A new subscription item must have a price")
            result.append(Piece(one.price, one.quantity or 1))
    if not result:
        raise Rejected("A subscription must have at least one active item")
    return result


# -- asked for --------------------------------------------------------------------------------


def arrange(client: Client, now: Reply, asked: ChangeSubscription, key: str) -> Told:
    """
    Have the subscription become something else with its next period; the newest such request
    holds. To become what it is is to have nothing scheduled.

    Raises:
        Rejected: it is to end, or Stripe does not take the items.
    """
    sub = now.body
    wanted = after(sub, asked.items)
    if sub["cancel_at"] is not None:
        raise Rejected(f"The subscription {sub['id']} is set to cancel: resume it first")
    schedule = ours(client, sub)
    if wanted == pieces(sub):
        if schedule is not None:
            release(client, schedule, key, alone=True)
        return told(client, retrieve(client, sub["id"]), billed=False)
    schedule = schedule or _made(client, sub, key)
    params = _phases(client, sub, wanted)
    params["metadata"] = {OURS: key}
    client.do(
        lambda sdk, options: sdk.v1.subscription_schedules.update(schedule, params, options),
        key=key,
    )
    return told(client, retrieve(client, sub["id"]), billed=False)


def _made(client: Client, sub: Json, key: str) -> str:
    made = client.do(
        lambda sdk, options: sdk.v1.subscription_schedules.create(
            {"from_subscription": sub["id"]}, options
        ),
        key=f"{key}:schedule",
    )
    return str(made.body["id"])


def _phases(
    client: Client, sub: Json, wanted: Sequence[Piece]
) -> SubscriptionScheduleUpdateParams:
    start, end = period(sub)
    first: SubscriptionScheduleUpdateParamsPhase = {
        "start_date": start,
        "end_date": end,
        "items": [_item(sub, one) for one in pieces(sub)],
    }
    if sub["trial_end"] == end:
        first["trial_end"] = end
    then: SubscriptionScheduleUpdateParamsPhase = {
        "items": [_item(sub, one) for one in wanted],
        "proration_behavior": "none",
    }
    discounts = sub["discounts"]
    if discounts:  # a phase that does not name them takes them away
        first["discounts"] = [{"discount": one["id"]} for one in discounts]
        then["discounts"] = [{"discount": one["id"]} for one in discounts]
    if client.version[:10] >= CLOVER:
        interval = _interval(client, sub, wanted[0].price)
        then["duration"] = {
            "interval": interval["interval"],
            "interval_count": interval["interval_count"],
        }
    else:
        cast("dict[str, Any]", then)["iterations"] = 1  # what it was called before
    return {"phases": [first, then]}


def _item(sub: Json, wanted: Piece) -> SubscriptionScheduleUpdateParamsPhaseItem:
    """Return an item of a phase. Its taxes and texts stay what they are."""
    item: SubscriptionScheduleUpdateParamsPhaseItem = {
        "price": wanted.price,
        "quantity": wanted.quantity,
    }
    items: list[Json] = sub["items"]["data"]
    have: Json = next((one for one in items if one["id"] == wanted.item), {})
    if have.get("tax_rates"):
        item["tax_rates"] = [one["id"] for one in have["tax_rates"]]
    if have.get("metadata"):
        item["metadata"] = dict(have["metadata"])
    return item


def _interval(client: Client, sub: Json, price: str) -> Mapping[str, Any]:
    known = {one["price"]["id"]: one["price"] for one in sub["items"]["data"]}
    found = known.get(price)
    if found is None:
        found = client.do(lambda sdk, options: sdk.v1.prices.retrieve(price, None, options)).body
    recurring: Mapping[str, Any] | None = found.get("recurring")
    if recurring is None:
        raise Rejected(f"The price {price} is for one time only")
    return recurring


# -- called off -------------------------------------------------------------------------------


def ours(client: Client, sub: Json) -> str | None:
    """
    Return the schedule of the subscription, if it is ours to change and to release.

    It bears the key of a request; or it says nothing yet, because we stopped after making it.
    Somebody else's is left alone, and Stripe says so where it is in the way.
    """
    if sub["schedule"] is None:
        return None
    found = _read(client, sub["schedule"])
    if found is None:
        return None
    schedule = found.body
    says_nothing = len(schedule["phases"]) == 1 and schedule["end_behavior"] == "release"
    return str(schedule["id"]) if mark_of(schedule) or says_nothing else None


def coming(client: Client, sub: Json) -> bool:
    """Whether something is to come with the next period; a schedule stays a while after that."""
    if sub["schedule"] is None:
        return False
    found = _read(client, sub["schedule"])
    end = period(sub)[1]
    return found is not None and any(phase["start_date"] >= end for phase in found.body["phases"])


def release(client: Client, schedule: str, key: str, *, alone: bool = False) -> None:
    """
    Let the subscription go on as it is, without its schedule.

    Args:
        alone: This is all that the request with `key` does.
    """
    try:
        client.do(
            lambda sdk, options: sdk.v1.subscription_schedules.release(schedule, None, options),
            key=key if alone else f"{key}:release",
        )
    except Denied:
        found = _read(client, schedule)
        if found is None or found.body["status"] in {"active", "not_started"}:
            raise  # nobody else has released it either


def _read(client: Client, schedule: str) -> Reply | None:
    return look(
        client,
        lambda sdk, options: sdk.v1.subscription_schedules.retrieve(schedule, None, options),
    )


# -- found again ------------------------------------------------------------------------------


def find(client: Client, asked: ChangeSubscription, key: str) -> Told | None:
    """Return the subscription, if one of its customer's schedules bears the key."""
    reply = look(client, read(asked.subscription))
    if reply is None:
        return None
    customer = str(reply.body["customer"])

    def page(
        sdk: stripe.StripeClient, after_: str | None
    ) -> stripe.ListObject[stripe.SubscriptionSchedule]:
        params: SubscriptionScheduleListParams = {"customer": customer, "limit": _PAGE}
        if after_ is not None:
            params["starting_after"] = after_
        return sdk.v1.subscription_schedules.list(params)

    bears = any(mark_of(one) == key for got in client.all(page) for one in got.body["data"])
    return told(client, reply, billed=False) if bears else None
