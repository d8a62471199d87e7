from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import create_engine, text

from recoup.jobs.carriers.postgres import PostgresCarrier
from recoup.jobs.clocks import SystemClock
from recoup.jobs.worker import Worker
from recoup.testing.carriers import HANDLERS, QUEUE, CarrierConformance

NOWHERE = "postgresql+psycopg://nobody@127.0.0.1:1/nothing"


class TestThePostgresCarrier(CarrierConformance):
    @pytest.fixture
    def carrier(self, engine):
        return PostgresCarrier(engine)

    @pytest.fixture
    def broken(self):
        return PostgresCarrier(create_engine(NOWHERE))

    @pytest.fixture
    def fleet(self, engine):
        stop = threading.Event()
        workers = [
            Worker(engine, HANDLERS, SystemClock(), [QUEUE], poll=timedelta(hours=1))
            for _ in range(2)
        ]
        with ThreadPoolExecutor(2) as pool:
            done = [pool.submit(worker.run, stop) for worker in workers]
            yield
            stop.set()
        for each in done:
            each.result()


class TestWaiting:
    @pytest.fixture
    def ear(self, engine):
        made = PostgresCarrier(engine)
        yield made
        made.close()

    def test_is_over_at_once_after_connecting(self, ear):
        """What was rung before could not be heard."""
        assert ear.wait(60, threading.Event())

    def test_is_over_when_it_rings(self, ear, engine):
        ear.wait(60, threading.Event())
        PostgresCarrier(engine).ring(["mail", "default"])

        assert ear.wait(60, threading.Event())
        assert not ear.wait(0.3, threading.Event())

    def test_is_over_when_its_time_is(self, ear):
        ear.wait(60, threading.Event())

        assert not ear.wait(0.1, threading.Event())

    def test_is_over_when_it_is_to_stop(self, ear):
        ear.wait(60, threading.Event())
        stop = threading.Event()
        threading.Timer(0.2, stop.set).start()
        began = time.monotonic()

        assert not ear.wait(600, stop)
        assert time.monotonic() - began < 300

    def test_only_polls_when_there_is_no_database(self):
        ear = PostgresCarrier(create_engine(NOWHERE))

        assert ear.wait(0.1, threading.Event())

    def test_takes_no_connection_from_the_pool(self, ear, engine):
        ear.wait(60, threading.Event())

        assert engine.pool.checkedout() == 0
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT 1")) == 1
