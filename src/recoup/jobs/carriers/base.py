"""
Carriers: what wakes workers. A catalogue of two, `postgres` and `celery`.

A carrier carries no work, only the word that there is some. Losing every word costs latency,
never an effect; saying it too often costs a query. `recoup.testing.carriers` says what both
promise, as tests.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Protocol


class Carrier(Protocol):
    """Tells workers that queues hold something due."""

    def ring(self, queues: Iterable[str]) -> None:
        """
        Have `queues` drained soon, by whoever can. Called after the commit.

        A carrier that is down is logged and not raised: the effects are safe in their table.
        """
        ...


class Ear(Protocol):
    """What a waiting process of ours listens with."""

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """
        Wait for a ring, for `seconds` or until `stop`; return whether one came.

        Also True when one may have been missed.
        """
        ...

    def close(self) -> None:
        """Let go of what waiting needed. Waiting again takes it again."""
        ...
