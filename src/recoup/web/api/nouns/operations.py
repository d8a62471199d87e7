"""What operators look at: coupons, cases of debt, work to be done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from recoup.core.billing.views import Coupon
from recoup.errors import NotFound
from recoup.jobs import listing
from recoup.jobs.listing import EffectRow
from recoup.store.queries import cases
from recoup.store.queries.cases import CaseRow
from recoup.store.views.reading import our_id
from recoup.web.api.endpoint import Asked, Endpoint, Paging, Rows
from recoup.web.api.shapes import paged, shape

_CASE = shape(CaseRow, name="Case")
_EFFECT = shape(EffectRow, name="Effect", without={"args", "result", "claim_id", "lease_until"})


class Cases(Paging, frozen=True, kw_only=True):
    customer: str | None = None
    rung: str | None = None
    ended: bool = False


class Effects(Paging, frozen=True, kw_only=True):
    customer: str | None = None
    state: Literal["scheduled", "running", "done", "canceled", "parked"] | None = None
    kind: str | None = None


def number(asked: Asked, what: str) -> int:
    """
    Return the id in the path, of what has no other name.

    Raises:
        NotFound: it is no number.
    """
    id = our_id(asked.id)
    if id is None:
        raise NotFound(f"there is no {what} {asked.id!r:.60}: its id is a number")
    return id


def _coupons(asked: Asked) -> Rows:
    query: Paging = asked.query
    return Rows(asked.recoup.coupons.list(after=query.after, limit=query.limit + 1))


def _cases(asked: Asked) -> Rows:
    query: Cases = asked.query
    owner = asked.whose()
    with asked.recoup.database.connect() as connection:
        page = cases.listing(
            connection,
            customer_id=owner,
            rung=query.rung,
            ended=query.ended,
            after=query.after,
            limit=query.limit + 1,
        )
    return Rows(page.rows)


def _case(asked: Asked) -> CaseRow:
    with asked.recoup.database.connect() as connection:
        return cases.show(connection, number(asked, "case"))


def _effects(asked: Asked) -> Rows:
    query: Effects = asked.query
    owner = asked.whose()
    with asked.recoup.database.connect() as connection:
        return Rows(
            listing.listing(
                connection,
                state=query.state,
                kind=query.kind,
                customer_id=owner,
                before_id=query.after or None,
                limit=query.limit + 1,
            )
        )


ENDPOINTS: Final[Sequence[Endpoint]] = (
    Endpoint(
        "GET",
        "/coupons",
        "coupons:read",
        "List coupons, by id",
        _coupons,
        paged(shape(Coupon)),
        query=Paging,
        listed=True,
    ),
    Endpoint(
        "GET",
        "/cases",
        "operations:read",
        "List open cases, by id; with `ended` those that are over too",
        _cases,
        paged(_CASE),
        query=Cases,
        listed=True,
    ),
    Endpoint("GET", "/cases/{id}", "operations:read", "Show a case", _case, _CASE),
    Endpoint(
        "GET",
        "/effects",
        "operations:read",
        "List work to be done, newest first",
        _effects,
        paged(_EFFECT),
        query=Effects,
        listed=True,
    ),
)
