from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY

from recoup.store.tables.metadata import identity, instant, metadata, seen

invoices = Table(
    "invoices",
    metadata,
    identity(),
    Column("customer_id", BigInteger, nullable=False),
    Column("subscription_id", BigInteger),
    Column("case_id", BigInteger),
    Column("processor", Text, nullable=False),
    Column("processor_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("number", Text),
    Column("currency", Text, nullable=False),
    Column("amount_due", BigInteger, nullable=False),
    Column("amount_paid", BigInteger, nullable=False),
    Column("amount_remaining", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("collection_method", Text, nullable=False),
    instant("created_at", nullable=False),
    instant("due_at"),
    instant("finalized_at"),
    instant("closed_at"),
    instant("next_try_at"),
    Column("tries", Integer, nullable=False),
    Column("out_of_band", Boolean, nullable=False),
    instant("first_failed_at"),
    Column("disputed", Boolean, nullable=False),
    *seen(),
    Column("description", Text),
    Column("tax", BigInteger, nullable=False),
    Column("credited", BigInteger, nullable=False),
    Column("charged_back", BigInteger, nullable=False),
    Column("resolved_as", Text),
    Column("gate_id", BigInteger),
    Column("prices", ARRAY(Text), nullable=False),
    instant("withdrawn_at"),
)

documents = Table(
    "documents",
    metadata,
    identity(),
    Column("customer_id", BigInteger, nullable=False),
    Column("invoice_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("locale", Text, nullable=False),
    Column("frozen", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("kept_in", Text, nullable=False),
    Column("facturx", Boolean, nullable=False),
    Column("without_facturx", Text),
    instant("issued_at", nullable=False),
    instant("made_at", nullable=False),
)

document_contents = Table(
    "document_contents",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
