"""
Coupons and promotion codes, as the host asks for them.

Stripe limits a coupon to products; here it is asked for prices. A coupon is only made where that
is the same: every price of a product is named, or none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, cast

import stripe
from stripe.params import (
    CouponCreateParams,
    EventListParams,
    PriceListParams,
    PromotionCodeCreateParams,
    PromotionCodeCreateParamsRestrictions,
    PromotionCodeListParams,
)

from recoup.core.billing.requests import (
    CreateCoupon,
    CreatePromotionCode,
    DeleteCoupon,
    UpdatePromotionCode,
)
from recoup.core.money import Money
from recoup.errors import InvalidMoney, Rejected
from recoup.processors.stripe.amounts import stripe_amount
from recoup.processors.stripe.calls.client import Client, Reply
from recoup.processors.stripe.calls.errors import Denied
from recoup.processors.stripe.calls.looking import as_it_is, look, made_with, mark_of, since
from recoup.processors.stripe.desk.told import Told, Way
from recoup.processors.stripe.shapes import OURS

#: From this version on a promotion code names its coupon in `promotion`.
_CLOVER: Final = "2025-09-30"


def create(client: Client, asked: CreateCoupon, key: str) -> Told:
    """
    Create a coupon under the id that the host chose.

    Raises:
        Rejected: the id is taken, Stripe does not take an argument, or a product of the prices
            has other prices too, which the coupon would lower as well.
    """
    params: CouponCreateParams = {
        "id": asked.coupon,
        "duration": asked.duration,
        "metadata": {OURS: key},
    }
    if asked.name:
        params["name"] = asked.name
    if asked.percent_off is not None:
        params["percent_off"] = float(asked.percent_off)
    if asked.amount_off is not None:
        params["amount_off"] = _amount(asked.amount_off)
        params["currency"] = asked.amount_off.currency.lower()
    if asked.months is not None:
        params["duration_in_months"] = asked.months
    if asked.max_redemptions is not None:
        params["max_redemptions"] = asked.max_redemptions
    if asked.redeem_by is not None:
        params["redeem_by"] = int(asked.redeem_by.timestamp())
    if asked.prices:
        params["applies_to"] = {"products": _products(client, asked.prices)}
    made = client.do(lambda sdk, options: sdk.v1.coupons.create(params, options), key=key)
    return _told(as_it_is(client, made, _reading(asked.coupon)))


def find_created(client: Client, asked: CreateCoupon, key: str, at: datetime) -> Told | None:
    del at
    found = look(client, _reading(asked.coupon))
    return _told(found) if found is not None and mark_of(found.body) == key else None


def delete(client: Client, asked: DeleteCoupon, key: str) -> Told:
    """
    Let nobody redeem the coupon any more.

    Stripe knows no keys for what is deleted, and shows nothing of it afterwards: so it is marked
    first, and what is marked with another key is not deleted.

    Raises:
        Rejected: there is no such coupon (any more).
    """
    marked = client.do(
        lambda sdk, options: sdk.v1.coupons.update(
            asked.coupon, {"metadata": {OURS: key}}, options
        ),
        key=key,
    )
    if marked.replayed:
        there = look(client, _reading(asked.coupon))
        if there is None or mark_of(there.body) != key:
            return _gone(marked)
    return _finish(client, marked)


def find_deleted(client: Client, asked: DeleteCoupon, key: str, at: datetime) -> Told | None:
    """Return what became of it; what was begun is finished."""
    there = look(client, _reading(asked.coupon))
    if there is not None:
        return _finish(client, there) if mark_of(there.body) == key else None

    def page(sdk: stripe.StripeClient, after: str | None) -> stripe.ListObject[stripe.Event]:
        params: EventListParams = {
            "type": "coupon.deleted",
            "created": {"gte": since(at)},
            "limit": 100,
        }
        if after is not None:
            params["starting_after"] = after
        return sdk.v1.events.list(params)

    at_last = None
    for reply in client.all(page):
        at_last = reply.at
        for one in reply.body["data"]:
            if one["data"]["object"]["id"] == asked.coupon:
                return _gone(replace(reply, body=one["data"]["object"]))
    # It is not there, whoever did it; what it was, nobody tells any more.
    return None if at_last is None else Told(asked.coupon, (), at_last)


def _finish(client: Client, marked: Reply) -> Told:
    id_ = str(marked.body["id"])
    try:
        client.do(lambda sdk, options: sdk.v1.coupons.delete(id_, None, options))
    except Denied as error:
        if not error.missing:
            raise
    return _gone(marked)


def _gone(before: Reply) -> Told:
    shown = {**before.body, "deleted": True}
    return Told(str(shown["id"]), (shown,), before.at, request_id=before.request_id)


def _products(client: Client, prices: Iterable[str]) -> list[str]:
    """
    Return the products of these prices, all of whose prices they are.

    Raises:
        Rejected: a price is unknown, or one of its product's other prices is not named.
    """
    named = set(prices)
    products: dict[str, str] = {}
    for price in sorted(named):
        found = client.do(_price(price)).body["product"]
        products.setdefault(found if isinstance(found, str) else str(found["id"]), price)
    for product, price in products.items():
        others = {str(one["id"]) for one in _sold_as(client, product)} - named
        if others:
            raise Rejected(
                f"a coupon for {price} would lower {min(others)} too: Stripe limits coupons to "
                f"products, and both are of {product}; name all of its prices, or give {price} "
                "a product of its own"
            )
    return sorted(products)


def _price(price: str) -> Any:
    return lambda sdk, options: sdk.v1.prices.retrieve(price, None, options)


def _sold_as(client: Client, product: str) -> Iterator[Mapping[str, Any]]:
    """Return the product's prices; an archived one may still be subscribed to."""
    for active in (True, False):

        def page(
            sdk: stripe.StripeClient, after: str | None, *, active: bool = active
        ) -> stripe.ListObject[stripe.Price]:
            params: PriceListParams = {"product": product, "active": active, "limit": 100}
            if after is not None:
                params["starting_after"] = after
            return sdk.v1.prices.list(params)

        for reply in client.all(page):
            yield from reply.body["data"]


