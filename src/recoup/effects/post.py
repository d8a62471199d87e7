"""
Tells a company's own systems of what happened: a signed HTTP post for each event and endpoint.

At least once, with the same `id` in every post of an event. In order, for each endpoint and
customer: a delivery waits for an earlier one that is to be tried again, and not for one that was
given up. Anything but a 2xx is tried again at growing intervals for three days. No transaction is
open while a post is under way. Source: docs/webhooks-out.md.

The kind of such an effect is "post:ID", one for each endpoint, and its posts have threads of their
own: whatever an endpoint does, the others, functions of the host's and all else go on.
"""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy import Engine

from recoup.effects import _secrets
from recoup.effects._rounds import (
    ANOTHER_KEY,
    WAITS,
    Round,
    body,
    event_id,
    put_off,
    refusal,
    settle,
    tried,
)
from recoup.effects._secrets import Signer
from recoup.effects._wire import Posted, Wire
from recoup.errors import ConfigError
from recoup.jobs import queue
from recoup.jobs.base import Claim, Desk, Handler, Snooze
from recoup.store.database import reading
from recoup.store.events import endpoints, outbox
from recoup.store.events.catalogue import Event
from recoup.store.events.endpoints import KIND, Endpoint, Try

#: Posts at once, to one endpoint and to all of them, from one process.
LANES: Final = 4
THREADS: Final = 64
BATCH: Final = 50
#: After so many seconds of a round the rest is left for the next one.
SLICE: Final = 5.0
#: Seconds for which it is believed which endpoints there are.
FRESH: Final = 1.0


