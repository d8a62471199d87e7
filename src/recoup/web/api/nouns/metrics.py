"""The numbers of `recoup.metrics`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final

from msgspec import Meta, Struct

from recoup.errors import NotFound
from recoup.metrics import NUMBERS, Table
from recoup.web.api.endpoint import Asked, Endpoint
from recoup.web.api.shapes import Instant, shape

_SHOWN = shape(Table, name="Metric")
_Name = Annotated[str, Meta(description=f"One of {', '.join(one.name for one in NUMBERS)}.")]


class Window(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    since: Annotated[Instant | None, Meta(description="First instant that counts.")] = None
    until: Annotated[Instant | None, Meta(description="First that counts no more.")] = None


class Named(Struct, frozen=True):
    """A number's name, and what it counts."""

    name: _Name
    title: str
    windowed: Annotated[bool, Meta(description="Whether `since` and `until` matter.")]


class Names(Struct, frozen=True):
    """All numbers there are."""

    data: tuple[Named, ...]


def _list(_: Asked) -> Names:
    return Names(tuple(Named(one.name, one.title, one.windowed) for one in NUMBERS))


def _get(asked: Asked) -> Table:
    query: Window = asked.query
    known = [number.name for number in NUMBERS]
    if asked.id not in known:
        raise NotFound(f"there is no number {asked.id!r:.60}; there are {', '.join(known)}")
    since: datetime | None = query.since
    return asked.recoup.metrics.read(asked.id, since=since, until=query.until)


ENDPOINTS: Final[Sequence[Endpoint]] = (
    Endpoint("GET", "/metrics", "metrics:read", "List the numbers there are", _list, Names),
    Endpoint(
        "GET", "/metrics/{id}", "metrics:read", "Count one number", _get, _SHOWN, query=Window
    ),
)
