"""Money, time and people at the same instant: one of them wins, and everybody is told once."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import awaited
import pytest
from awaited import HOUR, Awaited, End, Listener, expire, find, later, race

from recoup.core.money import Money
from recoup.errors import Busy, InProgress, NotPossible
from recoup.jobs.worker import Worker
from recoup.processors.fake import Pays
from recoup.testing.scene import Scene

ROUNDS = [200, pytest.param(1_000, marks=pytest.mark.long)]
SECOND = timedelta(seconds=1)


def said(end: End, once: set[str], never: set[str]) -> bool:
    return all(end.told[type] == 1 for type in once) and not never & end.told.keys()


def bought(end: End) -> bool:
    """Whether it is paid and runs, and everybody was told so once."""
    return (
        (end.gate, end.ours, end.theirs, end.bill) == ("satisfied", "active", "active", "paid")
        and said(
            end,
            {"gate.satisfied", "subscription.started"},
            {"gate.expired", "gate.failed", "subscription.canceled"},
        )
        and (end.kept, end.refunds, end.late, end.hidden) == (1000, 0, 0, False)
        and end.sent == Counter({"receipt": 1})
    )


def over(end: End, gate: str, *mails: str) -> bool:
    """Whether it died, its money went back once, and everybody was told so once."""
    back = ("refund_issued",) * end.late
    return (
        (end.gate, end.ours) == (gate, "canceled")
        and end.theirs in {"canceled", "incomplete_expired"}
        and said(
            end,
            {f"gate.{gate}", "subscription.canceled"},
            {"gate.satisfied", "subscription.started"},
        )
        and (end.kept, end.refunds, end.hidden) == (0, end.late, True)
        and end.late <= 1
        and end.sent == Counter((*mails, *back))
    )


def expired(end: End) -> bool:
    return over(end, "expired", "activation_expired")


def called_off(end: End) -> bool:
    return over(end, "failed") and end.reason == "requested"


def bought_and_left(end: End) -> bool:
    """Whether it was paid and began before its customer left: that is no late money."""
    return (
        (end.gate, end.ours, end.theirs, end.bill) == ("satisfied", "canceled", "canceled", "paid")
        and said(
            end,
            {"gate.satisfied", "subscription.started", "subscription.canceled"},
            {"gate.failed"},
        )
        and (end.kept, end.refunds, end.late) == (1000, 0, 0)
        and end.sent == Counter({"receipt": 1, "subscription_canceled": 1})
    )


def cancel(scene: Scene, each: Awaited) -> None:
    """Let somebody end it; what has no answer yet is recorded, and pursued."""
    with suppress(Busy, InProgress):
        scene.recoup.subscriptions.cancel(each.subscription)


@pytest.mark.parametrize("rounds", ROUNDS)
class TestASuccessAndAnExpiry:
    def test_heard_at_one_instant_have_one_winner(self, scene, sorted_out, rounds):
        waiting = awaited.starts(scene, rounds)
        told = awaited.paid(scene, waiting)
        later(scene, HOUR)
        find(scene)

        race(
            waiting,
            lambda each: scene.recoup.ingest(told[each.customer_name]),
            lambda each: scene.recoup.office.carry_out(f"expire:{each.customer}"),
        )

        won = sorted_out(bought=bought, expired=expired)
        assert min(won["bought"], won["expired"]) >= rounds // 4

    def test_at_the_bank_while_we_end_it_there_leave_no_money_behind(
        self, scene, sorted_out, rounds
    ):
        waiting = awaited.starts(scene, rounds)
        for each in waiting:
            scene.fake.update_method(each.method, payer=Pays())
        post = Listener(scene)
        later(scene, HOUR)
        find(scene)

        def pay(each: Awaited) -> None:
            awaited.pays_anyhow(scene, each)
            post.listen()

        race(waiting, pay, lambda each: expire(scene, each))

        won = sorted_out(bought=bought, expired=expired)
        assert min(won["bought"], won["expired"]) >= rounds // 4
        late = scene.rows("SELECT count(*) AS n FROM late_payments WHERE state = 'refunded'")
        assert late[0]["n"] == won["expired"]


@pytest.mark.parametrize("rounds", ROUNDS)
class TestTwoClocks:
    def test_that_tick_at_once_end_each_start_once(self, scene, sorted_out, rounds):
        waiting = awaited.starts(scene, rounds, timeout=lambda n: HOUR + n * SECOND)
        workers = [scene.recoup.worker(["billing", "default"]) for _ in range(2)]

        def tick(worker: Worker) -> None:
            worker.wind("activation")
            find(scene)  # a clock whose lock was taken from it
            worker.drain()

        later(scene, HOUR - SECOND)
        race(
            waiting,
            *[lambda _, worker=worker: tick(worker) for worker in workers],
            before=lambda _: later(scene, SECOND),
        )

        assert sorted_out(expired=expired) == {"expired": rounds}
        # Who read before the other ended it may have it looked at once more, and nothing comes of
        # that: `expire` is no promise, the end is.
        ends = "SELECT count(*) AS n FROM effects WHERE kind = 'end_subscription'"
        assert scene.rows(ends)[0]["n"] == rounds
        asked = "SELECT count(*) AS n FROM commands WHERE kind = 'payments.withdraw'"
        assert scene.rows(asked)[0]["n"] == rounds


@pytest.mark.parametrize("rounds", ROUNDS)
class TestFourWorkers:
    def test_and_a_sweep_at_once_end_each_start_once(self, scene, sorted_out, rounds):
        waiting = awaited.starts(scene, rounds)
        recoup = scene.recoup
        alone = recoup.handlers | {"expire": replace(recoup.handlers["expire"], batch=1)}
        workers = [Worker(recoup.database, alone, scene.clock) for _ in range(4)]
        later(scene, HOUR)
        assert find(scene) == rounds

        def look(_: int) -> None:
            for each in reversed(waiting):
                recoup.recompute([each.customer])

        drains = [lambda _, worker=worker: worker.drain() for worker in workers]
        race([0], look, *drains, head_start=False)

        assert sorted_out(expired=expired) == {"expired": rounds}


@pytest.mark.parametrize("rounds", ROUNDS)
class TestACancelAndASuccess:
    def test_at_one_instant_have_one_winner(self, scene, sorted_out, rounds):
        waiting = awaited.starts(scene, rounds)
        told = awaited.paid(scene, waiting)

        race(
            waiting,
            lambda each: scene.recoup.ingest(told[each.customer_name]),
            lambda each: cancel(scene, each),
        )

        won = sorted_out(bought_and_left=bought_and_left, called_off=called_off)
        assert min(won["bought_and_left"], won["called_off"]) >= rounds // 4

    def test_at_the_bank_leave_no_money_behind(self, scene, sorted_out, rounds):
        waiting = awaited.starts(scene, rounds)
        for each in waiting:
            scene.fake.update_method(each.method, payer=Pays())
        post = Listener(scene)

        def pay(each: Awaited) -> None:
            awaited.pays_anyhow(scene, each)
            post.listen()

        race(waiting, pay, lambda each: cancel(scene, each))

        won = sorted_out(bought_and_left=bought_and_left, called_off=called_off)
        assert min(won["bought_and_left"], won["called_off"]) >= rounds // 4


@pytest.mark.parametrize("rounds", ROUNDS)
class TestAnExpiryAndAChangeOfPlan:
    def test_that_waits_for_the_same_money_leave_no_second_plan(self, scene, sorted_out, rounds):
        waiting = awaited.starts(scene, rounds)
        dear = scene.fake.create_price(Money(3000, "EUR"))
        later(scene, HOUR)
        find(scene)

        def change(each: Awaited) -> None:
            with pytest.raises(NotPossible):
                scene.recoup.subscriptions.change_plan(each.subscription, prices=dear)

        race(waiting, change, lambda each: expire(scene, each))

        assert sorted_out(expired=expired) == {"expired": rounds}
