"""Who watches a played Stripe: every request, and how old the keys are that it is asked with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock

from recoup.testing.stripe_server import Request

#: Stripe may forget a key after 24 hours; ours are not relied on for longer than this.
OLD = timedelta(hours=20)
STEPS = (":lines", ":finalize")


class Clerk:
    """
    The watch of a server. `late` are the requests with a key that was used long before.

    The later steps of an invoice are no such: whether they are still to be made is seen on it.
    """

    def __init__(self) -> None:
        self.now: Callable[[], datetime] | None = None
        self.requests: list[str] = []
        self.late: list[str] = []
        self._first: dict[str, datetime] = {}
        self._lock = Lock()

    def __call__(self, step: str, request: Request) -> None:
        if step != "received" or self.now is None:
            return
        now = self.now()
        with self._lock:
            self.requests.append(request.what)
            if request.key is None:
                return
            if request.key.endswith(STEPS):
                return
            if now - self._first.setdefault(request.key, now) >= OLD:
                self.late.append(f"{request.what} {request.key}")

    def changes(self) -> Counter[str]:
        """Return how often each request was made that changes something."""
        return Counter(what for what in self.requests if not what.startswith("GET"))
