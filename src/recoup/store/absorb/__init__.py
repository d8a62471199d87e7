"""Facts become rows, a batch of events at a time, in whatever order they come."""

from recoup.store.absorb.fold import Absorbed, absorb, by_trigger

__all__ = ["Absorbed", "absorb", "by_trigger"]
