"""A host's own transaction: what it asks for commits or rolls back with its work."""

from __future__ import annotations

from contextlib import contextmanager

import psycopg
import pytest
from probes import COUNTED, MADE, made, make, opened
from psycopg.rows import dict_row
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from recoup.commands.base import Plan
from recoup.core.billing.views import Recorded
from recoup.errors import InProgress, KeyConflict, NotFound, NotPossible, WrongConnection

#: The host's own tables have our names, and one of them is temporary.
HOST = """
    CREATE TABLE public.customers (id int PRIMARY KEY, nick text NOT NULL);
    CREATE TABLE public.commands (id int PRIMARY KEY);
    CREATE TABLE public.effects (id int PRIMARY KEY);
"""
MEMO = "INSERT INTO customers VALUES ({}, 'ada')"


class Host:
    """An application with a database of its own, in which Recoup is too."""

    def __init__(self, scene, url):
        self.scene = scene
        self.recoup = scene.recoup
        self.url = url
        self.psycopg_url = make_url(url).set(drivername="postgresql+psycopg")
        self.engine = create_engine(self.psycopg_url)
        with psycopg.connect(url) as connection:
            connection.execute(HOST)

    def close(self):
        self.engine.dispose()

    def office(self, lent):
        return self.recoup.using(lent).office

    @property
    def kept(self):
        """Keys of the commands, the effects that carry them, memos, and the processor's work."""
        commands = self.scene.rows("SELECT key FROM commands ORDER BY id")
        effects = self.scene.rows("SELECT count(*) AS n FROM effects WHERE kind = 'ask'")
        memos = self.scene.rows("SELECT id FROM public.customers ORDER BY id")
        return (
            [row["key"] for row in commands],
            effects[0]["n"],
            [row["id"] for row in memos],
            made(self.scene.fake),
        )


@pytest.fixture
def requests():
    """What the processor received, as it is told."""
    return []


@pytest.fixture
def host(database_url, home, requests):
    with opened(database_url, home, watch=lambda *told: requests.append(told)) as scene:
        made_host = Host(scene, database_url)
        yield made_host
        made_host.close()
        assert scene.violations() == ()


def by_session(host):
    return Session(host.engine)


def by_scoped_session(host):
    return scoped_session(sessionmaker(host.engine))


def by_connection(host):
    return host.engine.connect()


def by_psycopg(host):
    return psycopg.connect(host.url)


def by_strange_psycopg(host):
    """Dicts for rows, and statements put together here: nothing of that is ours to see."""
    return psycopg.connect(host.url, row_factory=dict_row, cursor_factory=psycopg.ClientCursor)


WAYS = [by_session, by_scoped_session, by_connection, by_psycopg, by_strange_psycopg]


@contextmanager
def lent(host, way):
    thing = way(host)
    try:
        yield thing
    finally:
        getattr(thing, "remove", thing.close)()


def execute(thing, sql):
    return thing.execute(sql if isinstance(thing, psycopg.Connection) else text(sql))


def shown(thing, setting):
    row = execute(thing, f"SHOW {setting}").fetchone()
    return next(iter(row.values())) if isinstance(row, dict) else row[0]


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__[3:])
def thing(host, request):
    with lent(host, request.param) as thing:
        yield thing


