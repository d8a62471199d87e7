from __future__ import annotations

from sqlalchemy import BigInteger, Column, Table, Text

from recoup.store.tables.metadata import identity, instant, metadata

restrictions = Table(
    "restrictions",
    metadata,
    identity(),
    Column("customer_id", BigInteger, nullable=False),
    Column("case_id", BigInteger, nullable=False),
    Column("scope", Text, nullable=False),
    Column("consequence", Text, nullable=False),
    Column("rung", Text, nullable=False),
    instant("since", nullable=False),
    instant("lifted_at"),
    instant("undone_at"),
)

holds = Table(
    "holds",
    metadata,
    identity(),
    Column("customer_id", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    instant("since", nullable=False),
    instant("until"),
    Column("kind", Text, nullable=False),
)

tasks = Table(
    "tasks",
    metadata,
    identity(),
    Column("customer_id", BigInteger),
    Column("key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("detail", Text, nullable=False),
    instant("opened_at", nullable=False),
    instant("closed_at"),
)
