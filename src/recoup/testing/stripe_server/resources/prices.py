"""Prices: recurring ones of one amount."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import stripe

from recoup.core.money import Money
from recoup.processors.fake import shapes
from recoup.processors.fake.desk import metadata
from recoup.processors.fake.model import Coupon, Price, smallest
from recoup.processors.fake.world import Session
from recoup.processors.stripe.amounts import money
from recoup.testing.stripe_server import lists
from recoup.testing.stripe_server.expanding import Show
from recoup.testing.stripe_server.resources import products
from recoup.testing.stripe_server.route import Call, Json, Refusal, Route

#: Longest interval: three years. Source: docs.stripe.com/api/prices/create.
_LONGEST: Final = {"day": 1095, "week": 156, "month": 36, "year": 3}


def created(call: Call) -> Json:
    """Answer `POST /v1/prices`: for a product, or with a new one by `product_data`."""
    s, p = call.session, call.params
    rhythm = p.get("recurring")
    if rhythm is None:
        raise Refusal(
            "The server for tests plays recurring prices", code="not_played", param="recurring"
        )
    most = _LONGEST[rhythm["interval"]]
    count = rhythm.get("interval_count", 1)
    if not 1 <= count <= most:
        raise Refusal(
            f"Invalid interval_count: a {rhythm['interval']} may be counted 1 to {most} times",
            param="recurring[interval_count]",
        )
    amount = _amount(p)
    made = Price(
        id=s.new_id(Price),
        created=s.now,
        amount=amount.minor,
        currency=amount.currency,
        interval=rhythm["interval"],
        interval_count=count,
        product=_product(call),
        active=p.get("active", True),
        nickname=p.get("nickname"),
        metadata=metadata.merged({}, p.get("metadata") or None),
    )
    _join(s, made)
    return shapes.price(s.save(made))


def _amount(p: Mapping[str, object]) -> Money:
    minor, currency = p.get("unit_amount"), str(p["currency"])
    if not isinstance(minor, int):
        raise Refusal(
            "Missing required param: unit_amount.", code="parameter_missing", param="unit_amount"
        )
    amount = money(minor, currency.lower())
    if minor < 0 or amount.minor % smallest(amount.currency):
        raise Refusal(
            f"Invalid non-negative integer: {minor}",
            code="parameter_invalid_integer",
            param="unit_amount",
        )
    return amount


def _product(call: Call) -> str:
    p = call.params
    if ("product" in p) == ("product_data" in p):
        raise Refusal(
            "You must specify either `product` or `product_data` when creating a price.",
            code="parameter_missing",
            param="product",
        )
    if "product" in p:
        return products.called(call.session, p["product"]).id
    data = p["product_data"]
    return products.make(
        call.session,
        data["name"],
        active=data.get("active", True),
        texts=data.get("metadata"),
    ).id


def _join(s: Session, made: Price) -> None:
    """Let coupons of the price's product lower it too."""
    for coupon in lists.all_of(s, Coupon):
        if made.product in coupon.products:
            coupon.prices += (made.id,)
            s.save(coupon)


def of(s: Session, product: str) -> tuple[str, ...]:
    """Return the prices that a product has now."""
    return tuple(one.id for one in lists.all_of(s, Price) if one.product == product)


def updated(call: Call) -> Json:
    """Answer `POST /v1/prices/:id`: an amount never changes."""
    found, p = call.session.get(Price, call.ids[0]), call.params
    found.active = p.get("active", found.active)
    found.nickname = p.get("nickname", found.nickname) or None
    found.metadata = products.changed(found.metadata, p.get("metadata"))
    return shapes.price(call.session.save(found))


def retrieved(call: Call) -> Json:
    """Answer `GET /v1/prices/:id`."""
    return shown(call.session, call.ids[0], call.version)


def shown(s: Session, id_: str, version: str) -> Json:
    """Return the price called `id_`; all versions show it alike."""
    del version
    return shapes.price(s.get(Price, id_))


def listed(call: Call) -> Json:
    """Answer `GET /v1/prices`: the active ones, unless `active` says otherwise."""
    p = call.params
    rhythm = p.get("recurring", {}).get("interval")
    found = [
        one
        for one in lists.all_of(call.session, Price)
        if one.active is p.get("active", True)
        and p.get("product") in {None, one.product}
        and p.get("currency", one.currency).upper() == one.currency
        and rhythm in {None, one.interval}
        and p.get("type", "recurring") == "recurring"
        and lists.created(p, one.created)
    ]
    return lists.page(call, found, shapes.price, url="/v1/prices")


_SAID: Final = frozenset({"active", "nickname", "metadata"})
ROUTES: Final[Mapping[str, Route]] = {
    "POST /v1/prices": Route(
        created,
        stripe.params.PriceCreateParams,
        _SAID
        | frozenset(
            "currency unit_amount product product_data.name product_data.active"
            " product_data.metadata recurring.interval recurring.interval_count".split()
        ),
    ),
    "GET /v1/prices": Route(
        listed,
        stripe.params.PriceListParams,
        lists.LISTED | {"active", "product", "currency", "recurring.interval", "type", "created"},
    ),
    "GET /v1/prices/:id": Route(retrieved, stripe.params.PriceRetrieveParams),
    "POST /v1/prices/:id": Route(
        updated, stripe.params.PriceUpdateParams, _SAID, frozenset({"nickname"})
    ),
}
SHOWS: Final[Mapping[str, Show]] = {"price": shown}
