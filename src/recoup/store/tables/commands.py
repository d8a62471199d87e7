from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from recoup.store.tables.metadata import identity, instant, metadata

commands = Table(
    "commands",
    metadata,
    identity(),
    Column("customer_id", BigInteger),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("request_hash", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("processor_key", Text, nullable=False),
    Column("request", JSONB),
    Column("args", JSONB, nullable=False),
    Column("result", JSONB),
    Column("error", JSONB),
    Column("amount", BigInteger),
    Column("currency", Text),
    Column("actor", Text, nullable=False),
    instant("recorded_at", nullable=False),
    instant("asked_at"),
    instant("ended_at"),
    Column("lookups", Integer, nullable=False),
    Column("unread", Text),
)

previews = Table(
    "previews",
    metadata,
    Column("id", Text, primary_key=True),
    Column("customer_id", BigInteger, nullable=False),
    Column("subscription_id", BigInteger, nullable=False),
    Column("change", JSONB, nullable=False),
    Column("quote", JSONB, nullable=False),
    Column("seen_event", Text, nullable=False),
    instant("made_at", nullable=False),
    instant("expires_at", nullable=False),
    Column("command_id", BigInteger),
)
