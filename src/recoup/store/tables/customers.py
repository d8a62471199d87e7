from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, SmallInteger, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from recoup.store.tables.metadata import identity, instant, metadata, seen

customers = Table(
    "customers",
    metadata,
    identity(),
    Column("owner_type", Text),
    Column("owner_id", Text),
    Column("processor", Text, nullable=False),
    Column("processor_id", Text),
    Column("email", Text),
    Column("name", Text),
    Column("locale", Text),
    Column("time_zone", Text),
    Column("country", Text),
    Column("currency", Text),
    Column("segment", Text),
    Column("default_method", Text),
    Column("metadata", JSONB, nullable=False),
    Column("deleted", Boolean, nullable=False),
    instant("created_at", nullable=False),
    *seen(nullable=True),
    Column("data", JSONB, nullable=False),
    Column("version", BigInteger, nullable=False),
    instant("erased_at"),
)

standings = Table(
    "standings",
    metadata,
    Column("customer_id", BigInteger, primary_key=True),
    Column("standing", Text, nullable=False),
    instant("next_wake_at"),
    Column("run_state", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("run_error", Text),
)

payment_methods = Table(
    "payment_methods",
    metadata,
    identity(),
    Column("customer_id", BigInteger, nullable=False),
    Column("processor", Text, nullable=False),
    Column("processor_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("instrument", Text, nullable=False),
    Column("brand", Text),
    Column("last4", Text),
    Column("country", Text),
    Column("exp_year", SmallInteger),
    Column("exp_month", SmallInteger),
    Column("detached", Boolean, nullable=False),
    instant("changed_at", nullable=False),
    *seen(),
    Column("backup", Integer),
    instant("consented_at"),
    Column("consented_by", Text),
)
