"""Commands about one subject are carried out in the order in which they were recorded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from probes import MADE, make
from sqlalchemy import text

from recoup.commands.base import Plan
from recoup.core.billing.requests import CreateCustomer
from recoup.errors import Busy, InProgress, NotFound, NotPossible, Rejected, Unreachable
from recoup.processors.fake import Fault
from recoup.store.queries import commands as queries

HOUR = timedelta(hours=1)


@pytest.fixture
def office(scene):
    return scene.recoup.office


@pytest.fixture
def who(scene, requests):
    """A subscriber, of whose sign-up nobody wants to hear any more."""
    found = scene.subscriber()
    requests.clear()
    return found


@pytest.fixture
def ada(scene, who):
    """Our id of the customer."""
    return scene.customer_id(who)


@pytest.fixture
def asked(scene, requests):
    """Return the keys of commands in the order in which the processor did them."""

    def in_order():
        known = {
            row["processor_key"]: row["key"]
            for row in scene.rows("SELECT key, processor_key FROM commands")
        }
        return [known[key] for step, key in requests if step == "done" and key in known]

    return in_order


def state(scene, key):
    (row,) = scene.rows("SELECT state FROM commands WHERE key = :key", key=key)
    return row["state"]


def shown(scene, key):
    with scene.recoup.database.connect() as connection:
        return queries.show(connection, key)


def recorded(scene, *keys, customer):
    """Record commands in one transaction of a host's, and commit."""
    with scene.recoup.database.begin() as connection:
        lent = scene.recoup.using(connection).office
        for key in keys:
            make(lent, f"{key}@example.com", key=key, customer=customer)


def out_of(scene, office, key, customer, *, kind="lost_reply"):
    """Ask for something, and get no answer."""
    scene.fake.add_fault(Fault(kind))
    with pytest.raises((Busy, Unreachable)):
        make(office, f"{key}@example.com", key=key, customer=customer)


class TestAYoungerCommand:
    @pytest.mark.parametrize("kind", ["lost_reply", "error_after", "outage", "busy"])
    def test_brings_the_older_one_to_its_end_first(self, scene, office, ada, asked, kind):
        out_of(scene, office, "old", ada, kind=kind)

        make(office, key="young", customer=ada)

        assert (state(scene, "old"), state(scene, "young")) == ("done", "done")
        assert asked() == ["old", "young"]

    def test_waits_as_long_as_the_older_one_has_no_answer(self, scene, office, ada, asked):
        scene.fake.add_fault(Fault("outage", times=None, until=scene.now + 6 * HOUR))
        with pytest.raises(Unreachable):
            make(office, key="old", customer=ada)

        with pytest.raises(Busy, match=r"waits for 'old' \(probe\.made\).*unknown"):
            make(office, "young@example.com", key="young", customer=ada)
        scene.live(hours=1)
        waiting = shown(scene, "young")
        assert (waiting.state, waiting.after) == ("recorded", "old")
        assert "waits for 'old'" in waiting.waits_for
        assert shown(scene, "old").after is None

        scene.live(hours=8)
        assert (state(scene, "old"), state(scene, "young")) == ("done", "done")
        assert asked() == ["old", "young"]
        assert (shown(scene, "young").after, shown(scene, "young").waits_for) == (None, None)

    def test_goes_on_at_once_when_the_older_one_ends(self, scene, office, ada):
        scene.fake.add_fault(Fault("outage", times=None, until=scene.now + 6 * HOUR))
        for key in ("old", "young", "youngest"):
            with pytest.raises((Unreachable, Busy)):
                make(office, key=key, email=f"{key}@example.com", customer=ada)
        scene.live(hours=8)

        ends = scene.rows("SELECT DISTINCT ended_at FROM commands")
        assert len(ends) == 1

    def test_about_something_else_waits_for_nobody(self, scene, office, ada):
        bob = scene.customer_id(scene.subscriber(email="bob@example.com"))
        fault = Fault("outage", call="CreateCustomer", times=None, until=scene.now + HOUR)
        scene.fake.add_fault(fault)
        with pytest.raises(Unreachable):
            make(office, key="old", customer=ada)

        with pytest.raises(Unreachable):  # asked, as the outage says
            make(office, key="other", customer=bob)
        (only,) = scene.recoup.subscriptions.list(ada)
        assert scene.recoup.subscriptions.cancel(only.id).ended

    def test_goes_on_when_the_older_one_is_refused(self, scene, office, ada):
        scene.fake.add_fault(Fault("error"))
        with pytest.raises(Unreachable):
            make(office, key="old", customer=ada)
        with pytest.raises(Busy):
            make(office, "young@example.com", key="young", customer=ada)
        scene.live(hours=25)

        assert (state(scene, "old"), state(scene, "young")) == ("refused", "done")


