from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

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
    Column("engine", Text),
)

debts = Table(
    "debts",
    metadata,
    identity(),
    Column("customer_id", BigInteger, nullable=False),
    Column("case_id", BigInteger, nullable=False),
    Column("invoice_id", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    instant("entered_at", nullable=False),
    Column("made_by", Text, nullable=False),
    Column("age_days", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("decline_class", Text),
    Column("decline_code", Text),
    Column("products", ARRAY(Text), nullable=False),
    instant("exited_at"),
    Column("exited_as", Text),
    Column("exited_by", Text),
    Column("why", Text),
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

step_requests = Table(
    "step_requests",
    metadata,
    identity(),
    Column("customer_id", BigInteger, nullable=False),
    Column("case_id", BigInteger, nullable=False),
    instant("anchor", nullable=False),
    Column("step", Text, nullable=False),
    instant("asked_at", nullable=False),
)

tellings = Table(
    "tellings",
    metadata,
    identity(),
    Column("customer_id", BigInteger, nullable=False),
    Column("notice_id", BigInteger, nullable=False),
    Column("case_id", BigInteger, nullable=False),
    instant("anchor", nullable=False),
    Column("step", Text, nullable=False),
    Column("announces", Text),
    instant("due_at", nullable=False),
    instant("told_at", nullable=False),
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
    instant("accepted_at"),
    Column("soft_bounces", Integer, nullable=False),
    Column("doubts", Integer, nullable=False),
)
