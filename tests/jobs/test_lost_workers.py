from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from recoup.jobs.base import Handler
from recoup.jobs.claims import LEASE_RAN_OUT, rescue

HERE = Path(__file__).parent
PATIENCE = 60.0  #: seconds


@pytest.fixture
def process(database_url):
    """Start tests/jobs/frozen.py; whatever is left of it is killed at the end."""
    started = []

    def start(run: str, lease: float = 0.6) -> subprocess.Popen[str]:
        made = subprocess.Popen(
            [sys.executable, str(HERE / "frozen.py"), database_url, run, str(lease)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(made)
        return made

    yield start
    for made in started:
        made.kill()
        made.communicate()


@pytest.fixture
def now_world(world):
    """The other process has the machine's clock; so have we here."""
    world.clock.set(datetime.now(UTC))
    return world


class TestAFrozenWorker:
    @pytest.mark.parametrize("run", [1, pytest.param(50, marks=pytest.mark.long)])
    def test_writes_nothing_when_it_wakes(self, now_world, process, run):
        world = now_world
        for number in range(run):
            key = f"k{number:02}"
            world.enqueue(world.effect(key))
            frozen = process("waits")
            assert frozen.stdout.readline() == "holding\n"
            frozen.send_signal(signal.SIGSTOP)

            assert rescued(world) == 1
            held_again = world.worker().drain()
            first = world.row(key)
            frozen.send_signal(signal.SIGCONT)
            said, _ = frozen.communicate("go on\n", timeout=PATIENCE)

            assert held_again == {"write": 1}
            assert said.splitlines() == ["refused", "drained"]
            assert world.row(key) == first
            assert (first.state, first.attempt) == ("done", 2)
        assert world.written() == [f"k{number:02}" for number in range(run)]

    def test_writes_when_nobody_took_its_place(self, now_world, process):
        """The same process, not frozen: the heartbeat holds the claim past its first lease."""
        world = now_world
        world.enqueue(world.effect("a"))
        slow = process("waits", lease=300)
        assert slow.stdout.readline() == "holding\n"

        world.age_leases()
        world.until_leases_run()
        with world.engine.begin() as connection:
            early = rescue(connection)
        said, _ = slow.communicate("go on\n", timeout=PATIENCE)

        assert (early, said.splitlines()) == (0, ["written", "drained"])
        assert world.written() == ["a"]


class TestWhatKillsItsWorker:
    @pytest.mark.parametrize("how", ["exits", "is_killed"])
    def test_is_parked_when_its_attempts_are_used_up(self, now_world, process, how):
        """And what shared a batch with it is run all the same."""
        world = now_world
        world.enqueue(*(world.effect(key) for key in ("a", "b", "killer", "c")))

        codes = []
        for _ in range(20):
            worker = process(how)
            worker.communicate(timeout=PATIENCE)
            codes.append(worker.returncode)
            if worker.returncode == 0:
                break
            rescued(world)

        # Together once, then alone until the third attempt.
        assert codes == [{"exits": 9, "is_killed": -9}[how]] * 3 + [0]
        row = world.row("killer")
        assert (row.state, row.attempt, row.reason) == ("parked", 3, LEASE_RAN_OUT)
        assert world.written() == ["a", "b", "c"]


class TestAWorkerOnItsOwn:
    def test_dies_with_no_claim_left_behind(self, now_world, process):
        """Its connection ends with it, so no lock of it outlives it; its lease does, and ends."""
        world = now_world
        world.enqueue(world.effect("a"))
        dying = process("waits")
        assert dying.stdout.readline() == "holding\n"

        os.kill(dying.pid, signal.SIGKILL)
        dying.wait()
        at_once = world.worker().drain()
        rescued(world)

        assert (at_once, world.worker(Handler(run=world.write)).drain()) == ({}, {"write": 1})


def rescued(world) -> int:
    """Rescue once all leases (0.6 s, on the database's clock) are over; return how many."""
    number, until = 0, time.monotonic() + PATIENCE
    while world.rows(state="running"):
        assert time.monotonic() < until, "a lease does not end"
        with world.engine.begin() as connection:
            number += rescue(connection)
        time.sleep(0.02)
    return number
