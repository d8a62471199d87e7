"""The one way rows change: ids, order, a ledger entry each, and what the database refuses."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb
from sqlalchemy import text

from recoup.errors import Refused
from recoup.store import tables
from recoup.store.writer import Writer

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
EARLIER = NOON - timedelta(days=3)
CUSTOMER = {
    "processor": "fake",
    "email": "ada@example.com",
    "name": "Ada",
    "currency": "EUR",
    "created_at": EARLIER,
}
CASE = {"scope": "invoice:1", "anchor": EARLIER, "opened_at": EARLIER, "policy": "default/1"}


@pytest.fixture
def connection(engine):
    with engine.connect() as connection:
        yield connection


@pytest.fixture
def writer(connection):
    return Writer(connection, now=NOON, actor="eve", cause="test:1")


@pytest.fixture
def ada(writer):
    """A customer's id; nothing is collected in the writer."""
    id = writer.insert(tables.customers, CUSTOMER | {"processor_id": "cus_ada"})
    writer.flush()
    return id


def rows(connection, sql, **given):
    return [tuple(row) for row in connection.execute(text(sql), given)]


def entries(connection):
    """Return (type, subject, changes) of all entries, in order."""
    found = rows(connection, "SELECT type, subject, body FROM ledger_entries ORDER BY seq")
    return [(type, subject, json.loads(body)) for type, subject, body in found]


def written(connection):
    """Return which transaction wrote each row of each table."""
    return {
        name: rows(connection, f"SELECT xmin::text, ctid::text FROM {name} ORDER BY 2")
        for name in tables.metadata.tables
    }


class TestAnInsert:
    def test_writes_nothing_before_it_is_flushed(self, connection, writer):
        writer.insert(tables.customers, CUSTOMER)
        assert rows(connection, "SELECT id FROM customers") == []

        writer.flush()

        assert rows(connection, "SELECT name FROM customers") == [("Ada",)]

    def test_returns_the_id_its_row_will_have(self, connection, writer):
        ids = [
            writer.insert(tables.customers, CUSTOMER | {"processor_id": f"cus_{n}"})
            for n in range(20)
        ]
        writer.flush()

        assert len(set(ids)) == 20
        assert rows(connection, "SELECT id, processor_id FROM customers ORDER BY id") == [
            (id, f"cus_{n}") for n, id in enumerate(ids)
        ]

    def test_keeps_an_id_that_was_given(self, connection, writer):
        id = writer.new_id(tables.customers)

        assert writer.insert(tables.customers, CUSTOMER | {"id": id}) == id
        writer.flush()
        assert rows(connection, "SELECT id FROM customers") == [(id,)]

    def test_of_two_writers_at_once_never_shares_an_id(self, engine, connection, writer):
        with engine.begin() as other:
            another = Writer(other, now=NOON, actor="bob", cause="test:2")
            mine = [writer.new_id(tables.cases) for _ in range(30)]
            theirs = [another.new_id(tables.cases) for _ in range(30)]

        assert not set(mine) & set(theirs)

    def test_returns_nothing_for_a_table_without_ids(self, writer, ada):
        row = {"customer_id": ada, "standing": "current", "run_state": "ok", "failures": 0}

        assert writer.insert(tables.standings, row) is None

    def test_takes_rows_with_different_columns_and_leaves_the_rest_to_the_table(
        self, connection, writer
    ):
        writer.insert(tables.customers, CUSTOMER)
        writer.insert(tables.customers, CUSTOMER | {"country": "DE", "metadata": Jsonb({"a": 1})})
        writer.flush()

        assert rows(
            connection, "SELECT country, metadata, deleted FROM customers ORDER BY id"
        ) == [
            (None, {}, False),
            ("DE", {"a": 1}, False),
        ]

    def test_writes_parents_before_children_whatever_came_first(self, connection, writer):
        customer, case = writer.new_id(tables.customers), writer.new_id(tables.cases)
        notice = {"customer_id": customer, "case_id": case, "anchor": NOON, "step": "x",
                  "mail": "m", "due_at": NOON, "placed_at": NOON, "state": "sent",
                  "delivered_at": NOON}  # fmt: skip
        writer.insert(tables.notices, notice)
        writer.insert(tables.cases, CASE | {"id": case, "customer_id": customer})
        writer.insert(tables.customers, CUSTOMER | {"id": customer})

        writer.flush()

        assert rows(connection, "SELECT case_id, customer_id FROM notices") == [(case, customer)]


