"""What many do at once: the customer's lock lets one after the other decide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from recoup.core.billing.views import Outcome, Pay
from recoup.core.money import Money, totals
from recoup.errors import (
    Busy,
    CommandError,
    InProgress,
    NotPossible,
    NotRefundable,
    ProcessorError,
)

TEN = Money(1000, "EUR")


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


def taken(scene) -> tuple[Money, ...]:
    return totals(scene.fake.books().captured.values())


def returned(scene) -> tuple[Money, ...]:
    return totals(scene.fake.books().refunded.values())


@pytest.fixture
def payments(scene):
    return scene.recoup.payments


class TestSixteenRefundsAtOnce:
    def test_never_give_back_more_than_was_taken(self, scene, payments, ada, card):
        paid = payments.charge(ada, TEN, description="Book")

        done = at_once(
            [
                lambda n=n: payments.refund(paid.id, Money(150, "EUR"), key=f"r{n}")
                for n in range(16)
            ]
        )
        scene.live(hours=1)

        # Who is behind a refund that has no answer yet is told so, and gets the money later.
        refused = [type(one) for one in done if isinstance(one, Exception)]
        assert set(refused) <= {NotRefundable, Busy}
        assert refused.count(NotRefundable) == 10
        assert returned(scene) == (Money(900, "EUR"),)
        assert payments.get(paid.id).refundable == Money(100, "EUR")

    def test_of_one_click_are_one(self, scene, payments, ada, card):
        paid = payments.charge(ada, TEN, description="Book")

        done = at_once([lambda: payments.refund(paid.id, key="k")] * 16)

        assert len(set(done)) == 1
        assert returned(scene) == (TEN,)

    def test_of_everything_without_a_key_give_it_back_once(self, scene, payments, ada, card):
        paid = payments.charge(ada, TEN, description="Book")

        done = at_once([lambda: payments.refund(paid.id)] * 16)

        assert {type(one) for one in done if isinstance(one, Exception)} <= {NotRefundable}
        assert returned(scene) == (TEN,)


class TestChargesAtOnce:
    def test_of_one_key_are_one(self, scene, payments, ada, card):
        done = at_once([lambda: payments.charge(ada, TEN, description="Book", key="k")] * 8)

        assert {one.outcome for one in done} == {Pay.SUCCEEDED}
        assert len({one.id for one in done}) == 1
        assert taken(scene) == (TEN,)


class TestPaymentsOfOneInvoiceAtOnce:
    def test_charge_it_once(self, scene, ada, card):
        invoices = scene.recoup.invoices
        bill = invoices.create(ada, [("Setup", TEN)])

        done = at_once([lambda n=n: invoices.pay(bill.id, key=f"p{n}") for n in range(8)])

        errors = [one for one in done if isinstance(one, Exception)]
        assert {type(one) for one in errors} <= {InProgress, NotPossible}
        assert len(errors) == 7
        assert taken(scene) == (TEN,)

    def test_and_its_closing_end_in_one_way(self, scene, ada, card):
        invoices = scene.recoup.invoices
        for n in range(12):
            bill = invoices.create(ada, [("Setup", TEN)], key=f"b{n}")

            paid, closed = at_once(
                [
                    lambda bill=bill: invoices.pay(bill.id),
                    lambda bill=bill: invoices.void(bill.id, reason="a mistake"),
                ]
            )
            scene.pace.settle()

            seen = invoices.get(bill.id)
            money = isinstance(closed, Exception)
            assert money != isinstance(paid, Exception)
            assert (seen.outcome == Outcome.PAID) == money
            assert (seen.resolved_as == "voided") != money


class TestTheSameMethodAtOnce:
    def test_is_on_file_once(self, scene, ada):
        methods = scene.recoup.methods
        names = [
            scene.fake.new_method(expires=(2030, month), fingerprint="one")
            for month in (3, 12, 7, 9)
        ]

        at_once([lambda name=name: methods.attach(ada, name, default=True) for name in names])
        scene.live(hours=1)

        (kept,) = methods.list(ada)
        assert (kept.processor_id, kept.default) == (names[1], True)
