"""What arrived from the processor, without its body, and taking it in again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from recoup.core.dunning.acts import Acted
from recoup.store.queries import inbox
from recoup.store.queries.inbox import InboxRow
from recoup.web.api.endpoint import Asked, Endpoint, Paging, Rows
from recoup.web.api.nouns.operations import number
from recoup.web.api.shapes import paged, shape

_SHOWN = shape(InboxRow, name="Event")


class Listing(Paging, frozen=True, kw_only=True):
    state: Literal["received", "applied", "ignored", "waiting", "failed", "parked"] | None = None
    type: str | None = None


class Replaying(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    reason: Annotated[str, Meta(min_length=1, max_length=500)] = "asked for over HTTP"
    dry_run: bool = False


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


def _replay(asked: Asked) -> Acted:
    told: Replaying = asked.body
    return asked.recoup.dunning.replay(
        [number(asked, "event")], reason=told.reason, dry_run=told.dry_run
    )


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
        "Absorb an event again, or rehearse it; what was applied changes nothing",
        _replay,
        shape(Acted),
        takes=Replaying,
        status=202,
    ),
)
