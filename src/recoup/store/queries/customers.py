"""Customers, by any of their names, and how they stand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from recoup.core.money import Money
from recoup.errors import InvalidValue, NotFound
from recoup.store import batch
from recoup.store.queries.pages import LIMIT, Page, fetch, page

#: More digits are no id of ours.
_DIGITS: Final = 18

_COLUMNS: Final = """c.id, c.processor, c.processor_id,
    c.owner_type || ':' || c.owner_id, c.country, c.currency, c.segment, c.deleted,
    c.created_at, s.standing, s.next_wake_at, s.run_state, s.failures, s.run_error,
    coalesce((SELECT array_agg(currency || ' ' || minor ORDER BY currency) FROM (
        SELECT currency, sum(amount_remaining)::bigint AS minor FROM invoices
        WHERE customer_id = c.id AND status = 'open' AND first_failed_at IS NOT NULL
          AND amount_remaining > 0
        GROUP BY currency) owed), '{}')"""

_LISTING: Final = f"""
    SELECT {_COLUMNS} FROM customers c JOIN standings s ON s.customer_id = c.id
    WHERE c.id > %(after)s
      AND (%(standing)s::text IS NULL OR s.standing = %(standing)s)
      AND (NOT %(troubled)s OR s.run_state <> 'ok')
    ORDER BY c.id LIMIT %(limit)s"""

_SHOW: Final = f"""
    SELECT {_COLUMNS} FROM customers c JOIN standings s ON s.customer_id = c.id
    WHERE c.id = %(id)s"""

_FIND: Final = """
    SELECT id FROM customers WHERE id = %(id)s
    UNION SELECT id FROM customers WHERE processor_id = %(given)s
    UNION SELECT id FROM customers WHERE owner_type = %(type)s AND owner_id = %(owner)s
    ORDER BY id LIMIT 10"""


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """A customer as a list shows them. No name and no address: ids do."""

    id: int
    processor: str
    processor_id: str | None
    owner: str | None
    country: str | None
    currency: str | None
    segment: str | None
    deleted: bool
    created_at: datetime
    standing: str
    next_wake_at: datetime | None
    run_state: str
    failures: int
    run_error: str | None
    owed: tuple[Money, ...]  #: what failed and is still owed, by currency

    @property
    def name(self) -> str:
        return self.owner or self.processor_id or f"customer {self.id}"


def find(connection: Connection, reference: str) -> int:
    """
    Return the id of the customer that `reference` names: our id, the processor's id, or
    `owner_type:owner_id`.

    Raises:
        NotFound: nobody has it; the text says what was tried.
        InvalidValue: several have it, one at each of several processors.
    """
    kind, _, owner = reference.partition(":")
    number = reference.isascii() and reference.isdigit() and len(reference) <= _DIGITS
    given = {
        "id": int(reference) if number else None,
        "given": reference,
        "type": kind if owner else None,
        "owner": owner or None,
    }
    ids = [row[0] for row in fetch(connection, _FIND, given)] if "\0" not in reference else []
    if not ids:
        raise NotFound(
            f"there is no customer {reference!r}: it is no id of ours, no id at the processor, "
            "and no owner (owner_type:owner_id)"
        )
    if number and int(reference) in ids:
        return int(reference)
    if len(ids) > 1:
        raise InvalidValue(f"{reference!r} names several customers: {ids}; give the number")
    return int(ids[0])


def show(connection: Connection, customer_id: int) -> CustomerRow:
    """
    Return one customer.

    Raises:
        NotFound: there is none with this id.
    """
    for row in fetch(connection, _SHOW, {"id": customer_id}):
        return _made(*row)
    raise NotFound(f"there is no customer {customer_id}")


def listing(
    connection: Connection,
    *,
    standing: str | None = None,
    troubled: bool = False,
    after: int = 0,
    limit: int = LIMIT,
) -> Page[CustomerRow]:
    """Return customers by id; `troubled` keeps those whose last run failed."""
    given = {"standing": standing, "troubled": troubled, "after": after}
    return page(connection, _LISTING, given, _made, limit=limit)


def _made(*row: Any) -> CustomerRow:
    pairs = (text.split() for text in row[-1])
    owed = tuple(Money(int(minor), currency) for currency, minor in pairs)
    return CustomerRow(*(*row[:-1], owed))


def ids_after(connection: Connection, last: int, *, limit: int) -> list[int]:
    """Return up to `limit` customers' ids above `last`, in order."""
    sql = "SELECT id FROM customers WHERE id > %s ORDER BY id LIMIT %s"
    return [id for (id,) in batch.fetch(connection, sql, (last, limit))]
