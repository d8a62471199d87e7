"""
Objects as they are now, told as events: so what is fetched is read, kept and absorbed like news.

The type ends in ".fetched", the time is that of the look, to the second. What happened in that
same second before the look is older than it: the id of a look sorts after those of events, and
after those of earlier looks at the same object.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from recoup.core.facts import ANSWER, LOOK

_encode: Final = msgspec.json.Encoder().encode
#: How the types of events about an object begin, where not as the object is called.
_BEGINNINGS: Final[Mapping[str, str]] = {
    "subscription": "customer.subscription",
    "dispute": "charge.dispute",
}


def snapshot(
    object_: Mapping[str, Any],
    *,
    at: datetime,
    livemode: bool,
    version: str | None = None,
    request_id: str | None = None,
    key: str | None = None,
    last: str | None = None,
    turn: int | None = None,
) -> dict[str, Any]:
    """
    Return an event that tells of `object_` as it was at `at` (UTC).

    Args:
        key: The idempotency key, when a request of ours made it so.
        last: The id of the newest event there was, where the ids of events are in order: then
            what happens later in the same second is newer than the look.
        turn: Orders the looks of one second, because a second tells too little apart: greater is
            later. By default by this machine's clock, which is used for nothing else.
    """
    kind, second = str(object_["object"]), int(at.timestamp())
    order = time.time_ns() if turn is None else turn
    beginning = _BEGINNINGS.get(kind, kind)
    place = f"{last}~{LOOK}" if last else LOOK
    return {
        "id": f"{place}{object_['id']}_{second}_{order:020d}{ANSWER if key else ''}",
        "object": "event",
        "api_version": version,
        "created": second,
        "data": {"object": object_},
        "livemode": livemode,
        "request": {"id": request_id, "idempotency_key": key},
        "type": f"{beginning}.{'deleted' if object_.get('deleted') else 'fetched'}",
    }


def line(event: Mapping[str, Any]) -> bytes:
    """Return an event as one line of bytes, as if received."""
    return _encode(event)
