"""What a bank takes back is owed again and never charged by itself, in any order of the news."""

from __future__ import annotations

from itertools import permutations

import pytest
from debtors import NOTHING, World

from recoup.core.policy import DAY, HOUR, Policies
from recoup.core.states import AttemptState, CaseEnd, InvoiceStatus
from recoup.testing.accounts import NOON

UNTIL = NOON + 200 * DAY
#: The instants of the default policy at which something is sent or taken away.
STEPS = (0, 5, 8, 12, 15, 21, 24)
#: What is told of a debt: once each, in any order, and perhaps not all of it.
TOLD = ("paid", "refunded", "disputed", "lost", "won")
ORDERS = [order for some in range(1, 6) for order in permutations(TOLD, some)]
#: A dispute only goes on: what is told of it late changes nothing.
PLACES = {"disputed": 0, "lost": 1, "won": 2}


def refused(_world, _attempt):
    return AttemptState.DECLINED, "insufficient_funds", NOTHING


def debtor():
    """Return somebody whose renewal fails at noon, and whose mail arrives."""
    world = World(Policies(), answers=refused, post=lambda *_: (NOTHING, True))
    world.at(NOON, world.owe, 1)
    return world


def happens(world, told, before):
    """Let one thing be told; of a dispute only if it is the furthest yet."""
    if told == "paid":
        world.close(1, InvoiceStatus.PAID)
    elif told == "refunded":
        world.refund(1)
    elif all(PLACES[told] > PLACES[one] for one in before if one in PLACES):
        if told == "won":
            world.dispute(1, False)
            world.reinstate(1)
        else:
            world.dispute(1, None if told == "disputed" else True)


def lived(order, day):
    """Live a debt in which these are told, two hours apart, from a day on."""
    world = debtor()
    for place, told in enumerate(order):
        at = NOON + day * DAY + (place + 1) * 2 * HOUR
        world.at(at, happens, world, told, order[:place])
    decided = not {"lost", "won"}.isdisjoint(order)
    if "disputed" in order and not decided:
        world.at(NOON + 60 * DAY, world.dispute, 1, True)
    world.live(UNTIL)
    return world


def checked(order, day):
    """Live it; what is owed in the end is bad debt, and what is not was recovered."""
    world = lived(order, day)
    decided_against = "won" not in order and not {"lost", "disputed"}.isdisjoint(order)
    owed = "paid" not in order or decided_against
    assert world.invoices[1].owed is owed, order
    ends = world.exactly_one_end()
    assert ends[-1] == (CaseEnd.EXHAUSTED if owed else CaseEnd.RECOVERED), (order, ends)
    if {"paid", *PLACES}.isdisjoint(order):
        return 0
    first = NOON + day * DAY + 2 * HOUR * (1 + min(
        order.index(one) for one in order if one != "refunded"))  # fmt: skip
    assert [at for at, _ in world.tried_at if at > first] == [], order
    return 1


class TestADisputedPayment:
    def test_is_never_charged_again_whatever_is_told_when(self):
        """Each order of one to five of them, at one step of the ladder or another."""
        days = [STEPS[place % len(STEPS)] for place in range(len(ORDERS))]

        stopped = sum(checked(order, day) for order, day in zip(ORDERS, days, strict=True))

        assert (len(ORDERS), stopped) == (325, 324)

    @pytest.mark.long
    @pytest.mark.parametrize("day", STEPS)
    def test_is_never_charged_again_at_any_step(self, day):
        assert sum(checked(order, day) for order in ORDERS) == 324

    def test_would_be_charged_again_if_it_were_not_disputed(self):
        world = lived(("refunded",), 0)

        assert len(world.tried_at) > 1

    @pytest.mark.parametrize("day", STEPS[:6])
    def test_keeps_a_debt_where_it_is_until_it_is_decided(self, day):
        world = debtor()
        world.at(NOON + day * DAY + HOUR, world.dispute, 1, None)
        world.at(NOON + 50 * DAY, world.dispute, 1, False)
        world.live(NOON + day * DAY + HOUR)
        (stood,) = world.cases.values()

        world.live(NOON + 50 * DAY - HOUR)

        assert [case.rung for case in world.cases.values()] == [stood.rung]

    @pytest.mark.parametrize("won", [True, False], ids=["won after all", "never won"])
    def test_that_is_lost_is_owed_from_the_invoices_own_date(self, won):
        world = debtor()
        world.at(NOON + DAY, world.close, 1, InvoiceStatus.PAID)
        world.at(NOON + 40 * DAY, world.dispute, 1, None)
        world.at(NOON + 50 * DAY, world.dispute, 1, True)
        if won:
            world.at(NOON + 52 * DAY, world.reinstate, 1)

        world.live(UNTIL)

        first, second = world.cases.values()
        assert (first.end, second.anchor) == (CaseEnd.RECOVERED, world.invoices[1].created_at)
        assert second.end == (CaseEnd.RECOVERED if won else CaseEnd.EXHAUSTED)
