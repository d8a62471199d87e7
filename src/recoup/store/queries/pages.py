"""Pages of rows: how every list is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from sqlalchemy import Connection

from recoup.store import batch

#: Rows of a page where nobody says how many.
LIMIT: Final = 50


class Numbered(Protocol):
    """A row with an id."""

    @property
    def id(self) -> int: ...


_T = TypeVar("_T")
_Row = TypeVar("_Row", bound=Numbered)


@dataclass(frozen=True, slots=True)
class Page(Generic[_T]):
    """Rows in order, and the id behind which the next page begins; None on the last."""

    rows: tuple[_T, ...]
    next: int | None


def page(
    connection: Connection,
    sql: str,
    given: Mapping[str, Any],
    make: Callable[..., _Row],
    *,
    limit: int,
) -> Page[_Row]:
    """
    Return the page that `sql` selects; it names its parameters, `limit` among them.

    One row more than asked for is read, to know whether there is another page.
    """
    rows = [make(*row) for row in fetch(connection, sql, {**given, "limit": limit + 1})]
    more = len(rows) > limit
    return Page(tuple(rows[:limit]), rows[limit - 1].id if more else None)


def fetch(connection: Connection, sql: str, given: Mapping[str, Any]) -> list[Any]:
    """Return the rows of a query with named parameters, as plain tuples."""
    with batch.driver(connection).cursor(binary=True) as cursor:
        return cursor.execute(sql.encode(), given).fetchall()
