"""A town whose Stripe shoots: it kills whoever asks, at a step of a request that it has seen."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from threading import Lock

import stripe_dying
from stripe_dying import CHEAP, DEAR, TEN, THIRTY, Place, Somebody
from stripe_house import House
from stripe_truth import things

from recoup.processors.fake import NO_FUNDS, Declines
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
    """
    Customers enough for every kill, in one database and one world.

    Everybody has paid for a period and for the next; the bank of those with a try that is due
    said no to the second, and would say yes now.
    """

    def __init__(self, url, home, server, sniper, *, people, debtors):
        self.url, self.home, self.server, self.sniper = url, home, server, sniper
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([stripe_dying.__name__])
        self.people, self.debtors = self._prepare(people, debtors)

    def _prepare(self, people: int, debtors: int) -> tuple[list[Somebody], list[Somebody]]:
        fake = self.server.fake
        with House.of(self.url, self.home, self.server) as house:
            with fake.batch():
                assert [fake.create_price(TEN), fake.create_price(THIRTY)] == [CHEAP, DEAR]
                for n in range(people + debtors):
                    name = fake.create_customer(email=f"p{n}@example.com")
                    method = fake.attach_method(name)
                    fake.subscribe(name, CHEAP)
                    if n >= people:
                        fake.update_method(method, payer=Declines(NO_FUNDS, times=1))
            house.live(days=32)
            while len(house.rows(_TRIES)) < debtors:
                house.move(_DAY)
                house.recoup.sweep()
            assert house.differences() == []
            self.now = house.now
            found = [Somebody(**row) for row in house.rows(_PEOPLE)]
        return found[:people], found[people:]

    @property
    def place(self) -> Place:
        return Place(self.url, self.home, self.server.key, self.server.url, self.now)

    def call(
        self, verb: str, who: Somebody | None, *, at: tuple[str, int] | None = None
    ) -> str | None:
        """Have a process call the verb, and shoot it `at` a moment of its n-th request."""
        here, there = self._context.Pipe()
        process = self._context.Process(
            target=stripe_dying.call, args=(self.place, verb, who, there)
        )
        process.start()
        there.close()
        try:
            if at is not None:
                self.sniper.aim(process.pid, *at)
            here.send("go")
            process.join(PATIENCE)
            shot = None if at is None else self.sniper.shot
            ended = process.exitcode
        finally:
            here.close()
            if process.is_alive():
                process.kill()
                process.join()
        assert ended == (0 if shot is None else -signal.SIGKILL), (verb, at, shot, ended)
        return shot

    def free(self) -> None:
        """Let go of what the dead held."""
        abandon(self.url)

    def recovered(self, do: Callable[[House], object], *, news_first: bool) -> None:
        """Let a new worker go on, behind the front door, and then `do` more."""
        self.free()
        with House.of(self.url, self.home, self.server) as house:
            worker = house.recoup.worker()
            worker.tick()
            if not news_first:
                worker.drain()
            house.live(hours=3)
            self.now = house.now
            do(house)

    def portrait(self, who: Somebody) -> tuple[object, ...]:
        """Return all that the world has of somebody, without its names."""
        fake, name = self.server.fake, who.customer
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
