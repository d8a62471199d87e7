"""Callers of Recoup's verbs in processes of their own, and what each verb is asked to do."""

from __future__ import annotations

import os
import traceback
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import NoReturn

from stripe_house import asking, settings

from recoup.billing import Recoup
from recoup.core.money import Money
from recoup.jobs.clocks import TestClock
from recoup.mail.senders.file import FileSender

TEN, THIRTY = Money(1000, "EUR"), Money(3000, "EUR")
CHEAP, DEAR = "price_fake_000001", "price_fake_000002"


@dataclass(frozen=True)
class Somebody:
    """A customer, the subscription that they have, its first payment, and a try that is due."""

    id: int
    customer: str
    subscription: int
    payment: int
    attempt: int | None


@dataclass(frozen=True)
class Place:
    """Where a worker works: its database, its folder, its Stripe, and what time it is."""

    url: str
    home: Path
    key: str
    base: str
    now: datetime


VERBS = {
    "start": lambda recoup, who: recoup.subscriptions.start(who.id, DEAR, key=f"s{who.id}"),
    "change": lambda recoup, who: recoup.subscriptions.change_plan(
        who.subscription, prices=DEAR, key=f"p{who.id}"
    ),
    "later": lambda recoup, who: recoup.subscriptions.change_plan(
        who.subscription, prices=DEAR, when="period_end", key=f"l{who.id}"
    ),
    "cancel": lambda recoup, who: recoup.subscriptions.cancel(who.subscription, key=f"c{who.id}"),
    "bill": lambda recoup, who: recoup.invoices.create(
        who.id, [("Book", TEN), ("Pen", Money(250, "EUR"), 2)], key=f"b{who.id}"
    ),
    "charge": lambda recoup, who: recoup.payments.charge(
        who.id, TEN, description="Pen", key=f"o{who.id}"
    ),
    "refund": lambda recoup, who: recoup.payments.refund(
        who.payment, Money(300, "EUR"), key=f"r{who.id}"
    ),
    "collect": lambda recoup, who: recoup.office.carry_out(f"collect:{who.attempt}"),
}


def brood(pipe: Pipe) -> None:
    """
    Be the process that workers are forks of, one after another: all of it is imported already.

    Each order is what to call; it is answered by the worker's number, waits for a word to go
    ahead, and is answered by how the worker ended.
    """
    while (order := pipe.recv()) is not None:
        gate, opened = os.pipe()
        child = os.fork()
        if child == 0:
            _live(gate, *order)
        pipe.send(child)
        os.write(opened, pipe.recv())
        _, status = os.waitpid(child, 0)
        os.close(gate)
        os.close(opened)
        pipe.send(os.waitstatus_to_exitcode(status))


def _live(gate: int, where: Place, verb: str, who: Somebody | None) -> NoReturn:
    try:
        call(gate, where, verb, who)
    except BaseException:  # noqa: BLE001  it must not go on as its parent
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def call(gate: int, where: Place, verb: str, who: Somebody | None) -> None:
    """Wait until somebody takes aim, then call the verb, or drain what is due for "drain"."""
    config = settings(where.url, where.home, key=where.key, base=where.base)
    processor = asking(config)
    sender, clock = FileSender(where.home / "mail"), TestClock(where.now)
    with Recoup(config, processor=processor, sender=sender, clock=clock) as recoup:
        os.read(gate, 1)
        if verb == "drain":
            worker = recoup.worker()
            worker.tick()
            worker.drain()
        else:
            VERBS[verb](recoup, who)
    processor.close()
