"""A host's functions: told at least once, in order, by processes that have them."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from recoup.billing import Recoup
from recoup.core.money import Money
from recoup.effects import tell
from recoup.errors import InvalidValue
from recoup.jobs import queue
from recoup.jobs.worker import Worker
from recoup.processors.fake import NO_FUNDS, Declines
from recoup.store.events.catalogue import EVENTS

SECOND = timedelta(seconds=1)


@pytest.fixture
def told(world):
    """What a function that hears of everything was told, in order."""
    heard = []
    world.recoup.on(*EVENTS, name="everything")(heard.append)
    return heard


@pytest.fixture
def other(world):
    """The same business in another process, which has no function."""
    with Recoup(
        world.recoup.config, processor=world.fake, sender=world.outbox, clock=world.clock
    ) as recoup:
        yield recoup


def deliveries(world, name):
    sql = "SELECT * FROM effects WHERE kind = :kind ORDER BY id"
    return world.rows(sql, kind=f"tell:{name}")


def states(world, name):
    return [row["state"] for row in deliveries(world, name)]


def hours(world, count):
    for _ in range(count):
        world.pace.at(world.now + timedelta(hours=1))


class Stumbling:
    """A function that raises as often as it is told to."""

    def __init__(self, world, name, *types, times=1):
        self.heard = []
        self.left = times
        world.recoup.on(*types, name=name)(self.hear)

    def hear(self, event):
        self.heard.append(event.type)
        if self.left:
            self.left -= 1
            raise LookupError("the books are locked")


class TestAFunction:
    def test_is_told_what_happened_to_whom_and_when(self, world):
        heard = []
        world.recoup.on("invoice.paid", name="grant")(heard.append)

        ada = world.subscriber()

        (event,) = heard
        (invoice,) = world.rows("SELECT * FROM invoices")
        assert (event.type, event.subject) == ("invoice.paid", f"invoice:{invoice['id']}")
        assert (event.subject_id, event.customer_id) == (invoice["id"], world.customer_id(ada))
        assert event.occurred_at == world.now
        assert (event.data["amount_paid"], event.data["currency"]) == (4900, "EUR")
        assert all(v is None or isinstance(v, str | int) for v in event.data.values())

    def test_hears_of_nothing_else_and_of_nothing_twice(self, world):
        heard = []
        world.recoup.on("invoice.paid", name="grant")(heard.append)

        world.subscriber()
        world.recoup.ingest(body for _, body in world.fake.events())
        world.pace.settle()

        assert [event.type for event in heard] == ["invoice.paid"]
        assert world.rows("SELECT type FROM host_events") == [{"type": "invoice.paid"}]

    def test_is_returned_as_it_was(self, world):
        def grant(event): ...

        assert world.recoup.on("invoice.paid")(grant) is grant

    def test_is_called_without_any_open_transaction(self, world):
        found = []
        world.recoup.on("invoice.paid", name="x")(lambda _: found.append(world.in_transaction()))

        world.subscriber()

        assert found == [(0, 0)]

    def test_may_ask_recoup_itself(self, world):
        found = []

        @world.recoup.on("subscription.started", name="ask")
        def ask(event):
            found.append(world.recoup.subscriptions.get(event.subject_id).status)

        world.subscriber()

        assert found == ["active"]

    def test_hears_of_what_is_recorded_from_then_on(self, world):
        world.subscriber()
        heard = []
        world.recoup.on("customer.created", name="late")(heard.append)

        world.recoup.worker().drain()
        assert heard == []
        world.subscriber()
        assert len(heard) == 1


class TestAnEvent:
    def test_of_a_transaction_that_is_rolled_back_is_never_told(self, world, told):
        with world.recoup.database.connect() as connection, connection.begin() as unwanted:
            world.recoup.using(connection).customers.get_or_create("user", "1")
            unwanted.rollback()

        world.pace.settle()

        assert told == []

    def test_is_not_written_when_nobody_wants_it(self, world):
        world.subscriber()

        assert world.rows("SELECT * FROM host_events") == []

    def test_is_told_to_each_function_in_a_delivery_of_its_own(self, world):
        first, second = [], []
        world.recoup.on("invoice.paid", name="first")(first.append)
        world.recoup.on("invoice.paid", "invoice.failed", name="second")(second.append)

        world.subscriber()

        assert first == second
        assert len(world.rows("SELECT * FROM host_events")) == 1
        assert (states(world, "first"), states(world, "second")) == (["done"], ["done"])

    def test_is_of_a_type_that_a_failing_neighbour_can_not_keep_from_others(self, world):
        bad = Stumbling(world, "bad", "invoice.paid", times=99)
        good = []
        world.recoup.on("invoice.paid", name="good")(good.append)

        world.subscriber()

        assert (len(bad.heard), len(good)) == (1, 1)
        assert (states(world, "bad"), states(world, "good")) == (["scheduled"], ["done"])

    def test_is_kept_for_as_long_as_it_is_not_delivered(self, world):
        Stumbling(world, "bad", "invoice.paid", times=99)
        world.recoup.on("customer.created", name="good")(lambda event: None)
        world.subscriber()
        hours(world, 12)
        assert states(world, "bad") == ["parked"]

        world.clock.set(world.now + timedelta(days=200))
        world.recoup.worker().wind("prune")

        assert world.rows("SELECT type FROM host_events") == [{"type": "invoice.paid"}]


class TestWhatAFunctionRaises:
    def test_is_kept_and_the_delivery_comes_back(self, world):
        bad = Stumbling(world, "bad", "invoice.paid")
        world.subscriber()
        (waiting,) = deliveries(world, "bad")
        assert waiting["reason"] == "LookupError: the books are locked"

        world.pace.at(world.now + 10 * SECOND)

        assert bad.heard == ["invoice.paid", "invoice.paid"]
        assert states(world, "bad") == ["done"]

    def test_parks_it_after_twelve_times_until_a_person_retries_it(self, world):
        bad = Stumbling(world, "bad", "invoice.paid", times=12)
        world.subscriber()
        hours(world, 12)
        (parked,) = deliveries(world, "bad")
        assert (parked["state"], parked["attempt"], len(bad.heard)) == ("parked", 12, 12)
        assert parked["reason"] == "LookupError: the books are locked"

        with world.recoup.database.begin() as connection:
            queue.retry(connection, [parked["id"]], now=world.now)
        world.recoup.worker().drain()

        assert (states(world, "bad"), len(bad.heard)) == (["done"], 13)

    def test_keeps_back_what_came_later_of_the_same_customer_only(self, world):
        types = ("customer.created", "subscription.started", "invoice.paid")
        bad = Stumbling(world, "bad", *types)

        world.subscriber()
        assert bad.heard == ["customer.created"]
        waits = deliveries(world, "bad")[1]
        assert waits["reason"] == "an earlier one of the same customer comes first"
        assert waits["attempt"] == 0
        world.subscriber()
        assert bad.heard[1:] == list(types)

        world.pace.at(world.now + timedelta(minutes=1))
        assert bad.heard[4:] == list(types)

    def test_lets_what_came_later_pass_once_it_is_parked(self, world):
        def hear(event):
            heard.append(event.type)
            if event.type == "customer.created":
                raise LookupError

        heard = []
        world.recoup.on("customer.created", "invoice.paid", name="bad")(hear)

        world.subscriber()
        hours(world, 12)

        assert heard == ["customer.created"] * 12 + ["invoice.paid"]
        assert states(world, "bad") == ["parked", "done"]


class TestAProcess:
    def test_without_the_function_leaves_its_deliveries_to_those_that_have_it(
        self, world, told, other
    ):
        world.recoup.customers.get_or_create("user", "1")

        assert "tell:everything" not in other.worker().drain()
        assert told == []
        (waiting,) = deliveries(world, "everything")
        assert (waiting["state"], waiting["attempt"]) == ("scheduled", 0)

        assert world.recoup.worker().drain()["tell:everything"] == 1

    def test_that_dies_in_a_function_has_it_told_again_with_the_same_id(self, world):
        heard = []

        @world.recoup.on("customer.created", "invoice.paid", name="dying")
        def dying(event):
            heard.append(event.id)
            if len(heard) == 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            world.subscriber()
        world.do("UPDATE effects SET lease_until = now() - interval '1 s' WHERE state = 'running'")
        world.recoup.worker().tick("absorb")
        world.pace.settle()

        assert heard == [heard[0], heard[1], heard[1]]

    def test_registers_a_name_for_other_types_and_is_told_of_those(self, world, other):
        heard = []
        other.on("invoice.failed", name="x")(heard.append)

        world.recoup.on("invoice.paid", name="x")(heard.append)
        world.subscriber()

        assert world.rows("SELECT type FROM host_handlers") == [{"type": "invoice.paid"}]
        assert [event.type for event in heard] == ["invoice.paid"]


class TestASlowFunction:
    def test_keeps_nobody_from_charging_absorbing_and_deciding(self, world):
        began, leave, stop = threading.Event(), threading.Event(), threading.Event()

        @world.recoup.on("customer.created", name="slow")
        def slow(event):
            began.set()
            assert leave.wait(600)

        world.recoup.customers.get_or_create("user", "1")
        worker = world.recoup.worker()
        thread = threading.Thread(target=worker.run, args=(stop,))
        thread.start()
        try:
            assert began.wait(60)
            ada = world.recoup.customers.get_or_create("user", "2")
            price = world.fake.create_price(Money(1000, "EUR"))
            card = world.fake.attach_method(ada.processor_id, Declines(NO_FUNDS))
            with world.recoup.database.begin() as connection:
                host = world.recoup.using(connection)
                key = host.subscriptions.start(ada.id, price, default_method=card).key
            self.wait_for(world, key)
        finally:
            leave.set()
            stop.set()
            thread.join(60)
        assert not thread.is_alive()
        world.pace.settle()

    def wait_for(self, world, key):
        """Wait for the worker to carry it out: nobody else does."""
        sql = "SELECT state FROM commands WHERE key = :key"
        for _ in range(600):
            if world.rows(sql, key=key)[0]["state"] == "done":
                return
            threading.Event().wait(0.1)
        raise AssertionError("the worker is held up")

    def test_leaves_the_rest_of_its_batch_for_later(self, world):
        heard = []
        types = ("customer.created", "subscription.started", "invoice.paid")
        world.recoup.on(*types, name="slow")(lambda event: heard.append(event.type))
        in_time = world.recoup.handlers["tell:slow"]
        world.recoup.handlers["tell:slow"] = tell.handler(heard.append, slice=-1.0)
        world.subscriber()
        assert heard == []
        assert {row["attempt"] for row in deliveries(world, "slow")} == {0}

        world.recoup.handlers["tell:slow"] = in_time
        world.pace.at(world.now + SECOND)

        assert heard == list(types)


class TestRegistering:
    def test_refuses_a_type_that_is_not_there_and_lists_those_that_are(self, world):
        with pytest.raises(InvalidValue, match=r"mean 'invoice.paid'\? There are .*case\.ended"):
            world.recoup.on("invoice.payed")

    def test_refuses_no_type_at_all(self, world):
        with pytest.raises(InvalidValue, match=r"name the events; there are customer\.created"):
            world.recoup.on()

    def test_refuses_the_same_name_twice(self, world):
        world.recoup.on("invoice.paid", name="grant")(print)

        with pytest.raises(InvalidValue, match="'grant' is taken"):
            world.recoup.on("invoice.paid", name="grant")(print)

    @pytest.mark.parametrize("name", ["", "a b", "x" * 151, "Ü"])
    def test_refuses_what_is_no_name(self, world, name):
        with pytest.raises(InvalidValue, match="expected 1 to 150"):
            world.recoup.on("invoice.paid", name=name)(print)

    def test_refuses_a_coroutine_function(self, world):
        async def grant(event): ...

        with pytest.raises(InvalidValue, match="a coroutine function"):
            world.recoup.on("invoice.paid")(grant)

    def test_names_a_function_by_where_it_is(self, world):
        world.recoup.on("invoice.paid")(states)

        names = world.rows("SELECT name FROM host_handlers")
        assert names == [{"name": f"{__name__}.states"}]


class TestTheWorker:
    def test_drains_what_may_take_long_too(self, world, told):
        world.recoup.customers.get_or_create("user", "1")

        worker = Worker(world.recoup.database, world.recoup.handlers, world.clock)

        assert worker.drain()["tell:everything"] == 1
        assert len(told) == 1
