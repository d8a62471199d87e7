"""What only a person can bring on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from recoup.errors import NotFound
from recoup.store.queries.pages import LIMIT, Page, fetch, page

_COLUMNS: Final = """t.id, t.customer_id, c.processor_id, t.key, t.kind, t.detail, t.opened_at,
    t.closed_at FROM tasks t LEFT JOIN customers c ON c.id = t.customer_id"""

_LISTING: Final = f"""
    SELECT {_COLUMNS}
    WHERE t.id > %(after)s AND (%(closed)s OR t.closed_at IS NULL)
      AND (%(customer)s::bigint IS NULL OR t.customer_id = %(customer)s)
    ORDER BY t.id LIMIT %(limit)s"""


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task, open until its cause is gone or a person closes it."""

    id: int
    customer_id: int | None
    customer: str | None
    key: str
    kind: str
    detail: str
    opened_at: datetime
    closed_at: datetime | None


def listing(
    connection: Connection,
    *,
    customer_id: int | None = None,
    closed: bool = False,
    after: int = 0,
    limit: int = LIMIT,
) -> Page[TaskRow]:
    """Return open tasks by id, with `closed` all of them."""
    given = {"customer": customer_id, "closed": closed, "after": after}
    return page(connection, _LISTING, given, TaskRow, limit=limit)


def show(connection: Connection, task_id: int) -> TaskRow:
    """
    Return one task.

    Raises:
        NotFound: there is none with this id.
    """
    for row in fetch(connection, f"SELECT {_COLUMNS} WHERE t.id = %(id)s", {"id": task_id}):
        return TaskRow(*row)
    raise NotFound(f"there is no task {task_id}")
