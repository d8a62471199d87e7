"""Events: the last 30 days of them, each as it was sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import islice
from typing import Any, Final

import msgspec
import stripe

from recoup.processors.fake.world import Session
from recoup.testing.stripe_server import lists, sending
from recoup.testing.stripe_server.expanding import Show
from recoup.testing.stripe_server.route import Call, Json, Refusal, Route

KEPT: Final = timedelta(days=30)
_TYPES: Final = 20  #: most that may be asked for at once

_decode = msgspec.json.Decoder(dict[str, Any]).decode


def listed(call: Call) -> Json:
    """Answer `GET /v1/events`: by `type` or `types`, `created`, `delivery_success`."""
    params, s = call.params, call.session
    kind, kinds = params.get("type"), params.get("types")
    if kind and kinds:
        raise Refusal("You may pass either `type` or `types`, but not both", param="types")
    if kinds is not None and len(kinds) > _TYPES:
        raise Refusal(f"You may pass up to {_TYPES} types", param="types")
    sending.address(s)
    limit, before = lists.limited(params), params.get("ending_before")
    found = list(islice(_asked_for(s, params, [kind] if kind else kinds), limit + 1))
    page = found[:limit]
    return {
        "object": "list",
        "data": page[::-1] if before else page,
        "has_more": len(found) > limit,
        "url": "/v1/events",
    }


def retrieved(call: Call) -> Json:
    """Answer `GET /v1/events/:id`."""
    return shown(call.session, call.ids[0], call.version)


def shown(s: Session, id_: str, version: str) -> Json:
    """
    Return the event called `id_`, as it was sent: `version` changes nothing.

    Raises:
        Refusal: there is none, or none any more.
    """
    del version
    sending.address(s)
    seq = _number(s, id_, "id")
    (body,) = s.connection.execute("SELECT body FROM events WHERE seq = ?", (seq,)).fetchone()
    return _told(s, seq, body)


def _asked_for(s: Session, params: Mapping[str, Any], kinds: list[str] | None) -> Iterator[Json]:
    after, before = params.get("starting_after"), params.get("ending_before")
    if after and before:
        raise Refusal("You cannot parameterize both starting_after and ending_before.")
    if before:
        sql = "SELECT seq, body FROM events WHERE seq > ? ORDER BY seq"
        first = _number(s, before, "ending_before")
    else:
        sql = "SELECT seq, body FROM events WHERE seq < ? ORDER BY seq DESC"
        first = _number(s, after, "starting_after") if after else 2**62
    success = params.get("delivery_success")
    for seq, body in s.connection.execute(sql, (first,)):
        event = _decode(body)
        if event["created"] < _oldest(s):
            if before:
                continue
            return
        if kinds is not None and not _is(event["type"], kinds):
            continue
        if lists.created(params, event["created"]):
            told = _told(s, seq, body)
            if success is None or success == (not told["pending_webhooks"]):
                yield told


def _told(s: Session, seq: int, body: bytes) -> Json:
    event = _decode(body)
    event["pending_webhooks"] = sending.undelivered(s, seq)
    return event


def _number(s: Session, id_: str, param: str) -> int:
    """Return the number of an event that can still be seen."""
    digits = id_.rpartition("_")[2]
    seq = int(digits) if digits.isdigit() else 0
    row = s.connection.execute("SELECT body FROM events WHERE seq = ?", (seq,)).fetchone()
    event = None if row is None else _decode(row[0])
    if event is None or event["id"] != id_ or event["created"] < _oldest(s):
        status = 404 if param == "id" else 400
        code = "resource_missing"
        raise Refusal(f"No such event: '{id_}'", status=status, code=code, param=param)
    return seq


def _oldest(s: Session) -> int:
    return s.now - int(KEPT.total_seconds())


def _is(kind: str, wanted: list[str]) -> bool:
    return any(kind == one or (one.endswith(".*") and kind.startswith(one[:-1])) for one in wanted)


_PLAYED: Final = lists.LISTED | {"type", "types", "created", "delivery_success"}
ROUTES: Final[Mapping[str, Route]] = {
    "GET /v1/events": Route(listed, stripe.params.EventListParams, _PLAYED),
    "GET /v1/events/:id": Route(retrieved, stripe.params.EventRetrieveParams),
}
SHOWS: Final[Mapping[str, Show]] = {"evt": shown}
