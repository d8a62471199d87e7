"""What goes wrong on the way, as told beforehand (`Fault`), and how fast one may ask (`Rates`)."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from threading import Lock
from typing import Final, Literal

import msgspec
from msgspec import Struct

from recoup.processors.fake.world import World
from recoup.testing.stripe_server.route import Refusal

SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS http_faults (id INTEGER PRIMARY KEY, doc BLOB NOT NULL)"
)

Kind = Literal[
    "refuse",
    "drop",
    "delay",
    "error",
    "error_after",
    "busy",
    "locked",
    "conflict",
    "lost_reply",
    "reset",
    "truncated",
    "header",
]


class Fault(Struct, frozen=True, omit_defaults=True):
    """
    Something that goes wrong with the next requests.

    `refuse`      the connection is reset as soon as it is there; nothing happened
    `drop`        the request is read, and the connection closed; nothing happened
    `delay`       it is executed `seconds` late; meanwhile its key is in use
    `error`       a 500 after execution began: saved, without effect
    `error_after` a 500 after execution began: saved, with its effect
    `busy`        429 rate_limit; nothing happened, nothing is saved
    `locked`      429 lock_timeout: another request holds the object; nothing happened
    `conflict`    409 idempotency_key_in_use; nothing happened, nothing is saved
    `lost_reply`  it is done and saved, and the connection closed without an answer
    `reset`       it is done and saved, and the connection reset after half of the answer
    `truncated`   it is done and saved, and half of the JSON arrives as if it were all
    `header`      nothing goes wrong; for `should_retry` alone
    """

    kind: Kind
    #: "POST /v1/invoices/*/pay": which requests, with * and ?. A `refuse` of all new connections
    #: is "*": nobody knows yet what they will ask.
    to: str = "*"
    times: int | None = 1  #: None: for ever
    skip: int = 0  #: requests let through first
    seconds: float | None = None  #: of a delay; of the Retry-After of a `busy` or `locked`
    should_retry: bool | None = None  #: the header Stripe-Should-Retry, whatever is usual

    @property
    def refused(self) -> bool:
        """Whether it keeps the request from being executed and from being saved."""
        return self.kind in {"busy", "locked", "conflict"}


def add(world: World, fault: Fault) -> None:
    """Have `fault` happen, after earlier ones; all servers of the file share it."""
    with world.session() as s:
        s.connection.execute(
            "INSERT INTO http_faults (doc) VALUES (?)", (msgspec.json.encode(fault),)
        )


def clear(world: World) -> None:
    """Let nothing go wrong any more."""
    with world.session() as s:
        s.connection.execute("DELETE FROM http_faults")


def take(world: World, what: str, *kinds: Kind) -> Fault | None:
    """Return what goes wrong with "POST /v1/…" (of these kinds, if named), and use it up."""
    with world.reading() as connection:
        if connection.execute("SELECT 1 FROM http_faults LIMIT 1").fetchone() is None:
            return None
    with world.session() as s:
        rows = s.connection.execute("SELECT id, doc FROM http_faults ORDER BY id").fetchall()
        for row, doc in rows:
            fault = msgspec.json.decode(doc, type=Fault)
            if (kinds and fault.kind not in kinds) or not fnmatchcase(what, fault.to):
                continue
            run = s.connection.execute
            if fault.skip:
                left = msgspec.structs.replace(fault, skip=fault.skip - 1)
            elif fault.times is None:
                return fault
            else:
                left = msgspec.structs.replace(fault, times=fault.times - 1)
            if left.times == 0:
                run("DELETE FROM http_faults WHERE id = ?", (row,))
            else:
                run(
                    "UPDATE http_faults SET doc = ? WHERE id = ?", (msgspec.json.encode(left), row)
                )
            if not fault.skip:
                return fault
    return None


_RATE: Final = "Request rate limit exceeded. Learn more about rate limits https://stripe.com/docs/rate-limits."
_LOCK: Final = (
    "This object cannot be accessed right now because another API request or Stripe process is"
    " currently accessing it. If you see this error intermittently, retry the request. If you see"
    " this error frequently and are making multiple concurrent requests to a single object, make"
    " your requests serially or at a lower rate."
)
_IN_USE: Final = (
    "There is currently another in-progress request using this Idempotent Key. Please try again"
    " later."
)


class TooFast(Refusal):
    """Refused by the rate limits; `reason` is in Stripe's words."""

    def __init__(self, reason: str) -> None:
        super().__init__(_RATE, status=429, code="rate_limit")
        self.reason = reason


def refusal(fault: Fault) -> Refusal:
    """Return what a request is refused with; ask `fault.refused` first."""
    if fault.kind == "busy":
        return TooFast("endpoint-rate")
    if fault.kind == "locked":
        return Refusal(_LOCK, status=429, code="lock_timeout")
    return Refusal(_IN_USE, status=409, code="idempotency_key_in_use")


@dataclass(slots=True)
class Rates:
    """
    How many requests a second are taken, in real time: of one endpoint, and of all together.

    Any second counts: the 26th request within one is refused, and does not count itself.
    """

    endpoint: int = 25
    overall: int = 100
    refused: int = 0  #: how many were, so far
    most: int = 0  #: most that any one endpoint took within a second
    _taken: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    _lock: Lock = field(default_factory=Lock)

    def take(self, endpoint: str) -> None:
        """
        Count one request.

        Raises:
            Refusal: too many within this second.
        """
        with self._lock:
            now = time.monotonic()
            mine, all_ = self._within(endpoint, now), self._within("", now)
            if len(mine) >= self.endpoint or len(all_) >= self.overall:
                self.refused += 1
                raise TooFast("endpoint-rate" if len(mine) >= self.endpoint else "global-rate")
            mine.append(now)
            all_.append(now)
            self.most = max(self.most, len(mine))

    def _within(self, endpoint: str, now: float) -> deque[float]:
        taken = self._taken[endpoint]
        while taken and taken[0] <= now - 1:
            taken.popleft()
        return taken
