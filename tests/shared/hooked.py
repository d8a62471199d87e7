"""A business with one endpoint, that of a receiver."""

from __future__ import annotations

from contextlib import contextmanager

from recoup.effects._rounds import WAITS
from recoup.effects._wire import Limits, Wire
from recoup.testing.scene import Scene

PATIENT = Limits(connect=60.0, total=60.0)


class Hooked(Scene):
    """A business with one endpoint, and posts that bear a machine on which all wait long."""

    @classmethod
    @contextmanager
    def open(cls, *where, **settings):
        with super().open(*where, **settings) as made:
            courier = made.recoup._courier
            courier.wire = Wire(anywhere=courier.wire.anywhere, limits=PATIENT)
            yield made

    @property
    def endpoint(self):
        return self.recoup.endpoints.get(1)

    def customer(self, name="ada"):
        """Make one event: customer.created."""
        made = self.recoup.customers.get_or_create("user", name, email=f"{name}@example.com")
        self.pace.settle()
        return made.id

    def stands(self):
        return [str(one.stand) for one in reversed(self.recoup.endpoints.deliveries(1))]

    def after(self, span):
        self.pace.at(self.now + span)

    def tries(self):
        return tuple(reversed(self.recoup.endpoints.tries(1)))

    def give_up(self):
        for wait in WAITS:
            self.after(wait)

    def tasks(self):
        sql = "SELECT kind, detail, closed_at FROM tasks WHERE key = 'endpoint:1' ORDER BY id"
        return self.rows(sql)
