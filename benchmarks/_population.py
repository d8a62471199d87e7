"""Customers by the hundred thousand, made inside the database, a share of them in dunning."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
from sqlalchemy import Connection, Engine

from recoup.store import batch, ledger
from recoup.store.ledgered import LEDGERED

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)

_PEOPLE = """
    INSERT INTO customers (id, processor, processor_id, email, country, currency,
                           default_method, created_at)
    SELECT n, 'fake', 'cus_' || n, 'c' || n || '@example.com', 'DE', 'EUR', 'pm_' || n, %(then)s
    FROM generate_series(1, %(count)s) n;
    INSERT INTO subscriptions (id, customer_id, processor, processor_id, status, plan, prices,
                               currency, collection_method, seen_at, seen_event)
    SELECT n, n, 'fake', 'sub_' || n, CASE WHEN n %% %(every)s = 0 THEN 'past_due' ELSE 'active'
           END, 'price_1', ARRAY['price_1'], 'EUR', 'charge_automatically', %(then)s, 'evt'
    FROM generate_series(1, %(count)s) n;
    INSERT INTO payment_methods (id, customer_id, processor, processor_id, kind, instrument,
                                 brand, country, exp_year, exp_month, changed_at, seen_at,
                                 seen_event)
    SELECT n, n, 'fake', 'pm_' || n, 'card', 'fp_' || n, 'visa', 'DE', 2030, 12, %(then)s,
           %(then)s, 'evt'
    FROM generate_series(1, %(count)s) n;
    INSERT INTO standings (customer_id, standing, next_wake_at)
    SELECT n, CASE WHEN n %% %(every)s = 0 THEN 'reminded' ELSE 'current' END,
           CASE WHEN n %% %(every)s = 0 THEN %(noon)s::timestamptz END
    FROM generate_series(1, %(count)s) n;
"""

_DEBTS = """
    INSERT INTO cases (id, customer_id, scope, anchor, opened_at, policy, rung, rung_since)
    SELECT n, n, 'subscription:' || n, {anchor}, {anchor}, 'default/1', 'reminded',
           {anchor}
    FROM generate_series(%(every)s, %(count)s, %(every)s) n;
    INSERT INTO invoices (id, customer_id, subscription_id, case_id, processor, processor_id,
                          status, currency, amount_due, amount_paid, amount_remaining, reason,
                          collection_method, created_at, first_failed_at, seen_at, seen_event)
    SELECT n, n, n, n, 'fake', 'in_' || n, 'open', 'EUR', 4900, 0, 4900, 'subscription_cycle',
           'charge_automatically', {anchor}, {anchor}, {anchor}, 'evt'
    FROM generate_series(%(every)s, %(count)s, %(every)s) n;
    INSERT INTO attempts (customer_id, invoice_id, ordinal, idempotency_key, origin, state,
                          amount, currency, processor, processor_id, method, instrument, brand,
                          off_session, happened_at, ended_at, decline_code)
    SELECT n, n, nullif(t, 0), CASE t WHEN 0 THEN NULL ELSE 'key_' || n || '_' || t END,
           CASE t WHEN 0 THEN 'processor' ELSE 'retry' END, 'declined', 4900, 'EUR', 'fake',
           'ch_' || n || '_' || t, 'pm_' || n, 'fp_' || n, 'visa', true, {anchor} + after,
           {anchor} + after, 'insufficient_funds'
    FROM generate_series(%(every)s, %(count)s, %(every)s) n,
         (VALUES (0, interval '0'), (1, interval '4 days'), (2, interval '7 days')) s(t, after);
    INSERT INTO notices (customer_id, case_id, anchor, step, mail, due_at, placed_at, state,
                         delivered_at)
    SELECT n, n, {anchor}, step, 'dunning_' || step, {anchor} + after, {anchor} + after,
           'sent', {anchor} + after
    FROM generate_series(%(every)s, %(count)s, %(every)s) n,
         (VALUES ('reminder', interval '0'), ('action_required', interval '5 days'))
         AS steps (step, after);
"""


def populate(url: str, *, count: int, every: int, spread: int = 1) -> None:
    """
    Fill an empty database.

    Args:
        count: Customers.
        every: One in so many is in dunning.
        spread: One in so many of those has a rung due, eight days after its failure; the others
            failed two, four, six … hours later, so nothing is due for them yet.
    """
    given = {
        "count": count,
        "every": every,
        "spread": spread,
        "noon": NOON,
        "then": NOON - 200 * DAY,
    }
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute("SET search_path TO recoup")
        connection.execute(_PEOPLE, given)
        anchor = "(%(noon)s::timestamptz - interval '8 days' + {0} * interval '2 hours')"
        spread = anchor.format("((n / %(every)s - 1) %% %(spread)s)")
        connection.execute(_DEBTS.replace("{anchor}", spread), given)
        for table in ("attempts", "notices", "cases", "invoices", "customers"):
            connection.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), "
                f"(SELECT max(id) FROM {table}))"
            )
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def tell(engine: Engine, *, count: int, at_once: int = 2_000) -> int:
    """Have the ledger tell of everything in a database that was filled so; return the entries."""
    entries = 0
    for first in range(1, count + 1, at_once):
        with engine.begin() as connection:
            told = list(_created(connection, first, first + at_once - 1))
            ledger.append(connection, told, actor="engine", cause="population", now=NOON)
            entries += len(told)
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(
            "VACUUM ANALYZE"
        )
    return entries


def _created(connection: Connection, first: int, last: int) -> Iterator[ledger.NewEntry]:
    for of in LEDGERED.values():
        owner = "id" if of.kind == "customer" else "customer_id"
        columns = ", ".join((owner, of.key, *of.columns))
        sql = f"SELECT {columns} FROM {of.table.name} WHERE {owner} BETWEEN %s AND %s"
        for customer_id, key, *row in batch.fetch(connection, sql, (first, last)):
            changes = ledger.differences({}, dict(zip(of.columns, row, strict=True)))
            kind = f"{of.kind}.created"
            yield ledger.NewEntry(customer_id, kind, f"{of.kind}:{key}", changes, NOON)
