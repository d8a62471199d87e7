from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from recoup import PaymentGate
from recoup.core.money import Money
from recoup.errors import InvalidPeriod, InvalidValue
from recoup.metrics import NUMBERS
from recoup.processors.fake import LOST, NO_FUNDS, Broke, Declines

ROOT = Path(__file__).parents[2]
DAY = timedelta(days=1)


def cells(scene, name, *wanted):
    """The named columns of a number, row by row."""
    table = scene.recoup.metrics.read(name)
    places = [table.columns.index(column) for column in wanted]
    return [tuple(row[place] for place in places) for row in table.rows]


class TestEveryNumber:
    def test_has_a_name_of_its_own_and_its_formula_in_the_documents(self):
        names = [number.name for number in NUMBERS]
        headings = re.findall(
            r"^### `(\w+)`$", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE
        )

        assert len(set(names)) == len(names)
        assert headings == names

    def test_is_as_wide_as_its_columns_and_right_where_all_is_well(self, scene):
        scene.subscriber(Broke(payday=scene.now + 44 * DAY, lasts=5 * DAY))
        scene.subscriber(Declines(LOST), price=Money(10_000, "EUR"))
        scene.subscriber(Declines(NO_FUNDS), email=None)
        scene.live(days=75)

        tables = list(scene.recoup.metrics.each())

        assert [table.name for table in tables] == [number.name for number in NUMBERS]
        for table in tables:
            assert {len(row) for row in table.rows} <= {len(table.columns)}
            assert not table.wrong
        for number, table in zip(NUMBERS, tables, strict=True):
            for row in table.rows:
                for column, cell in zip(table.columns, row, strict=True):
                    word = column in number.labels or column == "cohort"
                    assert isinstance(cell, str if word else int | float | None) or cell is None
        told = {table.name for table in tables if table.rows}
        assert {"recovery", "attempts", "mails", "forbidden_attempts"} <= told

    def test_that_must_be_zero_says_when_it_is_not(self, scene):
        ada = scene.subscriber(Declines(LOST))
        scene.until_failed(ada)
        with scene.recoup.database.begin() as connection:
            connection.exec_driver_sql("""
                INSERT INTO attempts (customer_id, invoice_id, ordinal, origin, state, amount,
                    currency, processor, processor_id, idempotency_key, instrument, brand,
                    off_session, happened_at, requested_at, ended_at)
                SELECT customer_id, invoice_id, 99, 'retry', 'declined', amount, currency,
                    processor, 'ch_forbidden', 'k', instrument, brand, true,
                    happened_at + interval '1 day', happened_at + interval '1 day',
                    happened_at + interval '1 day'
                FROM attempts WHERE state = 'declined'""")

        table = scene.recoup.metrics.read("forbidden_attempts")

        assert table.wrong
        assert ("no_try_after_stop", 1) in table.rows
        with scene.recoup.database.begin() as connection:
            connection.exec_driver_sql("DELETE FROM attempts WHERE processor_id = 'ch_forbidden'")


class TestAsking:
    def test_for_what_is_not_there_names_what_is(self, scene):
        with pytest.raises(InvalidValue, match="did you mean 'recovery'"):
            scene.recoup.metrics.read("recovry")
        with pytest.raises(InvalidValue, match="there are recovery, "):
            scene.recoup.metrics.read("zzz")

    def test_for_a_window_that_is_none_is_refused(self, scene):
        now = scene.now
        with pytest.raises(InvalidValue, match="since: expected an instant before"):
            scene.recoup.metrics.read("recovery", since=now, until=now)
        with pytest.raises(InvalidPeriod):
            scene.recoup.metrics.read("recovery", since=datetime(2026, 1, 1))  # noqa: DTZ001

    def test_reaches_back_to_the_beginning_by_default(self, scene):
        ada = scene.subscriber(Declines(NO_FUNDS))
        scene.until_failed(ada)

        ever = scene.recoup.metrics.read("recovery")

        assert len(ever.rows) == 1
        assert ever == scene.recoup.metrics.read(
            "recovery", since=datetime(1999, 1, 1, tzinfo=UTC)
        )


