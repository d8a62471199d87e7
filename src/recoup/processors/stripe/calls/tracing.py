"""
What a request of ours did, by the events that bear its key: for 30 days, however long keys live.

An object does not say who changed it last. Its events do, and a change that somebody made before
is not taken for ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import stripe
from stripe.params import EventListParams

from recoup.processors.stripe.calls.client import Client
from recoup.processors.stripe.calls.looking import since as second_of

#: As long as a key may be used again after its first time.
_USED: Final = timedelta(hours=25)
#: Nearly all requests are answered at once, so there is looked first.
_AT_ONCE: Final = timedelta(minutes=10)
_PAGE: Final = 100


def events_of(
    client: Client, key: str, since: datetime, types: Sequence[str]
) -> tuple[Mapping[str, Any], ...]:
    """Return the events of `types` that the request with `key`, asked at `since` (UTC), caused."""
    soon = since + _AT_ONCE
    for first, last in ((since, soon), (soon, since + _USED)):
        found = tuple(
            event
            for event in _between(client, first, last, types)
            if (event.get("request") or {}).get("idempotency_key") == key
        )
        if found:
            return found
    return ()


def _between(
    client: Client, first: datetime, last: datetime, types: Sequence[str]
) -> Iterator[Mapping[str, Any]]:
    def page(sdk: stripe.StripeClient, after: str | None) -> stripe.ListObject[stripe.Event]:
        params: EventListParams = {
            "created": {"gte": second_of(first), "lte": int(last.timestamp())},
            "limit": _PAGE,
            "types": list(types),
        }
        if after is not None:
            params["starting_after"] = after
        return sdk.v1.events.list(params)

    for reply in client.all(page):
        yield from reply.body["data"]


def earliest(now: datetime) -> datetime:
    """Return when a request was first made at the earliest, whose answer is given again `now`."""
    return now - _USED
