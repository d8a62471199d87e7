"""Many at once: the customer's lock lets one after the other decide, and one charges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from recoup.core.billing.views import Outcome, Pay
from recoup.errors import CommandError, ProcessorError


def at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Let everybody call at the same time; return results and refusals."""
    gate = Barrier(len(calls))

    def one(call: Callable[[], Any]) -> Any:
        gate.wait()
        try:
            return call()
        except (CommandError, ProcessorError) as error:
            return error

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(one, calls))


class TestPayingBadDebtAtOnce:
    def test_eight_times_charges_once(self, debtor):
        debtor.with_money()

        done = at_once([debtor.pay] * 8)

        assert {type(one).__name__ for one in done} == {"DebtPayment"}
        # Who waited too long for the others is told how far it has come, and of no other payment.
        made = {(c.invoice_id, c.payment.id) for one in done for c in one.charges if c.payment}
        assert len(made) == 2
        assert debtor.charged() == 9800
        assert debtor.left() == ["paid", "paid"]

    def test_eight_times_where_it_is_refused_asks_the_bank_a_few_times_at_most(self, debtor):
        one = debtor.invoices[0]

        done = at_once([lambda: debtor.pay(one)] * 8)

        # Who presses after the refusal presses anew; nobody presses twice at one time.
        tried = {d.charges[0].payment.id for d in done if not isinstance(d, Exception)}
        assert 1 <= len(tried) <= 5
        assert debtor.charged() == 0

    @pytest.mark.parametrize(
        "rounds", [3, pytest.param(60, marks=pytest.mark.long)], ids=["short", "long"]
    )
    def test_with_a_tick_an_operator_and_the_ordinary_way_charges_once(
        self, work, reopened, rounds, scene, debtor
    ):
        recoup, one = scene.recoup, debtor.invoices[0]
        for _ in range(rounds):
            at_once(
                [
                    lambda: debtor.pay(one),
                    lambda: debtor.pay(one, off_session=True),
                    lambda: recoup.invoices.pay(one),
                    recoup.sweep,
                    lambda: recoup.recompute([debtor.id]),
                ]
            )
            scene.live(hours=1.01)
        debtor.with_money()

        at_once(
            [
                lambda: debtor.pay(one),
                lambda: debtor.pay(one, off_session=True),
                lambda: recoup.invoices.pay(one),
                recoup.sweep,
                recoup.worker().tick,
            ]
        )
        scene.pace.settle()

        paid = [p for p in recoup.payments.list(invoice=one) if p.outcome is Pay.SUCCEEDED]
        assert (len(paid), debtor.charged()) == (1, 4900)
        assert debtor.left() == ["paid", None]

    def test_with_being_given_up_ends_in_one_way(self, scene, debtor):
        debtor.with_money()
        one = debtor.invoices[0]

        at_once(
            [
                lambda: debtor.pay(one),
                lambda: debtor.dunning.mark_uncollectible(one, reason="bankrupt"),
            ]
        )
        scene.pace.settle()

        shown = scene.recoup.invoices.get(one)
        money = debtor.charged() == 4900
        assert (shown.outcome is Outcome.PAID) == money
        assert debtor.left()[0] == ("paid" if money else "written_off")
