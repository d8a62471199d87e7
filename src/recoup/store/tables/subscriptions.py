from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from recoup.store.tables.metadata import identity, instant, metadata, seen

subscriptions = Table(
    "subscriptions",
    metadata,
    identity(),
    Column("customer_id", BigInteger, nullable=False),
    Column("processor", Text, nullable=False),
    Column("processor_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("plan", Text),
    Column("prices", ARRAY(Text), nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("currency", Text, nullable=False),
    instant("period_start"),
    instant("period_end"),
    instant("trial_end"),
    instant("cancel_at"),
    instant("canceled_at"),
    instant("ended_at"),
    Column("end_reason", Text),
    instant("end_requested_at"),
    Column("collection_method", Text, nullable=False),
    Column("default_method", Text),
    *seen(),
    Column("items", JSONB, nullable=False),
    Column("next_items", JSONB, nullable=False),
    Column("metadata", JSONB, nullable=False),
    instant("anchor"),
    Column("feedback", Text),
    Column("pause_behavior", Text),
    instant("resumes_at"),
    Column("coupon", Text),
    Column("promotion_code", Text),
    Column("processor_status", Text),
    instant("activated_at"),
)

gates = Table(
    "gates",
    metadata,
    identity(),
    Column("customer_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("command_id", BigInteger, nullable=False),
    Column("subscription_id", BigInteger),
    Column("invoice_id", BigInteger),
    Column("status", Text, nullable=False),
    Column("timeout_s", Integer, nullable=False),
    Column("tries", Integer),
    Column("late", Text, nullable=False),
    instant("made_at", nullable=False),
    instant("evaluated_at"),
    instant("expires_at"),
    instant("ended_at"),
    Column("reason", Text),
    Column("withdrawal", Text),
)
