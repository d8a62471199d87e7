"""
What is bought, changed at Stripe: at once and paid at once, once it is paid, or with the next
period.

Without a gate a change whose bill is not paid is refused and leaves the subscription as it is.
With one it waits, as Stripe's pending update; Stripe lets it say nothing but what is bought and
how it is prorated.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal, cast

from stripe.params import SubscriptionUpdateParams, SubscriptionUpdateParamsItem

from recoup.core.billing.requests import ChangeSubscription, ItemChange, Proration
from recoup.errors import Rejected
from recoup.processors.stripe.calls.client import Client, Reply
from recoup.processors.stripe.calls.looking import as_it_is, look
from recoup.processors.stripe.calls.tracing import earliest, events_of
from recoup.processors.stripe.desk import schedules
from recoup.processors.stripe.desk.subscribing import (
    AUTOMATIC,
    WHOLE,
    Json,
    read,
    refuse_quantity,
    retrieve,
    second,
    told,
)
from recoup.processors.stripe.desk.told import Told, Way

Behavior = Literal["create_prorations", "always_invoice", "none"]

PRORATIONS: Final[Mapping[Proration, Behavior]] = {
    "create": "create_prorations",
    "invoice_now": "always_invoice",
    "none": "none",
}
#: From here on the new anchor is a map; before it was a word.
_ENDIVE: Final = "2026-09-30"
_BILLED: Final = "invoice.created"
_CHANGED: Final = ("customer.subscription.updated", _BILLED)


def change(client: Client, asked: ChangeSubscription, key: str) -> Told:
    """
    Change the items; what is due now is tried at once, the customer being there.

    Something that is scheduled for the period's end is called off, once the change is made.

    Raises:
        Declined: it is not gated and its bill was not paid: nothing is changed.
        Rejected: Stripe does not take it; or it is gated and something else is scheduled, which
            would take its place when it is paid and its period is over.
    """
    check(asked)
    now = retrieve(client, asked.subscription)
    if asked.at_period_end:
        return schedules.arrange(client, now, asked, key)
    if asked.gated and schedules.coming(client, now.body):
        raise Rejected(
            f"A change of {asked.subscription} is scheduled: call it off before another one waits"
            " to be paid"
        )
    params = _params(client, now.body, asked)
    made = client.do(
        lambda sdk, options: sdk.v1.subscriptions.update(asked.subscription, params, options),
        key=key,
    )
    schedule = schedules.ours(client, now.body)
    if schedule is not None:
        schedules.release(client, schedule, key)
    whole = as_it_is(client, made, read(asked.subscription))
    before = None if made.replayed else _bill(now.body)
    mine = _bills(client, key, whole.at) if made.replayed else {_bill(whole.body)} - {before}
    return told(client, whole, billed=_bill(whole.body) in mine)


def check(asked: ChangeSubscription) -> None:
    """
    Raises:
        Rejected: Stripe would take it for something else, or needs to be asked in two ways.
    """
    if asked.proration not in PRORATIONS:
        raise Rejected(f"Invalid proration_behavior: {asked.proration!r}")
    if not asked.items and not asked.restart:
        raise Rejected("You must pass at least one of the items to change")
    if asked.at_period_end and (asked.gated or asked.restart):
        raise Rejected("A schedule takes neither payment_behavior nor billing_cycle_anchor")
    for one in asked.items:
        if one.quantity is not None:
            refuse_quantity(one.quantity)


def _params(client: Client, sub: Json, asked: ChangeSubscription) -> SubscriptionUpdateParams:
    params: SubscriptionUpdateParams = {
        "expand": WHOLE,
        "proration_behavior": PRORATIONS[asked.proration],
    }
    if asked.items:
        params["items"] = [item(sub, one) for one in asked.items]
    if asked.gated:
        params["payment_behavior"] = "pending_if_incomplete"
    elif sub["collection_method"] == AUTOMATIC:
        params["payment_behavior"] = "error_if_incomplete"
    if asked.prorate_at is not None and asked.proration != "none":
        params["proration_date"] = second(asked.prorate_at)
    if asked.restart:
        params["billing_cycle_anchor"] = anew(client)
    return params


def item(sub: Json, to: ItemChange) -> SubscriptionUpdateParamsItem:
    """Return an item as it is to be. Stripe forgets the quantity when it hears another price."""
    if to.item is None:
        return {"price": to.price or "", "quantity": 1 if to.quantity is None else to.quantity}
    if to.removed:
        return {"id": to.item, "deleted": True}
    wanted: SubscriptionUpdateParamsItem = {"id": to.item}
    have = next((one for one in sub["items"]["data"] if one["id"] == to.item), None)
    quantity = to.quantity
    if to.price is not None:
        wanted["price"] = to.price
        if quantity is None and have is not None:
            quantity = have.get("quantity")
    if quantity is not None:
        wanted["quantity"] = quantity
    return wanted


def anew(client: Client) -> Any:
    """Return how the client's version says that a new period begins now."""
    new = client.version[:10] >= _ENDIVE
    return cast("Any", {"type": "now"} if new else "now")


def _bill(sub: Json) -> str | None:
    """Return the newest invoice of a subscription; it may be shown whole."""
    bill = sub["latest_invoice"]
    return None if bill is None else str(bill["id"])


def _bills(client: Client, key: str, now: datetime) -> set[str | None]:
    """Return the invoices that a request made whose answer was given again `now`."""
    made = events_of(client, key, earliest(now), (_BILLED,))
    return {event["data"]["object"]["id"] for event in made}


def find(client: Client, asked: ChangeSubscription, key: str, at: datetime) -> Told | None:
    """Return what became of it, by its schedule or by the events that bear the key."""
    if asked.at_period_end:
        return schedules.find(client, asked, key)
    reply: Reply | None = look(client, read(asked.subscription))
    caused = () if reply is None else events_of(client, key, at, _CHANGED)
    if reply is None or not caused:
        return None
    bills = {event["data"]["object"]["id"] for event in caused if event["type"] == _BILLED}
    return told(client, reply, billed=_bill(reply.body) in bills)


WAYS: Final[Mapping[type, Way]] = {ChangeSubscription: Way(change, find)}
