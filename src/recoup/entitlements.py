"""
Whether a customer may use something: read from our own rows, and no when in doubt.

No question reaches the processor, and none raises: an unknown customer, a price that no plan maps,
an ended subscription, a database that does not answer, all are a no. Source: docs/plans.md.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import Engine

from recoup.core.billing import entitlements as rules
from recoup.core.billing.catalogue import Catalogue
from recoup.store.database import reading
from recoup.store.listener import Listener
from recoup.store.queries import access
from recoup.store.queries.access import Reference

log: Final = logging.getLogger(__name__)

#: How long an answer is kept at most, although nothing has told that it changed.
TTL: Final = timedelta(minutes=5)
#: Customers whose answers are kept at most.
ROOM: Final = 100_000
#: Unknown names that are complained of at most, each of them once.
_COMPLAINTS: Final = 1_000

_Found = tuple[int | None, rules.Entitlements]


class Entitlements:
    """
    What customers may use, asked afresh each time.

    A customer is named by our id, the processor's id, or the host's own (owner_type, owner_id).
    """

    def __init__(self, database: Engine, plans: Catalogue, *, processor: str) -> None:
        # One statement needs no transaction around it: that saves two trips to the server.
        self._database = database.execution_options(isolation_level="AUTOCOMMIT")
        self._plans = plans
        self._processor = processor
        self._features = plans.features
        self._limits = plans.limits
        self._complained: set[str] = set()
        self._caches: list[Cached] = []

    def entitled(self, customer: Reference, feature: str) -> bool:
        """Whether the customer may use `feature` now."""
        if not self._known("feature", feature, self._features):
            return False
        return feature in self._granted(customer).features

    def features(self, customer: Reference) -> frozenset[str]:
        """Return every feature that the customer may use now."""
        return self._granted(customer).features

    def limit(self, customer: Reference, name: str) -> int | None:
        """Return how much of `name` is allowed: None has no bound, 0 is nothing at all."""
        if not self._known("limit", name, self._limits):
            return 0
        return self._granted(customer).limit(name)

    def within(self, customer: Reference, name: str, used: int) -> bool:
        """
        Whether `used` of `name` in all is allowed: at the limit it is, above it is not.

        To ask whether one more may be added, ask with `used + 1`. Where the limit is 0, as it is
        for somebody unknown, nothing is within it.
        """
        if not self._known("limit", name, self._limits):
            return False
        return self._granted(customer).within(name, used)

    def cached(self, *, ttl: timedelta = TTL, room: int = ROOM) -> Cached:
        """
        Return the same with answers kept in memory, for at most `ttl` and `room` customers.

        A change of access is heard of when it commits, by LISTEN on a connection of its own; while
        nothing can be heard nothing is kept, and every question goes to the database. So no answer
        is ever more than a second old. Make one and share it between threads.
        """
        made = Cached(self._database, self._plans, processor=self._processor, ttl=ttl, room=room)
        self._caches.append(made)
        return made

    def close(self) -> None:
        """Stop what listens for the cached ones. They go on, uncached."""
        for one in self._caches:
            one.close()

    def _granted(self, customer: Reference) -> rules.Entitlements:
        try:
            return self._read(customer)[1]
        except Exception as error:
            log.warning("access is refused because it can not be read: %s", type(error).__name__)
            log.debug("access is refused", exc_info=error)
            return rules.NOTHING

    def _read(self, customer: Reference) -> _Found:
        with reading(self._database) as connection:
            found = access.read(connection, customer, processor=self._processor)
        if found is None:
            return None, rules.NOTHING
        opened = rules.granted(found.subscriptions, found.restrictions, self._plans)
        return found.customer_id, opened

    def _known(self, what: str, name: str, known: frozenset[str]) -> bool:
        """Whether some plan brings `name`; of one that none brings the log is told once."""
        if name in known:
            return True
        if name not in self._complained and len(self._complained) < _COMPLAINTS:
            self._complained.add(name)
            log.warning("%s %r is in no plan, so nobody may use it", what, name)
        return False


@dataclass(frozen=True, slots=True)
class _Kept:
    """An answer, whose it is, and until when it may be given (on the monotonic clock)."""

    customer_id: int
    opened: rules.Entitlements
    until: float


class Cached(Entitlements):
    """Entitlements with answers kept in memory. See `Entitlements.cached`."""

    def __init__(
        self, database: Engine, plans: Catalogue, *, processor: str, ttl: timedelta, room: int
    ) -> None:
        super().__init__(database, plans, processor=processor)
        self._ttl = ttl.total_seconds()
        self._room = room
        self._lock = threading.Lock()
        self._kept: dict[Reference, _Kept] = {}
        self._named: dict[int, set[Reference]] = {}
        #: What was told while each reading under way went on; None: something may be missing.
        self._under_way: list[set[int | None]] = []
        self._listener = Listener(
            database, access.CHANNEL, heard=self._heard, lost=self._forget_all
        )

    def close(self) -> None:
        """Stop listening. Questions are answered on, uncached."""
        self._listener.close()
        super().close()

    def _granted(self, customer: Reference) -> rules.Entitlements:
        # One look at a dict and at two clocks; the lock is for those who write.
        kept = self._kept.get(customer) if self._listener.hears else None
        if kept is not None and time.monotonic() < kept.until:
            return kept.opened
        return super()._granted(customer)

    def _read(self, customer: Reference) -> _Found:
        self._listener.start()
        with self._watched() as told:
            hears = self._listener.hears
            id, opened = super()._read(customer)
            if id is not None and hears:
                with self._lock:
                    if not told & {id, None}:
                        self._keep(customer, _Kept(id, opened, time.monotonic() + self._ttl))
        return id, opened

    @contextmanager
    def _watched(self) -> Iterator[set[int | None]]:
        """Note whose access changes meanwhile: what was read before that must not be kept."""
        told: set[int | None] = set()
        with self._lock:
            self._under_way.append(told)
        try:
            yield told
        finally:
            with self._lock:
                self._under_way = [one for one in self._under_way if one is not told]

    def _keep(self, customer: Reference, kept: _Kept) -> None:
        while len(self._kept) >= self._room:
            self._drop(next(iter(self._kept)))
        self._drop(customer)
        self._kept[customer] = kept
        self._named.setdefault(kept.customer_id, set()).add(customer)

    def _drop(self, customer: Reference) -> None:
        kept = self._kept.pop(customer, None)
        if kept is not None:
            names = self._named[kept.customer_id]
            names.discard(customer)
            if not names:
                del self._named[kept.customer_id]

    def _heard(self, payload: str) -> None:
        try:
            ids = {int(id) for id in payload.split(",")}
        except ValueError:  # everybody, or not a word of ours
            self._forget_all()
            return
        with self._lock:
            for told in self._under_way:
                told.update(ids)
            for id in ids:
                for customer in tuple(self._named.get(id, ())):
                    self._drop(customer)

    def _forget_all(self) -> None:
        with self._lock:
            for told in self._under_way:
                told.add(None)
            self._kept.clear()
            self._named.clear()
