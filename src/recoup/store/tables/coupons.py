from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, Numeric, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY

from recoup.store.tables.metadata import identity, instant, metadata, seen

coupons = Table(
    "coupons",
    metadata,
    identity(),
    Column("processor", Text, nullable=False),
    Column("processor_id", Text, nullable=False),
    Column("name", Text),
    Column("percent_off", Numeric(5, 2)),
    Column("amount_off", BigInteger),
    Column("currency", Text),
    Column("duration", Text, nullable=False),
    Column("months", Integer),
    Column("max_redemptions", Integer),
    Column("redemptions", Integer, nullable=False),
    instant("redeem_by"),
    Column("prices", ARRAY(Text), nullable=False),
    Column("deleted", Boolean, nullable=False),
    *seen(),
)

promotion_codes = Table(
    "promotion_codes",
    metadata,
    identity(),
    Column("coupon_id", BigInteger, nullable=False),
    Column("processor", Text, nullable=False),
    Column("processor_id", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("customer_id", BigInteger),
    Column("max_redemptions", Integer),
    Column("redemptions", Integer, nullable=False),
    instant("expires_at"),
    Column("first_time", Boolean, nullable=False),
    Column("minimum", BigInteger),
    Column("minimum_currency", Text),
    *seen(),
)

redemptions = Table(
    "redemptions",
    metadata,
    identity(),
    Column("customer_id", BigInteger, nullable=False),
    Column("coupon_id", BigInteger, nullable=False),
    Column("promotion_code_id", BigInteger),
    Column("command_id", BigInteger, nullable=False),
    Column("subscription_id", BigInteger),
    instant("redeemed_at", nullable=False),
    instant("given_back_at"),
    Column("reason", Text),
)
