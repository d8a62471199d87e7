"""What a database says about itself: few names, each with one text."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, text


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