class TestSeveralInOneTransaction:
    def test_are_carried_out_in_their_order_whichever_is_waited_for(self, scene, ada, asked):
        recorded(scene, "a", "b", "c", customer=ada)

        scene.recoup.wait("c")

        assert asked() == ["a", "b", "c"]

    @pytest.mark.parametrize("late", ["a", "b", "c"])
    def test_are_carried_out_in_their_order_whichever_is_due_last(self, scene, ada, asked, late):
        recorded(scene, "a", "b", "c", customer=ada)
        with scene.recoup.database.begin() as connection:
            connection.execute(
                text(
                    "UPDATE effects SET due_at = due_at + interval '1 hour' WHERE key = "
                    "(SELECT 'ask:' || id FROM commands WHERE key = :key)"
                ),
                {"key": late},
            )
        scene.live(hours=2)

        assert asked() == ["a", "b", "c"]

    def test_go_on_after_an_outage_between_them(self, scene, ada, asked):
        recorded(scene, "a", "b", "c", customer=ada)
        scene.fake.add_fault(Fault("outage", times=3, skip=1))
        scene.pace.settle()
        assert [state(scene, key) for key in "abc"] == ["done", "unknown", "recorded"]
        scene.live(hours=2)

        assert asked() == ["a", "b", "c"]

    def test_are_not_held_up_by_one_whose_transaction_was_rolled_back(self, scene, ada):
        connection = scene.recoup.database.connect()
        make(scene.recoup.using(connection).office, key="gone", customer=ada)
        connection.rollback()
        connection.close()

        assert make(scene.recoup.office, key="k", customer=ada).startswith("cus_")


class TestAnOlderOne:
    def test_that_was_asked_when_its_process_died_is_asked_again_first(
        self, scene, office, ada, asked
    ):
        class Killed(BaseException):
            pass

        def die(*_):
            raise Killed

        scene.fake._watch, watch = die, scene.fake._watch
        with pytest.raises(Killed):
            make(office, key="old", customer=ada)
        scene.fake._watch = watch
        assert state(scene, "old") == "asked"
        with pytest.raises(InProgress):
            make(replace(office, patience=0.1), "y@example.com", key="young", customer=ada)
        with scene.recoup.database.begin() as connection:
            connection.execute(
                text(
                    "UPDATE effects SET lease_until = now() - interval '1 s' "
                    "WHERE state = 'running'"
                )
            )

        make(office, "y@example.com", key="young", customer=ada)

        assert asked()[-2:] == ["old", "young"]

    def test_that_was_recorded_when_its_process_died_is_asked_first(
        self, scene, office, ada, asked
    ):
        with pytest.raises(Busy):
            make(replace(office, carry_out=lambda _key: True), key="old", customer=ada)

        make(office, "young@example.com", key="young", customer=ada)

        assert asked() == ["old", "young"]

    def test_that_is_called_off_is_waited_for_no_more(self, scene, office, ada, asked):
        scene.fake.add_fault(Fault("outage", times=2))
        for key in ("old", "young"):
            with pytest.raises((Unreachable, Busy)):
                make(office, f"{key}@example.com", key=key, customer=ada)

        scene.recoup.call_off("old", reason="nobody wants it")
        scene.pace.settle()

        assert asked() == ["young"]
        with pytest.raises(Rejected, match=r"called off: nobody wants it; what became of it"):
            make(office, "old@example.com", key="old", customer=ada)

    @pytest.mark.parametrize(("key", "error"), [("done", NotPossible), ("none", NotFound)])
    def test_is_called_off_only_while_it_has_no_answer(self, scene, office, key, error):
        make(office, key="done")

        with pytest.raises(error):
            scene.recoup.call_off(key, reason="nobody wants it")


