"""
Subscriptions at Stripe: how they begin, and what every request about one shows.

They are billed in the classic mode, which Stripe's quotes and our own rules agree about. A
subscription of ours bears the key it was asked for with in its metadata, so that it is found
again however long ago that was. That is one of the 50 keys that Stripe keeps: 49 are the host's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import stripe
from stripe.params import (
    SubscriptionCreateParams,
    SubscriptionCreateParamsDiscount,
    SubscriptionListParams,
)

from recoup.core import states
from recoup.core.billing.answers import NextAction
from recoup.core.billing.requests import StartSubscription
from recoup.core.states import SubscriptionStatus
from recoup.errors import Rejected
from recoup.processors.stripe.calls.client import Call, Client, Reply
from recoup.processors.stripe.calls.looking import as_it_is, look, mark_of, since
from recoup.processors.stripe.desk.money import next_action
from recoup.processors.stripe.desk.told import Told, Way
from recoup.processors.stripe.shapes import OURS

Json = Mapping[str, Any]

#: What is asked for with every subscription: its discounts, and who pays its newest invoice how.
WHOLE: Final = ["discounts", "latest_invoice.customer", "latest_invoice.payments"]
#: From here on subscriptions are billed in another mode than the classic one, unless asked.
CLOVER: Final = "2025-09-30"
AUTOMATIC: Final = "charge_automatically"
_PAGE: Final = 100
_WAITS: Final = "requires_action"


def read(subscription: str) -> Call:
    """Return the call that reads a subscription as it is now."""
    return lambda sdk, options: sdk.v1.subscriptions.retrieve(
        subscription, {"expand": WHOLE}, options
    )


def retrieve(client: Client, subscription: str) -> Reply:
    """
    Return the subscription as it is now.

    Raises:
        Rejected: there is none.
    """
    return client.do(read(subscription))


def status(subscription: Json) -> SubscriptionStatus:
    return SubscriptionStatus(subscription["status"])


def has_ended(subscription: Json) -> bool:
    return states.has_ended(status(subscription))


def second(instant: datetime) -> int:
    """Return the whole second of an instant (UTC): Stripe's clock has no fractions."""
    return int(instant.timestamp())


def told(client: Client, reply: Reply, *, billed: bool) -> Told:
    """
    Return what a reply says that shows a subscription whole; with `billed` what was asked for
    now too: the newest invoice, its payment and its charge, and the customer whose credit it used
    or gave.

    The status is Stripe's, or "requires_action" where the customer must authenticate a payment.
    """
    sub = reply.body
    bill = sub.get("latest_invoice") if billed else None
    shown: tuple[Json, ...] = (sub,)
    action: NextAction | None = None
    if bill is not None:
        intent = _payment(client, bill)
        owner = (bill["customer"],) if bill["starting_balance"] or bill["ending_balance"] else ()
        shown = (*owner, sub, bill, *_of_payment(intent))
        if intent is not None and intent["status"] == _WAITS:
            action = next_action(intent, bill)
    word = sub["status"] if action is None else _WAITS
    return Told(sub["id"], shown, reply.at, word, action, reply.request_id)


def _payment(client: Client, bill: Json) -> Json | None:
    """Return the newest payment intent of an invoice; None: nothing had to be paid."""
    listed = (bill.get("payments") or {}).get("data") or []
    kept = [one for one in listed if one["payment"]["type"] == "payment_intent"]
    if not kept:
        return None
    id_ = str(max(kept, key=lambda one: one["created"])["payment"]["payment_intent"])
    return client.do(
        lambda sdk, options: sdk.v1.payment_intents.retrieve(
            id_, {"expand": ["latest_charge"]}, options
        )
    ).body


def _of_payment(intent: Json | None) -> Iterator[Json]:
    if intent is not None:
        yield intent
        if isinstance(intent.get("latest_charge"), Mapping):
            yield intent["latest_charge"]


# -- begun ------------------------------------------------------------------------------------


