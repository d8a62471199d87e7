"""/v1/charges. Since 2022-11-15 a charge's refunds are there only when asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stripe import params as sdk

from recoup.processors.fake import shapes
from recoup.processors.fake.model import Charge, Method, Refund
from recoup.processors.fake.shapes.wire import is_basil
from recoup.processors.fake.world import Session
from recoup.testing.stripe_server import lists
from recoup.testing.stripe_server.expanding import Part, Show
from recoup.testing.stripe_server.route import Call, Json, Route


def show(s: Session, id_: str, version: str) -> Json:
    found = s.get(Charge, id_)
    return shapes.charge(found, s.get(Method, found.method), basil=is_basil(version))


def _refunds(s: Session, charge: Json, version: str) -> Json:
    del version
    id_ = str(charge["id"])
    return {
        "object": "list",
        "data": [shapes.refund(one) for one in reversed(s.owned(Refund, id_))],
        "has_more": False,
        "url": f"/v1/charges/{id_}/refunds",
    }


def retrieve(call: Call) -> Json:
    return show(call.session, call.ids[0], call.version)


def listed(call: Call) -> Json:
    s, given = call.session, call.params
    found = [
        one
        for one in lists.all_of(s, Charge)
        if one.customer == given.get("customer", one.customer)
        and one.intent == given.get("payment_intent", one.intent)
        and lists.created(given, one.created)
    ]
    return lists.page(call, found, lambda one: show(s, one.id, call.version), url="/v1/charges")


ROUTES: Final[Mapping[str, Route]] = {
    "GET /v1/charges": Route(
        listed, sdk.ChargeListParams, lists.LISTED | {"created", "customer", "payment_intent"}
    ),
    "GET /v1/charges/:id": Route(retrieve, sdk.ChargeRetrieveParams),
}
SHOWS: Final[Mapping[str, Show]] = {"ch": show}
PARTS: Final[Mapping[str, Part]] = {"charge.refunds": _refunds}
