from __future__ import annotations

from sqlalchemy import Column, Integer, LargeBinary, Table, Text

from recoup.store.tables.metadata import identity, instant, metadata

inbox = Table(
    "inbox",
    metadata,
    identity(),
    Column("processor", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("type", Text),
    Column("raw", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("waiting_for", Text),
    Column("failures", Integer, nullable=False),
    instant("next_try_at"),
    instant("happened_at"),
    instant("received_at", nullable=False),
    instant("ended_at"),
)
