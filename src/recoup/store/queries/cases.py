"""Cases: episodes of debt, running and over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from recoup.core.money import Money
from recoup.core.policy import DEFAULT
from recoup.errors import NotFound
from recoup.store.queries.pages import LIMIT, Page, fetch, page

_COLUMNS: Final = """k.id, k.customer_id, c.processor_id, k.scope, k.anchor, k.opened_at,
    k.policy, k.rung, k.rung_since, k.ending, k.ended_at, k.settled_at,
    i.owed, i.currency, i.invoices, i.closed"""

#: A case is of one scope, and a scope has one currency.
_FROM: Final = """
    FROM cases k JOIN customers c ON c.id = k.customer_id
    LEFT JOIN LATERAL (
        SELECT sum(CASE WHEN status = 'open' THEN amount_remaining ELSE 0 END)::bigint AS owed,
               min(currency) AS currency, count(*) AS invoices,
               count(*) FILTER (WHERE status <> 'open') AS closed
        FROM invoices WHERE case_id = k.id) i ON true"""

_LISTING: Final = f"""
    SELECT {_COLUMNS} {_FROM}
    WHERE k.id > %(after)s
      AND (%(customer)s::bigint IS NULL OR k.customer_id = %(customer)s)
      AND (%(rung)s::text IS NULL OR k.rung = %(rung)s)
      AND (%(ended)s OR k.ending IS NULL)
    ORDER BY k.id LIMIT %(limit)s"""

#: Rungs of the policies that are or were in use.
_RUNGS: Final = """
    SELECT DISTINCT rung->>'name' FROM policies, jsonb_array_elements(body->'ladder') AS rung
    UNION SELECT DISTINCT rung FROM cases WHERE rung IS NOT NULL"""

_DEBTORS: Final = """
    SELECT DISTINCT customer_id FROM cases WHERE ending IS NULL AND customer_id > %(after)s
    ORDER BY customer_id LIMIT %(limit)s"""

_SHOW: Final = f"SELECT {_COLUMNS} {_FROM} WHERE k.id = %(id)s"


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case, and what is still owed in it."""

    id: int
    customer_id: int
    customer: str | None
    scope: str
    anchor: datetime
    opened_at: datetime
    policy: str
    rung: str | None
    rung_since: datetime | None
    ending: str | None
    ended_at: datetime | None
    settled_at: datetime | None
    owed: Money | None  #: None: no invoice is in it any more
    invoices: int
    closed: int  #: of these invoices, how many are paid or closed otherwise

    @property
    def open(self) -> bool:
        return self.ending is None


def listing(
    connection: Connection,
    *,
    customer_id: int | None = None,
    rung: str | None = None,
    ended: bool = False,
    after: int = 0,
    limit: int = LIMIT,
) -> Page[CaseRow]:
    """Return open cases by id, with `ended` those that are over too."""
    given = {"customer": customer_id, "rung": rung, "ended": ended, "after": after}
    return page(connection, _LISTING, given, _made, limit=limit)


def show(connection: Connection, case_id: int) -> CaseRow:
    """
    Return one case.

    Raises:
        NotFound: there is none with this id.
    """
    for row in fetch(connection, _SHOW, {"id": case_id}):
        return _made(*row)
    raise NotFound(f"there is no case {case_id}")


def _made(*row: Any) -> CaseRow:
    *_, minor, currency, invoices, closed = row
    owed = None if currency is None else Money(minor, currency)
    return CaseRow(*(*row[:-4], owed, invoices, closed))


def rungs(connection: Connection) -> frozenset[str]:
    """Return the rungs that a case may be on."""
    kept = {row[0] for row in fetch(connection, _RUNGS, {})}
    return frozenset({*kept, *(rung.name for rung in DEFAULT.ladder)})


def debtors(connection: Connection, *, after: int, limit: int) -> list[int]:
    """Return up to `limit` customers with a running case, in id order, behind `after`."""
    rows = fetch(connection, _DEBTORS, {"after": after, "limit": limit})
    return [row[0] for row in rows]


def how_many_debtors(connection: Connection) -> int:
    """Return how many customers have a running case."""
    sql = "SELECT count(DISTINCT customer_id) FROM cases WHERE ending IS NULL"
    return int(fetch(connection, sql, {})[0][0])
