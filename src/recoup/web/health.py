"""
How it is: whether the database answers, whether the clocks run, what lies about.

One look serves everybody who asks within a few seconds, so that asking costs nothing and can not
be used to wear the database down.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine

from recoup.errors import SchemaOutdated
from recoup.jobs import clocks
from recoup.store import access, campaigns, database, drift, line
from recoup.store.drift import Gauges
from recoup.store.events import deliveries
from recoup.store.queries import health
from recoup.webhooks.post import described

log: Final = logging.getLogger(__name__)

#: Seconds for which a look is good.
FRESH: Final = 5.0
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen. Where the database did not answer, all else is unknown and empty."""

    database: bool
    schema: bool = False  #: whether it is the one this version works with
    missed_clocks: tuple[str, ...] = ()  #: what recurs and has missed a run
    parked_effects: Mapping[str, int] = field(default_factory=dict)  #: by kind
    inbox: Mapping[str, int] = field(default_factory=dict)  #: by state, what has not ended
    oldest_received_s: float | None = None  #: for how long the oldest event waits to be read
    posts_out: Mapping[str, int] = field(default_factory=dict)  #: of an hour, by outcome
    lifting: int = 0  #: customers who wait for the host to undo what was lifted
    lifting_long: int = 0  #: of these, for longer than it may take
    lifting_oldest_s: float = 0.0  #: for how long who has waited longest
    access_behind: int = 0  #: customers of whom the host has not followed a change for as long
    campaign_failures: Mapping[str, int] = field(default_factory=dict)  #: of engines, by verb
    silences: int = 0  #: how often in a row the processor gave no answer
    gauges: Gauges = field(default_factory=Gauges)  #: drift, rollouts, payments that take long

    @property
    def status(self) -> str:
        """Return "ok", "attention" when a person should look, or "down"."""
        if not self.database:
            return "down"
        left = self.inbox.get("parked") or self.missed_clocks or self.parked_effects
        left = left or self.lifting_long
        return "attention" if left or not self.schema else "ok"


class Watch:
    """Looks when asked, and no oftener than every five seconds."""

    def __init__(
        self,
        engine: Engine,
        now: Callable[[], datetime],
        *,
        undo_within: timedelta = timedelta(minutes=10),
    ) -> None:
        self._engine = engine
        self._undo_within = undo_within
        self._now = now
        self._seen: Look | None = None
        self._until = 0.0
        self._one = threading.Lock()

    def look(self) -> Look:
        """Return how it is, or was a moment ago. Blocks while the database is asked."""
        with self._one:
            if self._seen is None or time.monotonic() >= self._until:
                self._seen = self._look()
                self._until = time.monotonic() + FRESH
            return self._seen

    def _look(self) -> Look:
        for last in (False, True):
            try:
                return self._unfinished() if self._schema() else Look(database=True)
            except Exception as error:  # noqa: BLE001  whatever it is, it does not answer
                if last or not database.is_lost(error):
                    log.warning("the database does not answer: %s", described(error))
                    break
                self._engine.dispose()  # the server was restarted: all that we hold are dead
        return Look(database=False)

    def _schema(self) -> bool:
        try:
            database.ensure_current(self._engine)
        except SchemaOutdated as error:
            log.warning("%s", error)
            return False
        return True

    def _unfinished(self) -> Look:
        now = self._now()
        with self._engine.connect() as connection:
            missed = clocks.missed(connection, now)
            left = health.unfinished(connection)
            delivered, failed = deliveries.outcomes(connection, since=now - _HOUR)
            silences = line.state(connection).silences
            unheard = campaigns.failures(connection)
            gauges = drift.gauges(connection, now=now)
            host = access.lag(connection, now=now, longest=self._undo_within)
        since = left.received_since
        return Look(
            database=True,
            schema=True,
            missed_clocks=tuple(beat.name for beat in missed),
            parked_effects=left.parked_effects,
            inbox=left.inbox,
            posts_out={"delivered": delivered, "failed": failed},
            oldest_received_s=None if since is None else _age(since, now),
            silences=silences,
            gauges=gauges,
            campaign_failures=unheard,
            lifting=host.lifting,
            lifting_long=host.lifting_long,
            lifting_oldest_s=_age(host.lifting_since, now),
            access_behind=host.behind_long,
        )


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())
