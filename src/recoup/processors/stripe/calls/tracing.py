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

from recoup.errors import Unreadable
from recoup.processors.stripe.calls.client import Client, Reply
from recoup.processors.stripe.calls.looking import since as second_of

#: As long as a key may be used again after its first time.
_USED: Final = timedelta(hours=25)
#: Nearly all requests are answered at once, so there is looked first.
_AT_ONCE: Final = timedelta(minutes=10)
_PAGE: Final = 100
#: How long events are told, less what two clocks may be apart.
_TOLD: Final = timedelta(days=30) - timedelta(hours=1)


def events_of(
    client: Client, key: str, since: datetime, types: Sequence[str]
) -> tuple[Mapping[str, Any], ...]:
    """
    Return the events of `types` that the request with `key`, asked at `since` (UTC), caused.

    Raises:
        Unreadable: there are none, and none of that time are told any more.
    """
    soon, now = since + _AT_ONCE, since
    for first, last in ((since, soon), (soon, since + _USED)):
        found: list[Mapping[str, Any]] = []
        for reply in _between(client, first, last, types):
            now = reply.at
            found += (
                event
                for event in reply.body["data"]
                if (event.get("request") or {}).get("idempotency_key") == key
            )
        if found:
            return tuple(found)
    if now - since >= _TOLD:
        raise Unreadable("Stripe does not tell any more what happened: it may have been done")
    return ()


def _between(
    client: Client, first: datetime, last: datetime, types: Sequence[str]
) -> Iterator[Reply]:
    def page(sdk: stripe.StripeClient, after: str | None) -> stripe.ListObject[stripe.Event]:
        params: EventListParams = {
            "created": {"gte": second_of(first), "lte": int(last.timestamp())},
            "limit": _PAGE,
            "types": list(types),
        }
        if after is not None:
            params["starting_after"] = after
        return sdk.v1.events.list(params)

    return client.all(page)


def earliest(now: datetime) -> datetime:
    """Return when a request was first made at the earliest, whose answer is given again `now`."""
    return now - _USED
