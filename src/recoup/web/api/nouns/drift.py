"""What differs from what it should be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from recoup.store.drift import Finding
from recoup.web.api.endpoint import Asked, Endpoint, Paging, Rows
from recoup.web.api.nouns.operations import number
from recoup.web.api.shapes import paged, shape

_FINDING = shape(Finding)


class Findings(Paging, frozen=True, kw_only=True):
    customer: str | None = None
    which: Literal["open", "confirmed", "all"] = "open"


def _list(asked: Asked) -> Rows:
    query: Findings = asked.query
    return Rows(
        asked.recoup.drift.findings(
            customer=asked.whose(),
            ended=query.which == "all",
            confirmed=query.which == "confirmed",
            after=query.after,
            limit=query.limit + 1,
        )
    )


def _get(asked: Asked) -> Finding:
    return asked.recoup.drift.get(number(asked, "finding"))


ENDPOINTS: Final[Sequence[Endpoint]] = (
    Endpoint(
        "GET",
        "/drift",
        "operations:read",
        "List what differs from what it should be, by id",
        _list,
        paged(_FINDING),
        query=Findings,
        listed=True,
    ),
    Endpoint("GET", "/drift/{id}", "operations:read", "Show a finding", _get, _FINDING),
)
