from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, SmallInteger, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from recoup.store.tables.metadata import identity, instant, metadata

ledger_entries = Table(
    "ledger_entries",
    metadata,
    Column("customer_id", BigInteger, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("type", Text, nullable=False),
    Column("version", SmallInteger, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("cause", Text, nullable=False),
    instant("occurred_at", nullable=False),
    instant("recorded_at", nullable=False),
    Column("previous", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)

ledger_heads = Table(
    "ledger_heads",
    metadata,
    Column("customer_id", BigInteger, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)

host_events = Table(
    "host_events",
    metadata,
    identity(),
    Column("customer_id", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", JSONB, nullable=False),
    instant("occurred_at", nullable=False),
    instant("recorded_at", nullable=False),
)

host_handlers = Table(
    "host_handlers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("type", Text, primary_key=True),
)
