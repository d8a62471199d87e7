from __future__ import annotations

from datetime import timedelta

import pytest

from recoup.errors import LostClaim
from recoup.jobs.base import Cancel, Done, Fail, Handler, Park, Snooze
from recoup.jobs.claims import LEASE_RAN_OUT, rescue
from recoup.jobs.settle import backoff
from recoup.jobs.words import clean
from recoup.jobs.worker import NOT_SETTLED

SECOND = timedelta(seconds=1)


class TestDraining:
    def test_runs_what_is_due_and_nothing_else(self, world):
        world.enqueue(
            world.effect("due"),
            world.effect("later", due_at=world.noon + SECOND),
            world.effect("elsewhere", queue="mail"),
        )

        ran = world.worker(queues=["default"]).drain()

        assert (ran, world.written()) == ({"write": 1}, ["due"])

    def test_follows_a_clock_that_is_moved(self, world):
        world.enqueue(world.effect("a", due_at=world.noon + timedelta(days=30)))
        worker = world.worker()

        world.clock.set(world.noon + timedelta(days=30) - timedelta(microseconds=1))
        before = worker.drain()
        world.clock.advance(timedelta(microseconds=1))

        assert (before, worker.drain()) == ({}, {"write": 1})

    def test_runs_what_handlers_enqueue(self, world):
        def run(claims, desk):
            world.write(claims, desk)
            if claims[0].key != "aaa":
                world.enqueue(world.effect(claims[0].key + "a"))

        world.enqueue(world.effect("a"))

        assert world.worker(run).drain() == {"write": 3}
        assert world.written() == ["a", "aa", "aaa"]

    def test_hands_over_no_more_than_a_batch_in_due_order(self, world):
        batches = []

        def run(claims, desk):
            batches.append([claim.key for claim in claims])
            world.write(claims, desk)

        for number in (3, 1, 2, 0, 4):
            world.enqueue(world.effect(f"k{number}", due_at=world.noon - (5 - number) * SECOND))
        world.worker(Handler(run=run, batch=2)).drain()

        assert batches == [["k0", "k1"], ["k2", "k3"], ["k4"]]

    def test_never_mixes_kinds(self, world):
        batches = []

        def run(claims, desk):
            batches.append({claim.kind for claim in claims})
            world.write(claims, desk)

        handler = Handler(run=run)
        for number in range(6):
            world.enqueue(world.effect(f"k{number}", kind=("one", "two")[number % 2]))
        world.worker(handlers={"one": handler, "two": handler}).drain()

        assert batches == [{"one"}, {"two"}]

    def test_gives_queues_equal_turns(self, world):
        turns = []

        def run(claims, desk):
            turns.extend(claim.key[0] for claim in claims)
            world.write(claims, desk)

        for number in range(3):
            world.enqueue(world.effect(f"a{number}", queue="billing"))
            world.enqueue(world.effect(f"b{number}", queue="mail"))
        world.worker(Handler(run=run, batch=1)).drain()

        assert turns == ["a", "b", "a", "b", "a", "b"]

    def test_begins_nothing_after_its_limit(self, world):
        world.enqueue(world.effect("a"))

        assert world.worker().drain(0) == {}
        assert world.row("a").attempt == 0