class TestWhatAHostAsksFor:
    def test_is_carried_out_after_its_commit_and_not_before(self, host, thing, requests):
        execute(thing, MEMO.format(1))
        recorded = make(host.office(thing), key="k")
        host.scene.pace.settle()

        assert recorded == Recorded("k", MADE.name)
        assert requests == []
        with pytest.raises(NotFound, match="committed"):
            host.recoup.result("k")

        thing.commit()
        with pytest.raises(InProgress):
            host.recoup.result("k")
        host.scene.pace.settle()

        assert host.kept == (["k"], 1, [1], 1)
        assert host.recoup.result("k").startswith("cus_")

    def test_is_gone_with_its_rollback(self, host, thing, requests):
        execute(thing, MEMO.format(1))
        make(host.office(thing), key="k")
        thing.rollback()
        host.scene.pace.settle()

        assert host.kept == ([], 0, [], 0)
        assert requests == []

    def test_is_gone_with_its_savepoint_and_the_rest_commits(self, host, thing):
        execute(thing, MEMO.format(1))
        execute(thing, "SAVEPOINT theirs")
        make(host.office(thing), "gone@example.com", key="gone")
        execute(thing, "ROLLBACK TO SAVEPOINT theirs")
        make(host.office(thing), "kept@example.com", key="kept")
        thing.commit()
        host.scene.pace.settle()

        assert host.kept == (["kept"], 1, [1], 1)

    def test_may_be_several_things_at_once(self, host, thing):
        ada = make(host.recoup.office, key="first")
        ours = host.scene.rows("SELECT id FROM customers WHERE processor_id = :id", id=ada)[0][
            "id"
        ]

        make(host.office(thing), key="of ada", customer=ours)
        make(host.office(thing), key="of nobody")
        thing.commit()
        host.scene.pace.settle()

        assert host.kept[0] == ["first", "of ada", "of nobody"]
        assert host.kept[3] == 3

    def test_is_recorded_once_under_one_key(self, host, thing):
        first = make(host.office(thing), key="k")
        again = make(host.office(thing), key="k")
        thing.commit()

        later = make(host.office(thing), key="k")
        thing.commit()

        assert first == again == later
        assert host.recoup.wait("k") == host.recoup.wait("k") == make(host.recoup.office, key="k")
        assert host.kept[3] == 1

    def test_that_is_refused_leaves_the_transaction_usable(self, host, thing):
        execute(thing, MEMO.format(1))
        make(host.office(thing), "ada@example.com", key="k")
        with pytest.raises(KeyConflict):
            make(host.office(thing), "bob@example.com", key="k")
        with pytest.raises(NotFound):
            make(host.office(thing), customer=4711, key="nobody's")
        execute(thing, MEMO.format(2))
        thing.commit()

        assert host.kept == (["k"], 1, [1, 2], 0)

    def test_that_needs_no_answer_is_done_with_the_commit(self, host, thing, requests):
        office = host.office(thing)
        office.run(COUNTED, asked={}, prepare=lambda _: Plan(result=7), key="k")
        with pytest.raises(NotFound):
            host.recoup.result("k")
        thing.commit()

        assert host.recoup.result("k") == 7
        assert requests == []
        assert host.kept[1] == 0


class TestTheHost:
    def test_keeps_its_settings_within_and_after_the_transaction(self, host, thing):
        def settings():
            return [shown(thing, name) for name in ("search_path", "TimeZone")]

        execute(thing, "SET search_path = public")
        execute(thing, "SET TimeZone = 'Asia/Tokyo'")
        thing.commit()

        make(host.office(thing), key="k")
        within = settings()
        with pytest.raises(KeyConflict):
            make(host.office(thing), "bob@example.com", key="k")
        after_a_refusal = settings()
        thing.commit()

        assert within == after_a_refusal == settings() == ["public", "Asia/Tokyo"]

    def test_is_not_confused_by_tables_of_our_names(self, host, thing):
        execute(thing, "CREATE TEMPORARY TABLE customers (id int, nick text) ON COMMIT DROP")
        execute(thing, "CREATE TEMPORARY TABLE commands (id int) ON COMMIT DROP")
        execute(thing, MEMO.format(1))
        make(host.office(thing), key="k")
        execute(thing, MEMO.format(2))
        found = execute(thing, "SELECT id FROM customers ORDER BY id").fetchall()
        thing.commit()
        host.scene.pace.settle()

        assert len(found) == 2
        assert host.kept == (["k"], 1, [], 1)

    @pytest.mark.parametrize(
        ("theirs", "then"),
        [("off", "on"), ("local", "on"), ("on", "on"), ("remote_apply", "remote_apply")],
    )
    def test_commits_durably_once_something_was_asked(self, host, theirs, then):
        with psycopg.connect(host.url) as connection:
            connection.execute(f"SET synchronous_commit = {theirs}")
            connection.commit()
            make(host.office(connection), key="k")
            during = shown(connection, "synchronous_commit")
            connection.commit()

            assert (during, shown(connection, "synchronous_commit")) == (then, theirs)

    def test_that_fails_after_asking_takes_it_all_back(self, host, requests):
        def order_and_fail(session):
            session.execute(text(MEMO.format(1)))
            make(host.office(session), key="k")
            raise LookupError("no stock")

        with pytest.raises(LookupError), Session(host.engine) as session, session.begin():
            order_and_fail(session)
        host.scene.pace.settle()

        assert host.kept == ([], 0, [], 0)
        assert requests == []

    def test_hears_its_own_notices_and_prepares_its_own_statements(self, host):
        heard = []
        with psycopg.connect(host.url, prepare_threshold=0) as connection:
            connection.add_notice_handler(lambda notice: heard.append(notice.message_primary))
            for number in range(3):
                connection.execute("SELECT %s::int", (number,))
                make(host.office(connection), key=f"k{number}")
            connection.execute("DO $$ BEGIN RAISE NOTICE 'hello'; END $$")

        assert heard == ["hello"]
        assert host.kept[0] == ["k0", "k1", "k2"]

    def test_can_not_have_the_processor_asked_while_its_transaction_is_open(self, host):
        with Session(host.engine) as session:
            processor = host.office(session).processor

            assert processor.name == "fake"
            with pytest.raises(NotPossible, match="call it outside"):
                processor.quote("anything")


