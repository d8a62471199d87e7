"""Appending to the ledger, reading it back, and being refused to change it."""

# ruff: noqa: E501  a statement is on one line

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from threading import Thread

import psycopg
import pytest
from sqlalchemy import text

from recoup.store import batch, ledger, tables
from recoup.store.chain import verify
from recoup.store.ledger import NewEntry, differences, state_as_of, timeline

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def add_customers(connection, count: int) -> None:
    sql = "INSERT INTO customers (id, processor, created_at) SELECT n, 'fake', now() FROM generate_series(1, %s) n"
    batch.driver(connection).execute(sql, (count,))


def entry(customer: int, before: object, after: object, subject: str = "case:1") -> NewEntry:
    return NewEntry(customer, "case.changed", subject, {"rung": (before, after)}, NOW)


def append(connection, *entries: NewEntry, now: datetime = NOW) -> None:
    ledger.append(connection, entries, actor="engine", cause="run:1", now=now)


class TestDifferences:
    def test_are_what_is_set_to_another_value(self):
        before = {"a": 1, "b": 2, "c": 3}

        assert differences(before, {"a": 1, "b": 4, "d": None, "e": 5}) == {
            "b": (2, 4),
            "e": (None, 5),
        }


class TestAppend:
    def test_numbers_and_chains_each_customers_entries(self, engine):
        with engine.begin() as connection:
            add_customers(connection, 2)
            append(connection, entry(1, None, "a"), entry(2, None, "x"), entry(1, "a", "b"))
            append(connection, entry(2, "x", "y"))

            first, second = timeline(connection, 1), timeline(connection, 2)

            assert [each.seq for each in first] == [each.seq for each in second] == [1, 2]
            assert [each.previous for each in first] == [bytes(32), first[0].hash]
            assert verify(connection).sound

    def test_of_nothing_writes_nothing(self, engine):
        with engine.begin() as connection:
            append(connection)

            assert verify(connection).entries == 0

    def test_keeps_any_text_as_it_is(self, engine):
        odd = ["Rene\u0301", "Ren\u00e9", "\u2028", "\U0001f4b6", '"\\', 2**62, -1, True, None]
        with engine.begin() as connection:
            add_customers(connection, 1)
            for before, after in zip([None, *odd], odd, strict=False):
                append(connection, entry(1, before, after))

            assert verify(connection).sound
            assert state_as_of(connection, 1, NOW) == {"case:1": {"rung": None}}

    def test_by_many_writers_at_once_makes_no_fork_and_no_gap(self, engine):
        with engine.begin() as connection:
            add_customers(connection, 5)

        def write(seed: int) -> None:
            dice = random.Random(seed)
            for number in range(25):
                with engine.begin() as connection:
                    customer = dice.randint(1, 5)
                    lock = text("SELECT FROM customers WHERE id = :id FOR UPDATE")
                    connection.execute(lock, {"id": customer})
                    append(connection, entry(customer, None, "a", f"case:{seed}.{number}"))

        threads = [Thread(target=write, args=(seed,)) for seed in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        with engine.connect() as connection:
            report = verify(connection)

        assert (report.entries, report.problems) == (200, ())


class TestTimeline:
    @pytest.fixture
    def told(self, engine):
        with engine.begin() as connection:
            add_customers(connection, 2)
            append(connection, entry(1, None, "a"), entry(2, None, "x"), now=NOW)
            append(connection, entry(1, None, "m", "case:2"), now=NOW + SECOND)
            append(connection, entry(1, "a", "b"), now=NOW + 2 * SECOND)
            yield connection

    def test_is_everything_of_one_customer_in_order(self, told):
        assert [each.subject for each in timeline(told, 1)] == ["case:1", "case:2", "case:1"]

    def test_may_be_of_one_subject(self, told):
        assert [each.seq for each in timeline(told, 1, subject="case:1")] == [1, 3]

    @pytest.mark.parametrize(
        ("after", "entries"),
        [
            pytest.param(-SECOND, 0, id="before all"),
            pytest.param(SECOND - timedelta(microseconds=1), 1, id="just before the second"),
            pytest.param(SECOND, 2, id="at the second"),
            pytest.param(9 * SECOND, 3, id="after all"),
        ],
    )
    def test_may_end_at_an_instant(self, told, after, entries):
        assert len(timeline(told, 1, until=NOW + after)) == entries

    def test_ends_before_an_entry_that_a_clock_set_back_follows(self, told):
        append(told, entry(1, "b", "c"), now=NOW)

        assert [each.seq for each in timeline(told, 1, until=NOW + SECOND)] == [1, 2]

    def test_is_empty_for_a_customer_without_entries(self, told):
        assert timeline(told, 404) == ()


REFUSED = {
    "update": "UPDATE ledger_entries SET actor = 'x'",
    "update of no row": "UPDATE ledger_entries SET actor = 'x' WHERE false",
    "update from another table": "UPDATE ledger_entries e SET actor = 'x' FROM customers c WHERE c.id = e.customer_id",
    "delete": "DELETE FROM ledger_entries",
    "delete using another table": "DELETE FROM ledger_entries e USING customers c WHERE c.id = e.customer_id",
    "delete in a query": "WITH gone AS (DELETE FROM ledger_entries RETURNING *) SELECT count(*) FROM gone",
    "truncate": "TRUNCATE ledger_entries",
    "truncate only": "TRUNCATE ONLY ledger_entries RESTART IDENTITY",
    "upsert": "INSERT INTO ledger_entries SELECT * FROM ledger_entries ON CONFLICT (customer_id, seq) DO UPDATE SET actor = 'x'",
    "upsert without conflict": "INSERT INTO ledger_entries SELECT customer_id, seq + 9, type, version, subject, body, actor, cause, occurred_at, recorded_at, previous, hash FROM ledger_entries ON CONFLICT (customer_id, seq) DO UPDATE SET actor = 'x'",
    "cascade of a delete": "DELETE FROM customers",
    "cascade of a truncate": "TRUNCATE customers CASCADE",
    "a new key for a customer": "UPDATE customers SET id = id + 100",
    "merge that updates": "MERGE INTO ledger_entries e USING customers c ON c.id = e.customer_id WHEN MATCHED THEN UPDATE SET actor = 'x'",
    "merge that deletes": "MERGE INTO ledger_entries e USING customers c ON c.id = e.customer_id WHEN MATCHED THEN DELETE",
    "through a view": "CREATE VIEW seen AS SELECT * FROM ledger_entries; UPDATE seen SET actor = 'x'",
    "in a block": "DO $$ BEGIN DELETE FROM ledger_entries; END $$",
    "at a cursor": "DECLARE c CURSOR FOR SELECT * FROM ledger_entries FOR UPDATE; FETCH c; UPDATE ledger_entries SET actor = 'x' WHERE CURRENT OF c",
    "in replica role": "SET LOCAL session_replication_role = replica; DELETE FROM ledger_entries",
    "a second entry of one number": "INSERT INTO ledger_entries SELECT * FROM ledger_entries",
}  # fmt: skip


class TestTheTable:
    @pytest.fixture(params=["its owner", "an application"])
    def someone(self, engine, request):
        """A connection of the owner's, or of a role that was given every right on the rows."""
        with engine.connect() as connection:
            add_customers(connection, 2)
            append(connection, entry(1, None, "a"), entry(2, None, "x"))
            if request.param == "an application":
                for statement in (
                    "CREATE ROLE app",
                    "GRANT ALL ON SCHEMA recoup TO app",
                    "GRANT ALL ON ALL TABLES IN SCHEMA recoup TO app",
                    "SET LOCAL ROLE app",
                ):
                    connection.execute(text(statement))
            yield connection
            connection.rollback()

    @pytest.mark.parametrize("statement", REFUSED.values(), ids=REFUSED)
    def test_refuses(self, someone, statement):
        refusals = (psycopg.errors.IntegrityError, psycopg.errors.InsufficientPrivilege)
        raw = batch.driver(someone)

        with pytest.raises(refusals), raw.transaction():
            raw.execute(statement.encode())

        raw.execute("RESET ROLE")
        assert verify(someone).sound
        assert [each.actor for each in timeline(someone, 1)] == ["engine"]

    def test_refuses_a_copy_over_what_is_there(self, someone):
        raw = batch.driver(someone)
        rows = batch.fetch(someone, "SELECT * FROM ledger_entries")

        with pytest.raises(psycopg.errors.UniqueViolation), raw.transaction():
            batch.copy(someone, tables.ledger_entries, tables.ledger_entries.c.keys(), rows)

    def test_names_the_way_out_in_its_refusal(self, someone):
        with pytest.raises(psycopg.Error) as refusal:
            batch.driver(someone).execute("DELETE FROM ledger_entries")

        assert "append-only: DELETE is refused" in str(refusal.value)
        assert "Write a new entry" in str(refusal.value.diag.message_hint)
