"""A host's connection that can not be recorded on, and what its database refuses."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from probes import make, opened
from psycopg import errors
from sqlalchemy import Column, Integer, MetaData, Table, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, PendingRollbackError, ResourceClosedError
from sqlalchemy.orm import Session, registry

from recoup.errors import InProgress, Interrupted, WrongConnection

SLOW = "-c statement_timeout=200"
HASTY = "-c lock_timeout=200"
STRICT = "-c default_transaction_isolation=serializable"


class Memo:
    def __init__(self, id):
        self.id = id


class Host:
    """An application in Recoup's database, and a customer of its."""

    def __init__(self, scene, url):
        self.scene, self.recoup, self.url = scene, scene.recoup, url
        self.ours = scene.recoup.database
        self.engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
        made = make(self.recoup.office, key="ada")
        (row,) = scene.rows("SELECT id FROM customers WHERE processor_id = :id", id=made)
        self.ada = row["id"]

    def connect(self, options=""):
        return psycopg.connect(self.url, options=options)

    def ask(self, lent, key="k"):
        """Record one command about ada in the host's transaction."""
        return make(self.recoup.using(lent).office, key=key, customer=self.ada)

    @contextmanager
    def holding(self):
        """Hold ada in a transaction of somebody else's."""
        with self.ours.begin() as other:
            sql = "SELECT 1 FROM customers WHERE id = :id FOR UPDATE"
            other.execute(text(sql), {"id": self.ada})
            yield other

    def until_somebody_waits(self):
        with self.connect() as watch:
            watch.autocommit = True
            sql = (
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            until = time.monotonic() + 60
            while time.monotonic() < until:
                if watch.execute(sql).fetchone()[0]:
                    return
                time.sleep(0.01)
        raise AssertionError("nobody waits for a lock")

    @property
    def keys(self):
        rows = self.scene.rows("SELECT key FROM commands WHERE key <> 'ada' ORDER BY id")
        return [row["key"] for row in rows]


@pytest.fixture
def host(database_url, home):
    with opened(database_url, home) as scene:
        made = Host(scene, database_url)
        yield made
        made.engine.dispose()
        assert scene.violations() == ()


def cause(told):
    return told.value.__cause__


class TestAConnectionThat:
    def test_is_closed_is_refused(self, host):
        connection = host.connect()
        connection.close()

        with pytest.raises(WrongConnection, match="closed: lend one that is open"):
            host.ask(connection)

    def test_sqlalchemy_has_closed_is_refused(self, host):
        connection = host.engine.connect()
        connection.close()

        with pytest.raises(WrongConnection, match="closed") as told:
            host.ask(connection)
        assert isinstance(cause(told), ResourceClosedError)

    def test_can_not_be_opened_is_refused(self, host):
        nowhere = create_engine("postgresql+psycopg://ada:secret@127.0.0.1:1/none")

        with Session(nowhere) as session, pytest.raises(WrongConnection) as told:
            host.ask(session)
        assert "can not be used" in str(told.value)
        assert "secret" not in str(told.value)
        assert isinstance(cause(told).orig, psycopg.OperationalError)

    def test_is_in_pipeline_mode_is_refused_at_once_and_goes_on(self, host):
        with host.connect() as connection, connection.pipeline():
            connection.execute("CREATE TABLE public.memos (id int)")
            with pytest.raises(WrongConnection, match="leave the pipeline"):
                host.ask(connection)
            connection.execute("INSERT INTO public.memos VALUES (1)")

        assert host.keys == []
        assert host.scene.rows("SELECT id FROM public.memos") == [{"id": 1}]

    def test_was_in_pipeline_mode_is_not(self, host):
        with host.connect() as connection:
            with connection.pipeline():
                connection.execute("SELECT 1")
            host.ask(connection)

        assert host.keys == ["k"]

    @pytest.mark.parametrize("mode", ["copy", "stream"])
    def test_is_in_the_middle_of_something_is_refused_at_once(self, host, mode):
        with host.connect() as connection, connection.cursor() as cursor:
            if mode == "stream":
                rows = cursor.stream("SELECT generate_series(1, 3)")
                next(rows)
                with pytest.raises(WrongConnection, match="finish that first"):
                    host.ask(connection)
                rows.close()
            else:
                with cursor.copy("COPY (SELECT 1) TO STDOUT") as copy:
                    with pytest.raises(WrongConnection, match="finish that first"):
                        host.ask(connection)
                    assert list(copy)

    def test_may_only_read_is_refused_and_still_reads(self, host):
        with host.connect("-c default_transaction_read_only=on") as connection:
            with pytest.raises(WrongConnection, match="read-only") as told:
                host.ask(connection)
            seen = host.recoup.using(connection).customers.get(host.ada)

        assert isinstance(cause(told), errors.ReadOnlySqlTransaction)
        assert seen.id == host.ada

    def test_has_a_role_without_our_rights_is_refused(self, host):
        with host.connect() as connection:
            connection.execute(
                "DO $$ BEGIN CREATE ROLE half; EXCEPTION WHEN duplicate_object THEN END $$"
            )
            with host.ours.connect() as ours:
                schema = ours.scalar(text("SELECT current_schema()"))
            connection.execute(f'GRANT USAGE ON SCHEMA "{schema}" TO half')
            connection.execute("SET ROLE half")
            with pytest.raises(WrongConnection, match="grant it the role") as told:
                host.ask(connection)
            connection.rollback()

        assert isinstance(cause(told), errors.InsufficientPrivilege)


class TestATransactionThat:
    def test_has_failed_before_is_to_be_run_again(self, host):
        with host.connect() as connection:
            with pytest.raises(errors.DivisionByZero):
                connection.execute("SELECT 1 / 0")
            with pytest.raises(Interrupted, match="failed before") as told:
                host.ask(connection)
            connection.rollback()
            host.ask(connection)

        assert isinstance(cause(told), errors.InFailedSqlTransaction)
        assert host.keys == ["k"]

    def test_a_session_has_given_up_is_to_be_run_again(self, host):
        memos = Table("memos", MetaData(), Column("id", Integer, primary_key=True))
        registry().map_imperatively(Memo, memos)
        with Session(host.engine) as session:
            memos.create(session.connection())
            session.add_all([Memo(id=1), Memo(id=1)])
            with pytest.raises(IntegrityError):
                session.flush()
            with pytest.raises(Interrupted, match="failed before") as told:
                host.ask(session)
            session.rollback()
            host.ask(session)
            session.commit()

        assert isinstance(cause(told), PendingRollbackError)
        assert host.keys == ["k"]

    def test_sees_an_older_state_is_to_be_run_again(self, host):
        with host.connect(STRICT) as connection:
            connection.execute("SELECT 1")
            with host.holding() as other:
                other.execute(
                    text("UPDATE customers SET version = version WHERE id = :id"), {"id": host.ada}
                )
            with pytest.raises(Interrupted, match="has changed what this one has seen") as told:
                host.ask(connection)
            connection.rollback()
            host.ask(connection)

        assert isinstance(cause(told), errors.SerializationFailure)
        assert host.keys == ["k"]

    def test_waits_beyond_its_lock_timeout_may_go_on(self, host):
        with host.connect(HASTY) as connection:
            connection.execute("CREATE TABLE public.memos (id int)")
            with host.holding(), pytest.raises(InProgress, match="lock_timeout") as told:
                host.ask(connection)
            host.ask(connection)

        assert isinstance(cause(told), errors.LockNotAvailable)
        assert host.keys == ["k"]
        assert host.scene.rows("SELECT id FROM public.memos") == []

    def test_takes_longer_than_its_statement_timeout_is_to_be_run_again(self, host):
        with host.connect(SLOW) as connection:
            with host.holding(), pytest.raises(Interrupted, match="statement_timeout") as told:
                host.ask(connection)
            connection.rollback()

        assert isinstance(cause(told), errors.QueryCanceled)
        assert host.keys == []

    def test_is_the_victim_of_a_deadlock_is_to_be_run_again(self, host):
        """The other waits already and for long, so the one that comes second is the victim."""
        lock = "SELECT pg_advisory_xact_lock(1)"
        with ThreadPoolExecutor(1) as pool, host.connect("-c deadlock_timeout=200") as connection:
            connection.execute(lock)
            with host.holding() as other:
                other.execute(text("SET LOCAL deadlock_timeout = '600s'"))
                waiting = pool.submit(other.execute, text(lock))
                try:
                    host.until_somebody_waits()
                    with pytest.raises(Interrupted, match="waited for each other") as told:
                        host.ask(connection)
                finally:
                    connection.rollback()  # else it goes on holding what the other waits for
                waiting.result(60)

        assert isinstance(cause(told), errors.DeadlockDetected)

    @pytest.mark.parametrize("kind", ["psycopg", "connection", "session"])
    def test_loses_its_connection_is_to_be_run_again(self, host, kind):
        def opened():
            if kind == "psycopg":
                return host.connect()
            return host.engine.connect() if kind == "connection" else Session(host.engine)

        def lose_it():
            with opened() as lent:
                sql = "SELECT pg_backend_pid()"
                found = lent.execute(sql if kind == "psycopg" else text(sql)).fetchone()
                with host.connect() as killer:
                    killer.execute("SELECT pg_terminate_backend(%s, 5000)", (found[0],))
                host.ask(lent)

        with pytest.raises(Interrupted, match="connection was lost") as told:
            lose_it()
        with opened() as lent:
            host.ask(lent)
            lent.commit()

        assert isinstance(cause(told), psycopg.OperationalError)
        assert host.keys == ["k"]
