"""Promotion codes."""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any, Final, Literal, TypedDict

import stripe
from stripe.params import PromotionCodeCreateParamsRestrictions

from recoup.core.billing.requests import CreatePromotionCode, UpdatePromotionCode
from recoup.core.money import Money
from recoup.processors.fake import shapes
from recoup.processors.fake.billing import discounts
from recoup.processors.fake.desk import coupons as fake
from recoup.processors.fake.model import PromotionCode
from recoup.processors.fake.shapes.wire import is_clover
from recoup.processors.fake.world import Session
from recoup.processors.stripe.amounts import money
from recoup.testing.stripe_server import lists
from recoup.testing.stripe_server.expanding import Show
from recoup.testing.stripe_server.resources import coupons, customers, products
from recoup.testing.stripe_server.route import Call, Json, Refusal, Route

_LETTERS: Final = string.ascii_uppercase + string.digits


class Promotion(TypedDict, total=False):
    """What a code promises, from 2025-09-30.clover on."""

    type: Literal["coupon"]
    coupon: str


class Create(TypedDict, total=False):
    """The parameters of all versions: the SDK's definition has only the newest."""

    active: bool
    code: str
    coupon: str
    customer: str
    expand: list[str]
    expires_at: int
    max_redemptions: int
    metadata: dict[str, str]
    promotion: Promotion
    restrictions: PromotionCodeCreateParamsRestrictions


def created(call: Call) -> Json:
    """Answer `POST /v1/promotion_codes`."""
    s, p = call.session, call.params
    coupon = coupons.called(s, _coupon(call))
    if "customer" in p:
        customers.living(s, p["customer"], "customer")
    if not p.get("active", True):
        raise Refusal("The server for tests makes active codes", code="not_played", param="active")
    limits = p.get("restrictions", {})
    asked = CreatePromotionCode(
        coupon.code,
        p.get("code") or _any_code(s),
        customer=p.get("customer"),
        expires_at=coupons.moment(p.get("expires_at")),
        max_redemptions=p.get("max_redemptions"),
        first_time=limits.get("first_time_transaction", False),
        minimum=_minimum(limits),
    )
    made = fake.create_code(s, asked, texts=p.get("metadata") or None).object
    return shown(s, made, call.version)


def _coupon(call: Call) -> str:
    """Return the coupon that is promised, where the version says it."""
    wanted, unknown = "promotion", "coupon"
    if not is_clover(call.version):
        wanted, unknown = unknown, wanted
    if unknown in call.params:
        raise Refusal(
            f"Received unknown parameter: {unknown}", code="parameter_unknown", param=unknown
        )
    said = call.params.get(wanted)
    coupon = said.get("coupon") if isinstance(said, Mapping) else said
    if not coupon:
        name = "promotion[coupon]" if said else wanted
        raise Refusal(f"Missing required param: {name}.", code="parameter_missing", param=name)
    return str(coupon)


def _any_code(s: Session) -> str:
    number = s.count("code")
    return "".join(_LETTERS[s.dice("code", number, n) % len(_LETTERS)] for n in range(8))


def _minimum(limits: Mapping[str, Any]) -> Money | None:
    if "minimum_amount" not in limits:
        return None
    if "minimum_amount_currency" not in limits:
        raise Refusal(
            "You must pass minimum_amount_currency when passing minimum_amount",
            code="parameter_missing",
            param="restrictions[minimum_amount_currency]",
        )
    return money(limits["minimum_amount"], limits["minimum_amount_currency"].lower())


def updated(call: Call) -> Json:
    """Answer `POST /v1/promotion_codes/:id`: on or off, and metadata."""
    s, p = call.session, call.params
    found = discounts.promotion_code_called(s, call.ids[0])
    found.metadata = products.changed(found.metadata, p.get("metadata"))
    s.save(found)
    if "active" in p:
        fake.update_code(s, UpdatePromotionCode(found.id, p["active"]))
    return shown(s, found.id, call.version)


def retrieved(call: Call) -> Json:
    """Answer `GET /v1/promotion_codes/:id`."""
    return shown(call.session, call.ids[0], call.version)


def shown(s: Session, id_: str, version: str) -> Json:
    """Return the code called `id_`; from clover on it tells only its coupon's id."""
    found = discounts.promotion_code_called(s, id_)
    coupon = discounts.coupon_called(s, found.coupon)
    shape = shapes.promotion_code(
        found, coupon, valid=discounts.usable(coupon, s.now), version=version
    )
    if is_clover(version):
        shape["promotion"]["coupon"] = coupon.code
    else:
        del shape["coupon"]["applies_to"]
    return shape


def listed(call: Call) -> Json:
    """Answer `GET /v1/promotion_codes`: by `active`, `code`, `coupon`, `customer`, `created`."""
    s, p = call.session, call.params
    found = [
        one
        for one in lists.all_of(s, PromotionCode)
        if p.get("active") in {None, one.active}
        and p.get("code", one.code).upper() == one.code.upper()
        and p.get("coupon") in {None, one.coupon}
        and p.get("customer") in {None, one.customer}
        and lists.created(p, one.created)
    ]

    def show(one: PromotionCode) -> Json:
        return shown(s, one.id, call.version)

    return lists.page(call, found, show, url="/v1/promotion_codes")


ROUTES: Final[Mapping[str, Route]] = {
    "POST /v1/promotion_codes": Route(
        created,
        Create,
        frozenset(
            "active code coupon customer expires_at max_redemptions metadata promotion.type"
            " promotion.coupon restrictions.first_time_transaction restrictions.minimum_amount"
            " restrictions.minimum_amount_currency".split()
        ),
    ),
    "GET /v1/promotion_codes": Route(
        listed,
        stripe.params.PromotionCodeListParams,
        lists.LISTED | {"active", "code", "coupon", "customer", "created"},
    ),
    "GET /v1/promotion_codes/:id": Route(retrieved, stripe.params.PromotionCodeRetrieveParams),
    "POST /v1/promotion_codes/:id": Route(
        updated, stripe.params.PromotionCodeUpdateParams, frozenset({"active", "metadata"})
    ),
}
SHOWS: Final[Mapping[str, Show]] = {"promo": shown}
