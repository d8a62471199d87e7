"""
The stop of all charging: nobody is charged by itself until it is taken away.

Every try looks for it right before its call, so no new one is made once it is committed. What the
processor collects by itself it can not stop. Source: docs/operators.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from recoup.commands.acting import Act, kind_of, reason_of
from recoup.commands.base import Kind, Plan, Recording
from recoup.commands.desk import Desk
from recoup.commands.options import verb
from recoup.core.dunning.acts import Acted
from recoup.errors import NotPossible
from recoup.store.operators import charging
from recoup.store.operators.charging import Pause

PAUSE: Final = kind_of("pause_charging")
RESUME: Final = kind_of("resume_charging")

KINDS: Final[Sequence[Kind[Any]]] = (PAUSE, RESUME)

RUNS: Final = "charging is not paused"


@dataclass(frozen=True, slots=True)
class Charging(Desk):
    """Whether anybody is charged by itself."""

    @verb
    def charging_paused(self) -> Pause | None:
        """Return who paused charging, why and since when; None while it goes on."""
        with self.office.reading() as connection:
            return charging.read(connection)

    @verb
    def pause_charging(
        self, *, reason: str, dry_run: bool = False, key: str | None = None
    ) -> Acted:
        """
        Stop every off-session try, of everybody, from the next call on.

        Customers may still pay. Nobody climbs meanwhile whose tries are ours. Paused already,
        the pause stays as it is.
        """
        act = Act(self.office, PAUSE, None, reason_of(reason), dry_run, subject="charging")
        if dry_run:
            with self.office.reading() as connection:
                paused = charging.read(connection)
                return act.told(_paused(paused, charging.waiting(connection)))

        def planned(recording: Recording) -> Plan:
            connection, now = recording.connection, recording.now
            before, waiting = charging.read(connection), charging.waiting(connection)
            mine = Pause(self.office.actor, act.reason, now.isoformat())
            made = charging.pause(connection, actor=mine.actor, reason=mine.reason, now=now)
            # Somebody else may have been first since: then theirs is in force.
            return Plan(
                result=act.told(_paused(before or (made if made != mine else None), waiting))
            )

        return act.recorded({}, planned, key=key)

    @verb
    def resume_charging(
        self, *, reason: str, dry_run: bool = False, key: str | None = None
    ) -> Acted:
        """
        Let charging go on; every debtor is looked at again, and tried where that is due.

        Raises:
            NotPossible: it is not paused.
        """
        act = Act(self.office, RESUME, None, reason_of(reason), dry_run, subject="charging")
        if dry_run:
            if self.charging_paused() is None:
                raise NotPossible(RUNS)
            with self.office.reading() as connection:
                debtors = charging.debtors(connection, now=self.office.now())
            return act.told(_resumed(debtors))

        def planned(recording: Recording) -> Plan:
            woken = charging.resume(recording.connection, now=recording.now)
            if woken is None:
                raise NotPossible(RUNS)
            return Plan(result=act.told(_resumed(woken)))

        return act.recorded({}, planned, key=key)


def _paused(already: Pause | None, waiting: int) -> str:
    if already is not None:
        return f"already paused {already.words}; nothing changed"
    return f"charging is paused; {waiting} tries that are decided are not made"


def _resumed(debtors: int) -> str:
    return f"charging goes on; {debtors} debtors are looked at again"
