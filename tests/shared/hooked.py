"""A business with one endpoint, that of a receiver."""

from __future__ import annotations

from recoup.effects._rounds import WAITS
from recoup.testing.scene import Scene


class Hooked(Scene):
    """A business with one endpoint."""

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
