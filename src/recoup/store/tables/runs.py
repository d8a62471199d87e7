from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from recoup.store.tables.metadata import identity, instant, metadata

runs = Table(
    "runs",
    metadata,
    identity(),
    Column("trigger", Text, nullable=False),
    instant("at", nullable=False),
    Column("customers", Integer, nullable=False),
    Column("changed", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("duration_us", BigInteger, nullable=False),
)

decisions = Table(
    "decisions",
    metadata,
    identity(),
    Column("run_id", BigInteger, nullable=False),
    Column("customer_id", BigInteger, nullable=False),
    Column("trigger", Text, nullable=False),
    instant("at", nullable=False),
    Column("inputs_hash", Text, nullable=False),
    Column("policy", Text, nullable=False),
    Column("reasons", ARRAY(Text), nullable=False),
    Column("changes", ARRAY(Text), nullable=False),
)

policies = Table(
    "policies",
    metadata,
    Column("name", Text, primary_key=True),
    Column("body", JSONB, nullable=False),
    instant("added_at", nullable=False),
)

journeys = Table(
    "journeys",
    metadata,
    identity(),
    Column("kind", Text, nullable=False),
    Column("processor", Text, nullable=False),
    instant("since"),
    Column("step", Text, nullable=False),
    Column("cursor", Text),
    Column("counts", JSONB, nullable=False),
    instant("begun_at", nullable=False),
    instant("moved_at", nullable=False),
    instant("ended_at"),
    instant("let_go_at"),
)

travellers = Table(
    "travellers",
    metadata,
    Column("customer_id", BigInteger, primary_key=True),
    Column("journey_id", BigInteger, primary_key=True),
    Column("held", Boolean, nullable=False),
)
