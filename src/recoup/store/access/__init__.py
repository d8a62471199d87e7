"""
What the host has done of what was taken away or given back.

Every customer's access has a version, which grows with each change, and the version that the
host has confirmed.
"""

from recoup.store.access.listing import Follower, Lag, lag, listing, show
from recoup.store.access.states import Told, read
from recoup.store.access.versions import (
    GREATEST,
    QUEUE,
    RESTORE,
    SYNC,
    Behind,
    applied,
    begin,
    behind,
    changed,
    end,
    key,
    raised,
    store,
)

__all__ = [
    "GREATEST",
    "QUEUE",
    "RESTORE",
    "SYNC",
    "Behind",
    "Follower",
    "Lag",
    "Told",
    "applied",
    "begin",
    "behind",
    "changed",
    "end",
    "key",
    "lag",
    "listing",
    "raised",
    "read",
    "show",
    "store",
]
