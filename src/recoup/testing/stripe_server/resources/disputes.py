"""/v1/disputes. Banks open them: the fake's `open_dispute` and `close_dispute`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stripe import params as sdk

from recoup.processors.fake import shapes
from recoup.processors.fake.desk import money
from recoup.processors.fake.model import Dispute
from recoup.processors.fake.world import Session
from recoup.testing.stripe_server import lists
from recoup.testing.stripe_server.expanding import Show
from recoup.testing.stripe_server.route import Call, Json, Refusal, Route


def show(s: Session, id_: str, version: str) -> Json:
    del version
    return shapes.dispute(s.get(Dispute, id_))


def retrieve(call: Call) -> Json:
    return show(call.session, call.ids[0], call.version)


def listed(call: Call) -> Json:
    s, given = call.session, call.params
    found = [
        one
        for one in lists.all_of(s, Dispute)
        if one.charge == given.get("charge", one.charge)
        and one.intent == given.get("payment_intent", one.intent)
        and lists.created(given, one.created)
    ]
    return lists.page(call, found, shapes.dispute, url="/v1/disputes")


def close(call: Call) -> Json:
    """Give in: it is lost."""
    s = call.session
    found = s.get(Dispute, call.ids[0])
    if not found.open:
        raise Refusal("This dispute is already closed")
    money.close_dispute(s, found.id, won=False)
    return shapes.dispute(found)


ROUTES: Final[Mapping[str, Route]] = {
    "GET /v1/disputes": Route(
        listed, sdk.DisputeListParams, lists.LISTED | {"charge", "created", "payment_intent"}
    ),
    "GET /v1/disputes/:id": Route(retrieve, sdk.DisputeRetrieveParams),
    "POST /v1/disputes/:id/close": Route(close, sdk.DisputeCloseParams),
}
SHOWS: Final[Mapping[str, Show]] = {"dp": show}
