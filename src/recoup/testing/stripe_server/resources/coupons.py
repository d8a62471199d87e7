"""Coupons."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import stripe

from recoup.core.billing.requests import CreateCoupon, DeleteCoupon
from recoup.core.money import Money
from recoup.processors.fake import events, shapes
from recoup.processors.fake.billing import discounts
from recoup.processors.fake.desk import coupons as fake
from recoup.processors.fake.model import Coupon, instant
from recoup.processors.fake.world import Session
from recoup.processors.stripe.amounts import money
from recoup.testing.stripe_server import lists
from recoup.testing.stripe_server.expanding import Part
from recoup.testing.stripe_server.resources import prices, products
from recoup.testing.stripe_server.route import Call, Json, Refusal, Route

#: No price's id: for a coupon that is limited to what has no prices.
_NO_PRICE: Final = ""


def created(call: Call) -> Json:
    """Answer `POST /v1/coupons`."""
    s, p = call.session, call.params
    id_ = p.get("id") or f"co{s.count('co'):06d}"
    if s.has(discounts.key_of(id_)):
        raise Refusal("Coupon already exists.", code="resource_already_exists", param="id")
    asked = CreateCoupon(
        id_,
        name=p.get("name") or None,
        percent_off=_percent(p.get("percent_off")),
        amount_off=_amount(p),
        duration=p.get("duration", "once"),
        months=p.get("duration_in_months"),
        max_redemptions=p.get("max_redemptions"),
        redeem_by=moment(p.get("redeem_by")),
    )
    wanted = tuple(p.get("applies_to", {}).get("products", ()))
    for product in wanted:
        products.called(s, product)
    fake.create(s, asked, products=wanted, texts=p.get("metadata") or None)
    made = discounts.coupon_called(s, id_)
    if wanted:
        own = [price for product in wanted for price in prices.of(s, product)]
        made.prices = tuple(own) or (_NO_PRICE,)
        s.save(made)
    return _shape(s, made)


def _percent(share: float | None) -> str | None:
    return None if share is None else format(Decimal(str(share)).normalize(), "f")


def _amount(p: Mapping[str, Any]) -> Money | None:
    off = p.get("amount_off")
    if off is None:
        return None
    if "currency" not in p:
        raise Refusal(
            "You must pass currency when passing amount_off",
            code="parameter_missing",
            param="currency",
        )
    if off <= 0:
        raise Refusal(
            "This value must be greater than or equal to 1.",
            code="parameter_invalid_integer",
            param="amount_off",
        )
    return money(off, p["currency"].lower())


def moment(second: int | None) -> datetime | None:
    """Return the instant (UTC) that a parameter says."""
    return None if second is None else instant(second)


def called(s: Session, id_: str) -> Coupon:
    """
    Return the coupon, unless it is deleted.

    Raises:
        Rejected: there is none.
        Refusal: it is deleted.
    """
    found = discounts.coupon_called(s, id_)
    if found.deleted:
        raise Refusal(f"No such coupon: '{id_}'", status=404, code="resource_missing", param="id")
    return found


def updated(call: Call) -> Json:
    """Answer `POST /v1/coupons/:id`: its name and metadata; what it takes off never changes."""
    s, p = call.session, call.params
    found = called(s, call.ids[0])
    found.name = p.get("name", found.name) or None
    found.metadata = products.changed(found.metadata, p.get("metadata"))
    events.coupon(s, "coupon.updated", s.save(found), valid=discounts.usable(found, s.now))
    return _shape(s, found)


def retrieved(call: Call) -> Json:
    """Answer `GET /v1/coupons/:id`."""
    return _shape(call.session, called(call.session, call.ids[0]))


def deleted(call: Call) -> Json:
    """Answer `DELETE /v1/coupons/:id`."""
    found = called(call.session, call.ids[0])
    fake.delete(call.session, DeleteCoupon(found.code))
    return {"id": found.code, "object": "coupon", "deleted": True}


def listed(call: Call) -> Json:
    """Answer `GET /v1/coupons`: deleted ones are not among them."""
    s = call.session
    found = [
        one
        for one in lists.all_of(s, Coupon)
        if not one.deleted and lists.created(call.params, one.created)
    ]

    def show(one: Coupon) -> Json:
        return _shape(s, one)

    return lists.page(call, found, show, url="/v1/coupons", id_of=lambda one: one.code)


def _shape(s: Session, found: Coupon) -> Json:
    shape = shapes.coupon(found, valid=discounts.usable(found, s.now))
    del shape["applies_to"]  # it is there only when it is asked for
    return shape


def _products(s: Session, coupon: Json, version: str) -> Json | None:
    del version
    limits: Json | None = shapes.coupon(discounts.coupon_called(s, coupon["id"]), valid=True)[
        "applies_to"
    ]
    return limits


ROUTES: Final[Mapping[str, Route]] = {
    "POST /v1/coupons": Route(
        created,
        stripe.params.CouponCreateParams,
        frozenset(
            "id name percent_off amount_off currency duration duration_in_months max_redemptions"
            " redeem_by metadata applies_to.products".split()
        ),
    ),
    "GET /v1/coupons": Route(listed, stripe.params.CouponListParams, lists.LISTED | {"created"}),
    "GET /v1/coupons/:id": Route(retrieved, stripe.params.CouponRetrieveParams),
    "POST /v1/coupons/:id": Route(
        updated, stripe.params.CouponUpdateParams, frozenset({"name", "metadata"})
    ),
    "DELETE /v1/coupons/:id": Route(deleted, stripe.params.CouponDeleteParams),
}
PARTS: Final[Mapping[str, Part]] = {"coupon.applies_to": _products}
