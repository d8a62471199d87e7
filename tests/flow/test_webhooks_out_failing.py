"""What becomes of posts that fail: tried for three days, given up, held, replayed; never lost."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime

import pytest
from hooked import Hooked
from receiver import SETTINGS, Answer, receiving

from recoup.effects._rounds import WAITS
from recoup.errors import InvalidValue
from recoup.store.events import outbox

DAY = timedelta(days=1)
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


class TestATry:
    @pytest.mark.parametrize("status", [200, 201, 204, 299])
    def test_is_delivered_by_any_2xx(self, scene, receiver, status):
        receiver.script = [Answer(status)]

        scene.customer()

        assert scene.stands() == ["delivered"]

    @pytest.mark.parametrize("status", [300, 301, 302, 307, 400, 401, 404, 429, 500, 503])
    def test_is_not_delivered_by_anything_else(self, scene, receiver, status):
        elsewhere = {"Location": receiver.url + "/elsewhere"}
        receiver.script = [Answer(status, headers=elsewhere)]

        scene.customer()
        assert (scene.stands(), len(receiver.heard)) == (["failing"], 1)
        scene.after(10 * SECOND)

        assert scene.stands() == ["delivered"]
        assert [one.path for one in receiver.heard] == ["/hooks", "/hooks"]
        assert receiver.events[0] == receiver.events[1]

    def test_that_is_hung_up_on_is_made_again(self, scene, receiver):
        receiver.script = [Answer(hang_up=True)]

        scene.customer()
        scene.after(10 * SECOND)

        first, second = scene.tries()
        assert (first.status, first.delivered, second.delivered) == (None, False, True)
        assert first.error.startswith("RemoteDisconnected")

    def test_leaves_a_row_that_says_how_it_went(self, scene, receiver):
        body = b"<p>whsec_hush \x1b[31m" + b"x" * 600
        receiver.script = [Answer(500, body)]

        ada = scene.customer()

        (made,) = scene.tries()
        assert (made.type, made.customer_id, made.status) == ("customer.created", ada, 500)
        assert (made.error, made.replay, made.tried_at) == ("answered 500", False, scene.now)
        assert made.event_id == receiver.events[0]["id"]
        assert made.answer.startswith("<p>*** [31mxxx")
        assert len(made.answer) < 500
        assert 0 <= made.ms < 5000

    def test_to_where_nobody_listens_is_made_again(self, scene):
        scene.recoup.endpoints.update(1, url="http://127.0.0.1:1/")

        scene.customer()

        assert scene.stands() == ["failing"]
        assert "refused" in scene.tries()[0].error


class TestADelivery:
    def test_is_tried_at_growing_intervals_for_three_days_and_then_given_up(self, scene, receiver):
        receiver.usually = BROKEN
        scene.customer()
        began = scene.now

        for wait in WAITS:
            before = len(receiver.heard)
            scene.after(wait - SECOND)
            assert len(receiver.heard) == before
            scene.after(SECOND)
            assert len(receiver.heard) == before + 1

        assert scene.stands() == ["given_up"]
        assert scene.now - began == timedelta(hours=71, minutes=36, seconds=10)
        assert len({heard.body for heard in receiver.heard}) == 1
        (given_up,) = scene.recoup.endpoints.deliveries(1, stand="given_up")
        assert (given_up.tries, given_up.reason) == (11, "answered 500")
        receiver.usually = Answer()
        scene.after(2 * DAY)
        assert len(receiver.heard) == 11

    def test_that_is_given_up_stops_nothing_that_comes_after(self, scene, receiver):
        receiver.usually = BROKEN
        ada = scene.customer()
        receiver.choose = lambda heard: None if heard.event["id"] == 1 else Answer()
        scene.fake.attach_method(scene.recoup.customers.get(ada).processor_id)
        scene.pace.settle()
        assert scene.stands() == ["failing", "waiting"]

        scene.give_up()
        scene.after(2 * SECOND)

        assert scene.stands() == ["given_up", "delivered"]

    @pytest.mark.parametrize("form", ["seconds", "date"])
    def test_waits_as_long_as_it_is_asked_to(self, scene, receiver, form):
        asked = "600" if form == "seconds" else format_datetime(scene.now + 600 * SECOND)
        receiver.script = [Answer(429, headers={"Retry-After": asked})]
        scene.customer()
        scene.customer("bob")

        scene.after(599 * SECOND)
        assert len(receiver.heard) == 1
        scene.after(SECOND)

        assert scene.stands() == ["delivered", "delivered"]

    @pytest.mark.parametrize(
        ("asked", "wait"),
        [("0", 10 * SECOND), ("soon", 10 * SECOND), ("-5", 10 * SECOND), ("999999999", DAY)],
    )
    def test_waits_neither_shorter_than_usual_nor_longer_than_a_day(
        self, scene, receiver, asked, wait
    ):
        receiver.script = [Answer(503, headers={"Retry-After": asked})]
        scene.customer()

        scene.after(wait - SECOND)
        assert len(receiver.heard) == 1
        scene.after(SECOND)

        assert scene.stands() == ["delivered"]

    def test_of_an_event_that_is_not_kept_is_given_up(self, scene, receiver):
        receiver.script = [BROKEN]
        scene.customer()
        with scene.recoup.database.begin() as connection:
            outbox.batch.driver(connection).execute("DELETE FROM host_events")

        scene.after(10 * SECOND)

        assert scene.stands() == ["canceled"]
        assert len(receiver.heard) == 1


class TestAnEndpointThatFails:
    def test_for_five_days_is_disabled_and_nothing_is_lost(self, scene, receiver):
        receiver.usually = BROKEN
        scene.customer()
        failing_since = scene.now
        scene.give_up()
        scene.customer("bob")
        scene.pace.at(failing_since + 5 * DAY - SECOND)
        scene.customer("cyd")
        assert scene.endpoint.enabled
        assert scene.endpoint.failing_since == failing_since
        scene.after(SECOND)
        scene.customer("dan")

        assert not scene.endpoint.enabled
        assert "5 days; the last one: answered 500" in scene.endpoint.disabled_for
        assert set(scene.stands()) == {"given_up", "held"}
        (task,) = scene.tasks()
        assert task["kind"] == "endpoint_disabled"
        tried = len(receiver.heard)
        scene.customer("eve")
        scene.after(DAY)
        assert (len(receiver.heard), scene.stands()[-1]) == (tried, "held")

        receiver.usually = Answer()
        scene.recoup.endpoints.enable(1)
        scene.after(SECOND)

        assert scene.stands() == ["given_up"] + ["delivered"] * 4
        assert scene.endpoint.failing_since is None
        assert scene.tasks()[0]["closed_at"] is not None

    def test_now_and_then_is_not_disabled(self, scene, receiver):
        for day in range(6):
            receiver.script = [BROKEN]
            scene.customer(f"user{day}")
            scene.after(DAY)

        assert scene.endpoint.enabled
        assert scene.stands() == ["delivered"] * 6

    def test_with_410_is_disabled_at_once(self, scene, receiver):
        receiver.script = [Answer(410)]
        scene.customer()
        scene.customer("bob")
        scene.after(DAY)

        assert scene.endpoint.disabled_for == "it answered 410: it is gone"
        assert (scene.stands(), len(receiver.heard)) == (["held", "held"], 1)
        assert len(scene.tasks()) == 1

    def test_is_told_one_at_a_time_until_it_works_again(self, scene, receiver):
        receiver.usually = BROKEN
        scene.customer()
        assert scene.endpoint.failing_since == scene.now

        receiver.usually = Answer()
        scene.after(10 * SECOND)

        assert scene.endpoint.failing_since is None


class TestAnEndpointThatIsDisabled:
    def test_by_hand_waits_until_it_is_enabled(self, scene, receiver):
        scene.recoup.endpoints.disable(1, reason="moving house")
        ada = scene.customer()
        scene.fake.attach_method(scene.recoup.customers.get(ada).processor_id)
        scene.pace.settle()
        assert (scene.stands(), receiver.heard) == (["held", "held"], [])

        scene.recoup.endpoints.enable(1)
        scene.after(SECOND)

        assert receiver.types == ["customer.created", "method.attached"]
        assert scene.tasks() == []

    def test_while_a_post_fails_holds_what_was_to_be_tried_again(self, scene, receiver):
        receiver.script = [BROKEN]
        scene.customer()

        scene.recoup.endpoints.disable(1, reason="moving house")

        assert scene.stands() == ["held"]

    def test_is_given_a_reason(self, scene):
        with pytest.raises(InvalidValue, match="reason"):
            scene.recoup.endpoints.disable(1, reason=" ")
