"""A shop whose customers' access is followed: rows, the loop and workers, on its own clock."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from recoup.effects import Access
from recoup.effects.base import World
from recoup.jobs.clocks import TestClock
from recoup.jobs.worker import Worker
from recoup.mail.base import Brand
from recoup.recompute import recompute
from recoup.store.invariants import check

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
#: What must hold of the host's side however rows were changed by hand.
OURS = {"standing_fits_cases", "undone_after_lifted", "host_is_told", "lifting_ends"}


class House:
    """What `Recoup` wires, as far as access goes, around a shop."""

    def __init__(self, shop, *, post=None, database=None):
        self.shop = shop
        self.clock = TestClock(shop.noon)
        self.handlers = {}
        self.world = World(
            processor=None, sender=None, policies=shop.loop.policies, rules=shop.loop.rules,
            recompute=self._recomputed, absorb=None, brand=Brand("", "", ""),
        )  # fmt: skip
        given = (self.world, self.handlers, self.clock.now, post)
        self.access = Access(database or shop.engine, *given)

    @property
    def now(self):
        return self.clock.now()

    def worker(self):
        return Worker(self.shop.engine, self.handlers, self.clock, ["default"])

    def _recomputed(self, connection, ids, *, trigger, now):
        return recompute(connection, ids, engine=self.shop.loop, trigger=trigger, now=now)

    def at(self, now):
        """Move to `now`; decide on whoever is due, and tell the host what is due."""
        self.clock.set(now)
        self.shop.sweep(now)
        self.worker().drain()

    def later(self, by):
        self.at(self.now + by)

    def until_told(self):
        """Wait until the host is tried again, and let it be."""
        (due,) = self.shop.rows(
            "SELECT due_at FROM effects WHERE key LIKE 'access:%' AND state = 'scheduled'"
        )
        self.at(max(due, self.now))

    def climb(self, *days):
        """Come by these days after the failure; every try is refused, every notice arrives."""
        for day in days:
            self.clock.set(self.failed + day * DAY)
            for _ in range(2):  # nothing is raised while a try is under way
                self.shop.do("UPDATE standings SET next_wake_at = :now", now=self.now)
                self.at(self.now)
                self.shop.answer(self.now)

    def limited(self, number=1):
        """Add customers, and let them come to where they may only read."""
        self.failed = self.now
        ids = self.shop.debtors(number, failed_at=self.now, wake=self.now)
        self.climb(0, 5, 8, 12, 15)
        assert set(self.standings()) == {"limited"}
        return ids

    def pay(self, *ids, tell=True):
        """Let the money of these come in."""
        self.shop.do(
            "UPDATE invoices SET status = 'paid', amount_paid = amount_due, amount_remaining = 0, "
            "closed_at = :now WHERE customer_id = ANY(:ids)",
            now=self.now,
            ids=list(ids),
        )
        self.shop.recompute(ids, now=self.now)
        if tell:
            self.worker().drain()

    def standings(self):
        return self.shop.rows("SELECT standing FROM standings ORDER BY customer_id")

    def standing(self, id):
        return self.shop.rows("SELECT standing FROM standings WHERE customer_id = :id", id=id)[0]

    def effects(self):
        sql = "SELECT kind, state FROM effects WHERE key LIKE 'access:%' ORDER BY id"
        return self.shop.rows(sql)

    def wrong(self):
        """Return what does not hold, of what is ours here."""
        with self.shop.engine.connect() as connection:
            try:
                found = check(connection, now=self.now).violations
            except SQLAlchemyError as error:  # pragma: no cover  shows what the query was
                raise AssertionError(str(error)) from error
        return [one for one in found if one.invariant in OURS]