class TestManyCallers:
    def test_about_one_subject_wait_for_one_another_and_all_end(self, scene, office, ada, asked):
        def ask(number):
            return make(office, f"{number}@example.com", key=f"k{number}", customer=ada)

        with ThreadPoolExecutor(8) as threads:
            made = list(threads.map(ask, range(8)))

        rows = scene.rows("SELECT key FROM commands ORDER BY id")
        assert len(set(made)) == 8
        assert asked() == [row["key"] for row in rows]

    def test_about_a_subject_without_a_customer_do_so_too(self, scene, office, asked):
        def ask(number):
            return office.run(
                MADE,
                asked={"number": number},
                prepare=lambda _: Plan(CreateCustomer(email=f"{number}@example.com")),
                subject="coupon:x",
                key=f"k{number}",
            )

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(ask, range(8)))
        assert len(asked()) == 8


class TestWhatIsSoAlready:
    """A row tells how things were before what is under way."""

    @pytest.fixture
    def subscriptions(self, scene):
        return scene.recoup.subscriptions

    @pytest.fixture
    def only(self, subscriptions, ada):
        (found,) = subscriptions.list(ada)
        return found.id

    @pytest.mark.parametrize(
        ("first", "then", "end"),
        [
            pytest.param("pause", "unpause", None, id="not paused"),
            pytest.param("cancel", "resume", None, id="not ending"),
        ],
    )
    def test_is_asked_for_while_something_else_is_under_way(
        self, scene, subscriptions, only, first, then, end
    ):
        options = {"cancel": {"when": "period_end"}}.get(first, {})
        scene.fake.add_fault(Fault("outage", times=None, until=scene.now + HOUR))
        with pytest.raises(Unreachable):
            getattr(subscriptions, first)(only, **options)
        with pytest.raises(Busy):
            getattr(subscriptions, then)(only)
        scene.live(hours=3)

        now = subscriptions.get(only)
        assert (now.paused, now.cancel_at, now.end_requested_at) == (end, end, end)

    def test_holds_in_one_transaction_of_a_host_too(self, scene, subscriptions, only):
        with scene.recoup.database.begin() as connection:
            lent = scene.recoup.using(connection).subscriptions
            lent.pause(only)
            lent.unpause(only)
            last = lent.pause(only, behavior="keep_as_draft")
        scene.recoup.wait(last.key)

        assert subscriptions.get(only).paused == "keep_as_draft"

    def test_is_not_asked_for_twice_where_the_processor_would_refuse(self, scene, requests):
        scene.recoup.coupons.create("OFF", percent_off=10)
        requests.clear()
        with scene.recoup.database.begin() as connection:
            lent = scene.recoup.using(connection).coupons
            keys = [lent.delete("OFF", key=key).key for key in ("a", "b")]
        scene.pace.settle()

        assert all(scene.recoup.result(key).deleted for key in keys)
        assert [step for step, _ in requests] == ["received", "done"]

    def test_of_a_time_zone_does_not_overtake_an_older_one(self, scene, ada):
        customers = scene.recoup.customers
        scene.fake.add_fault(Fault("outage", times=2))
        with pytest.raises(Unreachable):
            customers.update(ada, name="Ada L", time_zone="Europe/Berlin")
        with pytest.raises(Busy):
            customers.update(ada, time_zone="Asia/Tokyo")
        scene.live(hours=1)

        assert customers.get(ada).time_zone == "Asia/Tokyo"
