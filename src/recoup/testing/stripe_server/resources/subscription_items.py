"""Items of subscriptions, one by one: each change of one is a change of its subscription."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import stripe

from recoup.processors.fake.model import Subscription
from recoup.processors.fake.world import Session
from recoup.testing.stripe_server import lists
from recoup.testing.stripe_server.expanding import Show
from recoup.testing.stripe_server.resources import subscription_updates
from recoup.testing.stripe_server.route import Call, Json, Refusal, Route


def shown(s: Session, id_: str, version: str) -> Json:
    """
    Return the item called `id_`.

    Raises:
        Refusal: there is none (any more).
    """
    return _shape(s, _holder(s, id_), id_, version)


def _holder(s: Session, id_: str) -> Subscription:
    for sub in lists.all_of(s, Subscription):
        if any(item.id == id_ for item in sub.items):
            return sub
    raise Refusal(
        f"Invalid subscription_item id: {id_}", status=404, code="resource_missing", param="item"
    )


def _shape(s: Session, sub: Subscription, id_: str, version: str) -> Json:
    items = subscription_updates.shape(s, sub, version)["items"]["data"]
    return next(dict(item) for item in items if item["id"] == id_)


def listed(call: Call) -> Json:
    """Answer `GET /v1/subscription_items`, which names its subscription."""
    s = call.session
    sub = s.get(Subscription, call.params["subscription"])
    return lists.page(
        call,
        sub.items,
        lambda item: _shape(s, sub, item.id, call.version),
        url="/v1/subscription_items",
    )


def retrieve(call: Call) -> Json:
    """Answer `GET /v1/subscription_items/:id`."""
    return shown(call.session, call.ids[0], call.version)


def create(call: Call) -> Json:
    """Answer `POST /v1/subscription_items`."""
    s = call.session
    sub = s.get(Subscription, call.params["subscription"])
    before = {item.id for item in sub.items}
    _change(s, sub, call.params, {name: call.params[name] for name in _OWN & call.params.keys()})
    new = next((item.id for item in sub.items if item.id not in before), None)
    if new is None:  # it waits to be paid, and has no name yet
        waiting = sub.offer.items[-1].id if sub.offer else ""
        return {"id": waiting, "object": "subscription_item", "subscription": sub.id}
    return _shape(s, sub, new, call.version)


def update(call: Call) -> Json:
    """Answer `POST /v1/subscription_items/:id`."""
    s = call.session
    sub = _holder(s, call.ids[0])
    wanted = {name: call.params[name] for name in _OWN & call.params.keys()}
    if wanted:
        _change(s, sub, call.params, {"id": call.ids[0], **wanted})
    return _shape(s, sub, call.ids[0], call.version)


def delete(call: Call) -> Json:
    """Answer `DELETE /v1/subscription_items/:id`."""
    sub = _holder(call.session, call.ids[0])
    _change(call.session, sub, call.params, {"id": call.ids[0], "deleted": True})
    return {"id": call.ids[0], "object": "subscription_item", "deleted": True}


def _change(
    s: Session, sub: Subscription, asked: Mapping[str, Any], item: Mapping[str, Any]
) -> None:
    how = {name: asked[name] for name in _HOW & asked.keys()}
    subscription_updates.refuse_unplayed(
        how, payment_behavior=how.get("payment_behavior") != "default_incomplete"
    )
    subscription_updates.change(s, sub, {**how, "items": [item]}, restart=False)


_OWN: Final = frozenset({"price", "quantity"})
_HOW: Final = frozenset({"proration_behavior", "proration_date", "payment_behavior"})

ROUTES: Final[Mapping[str, Route]] = {
    "POST /v1/subscription_items": Route(
        create, stripe.params.SubscriptionItemCreateParams, _OWN | _HOW | {"subscription"}
    ),
    "GET /v1/subscription_items": Route(
        listed, stripe.params.SubscriptionItemListParams, lists.LISTED | {"subscription"}
    ),
    "GET /v1/subscription_items/:id": Route(
        retrieve, stripe.params.SubscriptionItemRetrieveParams
    ),
    "POST /v1/subscription_items/:id": Route(
        update, stripe.params.SubscriptionItemUpdateParams, _OWN | _HOW
    ),
    "DELETE /v1/subscription_items/:id": Route(
        delete,
        stripe.params.SubscriptionItemDeleteParams,
        frozenset({"proration_behavior", "proration_date", "payment_behavior"}),
    ),
}
SHOWS: Final[Mapping[str, Show]] = {"si": shown}