class TestWishes:
    @pytest.mark.parametrize(
        ("wish", "state", "attempt", "due", "reason", "result"),
        [
            (Done({"id": "x", "n": 1}), "done", 1, 0, None, {"id": "x", "n": 1}),
            (Cancel("paid"), "canceled", 1, 0, "paid", None),
            (Park("look"), "parked", 1, 0, "look", None),
            (Snooze("until", "closed"), "scheduled", 0, 600, "closed", None),
        ],
    )
    def test_become_the_next_state(self, world, wish, state, attempt, due, reason, result):
        if isinstance(wish, Snooze):
            wish = Snooze(world.noon + timedelta(minutes=10), wish.reason)
        world.enqueue(world.effect("a"))

        world.worker(settling(wish)).drain()

        row = world.row("a")
        assert (row.state, row.attempt, row.reason, row.result) == (state, attempt, reason, result)
        assert row.due_at == world.noon + due * SECOND
        assert row.ended_at == (world.noon if state in {"done", "canceled"} else None)
        assert (row.claim_id, row.lease_until) == (None, None)

    def test_may_differ_within_a_batch(self, world):
        wishes = {"a": Done(), "b": Park("odd"), "c": Done({"n": 1}), "d": Fail("no")}

        def run(claims, desk):
            with desk.engine.begin() as connection:
                desk.settle(connection, {claim: wishes[claim.key] for claim in claims})

        world.enqueue(*(world.effect(key) for key in wishes))
        world.worker(run).drain()

        rows = world.rows()
        assert [rows[key].state for key in wishes] == ["done", "parked", "done", "scheduled"]
        assert [rows[key].reason for key in wishes] == [None, "odd", None, "no"]
        assert rows["c"].result == {"n": 1}

    def test_that_are_never_said_are_failures(self, world):
        world.enqueue(world.effect("a"), world.effect("b"))

        world.worker(lambda claims, desk: None).drain()

        assert {(row.state, row.reason) for row in world.rows().values()} == {
            ("scheduled", NOT_SETTLED)
        }

    def test_of_a_transaction_rolled_back_do_not_count(self, world):
        def run(claims, desk):
            with desk.engine.connect() as connection:
                world.note(connection, claims)
                desk.settle(connection, dict.fromkeys(claims, Done()))
                connection.rollback()
            raise ValueError("after all")

        world.enqueue(world.effect("a"))
        world.worker(run).drain()

        assert (world.row("a").state, world.row("a").reason) == (
            "scheduled",
            "ValueError: after all",
        )

    def test_can_be_said_once(self, world):
        seen = []

        def run(claims, desk):
            world.write(claims, desk)
            with pytest.raises(LostClaim):
                world.write(claims, desk)
            seen.append(len(claims))

        world.enqueue(world.effect("a"))
        world.worker(run).drain()

        assert (seen, world.written()) == ([1], ["a"])

    def test_to_snooze_cost_no_attempt_however_often(self, world):
        def run(claims, desk):
            with desk.engine.begin() as connection:
                until = desk.now() + timedelta(hours=1)
                desk.settle(connection, dict.fromkeys(claims, Snooze(until, "closed")))

        world.enqueue(world.effect("a"))
        worker = world.worker(Handler(run=run, max_attempts=2))
        for _ in range(5):
            assert worker.drain() == {"write": 1}
            world.clock.advance(timedelta(hours=1))

        assert (world.row("a").state, world.row("a").attempt) == ("scheduled", 0)

    def test_to_snooze_into_the_past_do_not_spin(self, world):
        world.enqueue(world.effect("a"))

        assert world.worker(settling(Snooze(world.noon, "again"))).drain() == {"write": 1}
        assert world.row("a").due_at == world.noon + SECOND


class TestFailing:
    def test_comes_again_after_the_backoff_until_its_attempts_are_used_up(self, world):
        world.enqueue(world.effect("a"))
        worker = world.worker(Handler(run=raising("no luck"), max_attempts=3))

        for attempt in (1, 2):
            assert worker.drain() == {"write": 1}
            row = world.row("a")
            assert (row.state, row.attempt, row.reason) == (
                "scheduled",
                attempt,
                "ValueError: no luck",
            )
            assert row.due_at == world.clock.now() + backoff(row.id, attempt)
            world.clock.set(row.due_at)
        worker.drain()

        assert (world.row("a").state, world.row("a").attempt) == ("parked", 3)
        assert world.row("a").reason == "ValueError: no luck"

    def test_keeps_any_text_and_at_most_500_characters(self, world):
        world.enqueue(world.effect("a"))

        world.worker(raising("\x00" + "x" * 1000)).drain()

        assert world.row("a").reason.startswith("ValueError: \N{REPLACEMENT CHARACTER}xx")
        assert len(world.row("a").reason) == 500
        assert clean("half a pair: \udc80") == "half a pair: ?"

    def test_waits_from_10_seconds_doubling_up_to_an_hour(self):
        full = [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]

        for attempt, most in enumerate(full, start=1):
            waits = {backoff(number, attempt) for number in range(50)}
            assert min(waits) >= 0.75 * most * SECOND
            assert max(waits) <= most * SECOND
            assert len(waits) > 1
        assert backoff(1, 10_000) <= 3600 * SECOND
        assert backoff(7, 3) == backoff(7, 3)

    def test_of_one_in_a_batch_of_a_hundred_hurts_nobody_else(self, world):
        def run(claims, desk):
            with desk.engine.begin() as connection:
                world.note(connection, claims)
                if any(claim.key == "k50" for claim in claims):
                    raise ValueError("poison")
                desk.settle(connection, dict.fromkeys(claims, Done()))

        keys = [f"k{number:02}" for number in range(100)]
        world.enqueue(*(world.effect(key) for key in keys))
        world.worker(run).drain()

        rows = world.rows()
        assert world.written() == [key for key in keys if key != "k50"]
        assert {row.attempt for row in rows.values()} == {1}
        assert {key for key, row in rows.items() if row.state != "done"} == {"k50"}
        assert rows["k50"].reason == "ValueError: poison"

    def test_half_way_repeats_only_what_is_not_settled(self, world):
        def run(claims, desk):
            if len(claims) > 1:
                world.write(claims[:2], desk)
                raise ValueError("half-way")
            world.write(claims, desk)

        world.enqueue(*(world.effect(key) for key in "abcd"))
        world.worker(run).drain()

        assert world.written() == ["a", "b", "c", "d"]


