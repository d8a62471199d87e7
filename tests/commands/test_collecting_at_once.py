"""The clock, an operator and the customer, who all try to collect one debt at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial
from threading import Barrier

import pytest

from recoup.errors import CommandError, ProcessorError
from recoup.processors.fake import Declines, Pays

DAY = timedelta(days=1)


def ready(scene, debtors):
    """Sign people up whose renewal failed, and whose next try is due and would bring money."""
    people = [scene.subscriber(payer=Declines()) for _ in range(debtors)]
    scene.live(days=32)
    for who in people:
        scene.fake.update_method(who.method, payer=Pays())
    scene.clock.advance(5 * DAY)
    scene.fake.advance(scene.now)
    rows = scene.rows("SELECT customer_id, id FROM invoices WHERE status = 'open' ORDER BY id")
    assert len(rows) == debtors
    return people, [(row["customer_id"], row["id"]) for row in rows]


def at_once(calls):
    gate = Barrier(len(calls))

    def one(call):
        gate.wait()
        with suppress(CommandError, ProcessorError):
            call()

    with ThreadPoolExecutor(len(calls)) as threads:
        list(threads.map(one, calls))


def captured(scene):
    return sum(money.minor for money in scene.fake.books().captured.values())


class TestATickARetryAndACustomerAtOnce:
    @pytest.mark.parametrize(
        "debtors",
        [4, *(pytest.param(20, marks=pytest.mark.long, id=f"{n}") for n in range(50))],
    )
    def test_charge_once(self, scene, debtors):
        """Whoever is first, each debt is collected once; every round begins with another one."""
        ann = scene.recoup.acting_as("cli:ann").dunning
        people, owed = ready(scene, debtors)
        before = captured(scene)

        def tick(customer):
            scene.recoup.recompute([customer])
            scene.recoup.worker().drain()

        for number, (customer, invoice) in enumerate(owed):
            calls = (
                partial(tick, customer),
                partial(ann.retry, invoice, reason="now"),
                partial(ann.retry, invoice, reason="now"),
                partial(scene.recoup.invoices.pay, invoice, origin="customer"),
            )
            first = number % len(calls)
            at_once(calls[first:] + calls[:first])
        scene.pace.settle()

        assert captured(scene) - before == 4900 * debtors
        invoices = [invoice for _, invoice in owed]
        rows = scene.rows(
            "SELECT invoice_id, count(*) n FROM attempts WHERE state = 'succeeded' "
            "AND invoice_id = ANY(:ids) GROUP BY 1 ORDER BY 1",
            ids=invoices,
        )
        assert [(row["invoice_id"], row["n"]) for row in rows] == [(id, 1) for id in invoices]
        assert {scene.standing(who) for who in people} == {"current"}
