"""Whose turn it is: what comes by the thousand keeps nobody waiting who is of another kind."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup.jobs.base import Handler

SECOND = timedelta(seconds=1)


@pytest.fixture
def seen():
    return []


@pytest.fixture
def worker(world, seen):
    """A worker that knows some kinds, five effects a batch, and notes the kind of each batch."""

    def make(*kinds, meanwhile=lambda: None):
        def run(claims, desk):
            seen.append(claims[0].kind)
            meanwhile()
            world.write(claims, desk)

        return world.worker(handlers={kind: Handler(run=run, batch=5) for kind in kinds})

    return make


def many(world, kind, number, *, queue="billing", late=60):
    due = world.noon - late * SECOND
    world.enqueue(
        *(
            world.effect(f"{queue}:{kind}:{n}", kind=kind, queue=queue, due_at=due)
            for n in range(number)
        )
    )


class TestTheKindsOfAQueue:
    def test_have_equal_turns(self, world, worker, seen):
        many(world, "expire", 20)
        many(world, "collect", 10, late=0)

        worker("collect", "expire", "ask").drain()

        assert seen == ["collect", "expire", "collect", "expire", "expire", "expire"]

    def test_keep_a_newcomer_waiting_for_a_batch_of_each_at_most(self, world, worker, seen):
        many(world, "expire", 50)
        many(world, "ask", 50)

        def come():
            if len(seen) == 4:
                many(world, "collect", 1, late=0)

        worker("ask", "collect", "expire", meanwhile=come).drain()

        assert seen.index("collect") == 4
        assert len(seen) == 21

    def test_are_served_by_who_has_waited_longest_among_themselves(self, world, worker, seen):
        for number in range(3):
            many(world, f"k{number}", 10)

        worker("k2", "k0", "k1").drain()

        assert seen == ["k2", "k0", "k1"] * 2

    def test_come_after_the_turns_of_the_queues(self, world, worker, seen):
        many(world, "expire", 10)
        many(world, "collect", 10)
        many(world, "mail", 15, queue="mail")

        worker("collect", "expire", "mail").drain()

        assert [kind == "mail" for kind in seen] == [False, True, False, True, False, True, False]
        assert [kind for kind in seen if kind != "mail"] == ["collect", "expire"] * 2

    def test_are_counted_for_each_queue_by_itself(self, world, worker, seen):
        """A kind that is never idle in one queue has its turns in another all the same."""
        many(world, "ask", 100, queue="default")
        many(world, "collect", 100)
        many(world, "ask", 5, late=0)

        worker("collect", "ask").drain()

        in_billing = seen[::2]
        assert in_billing[:3] == ["collect", "ask", "collect"]
