from __future__ import annotations

import time
from contextlib import contextmanager

import httpx
import psycopg
import pytest
from sqlalchemy.engine import make_url

#: Seconds until a sender is told to come again. It is about four but for what delays this
#: machine; what is locked here would be waited for as long as the test lasts.
AT_MOST = 60.0
WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND datname = current_database()"""
ENDED = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"


@pytest.fixture
def admin(server_url):
    with psycopg.connect(server_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def name(place):
    return make_url(place.environment["RECOUP_DATABASE_URL"]).database


@contextmanager
def down(admin, place, name):
    admin.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false')
    admin.execute(ENDED, (name,))
    yield
    admin.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')


@contextmanager
def read_only(admin, place, name):
    admin.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    admin.execute(ENDED, (name,))
    yield
    admin.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
    admin.execute(ENDED, (name,))


@contextmanager
def locked(admin, place, name):
    with psycopg.connect(place.environment["RECOUP_DATABASE_URL"]) as other:
        other.execute("LOCK TABLE recoup.inbox IN SHARE MODE")
        yield


class TestAnOutage:
    @pytest.mark.parametrize("outage", [down, read_only, locked], ids=lambda one: one.__name__)
    def test_makes_the_sender_come_again_and_loses_nothing(
        self, place, send, letter, admin, name, outage
    ):
        server = place.start()
        assert send.until_taken(server, letter(1)).status_code == 200
        with outage(admin, place, name):
            begun = time.monotonic()
            during = send(server, letter(2))
            took = time.monotonic() - begun

        after = [send.until_taken(server, letter(number)) for number in (2, 3)]

        assert (during.status_code, during.json()["error"]["code"]) == (503, "unavailable")
        assert took < AT_MOST
        assert [answer.status_code for answer in after] == [200, 200]
        kept = place.rows("SELECT key FROM inbox ORDER BY key")
        assert kept == [("evt_1",), ("evt_2",), ("evt_3",)]

    def test_is_seen_in_how_it_is(self, place, admin, name):
        server = place.start()
        with down(admin, place, name), httpx.Client(base_url=server.url, timeout=60) as client:
            ill, unready = client.get("/healthz"), client.get("/readyz")
            assert "recoup_database_up 0.0" in client.get("/metrics").text

        assert (ill.status_code, ill.json()["status"]) == (503, "down")
        assert unready.status_code == 503
        with httpx.Client(base_url=server.url, timeout=60) as client:
            until = time.monotonic() + 60
            while client.get("/readyz").status_code != 200:  # a look is good for five seconds
                assert time.monotonic() < until
                time.sleep(0.2)
            while client.get("/healthz").json()["status"] != "ok":
                assert time.monotonic() < until
                time.sleep(0.2)


class TestAWorkerThatIsSlow:
    def test_slows_no_acknowledgement(self, place, send, letter):
        server = place.start()
        send.until_taken(server, letter(1))
        assert place.run("worker", "--drain").returncode == 0
        url = place.environment["RECOUP_DATABASE_URL"]

        with psycopg.connect(url) as blocker:
            blocker.execute("SELECT FROM recoup.customers FOR UPDATE")
            # The same customer again, as another event tells it: whoever absorbs that must wait.
            changed = letter(1).replace(b"evt_1", b"evt_2").replace(b'"Ada"', b'"Ada L."')
            send.until_taken(server, changed.replace(b"customer.created", b"customer.updated"))
            worker = place.begin("worker", "--drain")
            until = time.monotonic() + 60
            while place.rows(WAITING) == [(0,)]:
                assert time.monotonic() < until, "nobody waits for the customer"
                time.sleep(0.05)
            answers = [send.until_taken(server, letter(n)) for n in range(10, 30)]
            still = worker.poll() is None

        assert {answer.status_code for answer in answers} == {200}
        assert still
        assert worker.wait(120) == 0
        assert place.run("worker", "--drain").returncode == 0
        assert place.rows("SELECT state, count(*) FROM inbox GROUP BY 1") == [("applied", 22)]
