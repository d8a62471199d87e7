"""
Tells systems of the host's own what a customer's access is: the whole of it, as it is then.

One effect a customer, so ten changes are one call, and no two calls about a customer are under
way at once. It is tried again for ever, at least once an hour, and no decision waits for it. What
is given back has a kind of its own, which comes before everything else.

What the host has confirmed is written down with its version; restrictions that it has undone are
a fact, on which the loop decides anew. Source: docs/access.md.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection

from recoup.access.base import AccessStore, Ahead, NotApplied
from recoup.core.states import Trigger
from recoup.effects.base import World
from recoup.errors import LostClaim
from recoup.jobs import queue
from recoup.jobs.base import Cancel, Claim, Desk, Done, Fail, Handler, NewEffect, Snooze, Wish
from recoup.jobs.settle import LONGEST_WAIT, backoff
from recoup.jobs.words import described
from recoup.store import access, observe
from recoup.store.access import Told
from recoup.store.database import reading
from recoup.store.writer import Writer

log: Final = logging.getLogger(__name__)

#: Calls at once, from one process.
LANES: Final = 4
BATCH: Final = 40
#: After so many seconds of a batch the rest is left for the next one.
SLICE: Final = 5.0
FOR_EVER: Final = 2**31 - 1


def handler(world: World, store: AccessStore, *, first: bool = False) -> Handler:
    """Return how effects that tell `store` are run: those that come first, or the others."""

    def run(claims: Sequence[Claim], desk: Desk) -> None:
        until = time.monotonic() + SLICE
        lanes = [_Lane(world, store, desk, until) for _ in range(min(LANES, len(claims)))]
        if len(lanes) == 1:
            lanes[0].run(claims)
            return
        with ThreadPoolExecutor(len(lanes), thread_name_prefix="recoup-access") as threads:
            shares = [claims[number :: len(lanes)] for number in range(len(lanes))]
            list(threads.map(_Lane.run, lanes, shares))

    return Handler(run, batch=BATCH, max_attempts=FOR_EVER, aside=True, first=first)


@dataclass(frozen=True, slots=True)
class _Lane:
    """Tells of one customer after the other."""

    world: World
    store: AccessStore
    desk: Desk
    until: float  #: by the monotonic clock

    def run(self, claims: Sequence[Claim]) -> None:
        for claim in claims:
            try:
                self._one(claim)
            except LostClaim as lost:
                log.warning("effect %d (%s): %s", claim.id, claim.key, lost)
            except Exception as error:
                log.exception("effect %d (%s)", claim.id, claim.key)
                self._settle(claim, _again(claim, described(error)))

    def _one(self, claim: Claim) -> None:
        if claim.customer_id is None:
            self._settle(claim, Cancel("it names no customer"))
            return
        if time.monotonic() > self.until:
            self._settle(claim, Snooze(self.desk.now(), "others have their turn first"))
            return
        found, why_not = self._look(claim.customer_id)
        if found is None:
            self._drop(claim, claim.customer_id, why_not)
            return
        try:
            self.store.apply(found.state)
        except Ahead as ahead:
            # A number that is no version must not become ours: decisions count on from it.
            above = ahead.version if ahead.version <= access.GREATEST else 0
            why = str(ahead) if above else f"{ahead}, which is no version of ours"
            self._conclude(claim, found, _again(claim, why), above=above)
        except NotApplied as refused:
            self._conclude(claim, found, _again(claim, str(refused), refused.after))
        except Exception as error:  # noqa: BLE001  whatever the host's function raises
            log.warning("effect %d (%s): %s", claim.id, claim.key, described(error))
            self._conclude(claim, found, _again(claim, described(error)))
        else:
            self._conclude(claim, found, Done({"version": found.state.version}))

    def _look(self, customer_id: int) -> tuple[Told | None, str]:
        """Return what is to be told now, or why nothing is."""
        with reading(self.desk.engine) as connection:
            if access.store(connection) is None:
                return None, "nobody follows any more"
            plans, now = self.world.plans, self.desk.now()
            found = access.read(connection, customer_id, plans=plans, now=now)
        if found is None:
            return None, "there is no such customer"
        if found.applied >= found.state.version:
            return None, "the host has it already"
        return found, ""

    def _conclude(self, claim: Claim, found: Told, wish: Wish, *, above: int = 0) -> None:
        """
        Write what the host has confirmed, if it has, and what follows from it.

        Under the customer's lock, which every change of access takes too: what has changed since
        it was looked up is seen here, or else finds no effect any more and makes its own.
        """
        now, customer = self.desk.now(), found.state.customer
        with self.desk.engine.begin() as connection:
            observe.lock(connection, [customer])
            if isinstance(wish, Done):
                self._confirm(connection, claim, found)
            left = access.behind(connection, customer)
            newer = left is not None and left.version > found.state.version
            if above:
                access.raised(connection, customer, above=above, now=now)
            if newer and not isinstance(wish, Done):
                wish = Cancel("a newer version is told instead")
            self.desk.settle(connection, {claim: wish})
            if left is not None and newer:
                kind = access.RESTORE if left.lifting else access.SYNC
                again = NewEffect(kind, claim.key, now, access.QUEUE, customer)
                queue.enqueue(connection, [again], now=now)

    def _confirm(self, connection: Connection, claim: Claim, found: Told) -> None:
        now, state = self.desk.now(), found.state
        writer = Writer(connection, now=now, actor="host", cause=f"effect:{claim.id}")
        if access.applied(writer, state.customer, state.version, found.undoing):
            self.world.recompute(connection, [state.customer], trigger=Trigger.ACCESS, now=now)

    def _drop(self, claim: Claim, customer: int, why: str) -> None:
        """Tell nothing, unless there is something by now: see `_conclude` on the lock."""
        with self.desk.engine.begin() as connection:
            observe.lock(connection, [customer])
            left = access.behind(connection, customer)
            followed = access.store(connection) is not None
            waits = followed and left is not None and not left.done
            again = Snooze(self.desk.now(), "a change came meanwhile")
            self.desk.settle(connection, {claim: again if waits else Cancel(why)})

    def _settle(self, claim: Claim, wish: Wish) -> None:
        with self.desk.engine.begin() as connection:
            self.desk.settle(connection, {claim: wish})


def _again(claim: Claim, why: str, after: timedelta | None = None) -> Fail:
    """Return the wish to be tried again: as the host asks, but within the hour."""
    wait = backoff(claim.id, claim.attempt) if after is None else after
    return Fail(why, after=min(wait, LONGEST_WAIT))
