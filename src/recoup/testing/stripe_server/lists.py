"""
Lists as Stripe answers them: the newest first, page by page.

A resource asks `page(call, things, …)` with all its things, oldest first, as they were made, and
a way to show one; `created[gte]` and the page's limits are read from the call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from recoup.processors.fake.model import PREFIXES, Thing
from recoup.processors.fake.world import Session
from recoup.testing.stripe_server.route import Call, Json, Refusal

T = TypeVar("T")
_Kind = TypeVar("_Kind", bound=Thing)

#: What every list takes: have it in the route's `played`.
LISTED: Final = frozenset({"limit", "starting_after", "ending_before"})
USUAL, MOST = 10, 100


def page(
    call: Call,
    things: Iterable[T],
    show: Callable[[T], Json],
    *,
    url: str,
    id_of: Callable[[T], str] = lambda thing: thing.id,  # type: ignore[attr-defined]
) -> Json:
    """
    Return one page of `things`, given oldest first, as the call asks for it.

    Raises:
        Refusal: a limit out of bounds, both ends given, or an end that is not in the list.
    """
    newest = list(things)[::-1]
    limit = limited(call.params)
    after, before = call.params.get("starting_after"), call.params.get("ending_before")
    if after and before:
        raise Refusal("You cannot parameterize both starting_after and ending_before.")
    if before:
        end = _place(newest, before, id_of, "ending_before")
        chosen = newest[max(0, end - limit) : end]
        more = end > limit
    else:
        start = _place(newest, after, id_of, "starting_after") + 1 if after else 0
        chosen = newest[start : start + limit]
        more = len(newest) > start + limit
    return {"object": "list", "data": [show(one) for one in chosen], "has_more": more, "url": url}


def limited(params: Mapping[str, Any]) -> int:
    """
    Return how many a page is to have.

    Raises:
        Refusal: not 1 to 100.
    """
    limit: int = params.get("limit", USUAL)
    if not 1 <= limit <= MOST:
        code = "parameter_invalid_integer"
        text = f"This value must be {'less' if limit > MOST else 'greater'} than or equal to"
        bound = MOST if limit > MOST else 1
        raise Refusal(f"{text} {bound}.", code=code, param="limit")
    return limit


def created(params: Mapping[str, Any], at: int, name: str = "created") -> bool:
    """Whether the second `at` is within what the call asks for: `created=…`, `created[gte]=…`."""
    asked = params.get(name)
    if not isinstance(asked, dict):
        return asked is None or asked == at
    first = max(asked.get("gte", 0), asked.get("gt", -1) + 1)
    last = min(asked.get("lte", at), asked.get("lt", at + 1) - 1)
    return bool(first <= at <= last)


def all_of(s: Session, kind: type[_Kind]) -> list[_Kind]:
    """Return every thing of a kind in the world, oldest first."""
    s.flush()
    prefix = PREFIXES[kind] + "_"
    rows = s.connection.execute(
        "SELECT id FROM objects WHERE id >= ? AND id < ?", (prefix, prefix[:-1] + "`")
    ).fetchall()
    found = [s.get(kind, id_) for (id_,) in rows]
    return sorted(found, key=lambda thing: (getattr(thing, "created", 0), thing.id))


def _place(things: Sequence[T], id_: str, id_of: Callable[[T], str], param: str) -> int:
    for place, thing in enumerate(things):
        if id_of(thing) == id_:
            return place
    raise Refusal(f"No such object: '{id_}'", code="resource_missing", param=param)
