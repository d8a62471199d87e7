from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, Table, Text

from recoup.store.tables.metadata import identity, instant, metadata, seen

attempts = Table(
    "attempts",
    metadata,
    identity(),
    Column("customer_id", BigInteger, nullable=False),
    Column("invoice_id", BigInteger, nullable=False),
    Column("ordinal", Integer),
    Column("origin", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("processor", Text, nullable=False),
    Column("processor_id", Text),
    Column("payment_intent", Text),
    Column("idempotency_key", Text),
    Column("method", Text),
    Column("instrument", Text),
    Column("brand", Text),
    Column("off_session", Boolean, nullable=False),
    instant("happened_at", nullable=False),
    instant("requested_at"),
    instant("ended_at"),
    Column("lookups", Integer, nullable=False),
    Column("decline_code", Text),
    Column("advice_code", Text),
    Column("network_decline_code", Text),
    Column("network_advice_code", Text),
    Column("note", Text),
    *seen(nullable=True),
    instant("unowed_at"),
)

payment_links = Table(
    "payment_links",
    metadata,
    Column("processor", Text, primary_key=True),
    Column("payment_intent", Text, primary_key=True),
    Column("invoice", Text, nullable=False),
)

refunds = Table(
    "refunds",
    metadata,
    identity(),
    Column("attempt_id", BigInteger, nullable=False),
    Column("customer_id", BigInteger, nullable=False),
    Column("processor", Text, nullable=False),
    Column("processor_id", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("status", Text, nullable=False),
    instant("happened_at", nullable=False),
    *seen(),
    Column("reason", Text),
)

disputes = Table(
    "disputes",
    metadata,
    identity(),
    Column("attempt_id", BigInteger, nullable=False),
    Column("customer_id", BigInteger, nullable=False),
    Column("processor", Text, nullable=False),
    Column("processor_id", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("lost", Boolean, nullable=False),
    instant("happened_at", nullable=False),
    *seen(),
)

late_payments = Table(
    "late_payments",
    metadata,
    identity(),
    Column("customer_id", BigInteger, nullable=False),
    Column("attempt_id", BigInteger, nullable=False),
    Column("invoice_id", BigInteger, nullable=False),
    Column("gate_id", BigInteger),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("subscription_id", BigInteger),
    instant("found_at", nullable=False),
    instant("ended_at"),
)