def create_code(client: Client, asked: CreatePromotionCode, key: str) -> Told:
    """
    Raises:
        Rejected: its coupon can not be redeemed, it would outlive or outnumber its coupon, or
            the text is taken.
    """
    params: PromotionCodeCreateParams = {
        "promotion": {"type": "coupon", "coupon": asked.coupon},
        "code": asked.code,
        "metadata": {OURS: key},
    }
    if asked.customer is not None:
        params["customer"] = asked.customer
    if asked.expires_at is not None:
        params["expires_at"] = int(asked.expires_at.timestamp())
    if asked.max_redemptions is not None:
        params["max_redemptions"] = asked.max_redemptions
    limits: PromotionCodeCreateParamsRestrictions = {}
    if asked.first_time:
        limits["first_time_transaction"] = True
    if asked.minimum is not None:
        limits["minimum_amount"] = _amount(asked.minimum)
        limits["minimum_amount_currency"] = asked.minimum.currency.lower()
    if limits:
        params["restrictions"] = limits
    made = client.do(
        lambda sdk, options: sdk.v1.promotion_codes.create(
            _spoken(client.version, params, asked.coupon), options
        ),
        key=key,
    )
    return _told(as_it_is(client, made, _reading_code(str(made.body["id"]))))


def _spoken(
    version: str, params: PromotionCodeCreateParams, coupon: str
) -> PromotionCodeCreateParams:
    """Return the parameters as the version knows them."""
    if version[:10] >= _CLOVER:
        return params
    older = {name: value for name, value in params.items() if name != "promotion"}
    return cast("PromotionCodeCreateParams", older | {"coupon": coupon})


def find_code(client: Client, asked: CreatePromotionCode, key: str, at: datetime) -> Told | None:
    def page(
        sdk: stripe.StripeClient, after: str | None
    ) -> stripe.ListObject[stripe.PromotionCode]:
        params: PromotionCodeListParams = {
            "code": asked.code,
            "created": {"gte": since(at)},
            "limit": 100,
        }
        if after is not None:
            params["starting_after"] = after
        return sdk.v1.promotion_codes.list(params)

    found = made_with(client.all(page), key)
    return None if found is None else _told(found)


def update_code(client: Client, asked: UpdatePromotionCode, key: str) -> Told:
    """
    Raises:
        Rejected: unknown, or it can not be redeemed any more and so not be switched on.
    """
    id_ = asked.promotion_code
    changed = client.do(
        lambda sdk, options: sdk.v1.promotion_codes.update(id_, {"active": asked.active}, options),
        key=key,
    )
    return _told(as_it_is(client, changed, _reading_code(id_)))


def find_updated(
    client: Client, asked: UpdatePromotionCode, key: str, at: datetime
) -> Told | None:
    del key, at
    found = look(client, _reading_code(asked.promotion_code))
    return _told(found) if found is not None and found.body["active"] is asked.active else None


def _reading(coupon: str) -> Any:
    return lambda sdk, options: sdk.v1.coupons.retrieve(coupon, None, options)


def _reading_code(code: str) -> Any:
    return lambda sdk, options: sdk.v1.promotion_codes.retrieve(code, None, options)


def _amount(owed: Money) -> int:
    try:
        return stripe_amount(owed)
    except InvalidMoney as error:
        raise Rejected(str(error)) from error


def _told(reply: Reply) -> Told:
    return Told(str(reply.body["id"]), (reply.body,), reply.at, request_id=reply.request_id)


WAYS: Final[Mapping[type, Way]] = {
    CreateCoupon: Way(create, find_created),
    DeleteCoupon: Way(delete, find_deleted),
    CreatePromotionCode: Way(create_code, find_code),
    UpdatePromotionCode: Way(update_code, find_updated),
}
