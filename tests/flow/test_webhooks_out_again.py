"""Telling an endpoint again of what it was told, or should have been; and forgetting it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hooked import Hooked
from receiver import SETTINGS, Answer, receiving

from recoup.errors import InvalidValue, NotFound
from recoup.jobs import queue
from recoup.store.events import deliveries

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
BROKEN = Answer(500, b"no")


@pytest.fixture
def receiver():
    with receiving() as made:
        yield made


@pytest.fixture
def scene(database_url, home, receiver):
    with Hooked.open(database_url, home, **SETTINGS) as made:
        made.recoup.endpoints.create(receiver.url)
        yield made
        assert made.violations() == ()


class TestAReplay:
    def test_tells_again_with_the_same_id_and_says_so_in_the_log(self, scene, receiver):
        scene.customer()

        assert scene.recoup.endpoints.replay(1, [receiver.events[0]["id"]]) == 1
        scene.pace.settle()

        assert receiver.events[0] == receiver.events[1]
        assert [one.replay for one in scene.tries()] == [False, True]

    def test_tells_what_was_given_up_and_nothing_else(self, scene, receiver):
        scene.customer("before")
        receiver.usually = BROKEN
        scene.customer()
        scene.give_up()
        receiver.usually = Answer()

        assert scene.recoup.endpoints.replay(1, given_up=True) == 1
        scene.pace.settle()

        assert scene.stands() == ["delivered", "delivered"]

    def test_chooses_by_type_instant_and_customer(self, scene, receiver):
        _ = scene.subscriber()
        scene.after(DAY)
        bob = scene.customer("bob")
        told = len(receiver.heard)
        replay = scene.recoup.endpoints.replay

        assert replay(1, type="customer.created") == 2
        scene.pace.settle()
        assert replay(1, since=scene.now) == 1
        scene.pace.settle()
        assert replay(1, since=scene.now + SECOND) == 0
        assert replay(1, customer_id=bob, type="invoice.paid") == 0
        assert replay(1, customer_id=bob) == 1
        assert replay(1, customer_id=bob) == 0  # it is on its way already
        scene.pace.settle()
        assert len(receiver.heard) == told + 4

    def test_can_tell_a_new_endpoint_of_what_was_before_it(self, scene, receiver):
        _ = scene.subscriber()
        with receiving() as other:
            id = scene.recoup.endpoints.create(other.url, ["invoice.paid"]).endpoint.id

            scene.recoup.endpoints.replay(id, since=scene.now - HOUR)
            scene.pace.settle()

            assert other.types == ["invoice.paid"]
            assert other.events == [e for e in receiver.events if e["type"] == "invoice.paid"]

    def test_of_everything_must_be_meant(self, scene):
        with pytest.raises(InvalidValue, match="name the events"):
            scene.recoup.endpoints.replay(1)

    def test_of_nothing_that_there_is_is_refused(self, scene):
        with pytest.raises(NotFound, match="no event 7"):
            scene.recoup.endpoints.replay(1, [7])
        with pytest.raises(NotFound, match="no endpoint 7"):
            scene.recoup.endpoints.replay(7, given_up=True)
        with pytest.raises(InvalidValue, match=r"invoice\.paid"):
            scene.recoup.endpoints.replay(1, type="invoice.payed")


class TestWhatIsKept:
    def prune(self, scene, before):
        with scene.recoup.database.begin() as connection:
            done = deliveries.prune(connection, before)
            queue.prune(connection, before)
            return done

    def test_goes_when_it_is_old(self, scene):
        scene.customer()

        assert self.prune(scene, scene.now) == 0
        assert self.prune(scene, scene.now + SECOND) == 1

        assert scene.tries() == ()

    def test_of_what_was_given_up_is_replayable_until_then(self, scene, receiver):
        receiver.usually = BROKEN
        scene.customer()
        began = scene.now
        scene.give_up()

        self.prune(scene, began)
        assert scene.stands() == ["given_up"]
        self.prune(scene, began + SECOND)

        assert scene.stands() == ["canceled"]

    def test_of_a_customer_says_nothing_once_they_are_erased(self, scene, receiver):
        receiver.usually = Answer(200, b"hello ada@example.com")
        ada = scene.customer()
        assert scene.tries()[0].answer == "hello ada@example.com"

        scene.recoup.customers.erase(ada, reason="asked", keep_at_processor=True)

        assert scene.tries()[0].answer is None