class TestAnUpdate:
    def case(self, writer, ada):
        row = CASE | {"customer_id": ada, "rung": None, "rung_since": None}
        row["id"] = writer.insert(tables.cases, row)
        writer.flush()
        return row

    def test_of_what_is_so_already_writes_nothing(self, connection, writer, ada):
        case = self.case(writer, ada)
        connection.commit()
        before = written(connection)

        assert writer.update(tables.cases, case, CASE) is False
        writer.flush()

        assert written(connection) == before

    def test_writes_only_what_differs(self, connection, writer, ada):
        case = self.case(writer, ada)

        assert writer.update(tables.cases, case, CASE | {"anchor": NOON}) is True
        writer.flush()

        assert rows(connection, "SELECT anchor, opened_at FROM cases") == [(NOON, EARLIER)]
        assert entries(connection)[-1] == (
            "case.changed",
            f"case:{case['id']}",
            {"anchor": [EARLIER.strftime("%Y-%m-%dT%H:%M:%SZ"), "2026-03-02T12:00:00Z"]},
        )

    def test_can_take_a_value_away(self, connection, writer, ada):
        case = self.case(writer, ada)
        on = {"rung": "soft", "rung_since": NOON}
        writer.update(tables.cases, case, on)
        writer.flush()

        writer.update(tables.cases, case | on, {"rung": None, "rung_since": None})
        writer.flush()

        assert rows(connection, "SELECT rung, rung_since FROM cases") == [(None, None)]

    def test_of_many_rows_reaches_each(self, connection, writer, ada):
        cases = []
        for n in range(40):
            row = CASE | {"scope": f"invoice:{n}", "customer_id": ada}
            cases.append(row | {"id": writer.insert(tables.cases, row)})
        writer.flush()
        for n, case in enumerate(cases):
            writer.update(tables.cases, case, {"anchor": NOON + timedelta(hours=n)})
        writer.flush()

        assert rows(connection, "SELECT anchor FROM cases ORDER BY id") == [
            (NOON + timedelta(hours=n),) for n in range(40)
        ]

    def test_of_one_row_several_times_leaves_what_came_last(self, connection, writer, ada):
        case = self.case(writer, ada)
        steps = [
            {"anchor": NOON, "policy": "a/1"},
            {"policy": "b/1"},
            {"anchor": NOON + timedelta(days=1), "policy": "c/1"},
        ]
        for values in steps:
            writer.update(tables.cases, case, values)
            case |= values
        writer.flush()

        assert rows(connection, "SELECT anchor, policy FROM cases") == [
            (NOON + timedelta(days=1), "c/1")
        ]

    def test_makes_room_for_what_is_inserted_beside_it(self, connection, writer, ada):
        """One case of a scope may be open: the old one ends, the new one begins."""
        case = self.case(writer, ada)
        writer.insert(tables.cases, CASE | {"customer_id": ada})
        over = {"ending": "recovered", "ended_at": NOON}
        writer.update(tables.cases, case | dict.fromkeys(over), over)

        writer.flush()

        assert rows(connection, "SELECT ending FROM cases ORDER BY id") == [
            ("recovered",),
            (None,),
        ]

    @pytest.mark.parametrize(
        "values",
        [
            pytest.param(["one", "two, three", 'with "quotes"', "back\\slash", ""], id="texts"),
            pytest.param([], id="none"),
        ],
    )
    def test_carries_lists_and_objects_whole(self, connection, writer, ada, values):
        row = {"customer_id": ada, "processor": "fake", "processor_id": "sub_1",
               "status": "active", "prices": ["old"], "currency": "EUR", "seen_at": NOON,
               "collection_method": "x", "seen_event": "e"}  # fmt: skip
        row["id"] = writer.insert(tables.subscriptions, row)
        writer.flush()

        writer.update(tables.subscriptions, row, {"prices": values})
        data = {"texts": values, "n": 1, "none": None}
        who = {"id": ada, "metadata": Jsonb({})}
        writer.update(tables.customers, who, {"metadata": Jsonb(data)})
        writer.flush()

        assert rows(connection, "SELECT prices FROM subscriptions") == [(values,)]
        assert rows(connection, "SELECT metadata FROM customers") == [(data,)]


