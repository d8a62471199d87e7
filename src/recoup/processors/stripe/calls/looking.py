"""Looking at what Stripe has: whether it is there, as it is now, and which request made it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from recoup.processors.stripe.calls.client import Call, Client, Reply
from recoup.processors.stripe.calls.errors import Denied
from recoup.processors.stripe.shapes import OURS

#: How far Stripe's clock may be behind ours.
_APART = timedelta(minutes=5)


def look(client: Client, call: Call) -> Reply | None:
    """Make a call that reads one object; None: there is none (any more)."""
    try:
        return client.do(call)
    except Denied as error:
        if error.missing:
            return None
        raise


def as_it_is(client: Client, reply: Reply, call: Call) -> Reply:
    """
    Return `reply`, or what `call` reads where the reply is one of an earlier time.

    An answer that is given again is as old as its first time, and must not be told as news.
    """
    if not reply.replayed:
        return reply
    return replace(client.do(call), request_id=reply.request_id)


def since(instant: datetime) -> int:
    """Return the second that what was made at or after `instant` (UTC) is listed from."""
    return int((instant - _APART).timestamp())


def made_with(pages: Iterable[Reply], key: str) -> Reply | None:
    """Return the object of a list that bears our mark of `key`, as the body of a reply."""
    for page in pages:
        for one in page.body["data"]:
            if mark_of(one) == key:
                return replace(page, body=one)
    return None


def mark_of(made: Mapping[str, Any]) -> str | None:
    """Return the key of the request of ours that made the object, if one did."""
    mark = (made.get("metadata") or {}).get(OURS)
    return mark if isinstance(mark, str) else None
