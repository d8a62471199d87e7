"""Ending a subscription at the processor: once, however often and however late it is asked."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recoup.jobs import queue
from recoup.jobs.base import NewEffect
from recoup.processors.fake import Fault
from recoup.store import tables
from recoup.store.writer import Writer

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
REASON = "dunning_exhausted"


def ask(world, who, *, processor_id=None):
    """Do what the loop does at the end of the ladder: mark the row, and write the effect."""
    (row,) = world.rows(
        "SELECT * FROM subscriptions WHERE processor_id = :id", id=who.subscription
    )
    with world.recoup.database.begin() as connection:
        writer = Writer(connection, now=world.now, actor="engine", cause="test")
        asked = {"end_requested_at": world.now, "end_reason": REASON}
        if processor_id is not None:
            asked["processor_id"] = processor_id
        writer.update(tables.subscriptions, row, asked, type="subscription.end_requested")
        writer.flush()
        enqueue(connection, row["id"], row["customer_id"], now=world.now)
    return row["id"]


def enqueue(connection, id, customer, *, now):
    effect = NewEffect(
        "end_subscription",
        f"end_subscription:{id}",
        now,
        queue="billing",
        customer_id=customer,
        args={"subscription_id": id},
    )
    queue.enqueue(connection, [effect], now=now)


def row(world):
    sql = "SELECT status, ended_at, end_reason FROM subscriptions"
    return tuple(world.rows(sql)[0].values())


def ends(world):
    """How often the processor ended a subscription."""
    return [body for _, body in world.fake.events() if b"customer.subscription.deleted" in body]


class TestEnding:
    def test_is_asked_once_and_is_so_when_the_processor_says_so(self, world):
        ada = world.subscriber()
        ask(world, ada)

        world.recoup.worker().drain()
        assert row(world) == ("active", None, REASON)
        assert world.effect("end_subscription")["state"] == "done"
        world.pace.settle()

        assert row(world) == ("canceled", world.now, REASON)
        assert world.watch.keys == [f"recoup:end:{ada.subscription}"]
        assert len(ends(world)) == 1

    def test_is_asked_for_without_any_open_transaction(self, world):
        ask(world, world.subscriber())
        found = []
        for step in ("received", "done"):
            world.watch.meanwhile[step] = lambda _key: found.append(world.in_transaction())

        world.pace.settle()

        assert found == [(0, 0), (0, 0)]

    def test_tells_the_processor_why(self, world):
        ada = world.subscriber()
        ask(world, ada)

        world.pace.settle()

        (told,) = ends(world)
        assert REASON.encode() in told

    def test_twice_is_harmless_before_the_first_is_heard_of(self, world):
        ada = world.subscriber()
        id = ask(world, ada)
        worker = world.recoup.worker()
        worker.drain()
        with world.recoup.database.begin() as connection:
            enqueue(connection, id, world.customer_id(ada), now=world.now)

        worker.drain()
        world.pace.settle()

        done = world.rows("SELECT state FROM effects WHERE kind = 'end_subscription'")
        assert [effect["state"] for effect in done] == ["done", "done"]
        assert len(ends(world)) == 1
        assert len(world.watch.keys) == 1  # the second time the processor only repeats itself

    def test_again_after_it_has_ended_asks_nobody(self, world):
        ada = world.subscriber()
        id = ask(world, ada)
        world.pace.settle()
        with world.recoup.database.begin() as connection:
            enqueue(connection, id, world.customer_id(ada), now=world.now)

        world.pace.settle()

        effect = world.effect("end_subscription")
        assert (effect["state"], effect["reason"]) == ("canceled", "it has ended already")
        assert len(world.watch.keys) == 1

    def test_of_one_the_customer_has_left_meanwhile_asks_nobody(self, world):
        ada = world.subscriber()
        world.fake.cancel_subscription(ada.subscription, reason="bye", key="by hand")
        ask(world, ada)
        world.pace.listen()

        world.pace.settle()

        assert world.effect("end_subscription")["state"] == "canceled"
        assert world.watch.keys == ["by hand"]

    def test_of_one_that_nobody_asked_to_end_asks_nobody(self, world):
        ada = world.subscriber()
        with world.recoup.database.begin() as connection:
            enqueue(connection, 1, world.customer_id(ada), now=world.now)

        world.pace.settle()

        assert world.effect("end_subscription")["state"] == "canceled"
        assert (world.watch.keys, row(world)[0]) == ([], "active")


class TestAnOutage:
    @pytest.mark.parametrize("kind", ["outage", "busy", "lost_reply"])
    def test_has_it_tried_again_with_the_same_key(self, world, kind):
        ada = world.subscriber()
        ask(world, ada)
        world.fake.add_fault(Fault(kind, call="cancel_subscription", times=2))

        world.recoup.worker().drain()
        effect = world.effect("end_subscription")
        assert effect["state"] == "scheduled"
        assert effect["due_at"] > world.now
        world.pace.until(world.now + HOUR)

        assert row(world)[0] == "canceled"
        assert len(ends(world)) == 1
        assert set(world.watch.keys) == {f"recoup:end:{ada.subscription}"}

    def test_is_asked_about_ever_more_rarely(self, world):
        ask(world, world.subscriber())
        asked, waits = world.now, []
        world.fake.add_fault(Fault("outage", call="cancel_subscription", times=None))
        while len(waits) < 9:
            world.recoup.worker().drain()
            due = world.effect("end_subscription")["due_at"]
            waits.append((due - world.now) / MINUTE)
            world.clock.set(due)

        assert waits == [1, 1, 2, 4, 8, 16, 32, 60, 60]
        assert world.now - asked > 3 * HOUR

    def test_is_kept_to_when_the_processor_says_how_long_it_lasts(self, world):
        ask(world, world.subscriber())
        world.fake.add_fault(Fault("busy", call="cancel_subscription", after=7.0))

        world.recoup.worker().drain()

        due = world.effect("end_subscription")["due_at"]
        assert due == world.now + timedelta(seconds=7)

    @pytest.mark.parametrize("kind", ["outage", "busy"])
    def test_of_a_whole_day_uses_nothing_up(self, world, kind):
        ask(world, world.subscriber())
        fault = Fault(kind, call="cancel_subscription", times=None, until=world.now + 24 * HOUR)
        world.fake.add_fault(fault)

        world.pace.until(world.now + 24 * HOUR, at_least=10 * MINUTE)
        effect = world.effect("end_subscription")
        assert effect["state"] in {"scheduled", "done"}
        assert effect["due_at"] <= world.now + HOUR
        world.pace.until(world.now + HOUR)

        assert row(world)[0] == "canceled"

    def test_that_answers_with_an_error_is_outlasted(self, world):
        """The processor repeats its 500 for as long as it remembers the key: a day."""
        ask(world, world.subscriber())
        world.fake.add_fault(Fault("error", call="cancel_subscription"))

        world.pace.until(world.now + 26 * HOUR, at_least=10 * MINUTE)

        assert row(world)[0] == "canceled"
        assert len(ends(world)) == 1

    def test_delays_no_other_subscription(self, world):
        for one in [world.subscriber() for _ in range(3)]:
            ask(world, one)
        world.fake.add_fault(Fault("outage", call="cancel_subscription", skip=1))

        world.recoup.worker().drain()

        done = world.rows("SELECT state FROM effects WHERE kind = 'end_subscription' ORDER BY id")
        assert [effect["state"] for effect in done] == ["done", "scheduled", "done"]
        world.pace.until(world.now + HOUR)
        assert len(ends(world)) == 3


class TestARejection:
    def test_is_parked_with_its_reason_for_a_person(self, world):
        ada, eve = world.subscriber(), world.subscriber()
        ask(world, ada, processor_id="sub_nobody_knows")
        ask(world, eve)

        world.pace.settle()

        (parked,) = world.rows("SELECT * FROM effects WHERE state = 'parked'")
        assert parked["customer_id"] == world.customer_id(ada)
        assert "sub_nobody_knows" in parked["reason"]
        assert len(ends(world)) == 1

    def test_can_be_retried_by_a_person_once_its_cause_is_gone(self, world):
        ada = world.subscriber()
        id = ask(world, ada, processor_id="sub_nobody_knows")
        world.pace.settle()
        with world.recoup.database.begin() as connection:
            writer = Writer(connection, now=world.now, actor="eve", cause="test")
            before = {
                "id": id,
                "customer_id": world.customer_id(ada),
                "processor_id": "sub_nobody_knows",
            }
            writer.update(tables.subscriptions, before, {"processor_id": ada.subscription})
            writer.flush()

        with world.recoup.database.begin() as connection:
            parked = world.effect("end_subscription")["id"]
            assert queue.retry(connection, [parked], now=world.now) == 1
        world.pace.settle()

        assert row(world)[0] == "canceled"