class Courier:
    """
    Carries events to endpoints, from one process.

    Args:
        wire: Posts.
        slice: After so many seconds of a round the rest is left for the next one.
    """

    def __init__(
        self, database: Engine, signer: Signer, wire: Wire, *, slice: float = SLICE
    ) -> None:
        self.signer = signer
        self.wire = wire
        self._database = database
        self._slice = slice
        self._lock = threading.Lock()
        self._busy: set[int] = set()
        self._pool: ThreadPoolExecutor | None = None
        self._closing = False
        self._known: tuple[int, ...] = ()
        self._look_at = 0.0

    def beside(self, fixed: Mapping[str, Handler]) -> Kinds:
        """Return every kind of effect: these, and one for each endpoint, as of then."""
        return Kinds(fixed, self)

    def close(self) -> None:
        """End when the posts under way have ended; what they were to be followed by waits."""
        self._closing = True
        if self._pool is not None:
            self._pool.shutdown(wait=True)

    def look_again(self) -> None:
        """Believe nothing that was heard about which endpoints there are."""
        self._look_at = 0.0

    def kinds(self) -> tuple[str, ...]:
        """
        Return the kinds of effects that can be run now: not those of endpoints at work.

        None where nothing can be signed: such a process leaves them to others. Else there is
        always one, so that a worker that begins before there is any endpoint reckons with them.
        """
        if not self.signer.ready:
            return ()
        if time.monotonic() >= self._look_at:
            with reading(self._database) as connection:
                self._known = endpoints.ids(connection)
            self._look_at = time.monotonic() + FRESH
        return tuple(f"{KIND}{id}" for id in (0, *self._known) if id not in self._busy)

    def handler(self, kind: str) -> Handler:
        """Return how deliveries of this kind are run."""
        run = partial(self._run, int(kind.removeprefix(KIND)))
        return Handler(run, batch=BATCH, max_attempts=len(WAITS) + 1, aside=True)

    def test(self, endpoint: Endpoint, type: str, *, now: datetime) -> Try:
        """
        Post an event that did not happen, here and now; return what came of it.

        Raises:
            ConfigError: nothing can be signed, or the key is another one.
        """
        secrets = self._secrets(endpoint, now)
        if not secrets:
            raise ConfigError(ANOTHER_KEY)
        event = Event(0, type, 0, "endpoint:" + str(endpoint.id), now, {})
        posted = self._posted(endpoint, secrets, body(event, now), now)
        made = tried(endpoint, event, posted, now=now)
        with self._database.begin() as connection:
            return replace(made, id=endpoints.log(connection, made))

    def _run(self, id: int, claims: Sequence[Claim], desk: Desk) -> None:
        with self._lock:
            free = id not in self._busy
            self._busy.add(id)
        if not free:
            later = desk.now() + timedelta(seconds=1)
            settle(desk, dict.fromkeys(claims, Snooze(later, "others have their turn first")))
            return
        try:
            lanes = self._lanes(id, claims, desk)
        except BaseException:
            self._end(id)
            raise
        kept = desk.keep(claims)
        futures = [self._threads().submit(round.lane, lane) for round, lane in lanes]
        full = len(claims) == BATCH
        ended = partial(self._ended, id, desk, full=full)
        if not futures:
            ended()
        elif kept:
            _after(futures, ended)
        else:
            wait(futures)
            ended()

    def _threads(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="recoup-post")
            return self._pool

    def _ended(self, id: int, desk: Desk, *, full: bool) -> None:
        self._end(id)
        if full and not self._closing:
            # There may be more, and the worker that would take it may be asleep.
            with desk.engine.begin() as connection:
                queue.ring(connection, "default")

    def _end(self, id: int) -> None:
        with self._lock:
            self._busy.discard(id)

    def _lanes(
        self, id: int, claims: Sequence[Claim], desk: Desk
    ) -> list[tuple[Round, list[Claim]]]:
        """Return what is to be posted at once, or settle it where nothing is."""
        now = desk.now()
        wanted = [event_id(claim) for claim in claims]
        with reading(desk.engine) as connection:
            found = endpoints.known(connection, [id])
            events = outbox.read(connection, wanted)
            recorded = outbox.recorded(connection, wanted)
        secrets = self._secrets(found[0], now) if found else ()
        why = refusal(found, secrets, now)
        if why is not None:
            put_off(desk, id, claims, why)
            return []
        endpoint = found[0]
        until = time.monotonic() + self._slice
        send = partial(self._posted, endpoint, secrets)
        round = Round(endpoint, send, events, recorded, desk, until, over=self._closing)
        # One that fails is asked by one post at a time.
        most = LANES if endpoint.failing_since is None else 1
        lanes: dict[int, list[Claim]] = {}
        for claim in sorted(claims, key=event_id):
            lanes.setdefault((claim.customer_id or 0) % most, []).append(claim)
        return [(round, lane) for lane in lanes.values()]

    def _secrets(self, endpoint: Endpoint, now: datetime) -> tuple[str, ...]:
        """Return what posts to the endpoint are signed with; none if our key is another one."""
        with reading(self._database) as connection:
            kept = endpoints.secrets(connection, endpoint.id, now=now)
        return tuple(
            self.signer.secret(endpoint.id, one.number, one.salt)
            for one in kept
            if hmac.compare_digest(self.signer.mark(endpoint.id, one.number, one.salt), one.mark)
        )

    def _posted(
        self, endpoint: Endpoint, secrets: Sequence[str], body: bytes, now: datetime
    ) -> Posted:
        """Sign and post; `now` is our clock's."""
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Recoup/1 (webhooks)",
            "Connection": "close",
            _secrets.HEADER: _secrets.signature(body, secrets, at=now),
        }
        return self.wire.post(endpoint.url, body, headers, now=now)


class Kinds(Mapping[str, Handler]):
    """Every kind of effect: those that there always are, and those of endpoints, as of now."""

    def __init__(self, fixed: Mapping[str, Handler], courier: Courier) -> None:
        self._fixed = fixed
        self._courier = courier

    def __getitem__(self, kind: str) -> Handler:
        if kind.startswith(KIND):
            return self._courier.handler(kind)
        return self._fixed[kind]

    def __iter__(self) -> Iterator[str]:
        yield from tuple(self._fixed)
        yield from self._courier.kinds()

    def __len__(self) -> int:
        return len(tuple(iter(self)))


def _after(futures: Sequence[Future[None]], then: Callable[[], None]) -> None:
    """Have `then` called when the last of these has ended."""
    lock, left = threading.Lock(), [len(futures)]

    def one(_: Future[None]) -> None:
        with lock:
            left[0] -= 1
            last = not left[0]
        if last:
            then()

    for future in futures:
        future.add_done_callback(one)