class TestTheLedger:
    def test_gets_one_entry_a_change_in_the_order_they_came(self, connection, writer):
        customer = writer.insert(tables.customers, CUSTOMER, type="customer.met")
        case = CASE | {"customer_id": customer}
        case["id"] = writer.insert(tables.cases, case)
        writer.update(tables.cases, case, {"policy": "b/1"}, type="case.moved")
        writer.update(tables.cases, case | {"policy": "b/1"}, {"policy": "c/1"})
        assert entries(connection) == []

        writer.insert(tables.holds, {"customer_id": customer, "kind": "hold", "reason": "r",
                                     "actor": "eve", "since": NOON, "until": None})  # fmt: skip
        writer.flush()

        assert [type for type, _, _ in entries(connection)] == [
            "customer.met", "case.created", "case.moved", "case.changed", "hold.created",
        ]  # fmt: skip

    def test_says_who_why_when_it_happened_and_when_it_was_recorded(self, connection, writer, ada):
        writer.insert(tables.cases, CASE | {"customer_id": ada}, occurred_at=EARLIER)
        writer.insert(tables.cases, CASE | {"customer_id": ada, "scope": "invoice:2"})
        writer.flush()

        assert rows(
            connection,
            "SELECT actor, cause, occurred_at, recorded_at FROM ledger_entries "
            "WHERE type = 'case.created' ORDER BY seq",
        ) == [("eve", "test:1", EARLIER, NOON), ("eve", "test:1", NOON, NOON)]

    def test_tells_nothing_personal(self, connection, writer, ada):
        changed = {"name": "Grace", "email": "grace@example.com", "locale": "fr"}
        before = {"id": ada, "name": "Ada", "email": "ada@example.com", "locale": None}

        assert writer.update(tables.customers, before, changed) is True
        writer.flush()

        told = json.dumps(entries(connection))
        assert rows(connection, "SELECT name FROM customers") == [("Grace",)]
        assert not [word for word in ("Ada", "Grace", "example.com", 'fr"') if word in told]
        assert len(entries(connection)) == 1

    def test_is_not_told_of_tables_it_does_not_follow(self, connection, writer, ada):
        writer.insert(
            tables.tasks,
            {"customer_id": ada, "key": "k", "kind": "k", "detail": "d", "opened_at": NOON},
        )
        writer.flush()

        assert rows(connection, "SELECT key FROM tasks") == [("k",)]
        assert [type for type, _, _ in entries(connection)] == ["customer.created"]

    def test_is_told_once_when_the_writer_is_flushed_twice(self, connection, writer, ada):
        writer.flush()
        writer.flush()

        assert len(entries(connection)) == 1

    @pytest.mark.parametrize("end", ["rollback", "commit"])
    def test_shares_the_fate_of_the_change_whoever_ends_the_transaction(
        self, engine, connection, writer, end
    ):
        writer.insert(tables.customers, CUSTOMER)
        writer.flush()
        getattr(connection, end)()

        with engine.connect() as another:
            kept = [len(entries(another)), len(rows(another, "SELECT id FROM customers"))]
        assert kept == ([0, 0] if end == "rollback" else [1, 1])


class TestWhatTheDatabaseRefuses:
    @pytest.mark.parametrize(
        ("values", "why"),
        [
            ({"currency": "eur"}, "check constraint"),
            ({"processor_id": "cus_ada"}, "unique constraint"),
            ({"processor": None}, "null value"),
            ({"name": "a\0b"}, "invalid byte sequence"),
            ({"id": 2**63}, "int too big"),
        ],
        ids=["check", "unique", "null", "nul", "range"],
    )
    def test_is_refused_with_its_reason(self, connection, writer, ada, values, why):
        writer.insert(tables.customers, CUSTOMER | values)

        with pytest.raises(Refused, match=why):
            writer.flush()

    def test_is_refused_on_update_too(self, writer, ada):
        writer.update(tables.customers, {"id": ada, "currency": "EUR"}, {"currency": "€"})

        with pytest.raises(Refused, match="check constraint"):
            writer.flush()

    def test_is_a_move_that_no_table_lists(self, connection, writer, ada):
        row = {"customer_id": ada, "processor": "fake", "processor_id": "sub_1",
               "status": "canceled", "currency": "EUR", "seen_at": NOON,
               "collection_method": "x", "seen_event": "e"}  # fmt: skip
        row["id"] = writer.insert(tables.subscriptions, row)
        writer.flush()
        writer.update(tables.subscriptions, row, {"status": "active"})

        with pytest.raises(Refused, match="canceled -> active is no legal move"):
            writer.flush()

    def test_takes_only_its_savepoint_with_it(self, connection, writer, ada):
        writer.insert(tables.cases, CASE | {"customer_id": ada})
        writer.flush()
        nested = connection.begin_nested()
        again = Writer(connection, now=NOON, actor="eve", cause="test:2")
        again.insert(tables.tasks, {"customer_id": ada, "key": "k", "kind": "k", "detail": "d",
                                    "opened_at": NOON})  # fmt: skip
        again.insert(tables.cases, CASE | {"customer_id": ada})
        with pytest.raises(Refused):
            again.flush()
        nested.rollback()

        assert rows(connection, "SELECT count(*) FROM cases") == [(1,)]
        assert rows(connection, "SELECT count(*) FROM tasks") == [(0,)]
        assert len(entries(connection)) == 2

    def test_is_not_what_an_unwell_database_can_not_do_now(self, engine, writer, ada):
        """A lost race says nothing about the row, so it is not called refused."""
        writer.connection.commit()
        writer.update(tables.customers, {"id": ada, "name": "Ada"}, {"name": "Grace"})
        with engine.begin() as other:
            other.execute(text("SELECT id FROM customers FOR UPDATE"))
            writer.connection.execute(text("SET LOCAL lock_timeout = '20ms'"))

            with pytest.raises(psycopg.errors.LockNotAvailable):
                writer.flush()
