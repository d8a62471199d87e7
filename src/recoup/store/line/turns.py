"""
Turns: how fast all processes together may ask, and whether anybody may just now.

Each endpoint has turns that are a gap apart, of which two may come at once; of all endpoints
together there is one turn in each short slot of time. A turn is reserved when it is taken, so who
waits for it waits once. A turn that is dropped by a process which dies costs its gap and no more.

After some silences in a row nobody asks, but for one probe a minute; the first answer lets
everybody in again. An endpoint that is only slow, or a request that is refused, is no silence.
Source: docs/decisions/0015-the-line.md.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import local
from typing import Any, Final, Self

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import SQLAlchemyError

from recoup.errors import Busy

log: Final = logging.getLogger(__name__)

_TAKE: Final = text(
    "SELECT granted, wait, silent FROM take_turn(:place, :gap, :slack, :slot, :longest, "
    ":too_many, :rest)"
)
_ANSWERED: Final = text(
    "UPDATE line_silences SET silences = 0, probe_at = NULL WHERE silences > 0"
)
_SILENT: Final = text(
    """
    INSERT INTO line_silences AS s (silences, last_at) VALUES (1, clock_timestamp())
    ON CONFLICT (one) DO UPDATE SET silences = s.silences + 1, last_at = excluded.last_at,
        probe_at = CASE WHEN s.silences + 1 = :too_many
            THEN clock_timestamp() + CAST(:rest AS interval) ELSE s.probe_at END
    """
)
_STATE: Final = text(
    "SELECT silences, last_at, silences >= :too_many AND probe_at IS NOT NULL FROM line_silences"
)

#: So many turns of one endpoint may come at once.
EARLY: Final = 2
#: So many silences in a row, and nobody asks for a while.
TOO_MANY: Final = 5


@dataclass(frozen=True, slots=True)
class Pace:
    """
    How fast is asked, in turns of any one second.

    Source: docs.stripe.com/rate-limits: 25 of one endpoint; 100 together, 25 in test mode.
    """

    each: int = 25
    together: int = 100
    longest: timedelta = timedelta(seconds=10)  #: who would wait longer is sent away
    rest: timedelta = timedelta(minutes=1)  #: between two probes

    @classmethod
    def of(cls, *, live: bool) -> Self:
        """Return the pace for Stripe's live mode, or for its test mode."""
        return cls() if live else cls(together=25)


USUAL: Final = Pace()


@dataclass(frozen=True, slots=True)
class State:
    """How many silences in a row there were, the last one when (UTC), and whether all rest."""

    silences: int = 0
    last_at: datetime | None = None
    resting: bool = False


class DatabaseLine:
    """Implements `recoup.processors.base.Line` for all processes on one database."""

    def __init__(self, database: Engine, pace: Pace = USUAL) -> None:
        self._given = _given(pace)
        self._seen = local()
        # Connections of its own: a turn is never kept waiting by those who use all of the others.
        own = Engine(database.pool.recreate(), database.dialect, database.url)
        self._database = own.execution_options(isolation_level="AUTOCOMMIT")
        event.listen(database, "engine_disposed", lambda _: own.dispose())

    def turn(self, endpoint: str) -> float:
        """See `recoup.processors.base.Line`."""
        with self._database.connect() as connection:
            granted, wait, silent = connection.execute(
                _TAKE, {"place": endpoint, **self._given}
            ).one()
        if granted:
            self._seen.silent = silent
            return float(wait)
        if silent >= TOO_MANY:
            words = f"the processor gave no answer {silent} times in a row, so it is asked rarely"
            raise Busy(words, after=wait)
        raise Busy("too many wait to ask it already", after=wait)

    def answered(self) -> None:
        """See `recoup.processors.base.Line`. Without silences before it, this costs nothing."""
        if getattr(self._seen, "silent", 1):
            self._say(_ANSWERED)

    def silent(self) -> None:
        """See `recoup.processors.base.Line`."""
        self._say(_SILENT)

    def _say(self, statement: Any) -> None:
        """Write it down; the answer that it is about must not be lost with the database."""
        try:
            with self._database.connect() as connection:
                connection.execute(statement, self._given)
        except SQLAlchemyError:
            log.exception("whether the processor answers could not be written down")


def state(connection: Connection) -> State:
    """Return whether the processor answers, as all processes saw it."""
    row = connection.execute(_STATE, {"too_many": TOO_MANY}).one_or_none()
    return State() if row is None else State(*row)


def _given(pace: Pace) -> dict[str, Any]:
    # One of the turns in any second is the one that comes early, or that begins inside its slot.
    gap = timedelta(seconds=1) / (pace.each - EARLY)
    return {
        "gap": gap,
        "slack": gap * (EARLY - 1),
        "slot": 1 / (pace.together - 1),
        "longest": pace.longest,
        "too_many": TOO_MANY,
        "rest": pace.rest,
    }
