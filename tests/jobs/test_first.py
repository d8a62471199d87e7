"""Kinds that come first: claimed before all others, whatever their queue and however late."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from recoup.jobs import queue
from recoup.jobs.base import Handler

HOUR = timedelta(hours=1)
#: How long a thread is waited for that must come; it comes at once.
LONG = 60.0


@pytest.fixture
def seen():
    return []


@pytest.fixture
def handlers(world, seen):
    def run(claims, desk):
        seen.extend(claim.key for claim in claims)
        world.write(claims, desk)

    return {
        "take": Handler(run=run, batch=5),
        "give": Handler(run=run, batch=5, first=True, aside=True),
    }


def fill(world, kind, number, **more):
    world.enqueue(*(world.effect(f"{kind}:{n}", kind=kind, **more) for n in range(number)))


def prefer(world, *keys):
    with world.engine.begin() as connection:
        return queue.prefer(connection, keys, kind="give", now=world.clock.now())


class TestAKindThatComesFirst:
    def test_comes_before_what_has_waited_longer_in_any_queue(self, world, handlers, seen):
        fill(world, "take", 20, queue="billing", due_at=world.noon - HOUR)
        fill(world, "give", 1, queue="default")

        world.worker(handlers=handlers).drain()

        assert seen[0] == "give:0"

    def test_that_comes_meanwhile_is_in_the_next_batch(self, world, handlers, seen):
        fill(world, "take", 20)
        plain = handlers["take"].run

        def run(claims, desk):
            if not seen:
                fill(world, "give", 1)
            plain(claims, desk)

        handlers["take"] = Handler(run=run, batch=5)
        world.worker(handlers=handlers).drain()

        assert seen.index("give:0") == 5

    def test_has_a_thread_that_what_hangs_does_not_hold_up(self, world, handlers):
        hangs, over, given, stop = (threading.Event() for _ in range(4))
        plain = handlers["give"].run

        def hang(claims, desk):
            hangs.set()
            over.wait(LONG)
            world.write(claims, desk)

        def give(claims, desk):
            plain(claims, desk)
            given.set()

        handlers["take"] = Handler(run=hang, aside=True)
        handlers["give"] = Handler(run=give, aside=True, first=True)
        fill(world, "take", 1)
        thread = threading.Thread(
            target=world.worker(handlers=handlers).run, args=(stop,), daemon=True
        )
        thread.start()
        try:
            assert hangs.wait(LONG)
            fill(world, "give", 1)
            assert given.wait(LONG)
        finally:
            over.set()
            stop.set()
            thread.join()


class TestPreferring:
    def test_makes_what_waits_come_first_and_at_once(self, world, handlers, seen):
        fill(world, "take", 20)
        world.enqueue(world.effect("late", kind="take", due_at=world.noon + HOUR))

        assert prefer(world, "late") == 1

        world.worker(handlers=handlers).drain()
        assert seen[0] == "late"
        assert world.row("late").kind == "give"

    def test_leaves_what_is_due_longer_where_it_is(self, world):
        fill(world, "take", 1, due_at=world.noon - HOUR)

        prefer(world, "take:0")

        assert world.row("take:0").due_at == world.noon - HOUR

    def test_leaves_what_is_over_or_is_not_there(self, world, handlers):
        fill(world, "take", 1)
        world.worker(handlers=handlers).drain()

        assert prefer(world, "take:0", "nothing") == 0
        assert world.row("take:0").kind == "take"
