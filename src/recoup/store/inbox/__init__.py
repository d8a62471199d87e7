"""Everything that arrives, exactly as received, from its arrival to its end."""

from recoup.store.inbox.arrival import Stored, store
from recoup.store.inbox.envelope import LARGEST, Envelope, opened, sealed
from recoup.store.inbox.passage import (
    Letter,
    Outcome,
    awaited,
    claimed,
    due,
    give_up,
    lease,
    mark,
    prune,
    release,
    replay,
    revive,
)

__all__ = [
    "LARGEST",
    "Envelope",
    "Letter",
    "Outcome",
    "Stored",
    "awaited",
    "claimed",
    "due",
    "give_up",
    "lease",
    "mark",
    "opened",
    "prune",
    "release",
    "replay",
    "revive",
    "sealed",
    "store",
]
