"""A town whose Stripe shoots: it kills whoever asks, at a step of a request that it has seen."""

from __future__ import annotations

import multiprocessing
import os
import signal
from contextlib import suppress
from datetime import timedelta
from threading import Lock

import stripe_dying
from stripe_dying import CHEAP, DEAR, TEN, THIRTY, Place, Somebody
from stripe_house import House
from stripe_truth import things

from recoup.processors.fake import NO_FUNDS, Declines, FakeProcessor, Pays
from recoup.processors.fake.model import Charge, Invoice, Refund, Subscription
from recoup.testing.crash import PATIENCE, abandon
from recoup.testing.stripe_server import Request

#: When a worker dies: "lost" is before its request is looked at, "received" before it is done.
MOMENTS = ("lost", "received", "done", "replied")


class Sniper:
    """The watch of a server: kills one process at one moment of its n-th request."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._aim: tuple[int, str, int] | None = None
        self._seen = 0
        self.shot: str | None = None  #: which request it was

    def aim(self, pid: int, moment: str, number: int) -> None:
        with self._lock:
            self._aim, self._seen, self.shot = (pid, moment, number), 0, None

    def rest(self) -> str | None:
        """Take no aim any more; return which request it shot at, if it did."""
        with self._lock:
            self._aim, shot, self.shot = None, self.shot, None
            return shot

    def __call__(self, step: str, request: Request) -> None:
        with self._lock:
            if self._aim is None:
                return
            pid, moment, number = self._aim
            if step == "received":
                self._seen += 1
            if self._seen != number or step != ("received" if moment == "lost" else moment):
                return
            self._aim = None
            self.shot = f"{moment} {request.what}"
            os.kill(pid, signal.SIGKILL)
        if moment == "lost":
            raise ConnectionAbortedError("it died before its request was whole")


class Range:
    """Customers enough for every kill, in one database and one world; see `populated`."""

    def __init__(self, url, home, server, sniper, *, people, debtors):
        self.url, self.home, self.server, self.sniper = url, home, server, sniper
        context = multiprocessing.get_context("spawn")
        self._pipe, there = context.Pipe()
        self._brood = context.Process(target=stripe_dying.brood, args=(there,), daemon=True)
        self._brood.start()
        there.close()
        with House.of(url, home, server, mode="payload") as house:
            self.people, self.debtors = populated(house, people, debtors)
            self.now = house.now

    @property
    def place(self) -> Place:
        return Place(self.url, self.home, self.server.key, self.server.url, self.now)

    def call(
        self, verb: str, who: Somebody | None = None, *, at: tuple[str, int] | None = None
    ) -> str | None:
        """
        Have a process call the verb, and shoot it `at` a moment of its n-th request.

        Return at which one it died; None: it ended by itself.
        """
        self._pipe.send((self.place, verb, who))
        child = self._told()
        if at is not None:
            self.sniper.aim(child, *at)
        self._pipe.send(b"!")
        ended = self._told()
        shot = self.sniper.rest()
        assert ended == (0 if shot is None else -signal.SIGKILL), (verb, at, shot, ended)
        return shot

    def _told(self) -> int:
        assert self._pipe.poll(PATIENCE), "a worker hangs"
        return self._pipe.recv()

    def close(self) -> None:
        """End the process that the workers were forks of."""
        with suppress(OSError):
            self._pipe.send(None)
        self._brood.join(5)
        if self._brood.is_alive():
            self._brood.kill()
            self._brood.join()

    def free(self) -> None:
        """Let go of what the dead held."""
        abandon(self.url)


def populated(house: House, people: int, debtors: int) -> tuple[list[Somebody], list[Somebody]]:
    """
    Return people who have just paid for their first period, and debtors.

    The banks of debtors said no to their second period, and would say yes now, when the next try
    is due. Nobody has begun to make it.
    """
    fake = house.fake
    assert [fake.create_price(TEN), fake.create_price(THIRTY)] == [CHEAP, DEAR]
    _sign_up(house, debtors, Declines(NO_FUNDS, times=1))
    house.live(days=32)
    while len(house.rows(_TRIES)) < debtors:
        house.move(_DAY)
        house.recoup.sweep()
    _sign_up(house, people, Pays())
    house.pace.listen()
    house.recoup.worker(["webhooks"]).drain()
    found = [Somebody(**row) for row in house.rows(_PEOPLE)]
    return found[debtors:], found[:debtors]


def _sign_up(house: House, number: int, payer: Declines | Pays) -> None:
    with house.fake.batch():
        for _ in range(number):
            name = house.fake.create_customer(email="ada@example.com")
            method = house.fake.attach_method(name)
            house.fake.subscribe(name, CHEAP)
            house.fake.update_method(method, payer=payer)


def portrait(fake: FakeProcessor, name: str) -> tuple[object, ...]:
    """Return all that the world has of a customer, without its names."""
    charges = [one for one in things(fake, Charge) if one.customer == name]
    mine = {one.id for one in charges}
    return (
        sorted(
            (one.status.value, [item.price for item in one.items], bool(one.next_items))
            for one in things(fake, Subscription)
            if one.customer == name
        ),
        sorted(
            (one.status.value, one.amount, one.paid, one.reason)
            for one in things(fake, Invoice)
            if one.customer == name
        ),
        sorted((one.state.value, one.amount, one.refunded) for one in charges),
        sorted(one.amount for one in things(fake, Refund) if one.charge in mine),
    )


_DAY = timedelta(days=1)
_TRIES = "SELECT id FROM attempts WHERE state = 'intended'"
_PEOPLE = """
    SELECT c.id, c.processor_id AS customer, s.id AS subscription,
           (SELECT min(a.id) FROM attempts a WHERE a.customer_id = c.id) AS payment,
           (SELECT a.id FROM attempts a WHERE a.customer_id = c.id AND a.state = 'intended')
               AS attempt
    FROM customers c JOIN subscriptions s ON s.customer_id = c.id ORDER BY c.id"""
