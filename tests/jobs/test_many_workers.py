from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from threading import Barrier

from recoup.jobs.base import Handler
from recoup.jobs.queue import cancel

PATIENCE = 60.0  #: seconds


class TestEightWorkers:
    def test_run_a_thousand_effects_once_each(self, world):
        keys = [f"k{number:04}" for number in range(1000)]
        world.enqueue(*(world.effect(key) for key in keys))
        runs, together = count(), Barrier(2)

        def run(claims, desk):
            if next(runs) < 2:  # the first waits until another worker has something too
                together.wait(PATIENCE)
            world.write(claims, desk)

        handler = Handler(run=run, batch=7)

        with ThreadPoolExecutor(8) as pool:
            ran = list(pool.map(lambda _: world.worker(handler).drain(), range(8)))
        rest = world.worker(handler).drain()

        assert sum((*ran, rest), Counter()) == {"write": 1000}
        assert world.written() == keys
        assert {(row.state, row.attempt) for row in world.rows().values()} == {("done", 1)}
        assert sum(1 for each in ran if each) > 1

    def test_run_once_what_was_enqueued_up_to_sixteen_times(self, world):
        """Each of 200 keys 2 to 16 times, in bulk and alone, from eight threads."""

        def one(seed: int) -> None:
            for number in range(seed, 200 + seed):
                key = f"k{number % 200:03}"
                world.enqueue(*([world.effect(key)] * (1 + number % 2)))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(one, range(8)))
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: world.worker().drain(), range(8)))
        world.worker().drain()

        assert world.written() == [f"k{number:03}" for number in range(200)]

    def test_pass_over_what_another_transaction_holds(self, world):
        world.enqueue(world.effect("held"), world.effect("free"))

        with world.engine.begin() as connection:
            cancel(connection, keys=["held"], reason="paid", now=world.noon)
            ran = world.worker().drain()

        assert (ran, world.written()) == ({"write": 1}, ["free"])
        assert world.row("held").state == "canceled"

    def test_and_rescuers_never_wait_for_one_another(self, world):
        """Leases of half a second, beaten and looked for all the time, under full work."""
        world.enqueue(*(world.effect(f"k{number:03}") for number in range(300)))
        handler = Handler(run=world.write, batch=10, lease=timedelta(seconds=0.5))

        def one(_: int) -> None:
            worker = world.worker(handler)
            while worker.drain():
                worker.tick()

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(one, range(4)))
        world.worker(handler).drain()

        assert len(world.written()) == len(set(world.written())) == 300
