"""Rows by name, and one row by any of its names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from psycopg.rows import dict_row
from sqlalchemy import Connection

from recoup.errors import InvalidValue, NotFound
from recoup.store import batch

#: Rows of a list where nobody says how many.
LIMIT: Final = 50
#: ... and the most that anybody gets at once.
MOST: Final = 1000
#: A bigint holds no more digits.
_DIGITS: Final = 18

#: What people call a row of these tables; of others, it is in the table's name.
_CALLED: Final = {"attempts": "payment"}

#: Our id, its digits as text, or the processor's id.
Ref = int | str
Values = dict[str, Any]


def rows(connection: Connection, sql: str, given: Mapping[str, Any]) -> list[Values]:
    """
    Return the rows of a query with named parameters, by column.

    Raises:
        InvalidValue: `limit` is not 1 to 1000, or `after` is no id.
    """
    limit, after = given.get("limit", LIMIT), given.get("after", 0)
    if not 1 <= limit <= MOST:
        raise InvalidValue(f"limit: expected 1 to {MOST}, got {limit}")
    if abs(after) >= 10**_DIGITS:
        raise InvalidValue(f"after: expected an id, got a number of {len(str(abs(after)))} digits")
    with batch.driver(connection).cursor(binary=True, row_factory=dict_row) as cursor:
        return cursor.execute(sql.encode(), given).fetchall()


def one(
    connection: Connection,
    sql: str,
    ref: Ref,
    *,
    table: str,
    given: Mapping[str, Any] | None = None,
) -> Values:
    """
    Return the row of `table`, called `x` in `sql`, that `ref` names.

    Raises:
        NotFound: there is none; the text names `ref`.
    """
    name: Ref | None = our_id(ref)
    condition = "x.id = %(ref)s"
    if name is None:
        condition, name = f"{by_name(table)} AND x.processor_id = %(ref)s", clean(ref)
    return first(
        connection, f"{sql} WHERE {condition}", ref, table, {**(given or {}), "ref": name}
    )


def first(
    connection: Connection, sql: str, ref: Ref, table: str, given: Mapping[str, Any]
) -> Values:
    """
    Return the first row of a query.

    Raises:
        NotFound: there is none; the text names `ref`.
    """
    for row in rows(connection, f"{sql} LIMIT 1", given):
        return row
    raise NotFound(f"there is no {_CALLED.get(table, table[:-1].replace('_', ' '))} {ref!r}")


def by_name(table: str) -> str:
    """
    Return SQL for: of any processor that `table`, called `x`, knows.

    The index of processors' ids begins with the processor. The few there are come out of it in as
    many steps, so a look-up by id alone costs no scan.
    """
    return f"""x.processor = ANY(ARRAY(
        WITH RECURSIVE p(name) AS (
            SELECT min(processor) FROM {table}
            UNION ALL
            SELECT (SELECT min(t.processor) FROM {table} t WHERE t.processor > p.name)
            FROM p WHERE p.name IS NOT NULL)
        SELECT name FROM p WHERE name IS NOT NULL))"""


def our_id(ref: Ref) -> int | None:
    """Return `ref` as an id of ours, if it is a number that can be one."""
    if isinstance(ref, int):
        return ref if abs(ref) < 10**_DIGITS else 0
    return int(ref) if ref.isascii() and ref.isdigit() and len(ref) <= _DIGITS else None


def clean(ref: Ref) -> str:
    """Return `ref` as text the database takes; no id holds what is left out."""
    return str(ref).replace("\0", "")
