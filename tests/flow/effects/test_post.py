"""Posts have threads of their own: slow endpoints hold up nobody, and are not asked too much."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest
from hooked import Hooked
from receiver import SETTINGS, Answer, receiving

from recoup.effects._rounds import WAITS
from recoup.effects._wire import Wire
from recoup.effects.endpoints import by
from recoup.effects.post import BATCH, LANES, Courier, Signer
from recoup.jobs.base import Fail
from recoup.jobs.settle import _next
from recoup.store import batch

PATIENCE = 60.0


@pytest.fixture
def scene(database_url, home):
    with Hooked.open(database_url, home, **SETTINGS) as made:
        yield made
        assert made.violations() == ()


@pytest.fixture
def receiver():
    with receiving() as made:
        yield made


@contextmanager
def working(scene):
    """Have a worker run beside the test, as in production."""
    stop = threading.Event()
    thread = threading.Thread(target=scene.recoup.worker().run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def happens(condition):
    until = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def customers(scene, number, first=0):
    """Make an event each."""
    for n in range(first, first + number):
        scene.recoup.customers.get_or_create("user", str(n), email=f"{n}@example.com")


def happened(scene, number):
    """Have so many events happened, spread over the customers, that nobody was told of."""
    sql = """INSERT INTO host_events
                 (customer_id, seq, type, subject, body, occurred_at, recorded_at)
             SELECT 1 + n %% (SELECT max(id) FROM customers), 1000 + n, 'invoice.paid',
                    'invoice:1', '{}', %s, %s FROM generate_series(1, %s) n"""
    with scene.recoup.database.begin() as connection:
        batch.driver(connection).execute(sql, (scene.now, scene.now, number))


class TestASlowEndpoint:
    def test_delays_neither_other_endpoints_nor_functions_nor_other_work(self, scene, receiver):
        free, heard = threading.Event(), []
        scene.recoup.on("customer.created", name="welcome")(heard.append)
        with receiving() as slow:
            slow.usually = Answer(before=lambda: free.wait(PATIENCE))
            slow_id = scene.recoup.endpoints.create(slow.url).endpoint.id
            quick_id = scene.recoup.endpoints.create(receiver.url).endpoint.id
            customers(scene, 5)
            try:
                with working(scene):
                    assert happens(lambda: len(receiver.heard) == 5)
                    assert happens(lambda: len(heard) == 5)
                    customers(scene, 2, first=5)
                    assert happens(lambda: len(receiver.heard) == 7)
                    assert happens(lambda: len(slow.heard) == slow.at_once == LANES)
                    free.set()
                    assert happens(lambda: len(slow.heard) == 7)
            finally:
                free.set()
            assert slow.at_once <= LANES
        scene.pace.settle()
        for id in (slow_id, quick_id):
            stands = {str(one.stand) for one in scene.recoup.endpoints.deliveries(id)}
            assert stands == {"delivered"}

    def test_that_fails_is_asked_by_one_post_at_a_time(self, scene, receiver):
        scene.recoup.endpoints.create(receiver.url)
        receiver.script = [Answer(500)]
        customers(scene, 1)
        scene.pace.settle()
        assert scene.endpoint.failing_since is not None
        receiver.usually = Answer(before=lambda: time.sleep(0.02))
        receiver.choose = lambda _: Answer(500, before=lambda: time.sleep(0.02))

        customers(scene, 5, first=1)
        scene.pace.settle()

        assert (len(receiver.heard), receiver.at_once) == (6, 1)


class TestAWorkerThatRuns:
    def test_takes_more_than_a_batch_without_waiting(self, scene, receiver):
        scene.recoup.endpoints.create(receiver.url)
        customers(scene, LANES)
        scene.pace.settle()
        receiver.heard.clear()
        happened(scene, BATCH + 5)
        scene.recoup.endpoints.replay(1, type="invoice.paid")

        with working(scene):
            assert happens(lambda: len(receiver.heard) == BATCH + 5)

        assert receiver.at_once <= LANES

    def test_finishes_the_posts_in_hand_before_recoup_is_closed(self, scene, receiver):
        scene.recoup.endpoints.create(receiver.url)
        free = threading.Event()
        receiver.usually = Answer(before=lambda: free.wait(PATIENCE))
        customers(scene, 1)

        with working(scene):
            assert happens(lambda: receiver.heard)
        threading.Timer(0.1, free.set).start()
        scene.recoup._courier.close()

        assert scene.stands() == ["delivered"]

    def test_hears_of_an_endpoint_that_another_process_made(self, scene, receiver):
        with working(scene):
            other, _ = by(scene.recoup.config, scene.recoup.database, scene.clock.now)
            other.create(receiver.url)
            customers(scene, 1)
            assert happens(lambda: receiver.heard)


class TestARound:
    def test_that_has_gone_on_for_long_leaves_the_rest_for_the_next(self, scene, receiver):
        made = scene.recoup.endpoints.create(receiver.url)
        courier = Courier(
            scene.recoup.database,
            Signer(SETTINGS["secret_key"]),
            Wire(anywhere=True),
            slice=-1.0,
        )
        scene.recoup._courier, own = courier, scene.recoup._courier
        customers(scene, 3)

        scene.recoup.worker().drain()
        assert receiver.heard == []
        scene.recoup._courier = own
        scene.pace.at(scene.now + timedelta(seconds=1))

        assert made.endpoint.id == 1
        assert scene.stands() == ["delivered"] * 3
        attempts = scene.rows("SELECT attempt FROM effects WHERE kind = 'post:1'")
        assert [row["attempt"] for row in attempts] == [1, 1, 1]


class TestTheWaits:
    def test_grow_and_end_within_three_days(self):
        assert list(WAITS) == sorted(WAITS)
        assert timedelta(days=2, hours=23) < sum(WAITS, timedelta()) <= timedelta(days=3)

    def test_are_kept_to_the_second(self, scene):
        class Claim:
            id, attempt = 1, 3

        wished = Fail("x", after=timedelta(minutes=5))

        assert _next(Claim, wished, most=11, now=scene.now).due_at == scene.now + timedelta(
            minutes=5
        )
