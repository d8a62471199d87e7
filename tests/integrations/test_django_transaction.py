"""Django's own transaction: atomic, nested, on commit, and none at all."""

from __future__ import annotations

import pytest
from django.db import connections, transaction
from django.test import override_settings
from probes import made, make, opened
from sqlalchemy.engine import make_url

from recoup.errors import InProgress, Interrupted, KeyConflict, WrongConnection
from recoup.integrations.django import recoup_in

ALIAS = "shop"


@pytest.fixture
def requests():
    return []


@pytest.fixture
def scene(database_url, home, requests):
    with opened(database_url, home, watch=lambda *told: requests.append(told)) as scene:
        yield scene
        assert scene.violations() == ()


@pytest.fixture
def connect(django_site):
    """Give Django one more database, whatever else it is set up with; return its connection."""

    def add(**wanted):
        named = {"default": {}, ALIAS: wanted}
        connections.databases[ALIAS] = connections.configure_settings(named)[ALIAS]
        return connections[ALIAS]

    with override_settings(USE_TZ=True):
        yield add
    if ALIAS in connections.databases:
        connections[ALIAS].close()
        del connections[ALIAS], connections.databases[ALIAS]


@pytest.fixture(params=[False, True], ids=["bound here", "bound by the server"])
def django(connect, database_url, request):
    url = make_url(database_url)
    connection = connect(
        ENGINE="django.db.backends.postgresql",
        NAME=url.database,
        USER=url.username,
        PASSWORD=url.password or "",
        HOST=url.query.get("host", url.host),
        PORT=str(url.port or ""),
        TIME_ZONE="Asia/Tokyo",
        OPTIONS={"server_side_binding": request.param},
    )
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE public.customers (id int, born timestamptz, data jsonb)")
    return connection


@pytest.fixture
def office(scene, django):
    return recoup_in(scene.recoup, ALIAS).office


def note(connection, number):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO customers VALUES (%s, now(), '{}')", [number])


def order_and_fail(connection, office, number):
    note(connection, number)
    make(office, "gone@example.com", key="gone")
    raise LookupError("no stock")


def noted(scene):
    return [row["id"] for row in scene.rows("SELECT id FROM public.customers ORDER BY id")]


def keys(scene):
    return [row["key"] for row in scene.rows("SELECT key FROM commands ORDER BY id")]


class TestAtomic:
    def test_records_with_the_hosts_work_and_asks_after_the_commit(
        self, scene, django, office, requests
    ):
        with transaction.atomic(using=ALIAS):
            note(django, 1)
            make(office, key="k")
            make(office, "bob@example.com", key="another")
            note(django, 2)
            scene.pace.settle()
            assert requests == []
        with pytest.raises(InProgress):
            scene.recoup.result("k")
        scene.pace.settle()

        assert (keys(scene), noted(scene), made(scene.fake)) == (["k", "another"], [1, 2], 2)
        assert scene.recoup.result("k").startswith("cus_")

    def test_may_begin_with_it(self, scene, django, office):
        with transaction.atomic(using=ALIAS):
            make(office, key="k")
            note(django, 1)
            transaction.set_rollback(True, using=ALIAS)

        assert (keys(scene), noted(scene)) == ([], [])

    def test_that_fails_takes_it_back(self, scene, django, office, requests):
        with pytest.raises(LookupError), transaction.atomic(using=ALIAS):
            order_and_fail(django, office, 1)
        scene.pace.settle()

        assert (keys(scene), noted(scene), requests) == ([], [], [])

    def test_within_another_takes_back_its_own(self, scene, django, office):
        with transaction.atomic(using=ALIAS):
            note(django, 1)
            make(office, key="kept")
            with pytest.raises(LookupError), transaction.atomic(using=ALIAS):
                order_and_fail(django, office, 2)
        scene.pace.settle()

        assert (keys(scene), noted(scene), made(scene.fake)) == (["kept"], [1], 1)

    def test_goes_on_after_a_refusal(self, scene, django, office):
        with transaction.atomic(using=ALIAS):
            make(office, key="k")
            with pytest.raises(KeyConflict):
                make(office, "bob@example.com", key="k")
            note(django, 1)

        assert (keys(scene), noted(scene)) == (["k"], [1])

    def test_that_is_broken_records_nothing(self, scene, django, office):
        with transaction.atomic(using=ALIAS):
            transaction.set_rollback(True, using=ALIAS)
            with pytest.raises(Interrupted, match="failed before") as told:
                make(office, key="k")
        assert isinstance(told.value.__cause__, transaction.TransactionManagementError)

        assert keys(scene) == []

    def test_may_carry_it_out_on_commit(self, scene, django, office):
        results = []
        with transaction.atomic(using=ALIAS):
            recorded = make(office, key="k")
            transaction.on_commit(
                lambda: results.append(scene.recoup.wait(recorded.key)), using=ALIAS
            )
            assert results == []

        assert results == [scene.recoup.result("k")]


class TestDjango:
    def test_without_a_transaction_gets_one_for_each_verb(self, scene, django, office, requests):
        make(office, key="k")
        with pytest.raises(KeyConflict):
            make(office, "bob@example.com", key="k")
        note(django, 1)

        assert (keys(scene), noted(scene), requests) == (["k"], [1], [])
        assert django.get_autocommit()
        assert not django.in_atomic_block

    def test_reads_as_before(self, django, office):
        with transaction.atomic(using=ALIAS):
            note(django, 1)
            make(office, key="k")
            with django.cursor() as cursor:
                cursor.execute("SELECT born, data, current_setting('TimeZone') FROM customers")
                ((born, data, zone),) = cursor.fetchall()

        assert born.utcoffset().total_seconds() == 9 * 3600
        assert (data, zone) == ("{}", "Asia/Tokyo")  # Django reads JSON by itself

    def test_on_another_backend_is_refused_by_name(self, scene, connect):
        connect(ENGINE="django.db.backends.sqlite3", NAME=":memory:")

        with pytest.raises(WrongConnection, match="backend is sqlite"):
            recoup_in(scene.recoup, ALIAS)
