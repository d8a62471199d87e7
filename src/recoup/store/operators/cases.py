"""Cases as operators handle them: found by id or by policy, moved to another one."""

from __future__ import annotations

from sqlalchemy import Connection

from recoup.core.account import Case
from recoup.errors import NotFound
from recoup.store import batch, tables
from recoup.store.writer import Writer


def owner(connection: Connection, case_id: int) -> int:
    """
    Return whose case it is.

    Raises:
        NotFound: there is none.
    """
    rows = batch.fetch(connection, "SELECT customer_id FROM cases WHERE id = %s", (case_id,))
    if not rows:
        raise NotFound(f"there is no case {case_id}")
    return int(rows[0][0])


def following(connection: Connection, policy: str) -> list[int]:
    """Return the open cases that follow a policy, by id."""
    sql = "SELECT id FROM cases WHERE policy = %s AND ending IS NULL ORDER BY id"
    return [id for (id,) in batch.fetch(connection, sql, (policy,))]


def move(writer: Writer, customer_id: int, before: Case, after: Case) -> None:
    """Have a case of a locked customer follow another policy."""
    fields = ("policy", "rung", "rung_since")
    row = {name: getattr(before, name) for name in fields}
    writer.update(
        tables.cases,
        {"id": before.id, "customer_id": customer_id, **row},
        {name: getattr(after, name) for name in fields},
        type="case.policy_changed",
    )
