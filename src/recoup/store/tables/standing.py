from __future__ import annotations

from sqlalchemy import BigInteger, Column, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from recoup.store.tables.metadata import identity, instant, metadata

cases = Table(
    "cases",
    metadata,
    identity(),
    Column("customer_id", BigInteger, nullable=False),
    Column("scope", Text, nullable=False),
    instant("anchor", nullable=False),
    instant("opened_at", nullable=False),
    Column("policy", Text, nullable=False),
    Column("rung", Text),
    instant("rung_since"),
    Column("ending", Text),
    instant("ended_at"),
    instant("settled_at"),
)

notices = Table(
    "notices",
    metadata,
    identity(),
    Column("customer_id", BigInteger, nullable=False),
    Column("case_id", BigInteger, nullable=False),
    instant("anchor", nullable=False),
    Column("step", Text, nullable=False),
    Column("mail", Text, nullable=False),
    instant("due_at", nullable=False),
    instant("placed_at", nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    instant("delivered_at"),
    instant("bounced_at"),
)

mails = Table(
    "mails",
    metadata,
    identity(),
    Column("key", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("customer_id", BigInteger, nullable=False),
    Column("args", JSONB, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("message_id", Text),
    instant("queued_at", nullable=False),
    instant("sent_at"),
)