def start(client: Client, asked: StartSubscription, key: str) -> Told:
    """
    Begin a subscription; the customer is there and pays its first invoice at once.

    A declined first payment, and one that waits for its customer, leaves it incomplete; 23 h
    later it is over.

    Raises:
        Rejected: Stripe does not take it; or both a trial and an anchor are given, or both a
            coupon and a code, or a quantity below 1, which Stripe would take.
    """
    params = _params(client, asked, key)
    made = client.do(lambda sdk, options: sdk.v1.subscriptions.create(params, options), key=key)
    return told(client, as_it_is(client, made, read(str(made.body["id"]))), billed=True)


def _params(client: Client, asked: StartSubscription, key: str) -> SubscriptionCreateParams:
    _check(asked)
    params: SubscriptionCreateParams = {
        "collection_method": asked.collection,
        "customer": asked.customer,
        "expand": WHOLE,
        "items": [{"price": one.price, "quantity": one.quantity} for one in asked.items],
        "metadata": {name: text for name, text in asked.metadata.items() if text} | {OURS: key},
        "off_session": False,
        "proration_behavior": "create_prorations" if asked.prorate else "none",
    }
    if asked.collection == AUTOMATIC:
        params["payment_behavior"] = "allow_incomplete"
    if client.version[:10] >= CLOVER:
        params["billing_mode"] = {"type": "classic"}
    if asked.days_until_due is not None:
        params["days_until_due"] = asked.days_until_due
    if asked.default_method is not None:
        params["default_payment_method"] = asked.default_method
    discounts = discount(asked.coupon, asked.promotion_code)
    if discounts:
        params["discounts"] = discounts
    if asked.trial_end is not None:
        params["trial_end"] = second(asked.trial_end)
    if asked.anchor is not None:
        params["billing_cycle_anchor"] = second(asked.anchor)
    if asked.backdate is not None:
        params["backdate_start_date"] = second(asked.backdate)
    return params


def _check(asked: StartSubscription) -> None:
    if not asked.items:
        raise Rejected("A subscription has at least one item")
    for one in asked.items:
        refuse_quantity(one.quantity)
    if asked.trial_end is not None and asked.anchor is not None:
        raise Rejected("a trial ends on the anchor; give one of them")


def refuse_quantity(quantity: int) -> None:
    """
    Raises:
        Rejected: it is below 1; Stripe takes 0, and bills nothing.
    """
    if quantity < 1:
        raise Rejected(f"Invalid quantity: {quantity}")


def discount(
    coupon: str | None, promotion_code: str | None
) -> list[SubscriptionCreateParamsDiscount]:
    """
    Return what is redeemed, as Stripe takes it.

    Raises:
        Rejected: both are named; Stripe would give both.
    """
    if coupon is not None and promotion_code is not None:
        raise Rejected("You may only specify one of these parameters: coupon, promotion_code")
    if promotion_code is not None:
        return [{"promotion_code": promotion_code}]
    return [] if coupon is None else [{"coupon": coupon}]


def find_started(client: Client, asked: StartSubscription, key: str, at: datetime) -> Told | None:
    """Return what became of it, by the customer's subscriptions: one of them bears the key."""

    def page(
        sdk: stripe.StripeClient, after: str | None
    ) -> stripe.ListObject[stripe.Subscription]:
        params: SubscriptionListParams = {
            "created": {"gte": since(at)},
            "customer": asked.customer,
            "limit": _PAGE,
            "status": "all",
        }
        if after is not None:
            params["starting_after"] = after
        return sdk.v1.subscriptions.list(params)

    try:
        found = next(
            (
                one
                for reply in client.all(page)
                for one in reply.body["data"]
                if mark_of(one) == key
            ),
            None,
        )
    except Rejected:
        return None  # there is no such customer
    if found is None:
        return None
    whole = look(client, read(str(found["id"])))
    return None if whole is None else told(client, whole, billed=_is_first(whole.body))


def _is_first(subscription: Json) -> bool:
    bill = subscription.get("latest_invoice") or {}
    return bool(bill.get("billing_reason") == "subscription_create")


WAYS: Final[Mapping[type, Way]] = {StartSubscription: Way(start, find_started)}
