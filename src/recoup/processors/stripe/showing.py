"""
What Stripe shows: the events it told, and its objects as they are now.

Source: docs.stripe.com/api/events/list, docs.stripe.com/api/pagination.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from stripe import StripeClient

from recoup.errors import InvalidValue
from recoup.processors.base import Kind, Page
from recoup.processors.stripe.calls.client import Client, Reply
from recoup.processors.stripe.calls.errors import Denied
from recoup.processors.stripe.snapshots import line, snapshot

Json = Mapping[str, Any]
_Params = dict[str, Any]

_PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class _Way:
    """How one kind is listed and looked up, and what of it is shown only when asked for."""

    list: Callable[[StripeClient, Any], Any]
    retrieve: Callable[[StripeClient, str, Any], Any]
    by_customer: bool = False
    expand: tuple[str, ...] = ()
    #: Without it Stripe leaves some out.
    more: Mapping[str, str] | None = None


_WAYS: Final[Mapping[Kind, _Way]] = {
    "customer": _Way(
        lambda sdk, params: sdk.v1.customers.list(params),
        lambda sdk, id_, params: sdk.v1.customers.retrieve(id_, params),
    ),
    "payment_method": _Way(
        lambda sdk, params: sdk.v1.customers.payment_methods.list(params.pop("customer"), params),
        lambda sdk, id_, params: sdk.v1.payment_methods.retrieve(id_, params),
        by_customer=True,
    ),
    "subscription": _Way(
        lambda sdk, params: sdk.v1.subscriptions.list(params),
        lambda sdk, id_, params: sdk.v1.subscriptions.retrieve(id_, params),
        by_customer=True,
        expand=("discounts",),
        more={"status": "all"},
    ),
    "invoice": _Way(
        lambda sdk, params: sdk.v1.invoices.list(params),
        lambda sdk, id_, params: sdk.v1.invoices.retrieve(id_, params),
        by_customer=True,
        expand=("payments",),
    ),
    "invoice_payment": _Way(
        lambda sdk, params: sdk.v1.invoice_payments.list(params),
        lambda sdk, id_, params: sdk.v1.invoice_payments.retrieve(id_, params),
    ),
    "payment_intent": _Way(
        lambda sdk, params: sdk.v1.payment_intents.list(params),
        lambda sdk, id_, params: sdk.v1.payment_intents.retrieve(id_, params),
        by_customer=True,
    ),
    "charge": _Way(
        lambda sdk, params: sdk.v1.charges.list(params),
        lambda sdk, id_, params: sdk.v1.charges.retrieve(id_, params),
        by_customer=True,
    ),
    "refund": _Way(
        lambda sdk, params: sdk.v1.refunds.list(params),
        lambda sdk, id_, params: sdk.v1.refunds.retrieve(id_, params),
    ),
    "dispute": _Way(
        lambda sdk, params: sdk.v1.disputes.list(params),
        lambda sdk, id_, params: sdk.v1.disputes.retrieve(id_, params),
    ),
    "coupon": _Way(
        lambda sdk, params: sdk.v1.coupons.list(params),
        lambda sdk, id_, params: sdk.v1.coupons.retrieve(id_, params),
    ),
    "promotion_code": _Way(
        lambda sdk, params: sdk.v1.promotion_codes.list(params),
        lambda sdk, id_, params: sdk.v1.promotion_codes.retrieve(id_, params),
        by_customer=True,
    ),
}


def event_page(client: Client, since: datetime, after: str | None) -> Page:
    """Return events as they were sent; see `recoup.processors.base.Shows`."""
    params = _page(after) | {"created": {"gte": int(since.timestamp())}}
    reply = client.do(lambda sdk, _: sdk.v1.events.list(params))  # type: ignore[arg-type]
    return Page(tuple(line(one) for one in reply.body["data"]), _next(reply.body))


def object_page(client: Client, kind: Kind, after: str | None, of: str | None) -> Page:
    """Return objects as they are now; see `recoup.processors.base.Shows`."""
    if kind == "customer" and of is not None:
        found = look_up(client, kind, of)
        return Page(() if found is None else (found,))
    way = _WAYS[kind]
    if of is not None and not way.by_customer:
        raise InvalidValue(f"{kind}: Stripe lists those of all customers only")
    if of is None and kind == "payment_method":
        raise InvalidValue("payment_method: Stripe lists those of one customer only")
    params: _Params = _page(after) | dict(way.more or {})
    if of is not None:
        params["customer"] = of
    if way.expand:
        params["expand"] = [f"data.{name}" for name in way.expand]
    reply = client.do(lambda sdk, _: way.list(sdk, params))
    return Page(tuple(_shown(client, one, reply) for one in reply.body["data"]), _next(reply.body))


def look_up(client: Client, kind: Kind, id_: str) -> bytes | None:
    """Return the object as it is now; see `recoup.processors.base.Shows`."""
    way = _WAYS[kind]
    params: _Params = {"expand": list(way.expand)} if way.expand else {}
    try:
        reply = client.do(lambda sdk, _: way.retrieve(sdk, id_, params))
    except Denied as refusal:
        if refusal.missing:
            return None
        raise
    return _shown(client, reply.body, reply)


def _shown(client: Client, object_: Json, reply: Reply) -> bytes:
    return line(snapshot(object_, at=reply.at, livemode=client.livemode, version=client.version))


def _page(after: str | None) -> _Params:
    return {"limit": _PAGE} | ({} if after is None else {"starting_after": after})


def _next(body: Json) -> str | None:
    return str(body["data"][-1]["id"]) if body["has_more"] and body["data"] else None
