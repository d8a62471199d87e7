"""What every table shares."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, MetaData, SmallInteger, Table, Text

metadata = MetaData()

settings = Table(
    "settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)


def identity() -> Column[int]:
    """Return the primary key column; the writer reserves its numbers before it inserts."""
    return Column("id", BigInteger, primary_key=True)


def instant(name: str, *, nullable: bool = True) -> Column[Any]:
    """Return a column of UTC instants."""
    return Column(name, DateTime(timezone=True), nullable=nullable)


def seen(*, nullable: bool = False) -> tuple[Column[Any], ...]:
    """Return the columns of `recoup.core.facts.Seen`: how new the row's news is."""
    return (
        Column("seen_rank", SmallInteger, nullable=False),
        instant("seen_at", nullable=nullable),
        Column("seen_tie", SmallInteger, nullable=False),
        Column("seen_event", Text, nullable=nullable),
    )
