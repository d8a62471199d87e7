"""
Subscriptions: begun, listed, ended. How they are changed is `subscription_updates`.

What is played of both billing modes is where they agree, and the credit of the flexible one: a
part of what was billed. One interval, and at most one discount, for all items.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import stripe

from recoup.core import states
from recoup.errors import Rejected
from recoup.processors.fake import billing, customers, payments
from recoup.processors.fake.billing import discounts, subscriptions
from recoup.processors.fake.desk import metadata
from recoup.processors.fake.model import Charge, Coupon, Customer, Intent, Invoice
from recoup.processors.fake.model import Subscription as Sub
from recoup.processors.fake.shapes.coupons import discount
from recoup.processors.fake.terms import Discount, Wanted
from recoup.processors.fake.world import Session
from recoup.testing.stripe_server import lists
from recoup.testing.stripe_server.expanding import Show
from recoup.testing.stripe_server.resources import schedules, subscription_updates
from recoup.testing.stripe_server.route import Call, Json, Refusal, Route

_DAY: Final = 86_400
_SCHEDULE: Final = "sub_sched_"


def shown(s: Session, id_: str, version: str) -> Json:
    """
    Return the subscription, or a schedule of one.

    Raises:
        Rejected: there is none.
    """
    if id_.startswith(_SCHEDULE):
        return schedules.shown(s, id_, version)
    return subscription_updates.shape(s, s.get(Sub, id_), version)


def discount_shown(s: Session, id_: str, version: str) -> Json:
    """
    Return a discount that somebody has.

    Raises:
        LookupError: nobody has it.
    """
    for sub in lists.all_of(s, Sub):
        if sub.discount is not None and sub.discount.id == id_:
            coupon = s.get(Coupon, discounts.key_of(sub.discount.coupon))
            return discount(sub.discount, coupon, sub, version)
    raise LookupError(id_)


# -- begun ----------------------------------------------------------------------------------


def create(call: Call) -> Json:
    """Answer `POST /v1/subscriptions`; the customer is there, as long as nothing else is said."""
    s, asked = call.session, call.params
    _check(asked)
    owner = _owner(s, asked["customer"])
    wanted = [_wanted(item, n) for n, item in enumerate(asked["items"])]
    coupon, code = subscription_updates.one_discount(asked.get("discounts") or [])
    trial_days = asked.get("trial_period_days")
    begun = billing.subscribe(
        s,
        owner,
        wanted,
        trial_end=s.now + trial_days * _DAY if trial_days else asked.get("trial_end"),
        anchor=asked.get("billing_cycle_anchor"),
        days_until_due=asked.get("days_until_due"),
        method=asked.get("default_payment_method"),
        metadata=metadata.merged({}, asked.get("metadata") or {}),
        discount=_redeemed(s, owner, wanted, coupon, code),
        backdate=asked.get("backdate_start_date"),
        prorate=asked.get("proration_behavior") != "none",
    )
    payments.begin(s, begun, authenticated=False)
    if asked.get("payment_behavior") == "error_if_incomplete":
        _refuse_unpaid(s, begun)
    return subscription_updates.shape(s, begun, call.version)


def _check(asked: Mapping[str, Any]) -> None:
    for name in ("customer", "items"):
        if not asked.get(name):
            raise Refusal(f"Missing required param: {name}.", code="parameter_missing", param=name)
    sent = asked.get("collection_method") == "send_invoice"
    if not sent and "days_until_due" in asked:
        raise Refusal(
            "You can only pass in `days_until_due` if the `collection_method` is `send_invoice`.",
            param="days_until_due",
        )
    if sent and asked.get("days_until_due", 0) < 1:
        raise Refusal(
            "If you set `collection_method` to `send_invoice`, you must also set"
            " `days_until_due`.",
            param="days_until_due",
        )
    if {"trial_end", "trial_period_days"} <= asked.keys():
        raise Refusal(
            "You may only specify one of these parameters: trial_end, trial_period_days."
        )
    subscription_updates.refuse_unplayed(
        asked,
        trial_end=asked.get("trial_end") != "now",
        payment_behavior=asked.get("payment_behavior")
        in {None, "allow_incomplete", "error_if_incomplete"},
        off_session=not asked.get("off_session"),
        billing_mode=(asked.get("billing_mode") or {}).get("type") != "flexible",
    )


def _owner(s: Session, customer: str) -> Customer:
    try:
        return customers.living(s, customer)
    except Rejected as error:
        raise no_customer(customer) from error


def no_customer(customer: str) -> Refusal:
    """Return the refusal of a customer whom nobody knows."""
    return Refusal(f"No such customer: '{customer}'", code="resource_missing", param="customer")


def _wanted(item: Mapping[str, Any], place: int) -> Wanted:
    if "price" not in item:
        raise Refusal(
            f"Missing required param: items[{place}][price].",
            code="parameter_missing",
            param=f"items[{place}][price]",
        )
    return Wanted(item["price"], item.get("quantity", 1))


def _redeemed(
    s: Session, owner: Customer, wanted: list[Wanted], coupon: str | None, code: str | None
) -> Discount | None:
    subscriptions.checked(s, wanted)
    return discounts.redeem(s, owner, wanted, coupon=coupon, promotion_code=code)


def _refuse_unpaid(s: Session, begun: Sub) -> None:
    if not states.is_incomplete(begun.status):
        return
    intent = s.get(Intent, str(s.get(Invoice, str(begun.latest_invoice)).intent))
    charge = None if intent.latest_charge is None else s.get(Charge, intent.latest_charge)
    refusal = None if charge is None else charge.refusal
    code = "subscription_payment_intent_requires_action" if refusal is None else "card_declined"
    raise Refusal(
        "Your card was declined."
        if refusal
        else "Payment for this subscription requires additional user action before it can be"
        " completed successfully.",
        status=402,
        type="card_error",
        code=code,
        decline_code=refusal and refusal.code,
    )


# -- looked at ------------------------------------------------------------------------------


def retrieve(call: Call) -> Json:
    """Answer `GET /v1/subscriptions/:id`."""
    return subscription_updates.shape(
        call.session, call.session.get(Sub, call.ids[0]), call.version
    )


def listed(call: Call) -> Json:
    """Answer `GET /v1/subscriptions`: all that have not been canceled, unless asked for more."""
    s, asked = call.session, call.params
    if "customer" in asked and not s.has(asked["customer"]):
        raise no_customer(asked["customer"])
    found = [
        sub
        for sub in lists.all_of(s, Sub)
        if asked.get("customer") in {None, sub.customer}
        and asked.get("collection_method") in {None, sub.collection}
        and ("price" not in asked or any(item.price == asked["price"] for item in sub.items))
        and lists.created(asked, sub.created)
        and _has(sub, asked.get("status"))
    ]
    return lists.page(
        call,
        found,
        lambda sub: subscription_updates.shape(s, sub, call.version),
        url="/v1/subscriptions",
    )


def _has(sub: Sub, wanted: str | None) -> bool:
    over = states.has_ended(sub.status)
    match wanted:
        case "all":
            return True
        case "ended":
            return over
        case None:
            return not over or states.gave_up_first_payment(sub.status)
    return str(sub.status) == wanted


# -- ended ----------------------------------------------------------------------------------


def cancel(call: Call) -> Json:
    """Answer `DELETE /v1/subscriptions/:id`. Of what has ended nothing is known any more."""
    s, asked = call.session, call.params
    sub = s.get(Sub, call.ids[0])
    if states.has_ended(sub.status):
        raise Refusal(
            f"No such subscription: '{sub.id}'", status=404, code="resource_missing", param="id"
        )
    subscription_updates.refuse_unplayed(
        asked, invoice_now=not asked.get("invoice_now"), prorate=not asked.get("prorate")
    )
    comment = subscription_updates.leaving(sub, asked)
    billing.end(s, sub, reason="cancellation_requested", comment=comment)
    return subscription_updates.shape(s, sub, call.version)


def delete_discount(call: Call) -> Json:
    """Answer `DELETE /v1/subscriptions/:id/discount`."""
    sub = call.session.get(Sub, call.ids[0])
    had = sub.discount
    if had is None:
        raise Refusal(
            f"No active discount for subscription: {sub.id}", status=404, code="resource_missing"
        )
    answer = {"id": had.id, "object": "discount", "deleted": True, "subscription": sub.id}
    subscription_updates.rediscount(call.session, sub, "")
    return answer


_LISTED: Final = lists.LISTED | {
    *("customer", "collection_method", "price", "created", "status"),
}
_CREATED: Final = frozenset(
    {
        *("customer", "items.price", "items.quantity", "discounts.coupon"),
        *("discounts.promotion_code", "trial_end", "trial_period_days", "billing_cycle_anchor"),
        *("backdate_start_date", "proration_behavior", "payment_behavior", "off_session"),
        *("default_payment_method", "collection_method", "days_until_due", "metadata"),
        *("billing_mode.type",),
    }
)

ROUTES: Final[Mapping[str, Route]] = {
    "POST /v1/subscriptions": Route(create, stripe.params.SubscriptionCreateParams, _CREATED),
    "GET /v1/subscriptions": Route(listed, stripe.params.SubscriptionListParams, _LISTED),
    "GET /v1/subscriptions/:id": Route(retrieve, stripe.params.SubscriptionRetrieveParams),
    "POST /v1/subscriptions/:id": Route(
        subscription_updates.update,
        subscription_updates.Params,
        subscription_updates.PLAYED,
        subscription_updates.CLEARS,
    ),
    "DELETE /v1/subscriptions/:id": Route(
        cancel,
        stripe.params.SubscriptionCancelParams,
        frozenset(
            {
                *("cancellation_details.comment", "cancellation_details.feedback"),
                *("invoice_now", "prorate"),
            }
        ),
    ),
    "DELETE /v1/subscriptions/:id/discount": Route(
        delete_discount, stripe.params.SubscriptionDeleteDiscountParams
    ),
}
SHOWS: Final[Mapping[str, Show]] = {"sub": shown, "di": discount_shown}
