"""One key, one request, one result: for every verb, because they all go through the office."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from probes import COUNTED, MADE, NOTED, made, make, opened
from sqlalchemy import text

from recoup.commands.base import Plan
from recoup.core.billing.requests import UpdateTaxLocation
from recoup.errors import (
    InProgress,
    InvalidKey,
    KeyConflict,
    NotFound,
    NotPossible,
    Rejected,
)

DAY = timedelta(days=1)


@pytest.fixture
def office(scene):
    return scene.recoup.office


@pytest.fixture
def ada(scene, requests):
    """Our id of a customer, whose sign-up nobody wants to hear of again."""
    owner = scene.customer_id(scene.subscriber())
    requests.clear()
    return owner


def states(scene):
    return [row["state"] for row in scene.rows("SELECT state FROM commands ORDER BY id")]


class TestAKey:
    @pytest.mark.parametrize("kind", [MADE, NOTED], ids=lambda kind: kind.name)
    def test_gives_the_same_result_again(self, scene, office, requests, kind):
        first = make(office, key="k", kind=kind)

        assert make(office, key="k", kind=kind) == first
        assert scene.recoup.result("k") == first
        assert made(scene.fake) == 1
        assert [step for step, _ in requests] == ["received", "done"]

    def test_gives_the_same_result_after_a_restart(self, database_url, home):
        with opened(database_url, home) as scene:
            first = make(scene.recoup.office, key="k", kind=NOTED)
            instant = scene.now
        with opened(database_url, home, start=instant + DAY) as scene:
            again = make(scene.recoup.office, key="k", kind=NOTED)

            assert again == first
            assert type(again) is type(first)
            assert (again.at, again.parts) == (instant, ("a", "b"))
            assert made(scene.fake) == 1

    @pytest.mark.parametrize(
        "other",
        [
            pytest.param({"email": "bob@example.com"}, id="another request"),
            pytest.param({"kind": NOTED}, id="another verb"),
        ],
    )
    def test_of_another_request_is_a_clear_error(self, scene, office, other):
        make(office, key="k")

        with pytest.raises(KeyConflict, match=r"'k' belongs to another request \(probe\.made\)"):
            make(office, key="k", **other)
        assert made(scene.fake) == 1

    def test_of_another_customer_is_another_request(self, scene, office, ada):
        bob = scene.customer_id(scene.subscriber(email="bob@example.com"))
        make(office, key="k", customer=ada)

        with pytest.raises(KeyConflict):
            make(office, key="k", customer=bob)

    @pytest.mark.parametrize("key", ["", "x" * 201, "a\x00b", "a\nb"])
    def test_that_is_none_is_refused(self, office, key):
        with pytest.raises(InvalidKey, match="1 to 200"):
            make(office, key=key)

    @pytest.mark.parametrize("key", ["x", "x" * 200, "ключ|с чертой"])
    def test_may_be_anything_printable(self, scene, office, key):
        assert make(office, key=key) == make(office, key=key)
        (row,) = scene.rows("SELECT key, length(processor_key) AS length FROM commands")
        assert row["key"] == key
        assert row["length"] <= 255

    def test_is_unused_when_the_state_of_things_forbade_it(self, scene, office):
        def forbid(_recording):
            raise NotPossible("not now")

        with pytest.raises(NotPossible):
            office.run(MADE, asked={"email": "a@b.c"}, prepare=forbid, key="k")

        assert make(office, "other@example.com", key="k").startswith("cus_")

    def test_is_asked_for_a_customer_that_exists(self, office):
        with pytest.raises(NotFound, match="4711"):
            make(office, key="k", customer=4711)


class TestADerivedKey:
    def test_is_the_same_for_the_same_call_while_the_first_is_under_way(self, scene, office, ada):
        lent = replace(office, carry_out=lambda _key: True)
        for _ in range(2):
            with pytest.raises(Exception, match="is pursued"):
                make(lent, customer=ada)

        assert states(scene) == ["recorded"]

    def test_is_new_after_the_end_of_the_first(self, scene, office, ada):
        first, second = make(office, customer=ada), make(office, customer=ada)

        assert first != second
        assert len({row["key"] for row in scene.rows("SELECT key FROM commands")}) == 2

    def test_differs_by_what_is_asked_and_of_whom(self, scene, office, ada):
        bob = scene.customer_id(scene.subscriber(email="bob@example.com"))
        for owner in (ada, bob, None):
            for email in ("a@b.c", "b@c.d"):
                make(office, email, customer=owner)

        assert len({row["processor_key"] for row in scene.rows("SELECT * FROM commands")}) == 6

    def test_is_short_enough_for_any_subject(self, scene, office):
        office.run(
            COUNTED, asked={}, subject="coupon:" + "x" * 300, prepare=lambda _: Plan(result=1)
        )

        assert states(scene) == ["done"]

    def test_is_not_used_again_when_what_it_followed_was_forgotten(self, scene, office, ada):
        old = [make(office, customer=ada) for _ in range(3)]
        scene.pace.until(scene.now + 60 * DAY)
        young = make(office, customer=ada)
        scene.pace.until(scene.now + 31 * DAY)
        scene.recoup.worker().tick()

        assert len(states(scene)) == 1
        assert make(office, customer=ada) not in {*old, young}


class TestManyCallers:
    def test_with_one_key_are_one_request(self, scene, office, requests):
        ready = threading.Barrier(64)

        def one(_):
            ready.wait()
            return make(office, key="k")

        with ThreadPoolExecutor(64) as threads:
            results = list(threads.map(one, range(64)))

        assert len(set(results)) == 1
        assert [step for step, _ in requests] == ["received", "done"]
        assert made(scene.fake) == 1

    def test_wait_no_longer_than_their_patience_for_an_answer(self, database_url, home):
        asked, answer = threading.Event(), threading.Event()

        def slow(step, _key):
            if step == "received":
                asked.set()
                assert answer.wait(600)

        with opened(database_url, home, watch=slow) as scene, ThreadPoolExecutor(1) as thread:
            office = scene.recoup.office
            first = thread.submit(make, office, key="k")
            assert asked.wait(60)
            with pytest.raises(InProgress, match="'k' is being carried out"):
                make(replace(office, patience=0.2), key="k")
            with pytest.raises(InProgress):
                scene.recoup.wait("k", timeout=0.1)
            with pytest.raises(InProgress):
                scene.recoup.result("k")
            answer.set()

            assert make(office, key="k") == first.result(60)
            assert made(scene.fake) == 1

    def test_wait_no_longer_than_that_for_a_transaction(self, scene, office, ada):
        with scene.recoup.database.begin() as connection:
            connection.execute(text("SELECT FROM customers FOR UPDATE"))
            with pytest.raises(InProgress, match=r"more than 0\.1 s"):
                make(replace(office, patience=0.1), key="k", customer=ada)

        assert make(office, key="k", customer=ada).startswith("cus_")


class TestARefusal:
    def test_is_raised_again_as_it_was(self, scene, office, ada):
        def ask():
            office.run(
                MADE,
                asked={"address": "moon"},
                prepare=lambda _: Plan(UpdateTaxLocation("cus_nobody", {"country": "DE"})),
                customer=ada,
                key="k",
            )

        refusals = []
        for _ in range(2):
            with pytest.raises(Rejected) as refused:
                ask()
            refusals.append(refused.value)
        with pytest.raises(Rejected) as refused:
            scene.recoup.result("k")
        refusals.append(refused.value)

        assert len({(type(one), str(one), one.request_id) for one in refusals}) == 1
        assert refusals[0].request_id.startswith("req_")
        assert str(refusals[0]).endswith(f"(request {refusals[0].request_id})")
        assert states(scene) == ["refused"]


class TestPruning:
    def test_keeps_ended_commands_for_90_days_and_open_ones_for_ever(self, scene, office, ada):
        make(office, key="ended")
        lent = replace(office, carry_out=lambda _key: True)
        with pytest.raises(Exception, match="is pursued"):
            make(lent, key="open")
        with scene.recoup.database.begin() as connection:
            connection.execute(text("UPDATE effects SET due_at = due_at + interval '1 year'"))
        ended = scene.now
        scene.clock.set(ended + 90 * DAY)
        scene.recoup.worker().tick()
        kept = [row["key"] for row in scene.rows("SELECT key FROM commands ORDER BY id")]
        scene.clock.set(ended + 91 * DAY)
        scene.recoup.worker().tick()
        left = [row["key"] for row in scene.rows("SELECT key FROM commands ORDER BY id")]

        assert (kept, left) == (["ended", "open"], ["open"])

    def test_leaves_a_ledger_that_still_agrees_with_the_rows(self, scene, office, ada):
        make(office, key="k", customer=ada)
        scene.pace.until(scene.now + 92 * DAY)
        scene.recoup.worker().tick()

        assert states(scene) == []
        assert scene.violations() == ()
