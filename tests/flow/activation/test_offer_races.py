"""The money for a change of plan and the end of its time, at one instant: one plan, paid once."""

from __future__ import annotations

from contextlib import suppress

import awaited
import pytest
from awaited import HOUR, Awaited, End, Listener, expire, find, later, race

from recoup.errors import Busy, InProgress
from recoup.processors.fake import Pays

ROUNDS = [200, pytest.param(1_000, marks=pytest.mark.long)]
CHEAP, DEAR = "price_fake_000001", "price_fake_000002"


def changed(end: End) -> bool:
    """Whether the dear plan runs, and its difference was paid once."""
    return (
        (end.gate, end.ours, end.theirs, end.bill) == ("satisfied", "active", "active", "paid")
        and end.runs == (DEAR, DEAR)
        and (end.kept, end.refunds, end.late, end.hidden) == (2000, 0, 0, False)
        and not {"gate.expired", "gate.failed"} & end.told.keys()
    )


def withdrawn(end: End) -> bool:
    """Whether the old plan runs on, and nothing was taken for the other one."""
    return (
        (end.ours, end.theirs) == ("active", "active")
        and end.gate in {"expired", "failed"}
        and end.runs == (CHEAP, CHEAP)
        and (end.kept, end.refunds, end.hidden) == (0, end.late, True)
        and "gate.satisfied" not in end.told
    )


@pytest.mark.parametrize("rounds", ROUNDS)
class TestTheMoneyForAChange:
    def test_heard_when_its_time_is_up_buys_it_or_goes_back(self, scene, sorted_out, rounds):
        waiting = awaited.offers(scene, rounds)
        told = awaited.paid(scene, waiting)
        later(scene, HOUR)
        find(scene)

        race(
            waiting,
            lambda each: scene.recoup.ingest(told[each.customer_name]),
            lambda each: scene.recoup.office.carry_out(f"expire:{each.customer}"),
        )

        assert sorted_out(changed=changed, withdrawn=withdrawn).total() == rounds

    def test_at_the_bank_while_it_is_withdrawn_buys_it_or_goes_back(
        self, scene, sorted_out, rounds
    ):
        waiting = awaited.offers(scene, rounds)
        for each in waiting:
            scene.fake.update_method(each.method, payer=Pays())
        post = Listener(scene)
        later(scene, HOUR)
        find(scene)

        def pay(each: Awaited) -> None:
            awaited.pays_anyhow(scene, each)
            post.listen()

        race(waiting, pay, lambda each: expire(scene, each))

        won = sorted_out(changed=changed, withdrawn=withdrawn)
        assert min(won["changed"], won["withdrawn"]) >= rounds // 4

    def test_at_the_bank_while_a_person_takes_it_back_buys_it_or_goes_back(
        self, scene, sorted_out, rounds
    ):
        waiting = awaited.offers(scene, rounds)
        for each in waiting:
            scene.fake.update_method(each.method, payer=Pays())
        post = Listener(scene)

        def pay(each: Awaited) -> None:
            awaited.pays_anyhow(scene, each)
            post.listen()

        def take_back(each: Awaited) -> None:
            with suppress(Busy, InProgress):
                scene.recoup.subscriptions.withdraw_offer(each.subscription)

        race(waiting, pay, take_back)

        won = sorted_out(changed=changed, withdrawn=withdrawn)
        assert min(won["changed"], won["withdrawn"]) >= rounds // 4
