"""
Subscriptions changed by `POST /v1/subscriptions/:id`: what is bought, how, and until when.

One request may say all of it, as at Stripe; each part tells its own event, where Stripe tells
one. Changes that wait to be paid take only what Stripe lets them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NotRequired

from stripe.params import (
    SubscriptionUpdateParams,
    SubscriptionUpdateParamsBillingCycleAnchor,
)

from recoup.core import states
from recoup.core.billing.requests import (
    ApplyDiscount,
    ChangeSubscription,
    ItemChange,
    Proration,
    RemoveDiscount,
    UpdateSubscription,
)
from recoup.processors.fake import billing, events, shapes
from recoup.processors.fake.billing import discounts, subscriptions
from recoup.processors.fake.desk import changing, coupons, subscribing
from recoup.processors.fake.model import Coupon, Price, Subscription, instant
from recoup.processors.fake.terms import Pause
from recoup.processors.fake.world import Session
from recoup.testing.stripe_server.definitions import widened
from recoup.testing.stripe_server.route import Call, Json, Refusal

#: From here on a subscription says how it is billed, and is read by its mode.
_MODES: Final = "2025-06-30"
#: From here on the new anchor is a map; before it was a word.
ENDIVE: Final = "2026-09-30"

PRORATIONS: Final[Mapping[str, Proration]] = {
    "create_prorations": "create",
    "always_invoice": "invoice_now",
    "none": "none",
}
#: What a change that waits to be paid may say.
_WAITING: Final = frozenset(
    "expand payment_behavior proration_behavior proration_date billing_cycle_anchor items "
    "trial_end off_session".split()
)
_OVER: Final = frozenset({"metadata", "cancellation_details", "expand"})
_INCOMPLETE: Final = frozenset({"metadata", "default_payment_method", "expand"})
_LEAVING: Final = frozenset({"cancel_at", "cancel_at_period_end"})


#: As the SDK has them, with the anchor as it was before `ENDIVE` too.
Params: Final = widened(
    SubscriptionUpdateParams,
    billing_cycle_anchor=NotRequired[
        Literal["now", "unchanged"] | SubscriptionUpdateParamsBillingCycleAnchor
    ],
)
PLAYED: Final = frozenset(
    {
        *("items.id", "items.price", "items.quantity", "items.deleted", "proration_behavior"),
        *("proration_date", "payment_behavior", "billing_cycle_anchor", "off_session"),
        *("cancel_at", "cancel_at_period_end", "cancellation_details.comment"),
        *("cancellation_details.feedback", "pause_collection.behavior"),
        *("pause_collection.resumes_at", "trial_end", "default_payment_method", "metadata"),
        *("discounts.coupon", "discounts.promotion_code", "discounts.discount"),
    }
)
CLEARS: Final = frozenset({"default_payment_method"})


def shape(s: Session, sub: Subscription, version: str) -> Json:
    """Return the subscription as that version shows it; its discount by its id."""
    prices = [s.get(Price, item.price) for item in sub.items]
    given = sub.discount
    coupon = None if given is None else s.get(Coupon, discounts.key_of(given.coupon))
    body = shapes.subscription(sub, prices, coupon, version=version)
    body["pending_setup_intent"] = None
    if "discounts" in body:
        body["discounts"] = [one["id"] for one in body["discounts"]]
    if version[:10] >= _MODES:
        body["billing_mode"] = {"type": "classic"}
    return body


def refuse_unplayed(asked: Mapping[str, Any], **fine: bool) -> None:
    """
    Raises:
        Refusal: of what is asked, something is not `fine`: Stripe knows it and nobody plays it.
    """
    for name, is_fine in fine.items():
        if name in asked and not is_fine:
            raise Refusal(
                f"The server for tests does not play {name}={asked[name]!r}",
                code="not_played",
                param=name,
            )


# -- one request ----------------------------------------------------------------------------


def update(call: Call) -> Json:
    """Answer `POST /v1/subscriptions/:id`."""
    s, asked = call.session, call.params
    sub = s.get(Subscription, call.ids[0])
    _check(sub, asked)
    if {"metadata", "default_payment_method"} & asked.keys():
        _keep(s, sub, asked)
    if "discounts" in asked:
        rediscount(s, sub, asked["discounts"])
    if "pause_collection" in asked:
        _pause(s, sub, asked["pause_collection"])
    if (_LEAVING | {"cancellation_details"}) & asked.keys():
        _leave(s, sub, asked)
    if "trial_end" in asked:
        _extend(s, sub, asked)
    anew = restarts(asked.get("billing_cycle_anchor"), call.version, "billing_cycle_anchor")
    if asked.get("items") or anew:
        change(s, sub, asked, restart=anew)
    return shape(s, sub, call.version)


def _check(sub: Subscription, asked: Mapping[str, Any]) -> None:
    if states.has_ended(sub.status) and not asked.keys() <= _OVER:
        raise Refusal(
            "A canceled subscription can only update its cancellation_details and metadata."
        )
    if states.is_incomplete(sub.status) and not asked.keys() <= _INCOMPLETE:
        raise Refusal(
            "You cannot update a subscription in `incomplete` status in a way that results in a"
            " new invoice; only its metadata and default_payment_method can be updated."
        )
    if asked.keys() >= _LEAVING:
        raise Refusal(
            "You may only specify one of these parameters: cancel_at, cancel_at_period_end."
        )
    if sub.schedule is not None and _LEAVING & asked.keys():
        raise Refusal(
            f"The subscription is managed by the subscription schedule `{sub.schedule}`, and"
            " updating any cancelation behavior directly is not allowed. Please update the"
            " schedule instead."
        )
    behavior = asked.get("payment_behavior")
    if behavior == "pending_if_incomplete":
        _check_waiting(sub, asked)
    refuse_unplayed(
        asked,
        payment_behavior=behavior != "default_incomplete",
        off_session=not asked.get("off_session"),
        cancel_at=not isinstance(asked.get("cancel_at"), str) or not asked["cancel_at"],
    )


def _check_waiting(sub: Subscription, asked: Mapping[str, Any]) -> None:
    other = sorted(asked.keys() - _WAITING)
    if other:
        raise Refusal(
            "When `payment_behavior` is set to `pending_if_incomplete`, you can only pass"
            f" parameters that pending updates support. Not supported: {', '.join(other)}",
            param=other[0],
        )
    refuse_unplayed(asked, trial_end=False, payment_behavior=sub.schedule is None)


# -- its parts ------------------------------------------------------------------------------


def _keep(s: Session, sub: Subscription, asked: Mapping[str, Any]) -> None:
    texts = asked.get("metadata")
    if texts == "":
        texts = dict.fromkeys(sub.metadata, "")
    method = asked.get("default_payment_method")
    subscribing.update(s, UpdateSubscription(sub.id, method, texts))


def one_discount(wanted: Sequence[Mapping[str, str]]) -> tuple[str | None, str | None]:
    """Return the coupon and the promotion code that are to be redeemed."""
    if not wanted:
        return None, None
    if len(wanted) > 1:
        raise Refusal(
            "The server for tests plays one discount", code="not_played", param="discounts"
        )
    return wanted[0].get("coupon"), wanted[0].get("promotion_code")


def rediscount(s: Session, sub: Subscription, wanted: Sequence[Mapping[str, str]] | str) -> None:
    """Give the subscription another discount; "" takes it away, an empty list changes nothing."""
    if isinstance(wanted, str):
        if sub.discount is not None:
            coupons.remove(s, RemoveDiscount(sub.id))
        return
    had = None if sub.discount is None else sub.discount.id
    if not wanted or [dict(one) for one in wanted] == [{"discount": had}]:
        return
    coupon, code = one_discount(wanted)
    coupons.apply(s, ApplyDiscount(sub.id, coupon, code))


def _pause(s: Session, sub: Subscription, wanted: Mapping[str, Any] | str) -> None:
    if isinstance(wanted, str):
        subscriptions.collect_again(s, sub)
    else:
        subscriptions.pause(s, sub, Pause(wanted["behavior"], wanted.get("resumes_at")))


def leaving(sub: Subscription, asked: Mapping[str, Any]) -> str | None:
    """Keep what is said about why; return the comment."""
    said = asked.get("cancellation_details") or {}
    sub.feedback = said.get("feedback", sub.feedback) or None
    return said.get("comment", sub.end_comment) or None


def _leave(s: Session, sub: Subscription, asked: Mapping[str, Any]) -> None:
    before = sub.feedback
    comment = leaving(sub, asked)
    feedback, sub.feedback = sub.feedback, before
    at, with_period = asked.get("cancel_at"), asked.get("cancel_at_period_end")
    if at or with_period:
        billing.leave(s, sub, comment, feedback=feedback, at=at or None)
    elif (with_period is False and sub.cancel_at_period_end) or (at == "" and sub.cancel_at):
        subscriptions.stay(s, sub)
    elif (feedback, comment) != (sub.feedback, sub.end_comment):
        sub.feedback, sub.end_comment = feedback, comment
        events.subscription(s, "customer.subscription.updated", s.save(sub), {})


def _extend(s: Session, sub: Subscription, asked: Mapping[str, Any]) -> None:
    on_trial = sub.trial_end is not None and sub.trial_end > s.now
    refuse_unplayed(
        asked,
        trial_end=asked["trial_end"] != "now",
        proration_behavior=on_trial or asked.get("proration_behavior") == "create_prorations",
    )
    subscriptions.extend_trial(s, sub, asked["trial_end"])


# -- what is bought -------------------------------------------------------------------------


def restarts(anchor: Any, version: str, param: str) -> bool:
    """
    Whether a new period is to begin now.

    Raises:
        Refusal: it is said in another version's way.
    """
    if anchor is None:
        return False
    new = version[:10] >= ENDIVE
    if isinstance(anchor, Mapping) != new:
        raise Refusal("Invalid object" if new else "Invalid string", param=param)
    word = anchor["type"] if isinstance(anchor, Mapping) else anchor
    return bool(word == "now")


def change_of(
    sub: Subscription, asked: Mapping[str, Any], *, restart: bool, gated: bool
) -> ChangeSubscription:
    """Return the request that these parameters make, in our words."""
    at = asked.get("proration_date")
    return ChangeSubscription(
        sub.id,
        tuple(_item(sub, one) for one in asked.get("items") or ()),
        PRORATIONS[asked.get("proration_behavior", "create_prorations")],
        prorate_at=None if at is None else instant(at),
        gated=gated,
        restart=restart,
    )


def _item(sub: Subscription, wanted: Mapping[str, Any]) -> ItemChange:
    id_, price, quantity = (wanted.get(name) for name in ("id", "price", "quantity"))
    known = {item.id: item for item in sub.items}
    if price is not None and quantity is None and id_ in known and known[id_].price != price:
        quantity = 1  # as Stripe does: another price forgets the quantity
    return ItemChange(id_, price, quantity, removed=bool(wanted.get("deleted")))


def change(s: Session, sub: Subscription, asked: Mapping[str, Any], *, restart: bool) -> None:
    """
    Change what is bought, and try what is due now, as `payment_behavior` says.

    What a schedule has for the next period stays: only a release forgets it.
    """
    behavior = asked.get("payment_behavior", "allow_incomplete")
    wanted = change_of(sub, asked, restart=restart, gated=behavior == "pending_if_incomplete")
    coming = sub.next_items if sub.schedule is not None else None
    if behavior == "allow_incomplete":
        changing.change_anyway(s, wanted)
    else:
        changing.change(s, wanted)
    if coming is not None:
        sub.next_items = coming
        s.save(sub)
