"""What arrived from the processor, without its body, and taking it in again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from recoup.jobs import queue
from recoup.jobs.base import NewEffect
from recoup.store import inbox as letters
from recoup.store.queries import inbox
from recoup.store.queries.inbox import InboxRow
from recoup.web.api.endpoint import Asked, Endpoint, Paging, Rows
from recoup.web.api.nouns.operations import number
from recoup.web.api.shapes import paged, shape

_SHOWN = shape(InboxRow, name="Event")


class Listing(Paging, frozen=True, kw_only=True):
    state: Literal["received", "applied", "ignored", "waiting", "failed", "parked"] | None = None
    type: str | None = None


def _list(asked: Asked) -> Rows:
    query: Listing = asked.query
    with asked.recoup.database.connect() as connection:
        page = inbox.listing(
            connection,
            state=query.state,
            type=query.type,
            before=query.after or None,
            limit=query.limit + 1,
        )
    return Rows(page.rows)


def _get(asked: Asked) -> InboxRow:
    with asked.recoup.database.connect() as connection:
        return inbox.show(connection, number(asked, "event"))


def _replay(asked: Asked) -> InboxRow:
    """Make the event received again; a worker absorbs it, as when it arrived."""
    id, now = number(asked, "event"), asked.recoup.clock.now()
    with asked.recoup.database.begin() as connection:
        inbox.show(connection, id)
        letters.replay(connection, [id])
        queue.enqueue(connection, [NewEffect("absorb", f"absorb:{id}", now, "webhooks")], now=now)
        return inbox.show(connection, id)


ENDPOINTS: Final[Sequence[Endpoint]] = (
    Endpoint(
        "GET",
        "/webhooks",
        "webhooks:read",
        "List events, newest first",
        _list,
        paged(_SHOWN),
        query=Listing,
        listed=True,
    ),
    Endpoint("GET", "/webhooks/{id}", "webhooks:read", "Show an event", _get, _SHOWN),
    Endpoint(
        "POST",
        "/webhooks/{id}/replay",
        "webhooks:write",
        "Absorb an event again; what was applied changes nothing",
        _replay,
        _SHOWN,
        status=202,
    ),
)
