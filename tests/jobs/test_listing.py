from __future__ import annotations

from datetime import timedelta

from recoup.jobs.listing import Lag, counts, find, lag, listing, queues_due, unknown_kinds

SECOND = timedelta(seconds=1)


class TestListing:
    def test_finds_by_state_kind_and_customer(self, world):
        world.enqueue(
            world.effect("a", customer_id=1),
            world.effect("b", customer_id=2),
            world.effect("c", customer_id=2, kind="other"),
        )
        world.worker().drain()

        assert set(world.rows(state="scheduled")) == {"c"}
        assert set(world.rows(kind="write")) == {"a", "b"}
        assert set(world.rows(customer_id=2)) == {"b", "c"}
        assert set(world.rows(customer_id=2, state="done")) == {"b"}

    def test_pages_from_the_newest(self, world):
        for key in "abcde":
            world.enqueue(world.effect(key))

        with world.engine.connect() as connection:
            first = listing(connection, limit=2)
            second = listing(connection, limit=2, before_id=first[-1].id)

        assert [row.key for row in (*first, *second)] == ["e", "d", "c", "b"]

    def test_finds_one_by_its_id(self, world):
        world.enqueue(world.effect("a"))

        with world.engine.connect() as connection:
            assert find(connection, world.row("a").id) == world.row("a")
            assert find(connection, 999) is None

    def test_counts_by_state_and_kind(self, world):
        world.enqueue(world.effect("a"), world.effect("b"), world.effect("c", kind="other"))
        world.worker().drain()

        with world.engine.connect() as connection:
            assert counts(connection) == {("done", "write"): 2, ("scheduled", "other"): 1}


class TestLag:
    def test_is_the_age_of_the_oldest_that_is_due(self, world):
        world.enqueue(
            world.effect("a", due_at=world.noon - 5 * SECOND),
            world.effect("b", due_at=world.noon),
            world.effect("c", due_at=world.noon + SECOND),
            world.effect("d", due_at=world.noon + SECOND, queue="mail"),
        )

        with world.engine.connect() as connection:
            assert lag(connection, world.noon) == {"default": Lag(due=2, late=5 * SECOND)}
            assert queues_due(connection, ["mail", "default"], now=world.noon) == ("default",)


class TestUnknownKinds:
    def test_are_left_alone_and_shown(self, world):
        world.enqueue(world.effect("a", kind="of a newer version"), world.effect("b"))

        ran = world.worker().drain()

        assert ran == {"write": 1}
        assert (world.row("a").state, world.row("a").attempt) == ("scheduled", 0)
        with world.engine.connect() as connection:
            assert unknown_kinds(connection, {"write"}) == {"of a newer version": 1}
