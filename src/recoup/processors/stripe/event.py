"""One event, opened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from recoup.core.facts import Seen
from recoup.processors.stripe.shapes import Shape


@dataclass(frozen=True, slots=True)
class Event:
    """An event's head, the object it tells of, and what surrounds that object."""

    id: str
    type: str
    at: datetime  #: when Stripe created it, to the second
    object: Shape
    data: Shape  #: holds `object` and, for an update, `previous_attributes`
    key: str | None  #: our idempotency key, when a request of ours caused it

    def seen(self, *, rank: int = 0, tie: int = 0) -> Seen:
        """Return how new this event's news is."""
        return Seen(rank, self.at, tie, self.id)

    def changed(self, name: str) -> bool:
        """Whether the event says that `name` had another value before."""
        before = self.data.opt_child("previous_attributes")
        return before is not None and name in before

    def before(self, name: str) -> str | None:
        """Return the text that `name` was before, where the event says that it was another."""
        before = self.data.opt_child("previous_attributes")
        return None if before is None else before.opt_text(name)