class TestLeases:
    def test_that_ran_out_are_free_again(self, world):
        world.enqueue(world.effect("a"))
        seen = []

        def run(claims, desk):
            world.age_leases()
            with world.engine.begin() as connection:
                seen.append(rescue(connection))
            seen.append((world.row("a").state, world.row("a").claim_id, world.row("a").reason))
            world.write(claims, desk)

        world.worker(Handler(run=run, max_attempts=1)).drain()

        assert seen == [1, ("scheduled", None, LEASE_RAN_OUT)]
        assert world.written() == []  # the write came too late: LostClaim rolled it back
        assert (world.row("a").state, world.row("a").attempt) == ("parked", 1)

    def test_that_ran_out_park_what_has_no_attempt_left(self, world):
        world.enqueue(world.effect("a"))
        handler = Handler(run=lambda claims, desk: None, max_attempts=1)

        def run(claims, desk):
            world.age_leases()
            with world.engine.begin() as connection:
                rescue(connection, {"write": handler})

        world.worker(run).drain()

        assert (world.row("a").state, world.row("a").reason) == ("parked", LEASE_RAN_OUT)

    def test_that_did_not_run_out_stay(self, world):
        seen = []

        def run(claims, desk):
            with world.engine.begin() as connection:
                seen.append(rescue(connection))
            world.write(claims, desk)

        world.enqueue(world.effect("a"))
        world.worker(run).drain()

        assert (seen, world.row("a").state) == ([0], "done")

    def test_are_renewed_for_as_long_as_the_handler_runs(self, world):
        """A short lease of another kind sets the beat, so this one is soon renewed for long."""
        world.enqueue(world.effect("a"), world.effect("b"))
        rescued = []

        def run(claims, desk):
            for _ in range(3):
                world.age_leases()
                world.until_leases_run()
                with world.engine.begin() as connection:
                    rescued.append(rescue(connection))
            world.write(claims, desk)

        handlers = {
            "write": Handler(run=run, lease=timedelta(minutes=5)),
            "hasty": Handler(run=world.write, lease=timedelta(seconds=0.3)),
        }
        assert world.worker(handlers=handlers).drain() == {"write": 2}

        assert rescued == [0, 0, 0]
        assert world.written() == ["a", "b"]

    def test_of_a_lost_worker_are_taken_alone_next(self, world):
        """So what killed it kills nobody else a second time."""
        world.enqueue(*(world.effect(key) for key in "abc"))
        batches = []

        def die(claims, desk):
            world.age_leases()
            world.worker().tick()
            raise KeyboardInterrupt

        def run(claims, desk):
            batches.append([claim.key for claim in claims])
            world.write(claims, desk)

        with pytest.raises(KeyboardInterrupt):
            world.worker(die).drain()
        world.enqueue(world.effect("d"), world.effect("e"))
        world.worker(run).drain()

        assert sorted(batches) == [["a"], ["b"], ["c"], ["d", "e"]]
        assert {row.attempt for key, row in world.rows().items() if key in "abc"} == {2}

    def test_that_no_attempt_is_left_for_are_parked_at_claim(self, world):
        world.enqueue(world.effect("a"))
        world.worker(Handler(run=raising("no"), max_attempts=5)).drain()
        world.clock.advance(timedelta(hours=1))

        ran = world.worker(Handler(run=world.write, max_attempts=1)).drain()

        assert (ran, world.row("a").state, world.row("a").attempt) == ({}, "parked", 1)
        assert world.row("a").reason == "ValueError: no"


def settling(wish):
    def run(claims, desk):
        with desk.engine.begin() as connection:
            desk.settle(connection, dict.fromkeys(claims, wish))

    return run


def raising(message):
    def run(claims, desk):
        raise ValueError(message)

    return run