class TestAttempts:
    def test_are_counted_by_origin_with_what_each_recovery_took(self, scene):
        scene.subscriber(Broke(payday=scene.now + 44 * DAY, lasts=5 * DAY))
        scene.live(days=75)
        tries = scene.rows(
            "SELECT count(*) AS n FROM attempts WHERE origin = 'retry' AND state <> 'canceled'"
        )[0]["n"]

        rows = cells(scene, "attempts", "origin", "made", "succeeded", "amount", "per_recovery")

        assert ("retry", tries, 2, 9800, tries / 2) in rows
        assert ("by itself", tries, 2, None, tries / 2) in rows

    def test_one_too_many_has_its_price(self, scene):
        ada = scene.subscriber(Declines(NO_FUNDS), brand="mastercard")
        scene.until_failed(ada)
        scene.live(hours=2)
        with scene.recoup.database.begin() as connection:
            connection.exec_driver_sql("""
                INSERT INTO attempts (customer_id, invoice_id, origin, state, amount, currency,
                    processor, processor_id, instrument, brand, off_session, happened_at)
                SELECT customer_id, invoice_id, 'processor', 'declined', amount, currency,
                    processor, 'ch_more_' || n, instrument, brand, true,
                    happened_at + n * interval '1 minute'
                FROM attempts, generate_series(1, 11) n WHERE state = 'declined'""")

        rows = cells(scene, "fees", "limit", "attempts", "fees", "currency")

        assert rows == [("mastercard excessive attempts, day", 2, 100, "USD")]
        with scene.recoup.database.begin() as connection:
            connection.exec_driver_sql("DELETE FROM attempts WHERE processor_id LIKE 'ch_more_%%'")

    def test_without_an_end_are_shown_by_age(self, scene):
        ada = scene.subscriber(Declines(NO_FUNDS))
        scene.until_failed(ada)
        scene.live(days=5)
        with scene.recoup.database.begin() as connection:
            connection.exec_driver_sql("""
                INSERT INTO attempts (customer_id, invoice_id, origin, state, amount, currency,
                    processor, processor_id, off_session, happened_at)
                SELECT customer_id, id, 'processor', 'unknown', amount_remaining, currency,
                    processor, 'ch_unknown', true, first_failed_at
                FROM invoices WHERE first_failed_at IS NOT NULL""")

        rows = cells(scene, "unsettled_attempts", "state", "age", "attempts")

        assert rows == [("unknown", "1 d to 7 d", 1)]
        with scene.recoup.database.begin() as connection:
            connection.exec_driver_sql("DELETE FROM attempts WHERE processor_id = 'ch_unknown'")


class TestFlow:
    def test_tells_mails_by_type(self, scene):
        ada = scene.subscriber(Declines(NO_FUNDS))
        scene.until_failed(ada)
        scene.live(days=6)

        rows = cells(scene, "mails", "type", "queued", "delivered", "bounce_share")

        assert ("dunning_reminder", 1, 1, 0.0) in rows
        assert ("dunning_action_required", 1, 1, 0.0) in rows

    def test_tells_what_is_due_and_for_how_long(self, scene):
        scene.subscriber()
        with scene.recoup.database.begin() as connection:
            since = scene.now - timedelta(seconds=90)
            connection.exec_driver_sql(
                "INSERT INTO effects (kind, key, queue, due_at, created_at) "
                "VALUES ('absorb', 'k', 'webhooks', %(since)s, %(since)s)",
                {"since": since},
            )

        assert ("webhooks", 1, 90.0) in cells(scene, "queues", "queue", "due", "lag_seconds")
        with scene.recoup.database.begin() as connection:
            connection.exec_driver_sql("DELETE FROM effects WHERE key = 'k'")

    def test_tells_gates_by_their_end(self, scene):
        price = scene.fake.create_price(Money(4900, "EUR"))
        made = scene.recoup.customers.create("user", "1", email="ada@example.com")
        scene.pace.settle()
        scene.fake.attach_method(made.processor_id, payer=Declines(NO_FUNDS))
        scene.pace.settle()
        scene.recoup.subscriptions.start(made.id, [price], gate=PaymentGate(timeout=DAY))
        scene.live(days=3)

        assert cells(scene, "gates", "purpose", "status", "gates") == [("start", "expired", 1)]