class TestAHostWithoutATransaction:
    def test_gets_one_for_what_it_asks(self, host, requests):
        with psycopg.connect(host.url, autocommit=True) as connection:
            make(host.office(connection), key="k")

            assert host.kept == (["k"], 1, [], 0)
            assert requests == []
            with pytest.raises(KeyConflict):
                make(host.office(connection), "bob@example.com", key="k")
            with connection.transaction(force_rollback=True):
                make(host.office(connection), "gone@example.com", key="gone")
        host.scene.pace.settle()

        assert host.kept == (["k"], 1, [], 1)

    def test_may_be_sqlalchemy_in_autocommit(self, host, requests):
        engine = host.engine.execution_options(isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            make(host.office(connection), key="k")
            connection.execute(text(MEMO.format(1)))

            assert host.kept == (["k"], 1, [1], 0)


class TestLending:
    @pytest.mark.parametrize(
        ("url", "found"),
        [("sqlite://", r"sqlite\+pysqlite"), ("postgresql+psycopg_async://h/d", "asynchronous")],
    )
    def test_another_driver_is_refused_by_name(self, host, url, found):
        with (
            Session(create_engine(url)) as session,
            pytest.raises(WrongConnection, match=found) as refused,
        ):
            host.recoup.using(session)
        assert "psycopg 3" in str(refused.value)

    def test_what_is_no_connection_is_refused(self, host):
        with pytest.raises(WrongConnection, match=r"builtins\.str can not be lent"):
            host.recoup.using("postgresql://")

    def test_a_session_without_a_database_is_refused(self, host):
        with Session() as session, pytest.raises(WrongConnection, match="lend the connection"):
            host.recoup.using(session)

    def test_a_session_on_another_database_is_refused(self, host, new_database):
        other = create_engine(make_url(new_database()).set(drivername="postgresql+psycopg"))
        with Session(other) as session:
            with pytest.raises(WrongConnection, match="another server or name"):
                make(host.office(session), key="k")

            assert session.scalar(text("SELECT 1")) == 1
        other.dispose()

    def test_a_role_that_may_not_use_our_schema_is_refused(self, host):
        with psycopg.connect(host.url) as connection:
            connection.execute(
                "DO $$ BEGIN CREATE ROLE stranger; EXCEPTION WHEN duplicate_object THEN END $$"
            )
            connection.execute("SET ROLE stranger")
            with pytest.raises(WrongConnection, match="'stranger' may not use"):
                make(host.office(connection), key="k")

    def test_asks_nothing_of_the_database_until_a_verb_is_used(self, host):
        with Session(host.engine) as session:
            host.recoup.using(session)

            assert not session.in_transaction()
            with session.begin():
                make(host.office(session), key="k")
        assert host.kept[0] == ["k"]

    def test_one_session_may_be_lent_over_several_transactions(self, host):
        with Session(host.engine) as session:
            office = host.office(session)
            for key in ("a", "b"):
                make(office, key=key)
                session.commit()

        assert host.kept[0] == ["a", "b"]
