"""
What a database says about itself: few names, each with one text; and every policy version that
a case has ever been opened with, so that it can be followed on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import Connection, text

from recoup.errors import InvalidPolicy
from recoup.store import batch


def read(connection: Connection) -> dict[str, str]:
    """Return every setting kept in the database."""
    rows = connection.execute(text("SELECT name, value FROM settings"))
    return {row.name: row.value for row in rows}


def write(connection: Connection, values: Mapping[str, str]) -> None:
    """Set these settings."""
    sql = text(
        "INSERT INTO settings (name, value) VALUES (:name, :value) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    )
    for name, value in values.items():
        connection.execute(sql, {"name": name, "value": value})


def holds_customers(connection: Connection) -> bool:
    """Return whether there is any customer, real or pretended."""
    return bool(connection.scalar(text("SELECT EXISTS (SELECT FROM customers)")))


def remember_policies(
    connection: Connection, policies: Iterable[tuple[str, Mapping[str, Any]]], *, now: datetime
) -> None:
    """
    Keep these versions, by name.

    Raises:
        InvalidPolicy: a version of that name with another text is kept already. Running cases
            may follow it, so a changed policy needs a new version.
    """
    for name, body in policies:
        kept = batch.fetch(
            connection,
            "INSERT INTO policies (name, body, added_at) VALUES (%s, %s, %s) "
            "ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING body",
            (name, Jsonb(dict(body)), now),
        )[0][0]
        if kept != body:
            raise InvalidPolicy(
                f"policy {name} is not what it was when cases were opened with it: "
                "raise its version. See docs/dunning.md."
            )


def known_policies(connection: Connection) -> dict[str, Mapping[str, Any]]:
    """Return every version kept, by name."""
    return dict(batch.fetch(connection, "SELECT name, body FROM policies"))
